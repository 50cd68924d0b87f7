//! The inbox of event-based automations: which records changed since they looked last.

use sea_orm::entity::prelude::*;

/// A row of `automation_event`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "automation_event")]
pub struct Model {
    /// Automation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub automation_id: Uuid,
    /// Of the record.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub key: String,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Of the record.
    #[sea_orm(column_type = "Text")]
    pub entity: String,
    /// created, updated or deleted: what all changes together came to.
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    /// Of the record after the last change.
    pub record_version: i64,
    /// JSON: paths of the members that changed; null: too many to tell.
    #[sea_orm(column_type = "Text", nullable)]
    pub changed: Option<String>,
    /// When the last change was; microseconds.
    pub at: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! One version of a script's source.

use sea_orm::entity::prelude::*;

/// A row of `script_version`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "script_version")]
pub struct Model {
    /// Script.
    #[sea_orm(primary_key, auto_increment = false)]
    pub script_id: Uuid,
    /// From 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    /// Tenant.
    pub tenant_id: Uuid,
    /// JavaScript.
    #[sea_orm(column_type = "Text")]
    pub source: String,
    /// User.
    #[sea_orm(nullable)]
    pub created_by: Option<Uuid>,
    /// Microseconds.
    pub created_at: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

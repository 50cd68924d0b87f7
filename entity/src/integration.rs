//! What is integrated, which way, and how.

use sea_orm::entity::prelude::*;

/// A row of `integration`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "integration")]
pub struct Model {
    /// Number, from the series of the table.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Unique in the tenant.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// Source or destination.
    #[sea_orm(column_type = "Text")]
    pub entity_id: String,
    /// Inbound or Outbound.
    #[sea_orm(column_type = "Text")]
    pub direction_id: String,
    /// System.
    pub system_id: i64,
    /// Action.
    #[sea_orm(nullable)]
    pub action_id: Option<i64>,
    /// Id of the element in the other system.
    #[sea_orm(column_type = "Text", nullable)]
    pub element_id: Option<String>,
    /// For people.
    #[sea_orm(column_type = "Text", nullable)]
    pub comment: Option<String>,
    /// As it was written.
    #[sea_orm(column_type = "Text", nullable)]
    pub filter: Option<String>,
    /// Schedule.
    pub schedule_id: i64,
    /// At least 1.
    pub max_attempts: i64,
    /// Items at once, at least 1.
    pub batch_size: i64,
    /// Items are processed at the same time.
    pub execute_in_parallel: bool,
    /// Changed rows become items again.
    pub include_update: bool,
    /// Rows become items again at each run.
    pub continuous: bool,
    /// Of the operator, for all tenants.
    pub managed: bool,
    /// Clients may choose a schedule.
    pub allow_schedule_change: bool,
    /// None, OAuth2, Credentials or Manual.
    #[sea_orm(column_type = "Text")]
    pub consent_type_id: String,
    /// Whether it runs anywhere.
    pub active: bool,
    /// User.
    #[sea_orm(nullable)]
    pub created_by: Option<Uuid>,
    /// Grows by one with each change.
    pub version: i64,
    /// Microseconds.
    pub created_at: i64,
    /// Microseconds.
    pub updated_at: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

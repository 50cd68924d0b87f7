//! When integrations run.

use sea_orm::entity::prelude::*;

/// A row of `integration_schedule`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "integration_schedule")]
pub struct Model {
    /// Number, from the series of the table.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Unique in the tenant.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// Word of the kind.
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    /// Seconds.
    #[sea_orm(nullable)]
    pub interval_seconds: Option<i64>,
    /// Expression.
    #[sea_orm(column_type = "Text", nullable)]
    pub cron: Option<String>,
    /// Monday to Sunday.
    #[sea_orm(column_type = "Text", nullable)]
    pub day_of_week: Option<String>,
    /// HH:MM or HH:MM:SS.
    #[sea_orm(column_type = "Text", nullable)]
    pub time_of_day: Option<String>,
    /// IANA name.
    #[sea_orm(column_type = "Text")]
    pub time_zone: String,
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

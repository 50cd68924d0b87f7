//! How far a client integration has come.

use sea_orm::entity::prelude::*;

/// A row of `client_integration_state`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client_integration_state")]
pub struct Model {
    /// Client integration.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_integration_id: i64,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Microseconds.
    #[sea_orm(nullable)]
    pub next_due_at: Option<i64>,
    /// JSON of the selection that is going on.
    #[sea_orm(column_type = "Text", nullable)]
    pub selection: Option<String>,
    /// What the next due time was counted by.
    #[sea_orm(column_type = "Text", nullable)]
    pub schedule_key: Option<String>,
    /// Runs so far.
    pub run_count: i64,
    /// Microseconds.
    #[sea_orm(nullable)]
    pub last_run_at: Option<i64>,
    /// Word of the outcome.
    #[sea_orm(column_type = "Text", nullable)]
    pub last_outcome: Option<String>,
    /// Microseconds.
    pub updated_at: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

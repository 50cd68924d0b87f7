//! A run of a client integration.

use sea_orm::entity::prelude::*;

/// A row of `action_log`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "action_log")]
pub struct Model {
    /// Number, from the series of the table.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Integration.
    pub integration_id: i64,
    /// Client integration.
    pub client_integration_id: i64,
    /// Action.
    #[sea_orm(nullable)]
    pub action_id: Option<i64>,
    /// Word of what began it.
    #[sea_orm(column_type = "Text")]
    pub trigger: String,
    /// Microseconds.
    pub started_at: i64,
    /// Microseconds.
    #[sea_orm(nullable)]
    pub finished_at: Option<i64>,
    /// Word of the outcome.
    #[sea_orm(column_type = "Text", nullable)]
    pub outcome: Option<String>,
    /// For people.
    #[sea_orm(column_type = "Text", nullable)]
    pub message: Option<String>,
    /// Items queued.
    pub selected: i64,
    /// Items.
    pub completed: i64,
    /// Attempts that failed and are made again.
    pub failed: i64,
    /// Items.
    pub abandoned: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

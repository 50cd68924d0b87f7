//! Run-time state of a call; written by its actor through the ledger.

use sea_orm::entity::prelude::*;

/// A row of `call_api_state`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "call_api_state")]
pub struct Model {
    /// Call.
    #[sea_orm(primary_key, auto_increment = false)]
    pub call_api_id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Microseconds.
    #[sea_orm(nullable)]
    pub next_due_at: Option<i64>,
    /// Finished runs.
    pub run_count: i64,
    /// Failed runs in a row.
    pub failures: i32,
    /// Run.
    #[sea_orm(nullable)]
    pub last_run_id: Option<Uuid>,
    /// Start, microseconds.
    #[sea_orm(nullable)]
    pub last_run_at: Option<i64>,
    /// See Outcome.
    #[sea_orm(column_type = "Text", nullable)]
    pub last_outcome: Option<String>,
    /// Status of the answer.
    #[sea_orm(nullable)]
    pub last_http_status: Option<i32>,
    /// Transactions created.
    #[sea_orm(nullable)]
    pub last_created: Option<i32>,
    /// Milliseconds.
    #[sea_orm(nullable)]
    pub last_duration_ms: Option<i64>,
    /// JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub last_error: Option<String>,
    /// JSON object that the last successful run left.
    #[sea_orm(column_type = "Text", nullable)]
    pub script_state: Option<String>,
    /// Set when the engine deactivated it; microseconds.
    #[sea_orm(nullable)]
    pub deactivated_at: Option<i64>,
    /// Why, in words.
    #[sea_orm(column_type = "Text", nullable)]
    pub status_reason: Option<String>,
    /// Microseconds.
    pub updated_at: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! One run of a call, as history.

use sea_orm::entity::prelude::*;

/// A row of `run`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "run")]
pub struct Model {
    /// Id (v7: by time).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// The call that ran.
    pub owner_id: Uuid,
    /// Microseconds; unique with the owner.
    pub due_at: i64,
    /// schedule, retry, manual, resend.
    #[sea_orm(column_type = "Text")]
    pub trigger: String,
    /// Microseconds.
    pub started_at: i64,
    /// Null while running; microseconds.
    #[sea_orm(nullable)]
    pub finished_at: Option<i64>,
    /// See Outcome; null while running.
    #[sea_orm(column_type = "Text", nullable)]
    pub outcome: Option<String>,
    /// Status of the answer.
    #[sea_orm(nullable)]
    pub http_status: Option<i32>,
    /// Transactions created.
    pub created: i32,
    /// Identifiers that existed.
    pub duplicates: i32,
    /// Due times passed over before this run.
    pub skipped: i64,
    /// Milliseconds.
    #[sea_orm(nullable)]
    pub duration_ms: Option<i64>,
    /// JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub error: Option<String>,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

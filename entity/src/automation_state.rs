//! What the runs of an automation have left; written by its actor.

use sea_orm::entity::prelude::*;

/// A row of `automation_state`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "automation_state")]
pub struct Model {
    /// Automation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub automation_id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// When it runs next; microseconds.
    #[sea_orm(nullable)]
    pub next_due_at: Option<i64>,
    /// Start of the last run that stored all its pages; microseconds.
    #[sea_orm(nullable)]
    pub cursor_at: Option<i64>,
    /// The run of another automation that asks for a run of this one.
    #[sea_orm(nullable)]
    pub requested_by: Option<Uuid>,
    /// Finished runs.
    pub run_count: i64,
    /// Failed runs in a row.
    pub failures: i32,
    /// Start of the last finished run; microseconds.
    #[sea_orm(nullable)]
    pub last_run_at: Option<i64>,
    /// How it ended.
    #[sea_orm(column_type = "Text", nullable)]
    pub last_outcome: Option<String>,
    /// Microseconds.
    pub updated_at: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! One run of an automation, from its start; its pages move it on.

use sea_orm::entity::prelude::*;

/// A row of `automation_run`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "automation_run")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Automation.
    pub automation_id: Uuid,
    /// schedule, event, manual, chained or resume.
    #[sea_orm(column_type = "Text")]
    pub trigger: String,
    /// Microseconds.
    pub started_at: i64,
    /// Microseconds; null while it runs or waits.
    #[sea_orm(nullable)]
    pub finished_at: Option<i64>,
    /// How it ended.
    #[sea_orm(column_type = "Text", nullable)]
    pub outcome: Option<String>,
    /// Why it ended, or why it waits.
    #[sea_orm(column_type = "Text", nullable)]
    pub detail: Option<String>,
    /// Only what changed since then is asked for; microseconds.
    #[sea_orm(nullable)]
    pub since_at: Option<i64>,
    /// Where the next page begins; null before the first.
    #[sea_orm(column_type = "Text", nullable)]
    pub place: Option<String>,
    /// Pages that are stored.
    pub pages: i64,
    /// When it goes on; microseconds.
    #[sea_orm(nullable)]
    pub resume_at: Option<i64>,
    /// Records that came.
    pub seen: i64,
    /// Of these, those that met the criteria.
    pub matched: i64,
    /// Records made.
    pub created: i64,
    /// Records changed or deleted.
    pub updated: i64,
    /// Records that were the same.
    pub unchanged: i64,
    /// Records left alone as the other side is newer.
    pub skipped_newer: i64,
    /// Records that could not be taken.
    pub failed: i64,
    /// JSON: the first of the errors, key and message.
    #[sea_orm(column_type = "Text")]
    pub errors: String,
    /// All errors.
    pub errors_total: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

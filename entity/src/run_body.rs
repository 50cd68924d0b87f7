//! Samples and logs of a run, apart so that purging them is cheap.

use sea_orm::entity::prelude::*;

/// A row of `run_body`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "run_body")]
pub struct Model {
    /// Run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// JSON, redacted.
    #[sea_orm(column_type = "Text", nullable)]
    pub request: Option<String>,
    /// JSON, cut.
    #[sea_orm(column_type = "Text", nullable)]
    pub response: Option<String>,
    /// JSON array.
    #[sea_orm(column_type = "Text", nullable)]
    pub logs: Option<String>,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

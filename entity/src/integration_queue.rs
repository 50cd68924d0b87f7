//! What is to be sent or fetched for a client integration.

use sea_orm::entity::prelude::*;

/// A row of `integration_queue`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "integration_queue")]
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
    /// Of the row.
    #[sea_orm(column_type = "Text")]
    pub item_id: String,
    /// Of the row, for people.
    #[sea_orm(column_type = "Text")]
    pub item_name: String,
    /// Of the row when it was queued.
    pub item_version: i64,
    /// Of the row when it was queued; microseconds.
    pub item_updated_on: i64,
    /// Attempts so far; 0 after a success.
    pub attempt: i64,
    /// From 1 on; grows when what was completed is to be processed once more.
    pub round: i64,
    /// Word of the state.
    #[sea_orm(column_type = "Text")]
    pub state: String,
    /// Run that processed it last.
    #[sea_orm(nullable)]
    pub action_log_id: Option<i64>,
    /// What became of it, for people.
    #[sea_orm(column_type = "Text", nullable)]
    pub result: Option<String>,
    /// May be processed from then on; microseconds.
    pub due_at: i64,
    /// Its time is over: kept only so that its row is not sent again.
    pub bare: bool,
    /// Microseconds.
    pub created_at: i64,
    /// Microseconds.
    pub updated_at: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

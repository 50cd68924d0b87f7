//! How a connection fares; written by its actor.

use sea_orm::entity::prelude::*;

/// A row of `connection_state`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connection_state")]
pub struct Model {
    /// Connection.
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Version of the connection that it was seen with.
    pub version: i64,
    /// ok, needs_reauthorisation or error.
    #[sea_orm(column_type = "Text")]
    pub health: String,
    /// Why, in words.
    #[sea_orm(column_type = "Text", nullable)]
    pub detail: Option<String>,
    /// Microseconds.
    pub since: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

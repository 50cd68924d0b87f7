//! The current token of a client, and the journal of its refresh.

use sea_orm::entity::prelude::*;

/// A row of `client_token`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client_token")]
pub struct Model {
    /// Client.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Version of the client that it belongs to.
    pub client_version: i64,
    /// Token JSON, sealed.
    #[sea_orm(column_type = "Blob", nullable)]
    pub sealed: Option<Vec<u8>>,
    /// Microseconds.
    #[sea_orm(nullable)]
    pub expires_at: Option<i64>,
    /// `ok`, `refreshing` or `needs_reauthorisation`.
    #[sea_orm(column_type = "Text")]
    pub state: String,
    /// Why, in words.
    #[sea_orm(column_type = "Text", nullable)]
    pub detail: Option<String>,
    /// Microseconds.
    pub updated_at: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! A connection to another system's API; written by the engine's management functions only.

use sea_orm::entity::prelude::*;

/// A row of `connection`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connection")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// XERO, QUICKBOOKS, NETSUITE or REST.
    #[sea_orm(column_type = "Text")]
    pub provider: String,
    /// For lists and actors: what the profile calls it.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// JSON: the members that are no secrets.
    #[sea_orm(column_type = "Text")]
    pub profile: String,
    /// JSON: the secrets as they are shown.
    #[sea_orm(column_type = "Text")]
    pub secrets_public: String,
    /// JSON: the secrets, sealed.
    #[sea_orm(column_type = "Blob")]
    pub secrets: Vec<u8>,
    /// Whether it is used; see also connection_state.health.
    pub enabled: bool,
    /// hash(id) % 256: who owns the actor.
    pub shard: i16,
    /// User.
    #[sea_orm(nullable)]
    pub created_by: Option<Uuid>,
    /// Grows by one with each change.
    pub version: i64,
    /// Microseconds.
    pub created_at: i64,
    /// Microseconds.
    pub updated_at: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! What a client makes of an integration.

use sea_orm::entity::prelude::*;

/// A row of `client_integration`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client_integration")]
pub struct Model {
    /// Number, from the series of the table.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// Its id in actors and in the vault of tokens.
    pub uuid: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Integration.
    pub integration_id: i64,
    /// Whether the client uses it.
    pub enabled: bool,
    /// Why the engine disabled it.
    #[sea_orm(column_type = "Text", nullable)]
    pub disabled_reason: Option<String>,
    /// Schedule.
    #[sea_orm(nullable)]
    pub schedule_id: Option<i64>,
    /// Connection.
    #[sea_orm(nullable)]
    pub connection_id: Option<Uuid>,
    /// Consent.
    #[sea_orm(nullable)]
    pub consent_id: Option<i64>,
    /// Intervals are counted from here; microseconds.
    pub anchor_at: i64,
    /// Shard of the UUID.
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

//! Definition of a scheduled API call; written by the engine's management functions only.

use sea_orm::entity::prelude::*;

/// A row of `call_api`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "call_api")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// hash(id) % 256: who owns the actor.
    pub shard: i16,
    /// Unique in the tenant.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// Wanted state; see also call_api_state.deactivated_at.
    pub active: bool,
    /// The definition's JSON with secret headers masked.
    #[sea_orm(column_type = "Text")]
    pub definition: String,
    /// Secret header values as JSON, sealed.
    #[sea_orm(column_type = "Blob", nullable)]
    pub secret_headers: Option<Vec<u8>>,
    /// For the boot page; null with cron.
    #[sea_orm(nullable)]
    pub frequency_seconds: Option<i32>,
    /// Cron expression.
    #[sea_orm(column_type = "Text", nullable)]
    pub cron: Option<String>,
    /// IANA zone of the cron.
    #[sea_orm(column_type = "Text", nullable)]
    pub time_zone: Option<String>,
    /// latest, skip, all.
    #[sea_orm(column_type = "Text")]
    pub misfire: String,
    /// skip, once.
    #[sea_orm(column_type = "Text")]
    pub overlap: String,
    /// Due times are anchor + n * interval; microseconds.
    pub anchor_at: i64,
    /// Client.
    #[sea_orm(nullable)]
    pub client_id: Option<Uuid>,
    /// User.
    pub run_as_user_id: Uuid,
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

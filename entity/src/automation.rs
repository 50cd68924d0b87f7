//! When a partner function runs and for which records; written by the engine's management functions only.

use sea_orm::entity::prelude::*;

/// A row of `automation`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "automation")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Connection.
    pub connection_id: Uuid,
    /// Unique in the connection.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// The definition's JSON.
    #[sea_orm(column_type = "Text")]
    pub definition: String,
    /// Whether it runs.
    pub enabled: bool,
    /// Why the engine disabled it.
    #[sea_orm(column_type = "Text", nullable)]
    pub disabled_reason: Option<String>,
    /// Due times are counted from here; microseconds.
    pub anchor_at: i64,
    /// Whose changes start it; null where a timer does.
    #[sea_orm(column_type = "Text", nullable)]
    pub event_entity: Option<String>,
    /// IMPORT or EXPORT.
    #[sea_orm(column_type = "Text")]
    pub direction: String,
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

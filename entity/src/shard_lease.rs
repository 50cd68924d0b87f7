//! Which process owns the actors of a shard.

use sea_orm::entity::prelude::*;

/// A row of `shard_lease`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "shard_lease")]
pub struct Model {
    /// 0 to 255.
    #[sea_orm(primary_key, auto_increment = false)]
    pub shard: i16,
    /// Process.
    pub owner_id: Uuid,
    /// Grows with each change of owner: fences late writers.
    pub epoch: i64,
    /// By the database's clock; microseconds.
    pub expires_at: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

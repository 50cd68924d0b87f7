//! Idempotency keys of requests in the background.

use sea_orm::entity::prelude::*;

/// A row of `background_key`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "background_key")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// Who sent it; nil where there is no user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// The header's value.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub key: String,
    /// SHA-256 of what was asked.
    #[sea_orm(column_type = "Blob")]
    pub request_hash: Vec<u8>,
    /// The request that was accepted.
    pub background_id: Uuid,
    /// Microseconds.
    pub received_at: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Which keys have sealed secrets here, each with a known text sealed by it.

use sea_orm::entity::prelude::*;

/// A row of `secret_key`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "secret_key")]
pub struct Model {
    /// Key id (first 8 hex digits of the key's SHA-256).
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub id: String,
    /// A known text under that key: tells a wrong key at start.
    #[sea_orm(column_type = "Blob")]
    pub sealed_check: Vec<u8>,
    /// Microseconds.
    pub created_at: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

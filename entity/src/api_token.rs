//! A bearer token, of a sign-in or made by hand; only its hash is kept.

use sea_orm::entity::prelude::*;

/// A row of `api_token`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_token")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The one tenant it reaches; null: all tenants of its user.
    #[sea_orm(nullable)]
    pub tenant_id: Option<Uuid>,
    /// Whose rights it carries.
    pub user_id: Uuid,
    /// Shown name.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// `session` or `api`.
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    /// SHA-256 of the token.
    #[sea_orm(unique, column_type = "Blob")]
    pub token_hash: Vec<u8>,
    /// JSON array that narrows the user's rights; null: all of them.
    #[sea_orm(column_type = "Text", nullable)]
    pub rights: Option<String>,
    /// Microseconds.
    #[sea_orm(nullable)]
    pub expires_at: Option<i64>,
    /// Microseconds, coarse.
    #[sea_orm(nullable)]
    pub last_used_at: Option<i64>,
    /// Microseconds.
    pub created_at: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

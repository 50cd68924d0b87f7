//! A person or program that signs in.

use sea_orm::entity::prelude::*;

/// A row of `app_user`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "app_user")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The tenant in which the user was created.
    pub tenant_id: Uuid,
    /// Sign-in name in lower case, unique over all tenants.
    #[sea_orm(unique, column_type = "Text")]
    pub username: String,
    /// argon2id in PHC form.
    #[sea_orm(column_type = "Text")]
    pub password_hash: String,
    /// Shown name.
    #[sea_orm(column_type = "Text", nullable)]
    pub display_name: Option<String>,
    /// Address.
    #[sea_orm(column_type = "Text", nullable)]
    pub email: Option<String>,
    /// May sign in and be run as.
    pub active: bool,
    /// Wrong passwords in a row.
    pub failed_sign_ins: i32,
    /// No sign-in before this, microseconds.
    #[sea_orm(nullable)]
    pub locked_until: Option<i64>,
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

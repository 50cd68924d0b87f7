//! The tenants' own signing secrets, for receivers that are plain URLs.

use sea_orm::entity::prelude::*;

/// A row of `webhook_secret`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_secret")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// Sealed.
    #[sea_orm(column_type = "Blob")]
    pub secret: Vec<u8>,
    /// As shown in answers.
    #[sea_orm(column_type = "Text")]
    pub fingerprint: String,
    /// Microseconds.
    pub created_at: i64,
    /// The one before, sealed.
    #[sea_orm(column_type = "Blob", nullable)]
    pub previous_secret: Option<Vec<u8>>,
    /// Until when the one before signs too, microseconds.
    #[sea_orm(nullable)]
    pub previous_until: Option<i64>,
    /// Grows by one with each change.
    pub version: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

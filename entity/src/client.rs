//! Credentials for outbound requests.

use sea_orm::entity::prelude::*;

/// A row of `client`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Unique in the tenant.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// JSON as shown in answers: secrets masked.
    #[sea_orm(column_type = "Text")]
    pub auth_public: String,
    /// The whole auth JSON, sealed.
    #[sea_orm(column_type = "Blob")]
    pub auth_sealed: Vec<u8>,
    /// JSON: perSecond, perMinute, perDay, concurrent.
    #[sea_orm(column_type = "Text", nullable)]
    pub limits: Option<String>,
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

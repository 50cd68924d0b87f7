//! A client's consent to an integration.

use sea_orm::entity::prelude::*;

/// A row of `integration_consent`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "integration_consent")]
pub struct Model {
    /// Number, from the series of the table.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// Its id in actors and in the vault of tokens.
    pub uuid: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Client integration.
    pub client_integration_id: i64,
    /// None, OAuth2, Credentials or Manual.
    #[sea_orm(column_type = "Text")]
    pub consent_type_id: String,
    /// Word of the state.
    #[sea_orm(column_type = "Text")]
    pub state: String,
    /// Where people consent.
    #[sea_orm(column_type = "Text", nullable)]
    pub authorize_url: Option<String>,
    /// SHA-256 of OAuth2's `state`, hex.
    #[sea_orm(column_type = "Text", nullable)]
    pub state_hash: Option<String>,
    /// Sealed JSON.
    #[sea_orm(column_type = "Blob", nullable)]
    pub secrets: Option<Vec<u8>>,
    /// User.
    #[sea_orm(nullable)]
    pub granted_by: Option<Uuid>,
    /// Microseconds.
    #[sea_orm(nullable)]
    pub granted_at: Option<i64>,
    /// Microseconds.
    #[sea_orm(nullable)]
    pub expires_at: Option<i64>,
    /// For people.
    #[sea_orm(column_type = "Text", nullable)]
    pub detail: Option<String>,
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

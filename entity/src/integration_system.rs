//! A system that integrations are made with.

use sea_orm::entity::prelude::*;

/// A row of `integration_system`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "integration_system")]
pub struct Model {
    /// Number, from the series of the table.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Unique in the tenant.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// For people.
    #[sea_orm(column_type = "Text", nullable)]
    pub comment: Option<String>,
    /// Where people consent.
    #[sea_orm(column_type = "Text", nullable)]
    pub authorize_url: Option<String>,
    /// Where tokens are got.
    #[sea_orm(column_type = "Text", nullable)]
    pub token_url: Option<String>,
    /// Our id there.
    #[sea_orm(column_type = "Text", nullable)]
    pub oauth_client_id: Option<String>,
    /// Sealed.
    #[sea_orm(column_type = "Blob", nullable)]
    pub oauth_client_secret: Option<Vec<u8>>,
    /// What is asked for.
    #[sea_orm(column_type = "Text", nullable)]
    pub oauth_scope: Option<String>,
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

//! What happens to an item.

use sea_orm::entity::prelude::*;

/// A row of `integration_action`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "integration_action")]
pub struct Model {
    /// Number, from the series of the table.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Unique in the tenant.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// Word of the kind.
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    /// HTTP method.
    #[sea_orm(column_type = "Text", nullable)]
    pub method: Option<String>,
    /// Template.
    #[sea_orm(column_type = "Text", nullable)]
    pub url: Option<String>,
    /// JSON object; secret values are masked.
    #[sea_orm(column_type = "Text", nullable)]
    pub headers: Option<String>,
    /// Sealed JSON object of the values that are secret.
    #[sea_orm(column_type = "Blob", nullable)]
    pub headers_secret: Option<Vec<u8>>,
    /// Template.
    #[sea_orm(column_type = "Text", nullable)]
    pub body: Option<String>,
    /// Script that returns the body.
    #[sea_orm(column_type = "Text", nullable)]
    pub body_script: Option<String>,
    /// Script that reads the answer.
    #[sea_orm(column_type = "Text", nullable)]
    pub result_script: Option<String>,
    /// Client whose credentials are used.
    #[sea_orm(nullable)]
    pub client_id: Option<Uuid>,
    /// Partner function.
    #[sea_orm(nullable)]
    pub partner_function_id: Option<Uuid>,
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

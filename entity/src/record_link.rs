//! Where else records are known: their counterparts behind connections, and what is on its way to become one.

use sea_orm::entity::prelude::*;

/// A row of `record_link`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "record_link")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// Connection.
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: Uuid,
    /// The provider's object.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub object: String,
    /// Of the record.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub entity: String,
    /// Of the record.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub key: String,
    /// The provider's id; null while the first export is on its way.
    #[sea_orm(column_type = "Text", nullable)]
    pub remote_id: Option<String>,
    /// The provider's own version.
    #[sea_orm(column_type = "Text", nullable)]
    pub remote_version: Option<String>,
    /// When the provider says that it was changed; microseconds.
    #[sea_orm(nullable)]
    pub remote_updated_at: Option<i64>,
    /// The version of the record that both sides had last; 0: none.
    pub record_version: i64,
    /// JSON: an export that may have been sent and whose answer is not recorded.
    #[sea_orm(column_type = "Text", nullable)]
    pub pending: Option<String>,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

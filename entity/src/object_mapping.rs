//! How the members of one system's objects become those of the other's.

use sea_orm::entity::prelude::*;

/// A row of `object_mapping`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "object_mapping")]
pub struct Model {
    /// Connection.
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: Uuid,
    /// Unique in the connection.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub name: String,
    /// Id.
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// JSON: pairs, or a script.
    #[sea_orm(column_type = "Text")]
    pub definition: String,
    /// Script, where the definition names one.
    #[sea_orm(nullable)]
    pub script_id: Option<Uuid>,
    /// Grows by one with each change.
    pub version: i64,
    /// Microseconds.
    pub updated_at: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

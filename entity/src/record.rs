//! Local records of entities (customer, supplier, item, invoice, any).

use sea_orm::entity::prelude::*;

/// A row of `record`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "record")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// Lower case.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub entity: String,
    /// Unique in the entity.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub key: String,
    /// JSON text of an object.
    #[sea_orm(column_type = "Text")]
    pub data: String,
    /// Grows by one with each change, also over a deletion if a link remembers it.
    pub version: i64,
    /// When its content changed: for imports, when the remote system says so; microseconds.
    pub changed_at: i64,
    /// When this row was made; microseconds.
    pub created_at: i64,
    /// When this row was written last; microseconds.
    pub updated_at: i64,
    /// The connection whose import made it; none if it was made here.
    #[sea_orm(nullable)]
    pub origin: Option<Uuid>,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

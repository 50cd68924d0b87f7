//! What a connection does with one kind of object.

use sea_orm::entity::prelude::*;

/// A row of `partner_function`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "partner_function")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Connection.
    pub connection_id: Uuid,
    /// Unique in the connection.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// The definition's JSON.
    #[sea_orm(column_type = "Text")]
    pub definition: String,
    /// IMPORT or EXPORT.
    #[sea_orm(column_type = "Text")]
    pub direction: String,
    /// Script.
    #[sea_orm(nullable)]
    pub pre_run_script_id: Option<Uuid>,
    /// Script.
    #[sea_orm(nullable)]
    pub post_run_script_id: Option<Uuid>,
    /// Whether automations may use it.
    pub enabled: bool,
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

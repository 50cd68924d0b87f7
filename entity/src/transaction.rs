//! What calls create and other systems fetch.

use sea_orm::entity::prelude::*;

/// A row of `transactions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "transactions")]
pub struct Model {
    /// Id (v7: by time).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// The call, or the tenant for those made by hand: identifiers are unique in it.
    pub owner_id: Uuid,
    /// Unique in the owner.
    #[sea_orm(column_type = "Text")]
    pub identifier: String,
    /// 0 preparation, 1 ready, 2 discarded.
    pub status: i16,
    /// JSON object; null once purged.
    #[sea_orm(column_type = "Text", nullable)]
    pub data: Option<String>,
    /// The call that created it.
    #[sea_orm(nullable)]
    pub call_api_id: Option<Uuid>,
    /// The run that created it.
    #[sea_orm(nullable)]
    pub run_id: Option<Uuid>,
    /// The run-as user, or who posted it.
    #[sea_orm(nullable)]
    pub created_by: Option<Uuid>,
    /// Microseconds.
    pub created_at: i64,
    /// User.
    #[sea_orm(nullable)]
    pub committed_by: Option<Uuid>,
    /// Microseconds.
    #[sea_orm(nullable)]
    pub committed_at: Option<i64>,
    /// Grows by one with each change.
    pub version: i64,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

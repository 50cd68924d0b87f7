//! One row for each mutating request.

use sea_orm::entity::prelude::*;

/// A row of `audit_log`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub struct Model {
    /// Id (v7: by time).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Microseconds.
    pub at: i64,
    /// Who.
    #[sea_orm(nullable)]
    pub user_id: Option<Uuid>,
    /// With which token.
    #[sea_orm(nullable)]
    pub token_id: Option<Uuid>,
    /// For example `call_api.update`.
    #[sea_orm(column_type = "Text")]
    pub action: String,
    /// For example `call_api`.
    #[sea_orm(column_type = "Text")]
    pub resource_kind: String,
    /// Which.
    #[sea_orm(column_type = "Text", nullable)]
    pub resource_id: Option<String>,
    /// JSON before, without secrets.
    #[sea_orm(column_type = "Text", nullable)]
    pub before: Option<String>,
    /// JSON after, without secrets.
    #[sea_orm(column_type = "Text", nullable)]
    pub after: Option<String>,
    /// Request id.
    #[sea_orm(column_type = "Text", nullable)]
    pub request_id: Option<String>,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

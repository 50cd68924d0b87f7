//! Who changed what of a transaction in preparation.

use sea_orm::entity::prelude::*;

/// A row of `transaction_change`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "transaction_change")]
pub struct Model {
    /// Id (v7).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Transaction.
    pub transaction_id: Uuid,
    /// Microseconds.
    pub at: i64,
    /// Who.
    #[sea_orm(nullable)]
    pub user_id: Option<Uuid>,
    /// edit, commit, discard.
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    /// JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub before: Option<String>,
    /// JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub after: Option<String>,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

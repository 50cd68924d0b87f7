//! Attempts of deliveries.

use sea_orm::entity::prelude::*;

/// A row of `delivery_attempt`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery_attempt")]
pub struct Model {
    /// Delivery.
    #[sea_orm(primary_key, auto_increment = false)]
    pub delivery_id: Uuid,
    /// From 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    /// Tenant.
    pub tenant_id: Uuid,
    /// When it was sent, microseconds.
    pub at: i64,
    /// How long it took.
    pub duration_ms: i64,
    /// HTTP status, if there was an answer.
    #[sea_orm(nullable)]
    pub status: Option<i32>,
    /// Why it failed.
    #[sea_orm(column_type = "Text", nullable)]
    pub error: Option<String>,
    /// The beginning of the answer to one that failed.
    #[sea_orm(column_type = "Text", nullable)]
    pub response: Option<String>,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

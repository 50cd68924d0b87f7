//! Webhook subscriptions of tenants.

use sea_orm::entity::prelude::*;

/// A row of `webhook_subscription`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_subscription")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// Where notifications go.
    #[sea_orm(column_type = "Text")]
    pub url: String,
    /// JSON: names of events.
    #[sea_orm(column_type = "Text")]
    pub events: String,
    /// For people.
    #[sea_orm(column_type = "Text", nullable)]
    pub description: Option<String>,
    /// Whether notifications are sent.
    pub enabled: bool,
    /// Why the engine disabled it.
    #[sea_orm(column_type = "Text", nullable)]
    pub disabled_reason: Option<String>,
    /// The signing secret, sealed.
    #[sea_orm(column_type = "Blob")]
    pub secret: Vec<u8>,
    /// As shown in answers.
    #[sea_orm(column_type = "Text")]
    pub secret_fingerprint: String,
    /// Microseconds.
    pub secret_created_at: i64,
    /// The one before, sealed.
    #[sea_orm(column_type = "Blob", nullable)]
    pub previous_secret: Option<Vec<u8>>,
    /// Until when the one before signs too, microseconds.
    #[sea_orm(nullable)]
    pub previous_until: Option<i64>,
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

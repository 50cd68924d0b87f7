//! Notifications on their way to a receiver.

use sea_orm::entity::prelude::*;

/// A row of `webhook_delivery`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_delivery")]
pub struct Model {
    /// Id; the `webhook-id` of its requests.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: Uuid,
    /// The subscription; none for a plain URL.
    #[sea_orm(nullable)]
    pub subscription_id: Option<Uuid>,
    /// The background request that it tells about.
    #[sea_orm(nullable)]
    pub background_id: Option<Uuid>,
    /// Name of the event.
    #[sea_orm(column_type = "Text")]
    pub event: String,
    /// Where it goes.
    #[sea_orm(column_type = "Text")]
    pub url: String,
    /// Number made of tenant and host.
    pub lane: i64,
    /// JSON: pairs of further headers.
    #[sea_orm(column_type = "Text", nullable)]
    pub headers: Option<String>,
    /// The body, as it is sent.
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    /// 0 pending, 1 delivered, 2 failed, 3 gone.
    pub state: i16,
    /// Attempts so far.
    pub attempts: i32,
    /// Of these, those before the last replay.
    pub attempts_before: i32,
    /// Microseconds.
    pub created_at: i64,
    /// When the next attempt is due, microseconds.
    pub next_at: i64,
    /// Microseconds.
    #[sea_orm(nullable)]
    pub ended_at: Option<i64>,
    /// HTTP status of the last attempt.
    #[sea_orm(nullable)]
    pub last_status: Option<i32>,
    /// Why the last attempt failed.
    #[sea_orm(column_type = "Text", nullable)]
    pub last_error: Option<String>,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

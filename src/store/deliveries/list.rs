//! Deliveries as they are shown, with their attempts.

use std::collections::HashMap;

use jiff::Timestamp;
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
use uuid::Uuid;

use crate::{
    domain::{
        delivery::State,
        ids::{BackgroundId, DeliveryId, SubscriptionId, TenantId},
    },
    store::{Error, Page, Paged, Result, Store, tenants::timestamp},
};
use entity::{
    delivery_attempt,
    webhook_delivery::{Column, Entity, Model},
};

/// Deliveries of one background request that are looked at.
const OF_BACKGROUND_MAX: u64 = 100;

/// A delivery.
#[derive(Clone, Debug)]
#[expect(
    missing_docs,
    reason = "the members are those of NewDelivery, DueDelivery and Recorded"
)]
pub struct Delivery {
    pub id: DeliveryId,
    pub subscription_id: Option<SubscriptionId>,
    pub background_id: Option<BackgroundId>,
    pub event: String,
    pub url: String,
    pub payload: String,
    pub state: State,
    pub attempt_count: u32,
    pub created_at: Timestamp,
    pub next_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub last_status: Option<u16>,
    pub last_error: Option<String>,
    pub attempts: Vec<Attempt>,
}

/// One attempt of a delivery.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the members are those of Recorded")]
pub struct Attempt {
    pub number: u32,
    pub at: Timestamp,
    pub duration_ms: u64,
    pub status: Option<u16>,
    pub error: Option<String>,
    pub response: Option<String>,
}

impl Store {
    /// The deliveries of a subscription, newest first, with their attempts.
    pub async fn deliveries(&self, tenant_id: TenantId, id: SubscriptionId, page: Page) -> Result<Paged<Delivery>> {
        self.read(move |db| async move {
            let rows = Entity::find()
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .filter(Column::SubscriptionId.eq(id.uuid()))
                .apply_if(page.after_id()?, |query, after| query.filter(Column::Id.lt(after)))
                .order_by_desc(Column::Id)
                .limit(page.fetch())
                .all(&db)
                .await?;
            let paged = Paged::new(rows, &page, |row| row.id);
            let mut attempts = attempts_of(&db, paged.items.iter().map(|row| row.id).collect()).await?;
            paged.try_map(|row| {
                let own = attempts.remove(&row.id).unwrap_or_default();
                delivery(row, own)
            })
        })
        .await
    }

    /// One delivery of a tenant, without its attempts.
    pub async fn delivery(&self, tenant_id: TenantId, id: DeliveryId) -> Result<Option<Delivery>> {
        self.read(move |db| async move {
            let row = Entity::find_by_id(id.uuid())
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .one(&db)
                .await?;
            row.map(|row| delivery(row, Vec::new())).transpose()
        })
        .await
    }

    /// The deliveries that tell about a background request, oldest first, without their attempts.
    pub async fn deliveries_of_background(&self, tenant_id: TenantId, id: BackgroundId) -> Result<Vec<Delivery>> {
        self.read(move |db| async move {
            let rows = of_background(&db, tenant_id, id).await?;
            rows.into_iter().map(|row| delivery(row, Vec::new())).collect()
        })
        .await
    }

    /// The same, with their attempts.
    pub async fn attempts_of_background(&self, tenant_id: TenantId, id: BackgroundId) -> Result<Vec<Delivery>> {
        self.read(move |db| async move {
            let rows = of_background(&db, tenant_id, id).await?;
            let mut attempts = attempts_of(&db, rows.iter().map(|row| row.id).collect()).await?;
            rows.into_iter()
                .map(|row| {
                    let own = attempts.remove(&row.id).unwrap_or_default();
                    delivery(row, own)
                })
                .collect()
        })
        .await
    }
}

async fn of_background(db: &DatabaseConnection, tenant_id: TenantId, id: BackgroundId) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::TenantId.eq(tenant_id.uuid()))
        .filter(Column::BackgroundId.eq(id.uuid()))
        .order_by_asc(Column::Id)
        .limit(OF_BACKGROUND_MAX)
        .all(db);
    Ok(rows.await?)
}

async fn attempts_of(db: &DatabaseConnection, ids: Vec<Uuid>) -> Result<HashMap<Uuid, Vec<Attempt>>> {
    let mut attempts: HashMap<Uuid, Vec<Attempt>> = HashMap::new();
    if ids.is_empty() {
        return Ok(attempts);
    }
    let rows = delivery_attempt::Entity::find()
        .filter(delivery_attempt::Column::DeliveryId.is_in(ids))
        .order_by_asc(delivery_attempt::Column::DeliveryId)
        .order_by_asc(delivery_attempt::Column::Number)
        .all(db)
        .await?;
    for row in rows {
        let attempt = Attempt {
            number: u32::try_from(row.number).unwrap_or(0),
            at: timestamp(row.at)?,
            duration_ms: u64::try_from(row.duration_ms).unwrap_or(0),
            status: row.status.and_then(|status| u16::try_from(status).ok()),
            error: row.error,
            response: row.response,
        };
        attempts.entry(row.delivery_id).or_default().push(attempt);
    }
    Ok(attempts)
}

fn delivery(row: Model, attempts: Vec<Attempt>) -> Result<Delivery> {
    let state = State::from_code(row.state)
        .ok_or_else(|| Error::Content(format!("delivery {}: state {}", row.id, row.state)))?;
    Ok(Delivery {
        id: row.id.into(),
        subscription_id: row.subscription_id.map(Into::into),
        background_id: row.background_id.map(Into::into),
        event: row.event,
        url: row.url,
        payload: row.payload,
        state,
        attempt_count: u32::try_from(row.attempts).unwrap_or(0),
        created_at: timestamp(row.created_at)?,
        next_at: (state == State::Pending).then(|| timestamp(row.next_at)).transpose()?,
        ended_at: row.ended_at.map(timestamp).transpose()?,
        last_status: row.last_status.and_then(|status| u16::try_from(status).ok()),
        last_error: row.last_error,
        attempts,
    })
}

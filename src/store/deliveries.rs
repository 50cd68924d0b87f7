//! Owns deliveries: notifications that were made with what they tell about, and the record of every attempt.

use jiff::Timestamp;
use sea_orm::{DatabaseTransaction, Value};

use super::{
    Result, Store,
    ledger::rows::{Shape, Texts},
};
use crate::domain::{
    delivery::{State, lane_of},
    ids::{BackgroundId, DeliveryId, SubscriptionId, TenantId},
};

mod due;
mod list;
mod record;
mod replay;

pub use due::{Backlog, DueDelivery, Waiting, WaitingLane, WaitingOwner};
pub use list::{Attempt, Delivery};
pub use record::{Disabled, Recorded};
pub use replay::Replay;

#[cfg(test)]
pub(super) use {
    due::{DUE, LANES, OWNERS},
    record::PURGE_DELIVERIES,
};

/// A notification that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// Id; the `webhook-id` of its requests, the same in every attempt.
    pub id: DeliveryId,
    /// Tenant.
    pub tenant_id: TenantId,
    /// The subscription; none for a plain URL.
    pub subscription_id: Option<SubscriptionId>,
    /// The background request that it tells about.
    pub background_id: Option<BackgroundId>,
    /// Name of the event.
    pub event: &'static str,
    /// Where it goes.
    pub url: String,
    /// Further headers, as JSON pairs: `[["name","value"]]`.
    pub headers: Option<String>,
    /// The body, as it is sent.
    pub payload: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the first attempt is due.
    pub next_at: Timestamp,
}

pub(super) const INSERT: Shape = Shape {
    name: "insert deliveries",
    before: "INSERT INTO webhook_delivery (id, tenant_id, subscription_id, background_id, event, url, lane, headers, \
             payload, state, attempts, attempts_before, created_at, next_at) VALUES ",
    columns: 14,
    numbered: false,
    types: &[],
    after: " ON CONFLICT (id) DO NOTHING",
    repeatable: true,
};

/// Inserts deliveries, in the transaction that commits what they tell about. Doing it twice does no harm.
pub(super) async fn insert(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    deliveries: &[&NewDelivery],
) -> Result<()> {
    let mut values: Vec<Value> = Vec::with_capacity(deliveries.len() * INSERT.columns);
    for new in deliveries {
        values.extend([
            new.id.uuid().into(),
            new.tenant_id.uuid().into(),
            new.subscription_id.map(SubscriptionId::uuid).into(),
            new.background_id.map(BackgroundId::uuid).into(),
            new.event.into(),
            new.url.as_str().into(),
            lane_of(new.tenant_id, &new.url).into(),
            new.headers.clone().into(),
            new.payload.as_str().into(),
            State::Pending.code().into(),
            0_i32.into(),
            0_i32.into(),
            new.created_at.as_microsecond().into(),
            Value::from(new.next_at.as_microsecond()),
        ]);
    }
    texts.execute(transaction, &INSERT, values).await?;
    Ok(())
}

impl Store {
    /// Makes deliveries of something that is committed already.
    pub async fn create_deliveries(&self, deliveries: Vec<NewDelivery>) -> Result<()> {
        self.write(move |transaction| {
            Box::pin(async move {
                let all: Vec<&NewDelivery> = deliveries.iter().collect();
                insert(transaction, &mut Texts::default(), &all).await
            })
        })
        .await
    }
}

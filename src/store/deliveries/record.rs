//! What came of attempts: many of them in one transaction, each with the state of its delivery. And what is over its time.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, Statement, Value,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    clock::Clock,
    domain::{
        delivery::Verdict,
        ids::{DeliveryId, SubscriptionId, TenantId},
    },
    store::{
        Result, Store,
        audit::{self, Entry},
        ledger::rows::{Shape, Texts},
    },
};
use entity::{
    delivery_attempt,
    webhook_subscription::{ActiveModel, Column, Entity},
};

/// What came of one attempt, or why there was none.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Delivery.
    pub id: DeliveryId,
    /// Tenant.
    pub tenant_id: TenantId,
    /// Attempts, this one included.
    pub attempts: u32,
    /// Nothing was sent, because there is nobody to send it to: the attempt is not one.
    pub unsent: bool,
    /// When it was sent.
    pub at: Timestamp,
    /// When it had ended.
    pub ended_at: Timestamp,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: Option<String>,
    /// The beginning of the answer to one that failed.
    pub response: Option<String>,
    /// What follows.
    pub verdict: Verdict,
    /// Where it went, if its subscription has another URL by now: URL and lane.
    pub moved: Option<(String, i64)>,
    /// The subscription wants no more.
    pub disables: Option<Disabled>,
}

/// A subscription that the engine disables.
#[derive(Clone, Debug)]
pub struct Disabled {
    /// Which.
    pub id: SubscriptionId,
    /// Whose receiver wants no more; one that has another URL by now stays as it is.
    pub url: String,
    /// Why, for its owner.
    pub reason: String,
}

const UPDATE: Shape = Shape {
    name: "update deliveries",
    before: "UPDATE webhook_delivery SET state = v.column2, attempts = v.column3, \
             next_at = COALESCE(v.column4, next_at), ended_at = v.column5, last_status = v.column6, \
             last_error = v.column7, url = COALESCE(v.column8, url), lane = COALESCE(v.column9, lane) FROM (VALUES ",
    columns: 9,
    numbered: false,
    types: &[
        "uuid", "smallint", "integer", "bigint", "bigint", "integer", "text", "text", "bigint",
    ],
    after: ") AS v WHERE webhook_delivery.id = v.column1 AND webhook_delivery.state = 0 \
            AND webhook_delivery.attempts <= v.column3",
    repeatable: true,
};

const ATTEMPTS: Shape = Shape {
    name: "insert attempts",
    before: "INSERT INTO delivery_attempt (delivery_id, number, tenant_id, at, duration_ms, status, error, response) \
             SELECT v.column1, v.column2, v.column3, v.column4, v.column5, v.column6, v.column7, v.column8 FROM (VALUES ",
    columns: 8,
    numbered: false,
    types: &["uuid", "integer", "uuid", "bigint", "bigint", "integer", "text", "text"],
    // Of a delivery that was purged meanwhile nothing is kept: nobody would ever remove it.
    after: ") AS v WHERE EXISTS (SELECT 1 FROM webhook_delivery WHERE webhook_delivery.id = v.column1) \
            ON CONFLICT (delivery_id, number) DO NOTHING",
    repeatable: true,
};

/// The conditions are asked twice: one that is replayed while PostgreSQL deletes is pending again, and only a condition on the
/// row itself, not one in a subquery, is looked at anew.
pub(in crate::store) const PURGE_DELIVERIES: &str = "DELETE FROM webhook_delivery WHERE id IN \
     (SELECT id FROM webhook_delivery WHERE id < $1 AND state <> 0 AND ended_at < $3 ORDER BY id LIMIT $2) \
     AND state <> 0 AND ended_at < $3 RETURNING id";
/// Deliveries whose attempts one statement removes.
const PURGED_AT_ONCE: usize = 500;

impl Store {
    /// Records attempts of different deliveries, all or none; answers which subscriptions that has disabled.
    pub async fn record_attempts(&self, recorded: Vec<Recorded>) -> Result<Vec<SubscriptionId>> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let mut texts = Texts::default();
                let states: Vec<Value> = recorded.iter().flat_map(state_values).collect();
                texts.execute(transaction, &UPDATE, states).await?;
                let attempts: Vec<Value> = recorded
                    .iter()
                    .filter(|recorded| !recorded.unsent)
                    .flat_map(attempt_values)
                    .collect();
                texts.execute(transaction, &ATTEMPTS, attempts).await?;
                let mut all_disabled = Vec::new();
                for recorded in &recorded {
                    if let Some(disabled) = &recorded.disables
                        && disable(transaction, &clock, recorded, disabled).await?
                    {
                        all_disabled.push(disabled.id);
                    }
                }
                Ok(all_disabled)
            })
        })
        .await
    }

    /// Removes what ended before `before`, in batches.
    pub(in crate::store) async fn purge_deliveries(
        &self,
        first_id: uuid::Uuid,
        before: Timestamp,
        rows: i64,
    ) -> Result<u64> {
        let mut total = 0;
        loop {
            let values: [Value; 3] = [first_id.into(), rows.into(), before.as_microsecond().into()];
            let gone = self
                .write(move |transaction| {
                    Box::pin(async move {
                        let backend = transaction.get_database_backend();
                        let deliveries = Statement::from_sql_and_values(backend, PURGE_DELIVERIES, values);
                        let gone = transaction.query_all_raw(deliveries).await?;
                        let ids = gone.iter().map(|row| row.try_get("", "id"));
                        let ids: Vec<uuid::Uuid> = ids.collect::<std::result::Result<_, _>>()?;
                        // Only of those that really went.
                        for ids in ids.chunks(PURGED_AT_ONCE) {
                            delivery_attempt::Entity::delete_many()
                                .filter(delivery_attempt::Column::DeliveryId.is_in(ids.iter().copied()))
                                .exec(transaction)
                                .await?;
                        }
                        Ok(ids.len())
                    })
                })
                .await?;
            total += gone as u64;
            if i64::try_from(gone).unwrap_or(i64::MAX) < rows {
                return Ok(total);
            }
        }
    }
}

fn state_values(recorded: &Recorded) -> [Value; 9] {
    let next_at = match recorded.verdict {
        Verdict::RetryAt(at) => Some(at.as_microsecond()),
        Verdict::Delivered | Verdict::Failed | Verdict::Gone => None,
    };
    let ended_us = next_at.is_none().then(|| recorded.ended_at.as_microsecond());
    let (url, lane) = recorded.moved.clone().unzip();
    [
        recorded.id.uuid().into(),
        recorded.verdict.state().code().into(),
        count(recorded.attempts).into(),
        next_at.into(),
        ended_us.into(),
        recorded.status.map(i32::from).into(),
        recorded.error.clone().into(),
        url.into(),
        lane.into(),
    ]
}

fn attempt_values(recorded: &Recorded) -> [Value; 8] {
    [
        recorded.id.uuid().into(),
        count(recorded.attempts).into(),
        recorded.tenant_id.uuid().into(),
        recorded.at.as_microsecond().into(),
        i64::try_from(recorded.duration_ms).unwrap_or(i64::MAX).into(),
        recorded.status.map(i32::from).into(),
        recorded.error.clone().into(),
        recorded.response.clone().into(),
    ]
}

fn count(attempts: u32) -> i32 {
    i32::try_from(attempts).unwrap_or(i32::MAX)
}

/// Disables a subscription whose receiver wants no more; false if it is disabled, or has another receiver.
async fn disable(
    transaction: &DatabaseTransaction,
    clock: &Clock,
    recorded: &Recorded,
    disabled: &Disabled,
) -> Result<bool> {
    let changed = Entity::update_many()
        .set(ActiveModel {
            enabled: Set(false),
            disabled_reason: Set(Some(disabled.reason.clone())),
            updated_at: Set(recorded.ended_at.as_microsecond()),
            ..Default::default()
        })
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::TenantId.eq(recorded.tenant_id.uuid()))
        .filter(Column::Id.eq(disabled.id.uuid()))
        .filter(Column::Enabled.eq(true))
        .filter(Column::Url.eq(disabled.url.as_str()))
        .exec(transaction)
        .await?;
    if changed.rows_affected == 0 {
        return Ok(false);
    }
    let entry = Entry::of_engine(
        recorded.tenant_id,
        "webhook_subscription.disable",
        ("webhook_subscription", disabled.id),
        (
            Some(serde_json::json!({ "enabled": true })),
            Some(serde_json::json!({ "enabled": false, "reason": disabled.reason })),
        ),
    );
    audit::record(transaction, clock, entry).await?;
    Ok(true)
}

//! What is to be sent now: tenant by tenant and lane by lane, of each a bounded number at a time, so that the many that wait
//! for dead receivers are not read in search of the one that waits for a live one.

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use uuid::Uuid;

use super::NewDelivery;
use crate::{
    domain::{
        delivery::{lane_of, last_lane_of, owner_of, sweep::Step},
        ids::{BackgroundId, DeliveryId, SubscriptionId, TenantId},
    },
    store::{Result, Store, tenants::timestamp},
};

/// A delivery that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDelivery {
    /// Id.
    pub id: DeliveryId,
    /// Tenant.
    pub tenant_id: TenantId,
    /// The subscription; none for a plain URL.
    pub subscription_id: Option<SubscriptionId>,
    /// The background request that it tells about.
    pub background_id: Option<BackgroundId>,
    /// Where it goes, unless its subscription has another URL by now.
    pub url: String,
    /// The lane in which it waits.
    pub lane: i64,
    /// Further headers, as JSON pairs.
    pub headers: Option<String>,
    /// The body.
    pub payload: String,
    /// Attempts so far.
    pub attempts: u32,
    /// Of these, those before the last replay.
    pub attempts_before: u32,
    /// When the next attempt is due.
    pub next_at: Timestamp,
}

/// A lane in which something waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingLane {
    /// Its number.
    pub lane: i64,
    /// Whether something of it is due.
    pub is_due: bool,
    /// When what is not due yet will be, at the earliest.
    pub later_at: Option<Timestamp>,
}

/// Lanes of one tenant, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingOwner {
    /// What its lanes have in common.
    pub owner: i64,
    /// The lanes.
    pub lanes: Vec<WaitingLane>,
    /// There are no more behind them.
    pub complete: bool,
}

/// Where something waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Tenants, with some of their lanes.
    pub owners: Vec<WaitingOwner>,
    /// How far a pass over the tenants has come; none: to its end, or none is going.
    pub passed_to: Option<i64>,
}

/// How much is waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries that have not ended.
    pub pending: u64,
    /// When the oldest of them was made.
    pub oldest_at: Option<Timestamp>,
}

impl From<&NewDelivery> for DueDelivery {
    fn from(new: &NewDelivery) -> Self {
        Self {
            id: new.id,
            tenant_id: new.tenant_id,
            subscription_id: new.subscription_id,
            background_id: new.background_id,
            url: new.url.clone(),
            lane: lane_of(new.tenant_id, &new.url),
            headers: new.headers.clone(),
            payload: new.payload.clone(),
            attempts: 0,
            attempts_before: 0,
            next_at: new.next_at,
        }
    }
}

/// From one tenant to the next by the index: costs a look-up for each, however much waits of it.
pub(in crate::store) const OWNERS: &str = "WITH RECURSIVE owners(lane, number) AS ( \
     SELECT (SELECT min(lane) FROM webhook_delivery WHERE state = 0 AND lane > $1), CAST(1 AS BIGINT) \
     UNION ALL \
     SELECT (SELECT min(d.lane) FROM webhook_delivery AS d WHERE d.state = 0 AND d.lane > (owners.lane | 4294967295)), number + 1 \
     FROM owners WHERE owners.lane IS NOT NULL AND number < $2) \
     SELECT lane FROM owners WHERE lane IS NOT NULL";
/// From one lane of a tenant to the next by the index: costs a look-up for each lane, however much waits in it.
pub(in crate::store) const LANES: &str = "WITH RECURSIVE lanes(lane, number) AS ( \
     SELECT (SELECT min(lane) FROM webhook_delivery WHERE state = 0 AND lane > $2 AND lane <= $3), CAST(1 AS BIGINT) \
     UNION ALL \
     SELECT (SELECT min(d.lane) FROM webhook_delivery AS d WHERE d.state = 0 AND d.lane > lanes.lane AND d.lane <= $3), number + 1 \
     FROM lanes WHERE lanes.lane IS NOT NULL AND number < $4) \
     SELECT lane, (SELECT min(next_at) FROM webhook_delivery AS d WHERE d.state = 0 AND d.lane = lanes.lane) AS first_at, \
     (SELECT min(next_at) FROM webhook_delivery AS d WHERE d.state = 0 AND d.lane = lanes.lane AND d.next_at > $1) AS later_at \
     FROM lanes WHERE lane IS NOT NULL";
pub(in crate::store) const DUE: &str = "SELECT id, tenant_id, subscription_id, background_id, url, lane, headers, payload, attempts, attempts_before, \
     next_at FROM webhook_delivery WHERE state = 0 AND lane = $1 AND next_at <= $2 ORDER BY next_at LIMIT $3";
const BACKLOG: &str = "SELECT count(*) AS pending, min(created_at) AS oldest_at FROM webhook_delivery WHERE state = 0";

impl Store {
    /// Where something waits: the lanes of at most so many tenants, of each at most so many.
    pub async fn waiting_lanes(
        &self,
        now: Timestamp,
        step: Step,
        owners_max: usize,
        lanes_max: usize,
    ) -> Result<Waiting> {
        self.read(move |db| async move {
            let backend = db.get_database_backend();
            let mut visits = Vec::new();
            let mut passed_to = None;
            if let Some(after) = step.after {
                let values: [Value; 2] = [after.into(), number(owners_max)];
                let statement = Statement::from_sql_and_values(backend, OWNERS, values);
                for row in db.query_all_raw(statement).await? {
                    let owner = owner_of(row.try_get("", "lane")?);
                    let from = step.from.iter().find(|(known, _)| *known == owner);
                    visits.push((owner, from.map_or(owner, |(_, from)| *from)));
                }
                passed_to = visits.last().map(|(owner, _)| last_lane_of(*owner));
                passed_to = passed_to.filter(|_| visits.len() >= owners_max);
            } else {
                visits = step.from;
            }
            let mut owners = Vec::with_capacity(visits.len());
            for (owner, from) in visits {
                let values: [Value; 4] = [
                    now.as_microsecond().into(),
                    from.into(),
                    last_lane_of(owner).into(),
                    number(lanes_max),
                ];
                let statement = Statement::from_sql_and_values(backend, LANES, values);
                let rows = db.query_all_raw(statement).await?;
                let lanes: Vec<WaitingLane> = rows.iter().map(|row| waiting_lane(row, now)).collect::<Result<_>>()?;
                let complete = lanes.len() < lanes_max;
                owners.push(WaitingOwner { owner, lanes, complete });
            }
            Ok(Waiting { owners, passed_to })
        })
        .await
    }

    /// What is due in these lanes, at most so many of each, earliest first.
    pub async fn due_deliveries(&self, now: Timestamp, lanes: Vec<(i64, usize)>) -> Result<Vec<DueDelivery>> {
        let now_us = now.as_microsecond();
        self.read(move |db| async move {
            let mut due = Vec::new();
            for (lane, rows_max) in lanes {
                let values: [Value; 3] = [lane.into(), now_us.into(), number(rows_max)];
                let statement = Statement::from_sql_and_values(db.get_database_backend(), DUE, values);
                for row in db.query_all_raw(statement).await? {
                    due.push(due_delivery(&row)?);
                }
            }
            Ok(due)
        })
        .await
    }

    /// How much is waiting, of all tenants.
    pub async fn delivery_backlog(&self) -> Result<Backlog> {
        self.read(|db| async move {
            let statement = Statement::from_string(db.get_database_backend(), BACKLOG);
            let Some(row) = db.query_one_raw(statement).await? else {
                return Ok(Backlog::default());
            };
            let oldest_us: Option<i64> = row.try_get("", "oldest_at")?;
            Ok(Backlog {
                pending: u64::try_from(row.try_get::<i64>("", "pending")?).unwrap_or(0),
                oldest_at: oldest_us.map(timestamp).transpose()?,
            })
        })
        .await
    }
}

fn number(max: usize) -> Value {
    i64::try_from(max).unwrap_or(i64::MAX).into()
}

fn waiting_lane(row: &QueryResult, now: Timestamp) -> Result<WaitingLane> {
    let first_us: Option<i64> = row.try_get("", "first_at")?;
    let later_us: Option<i64> = row.try_get("", "later_at")?;
    Ok(WaitingLane {
        lane: row.try_get("", "lane")?,
        is_due: first_us.is_some_and(|first_us| first_us <= now.as_microsecond()),
        later_at: later_us.map(timestamp).transpose()?,
    })
}

pub(super) fn due_delivery(row: &QueryResult) -> Result<DueDelivery> {
    let count = |name: &str| -> Result<u32> { Ok(u32::try_from(row.try_get::<i32>("", name)?).unwrap_or(0)) };
    Ok(DueDelivery {
        id: row.try_get::<Uuid>("", "id")?.into(),
        tenant_id: row.try_get::<Uuid>("", "tenant_id")?.into(),
        subscription_id: row.try_get::<Option<Uuid>>("", "subscription_id")?.map(Into::into),
        background_id: row.try_get::<Option<Uuid>>("", "background_id")?.map(Into::into),
        url: row.try_get("", "url")?,
        lane: row.try_get("", "lane")?,
        headers: row.try_get("", "headers")?,
        payload: row.try_get("", "payload")?,
        attempts: count("attempts")?,
        attempts_before: count("attempts_before")?,
        next_at: timestamp(row.try_get("", "next_at")?)?,
    })
}

//! The delivery actor and the store: looks for what is due, records what came of attempts, tells of it.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, fut::wrap_future};
use jiff::Timestamp;
use serde_json::json;

use super::DeliveryActor;
use crate::{
    actors::delivery::attempt::Ended,
    domain::{delivery::Verdict, ids::SubscriptionId},
    store::{
        Error,
        deliveries::{DueDelivery, Recorded, WaitingLane},
    },
};

/// Attempts that are recorded in one transaction.
const BATCH_MAX: usize = 512;
/// Lanes that one look reads; the others have their turn at the next.
const LANES_PER_LOOK_MAX: usize = 256;
/// Of what is in a lane here already, so much is read again with what is not; a lane is only short of more where it holds less.
const HELD_READ_MAX: usize = 128;
/// The longest time between two looks: the safety net under everything that says when to look.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// How long to wait after the store has failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What a look has found.
struct Seen {
    due: Vec<DueDelivery>,
    /// Lanes that were read, and whether they may hold more.
    read: Vec<(i64, bool)>,
    /// Lanes that are due and were not read.
    unread: bool,
    later_at: Option<Timestamp>,
}

impl DeliveryActor {
    /// Looks into the store for what is due and not here.
    pub(super) fn scan(&mut self, ctx: &mut Context<Self>) {
        if self.stopping || self.services.is_draining() {
            return;
        }
        if self.scanning {
            self.scan_again = true;
            return;
        }
        self.scanning = true;
        let (store, now) = (self.services.store.clone(), self.services.clock.now());
        let lanes = wrap_future::<_, Self>(async move { store.waiting_lanes(now).await });
        let looked = lanes.then(move |lanes, actor: &mut Self, _| {
            let plan = lanes.map(|lanes| actor.plan(&lanes));
            let store = actor.services.store.clone();
            wrap_future(async move {
                let Plan { read, unread, later_at } = plan?;
                let due = store.due_deliveries(now, read.clone()).await?;
                let came = |lane: i64| due.iter().filter(|job| job.lane == lane).count();
                let read = read.iter().map(|(lane, rows_max)| (*lane, came(*lane) >= *rows_max));
                Ok(Seen {
                    read: read.collect(),
                    unread,
                    later_at,
                    due,
                })
            })
        });
        ctx.spawn(looked.map(|seen: Result<Seen, Error>, actor: &mut Self, ctx| actor.looked(seen, ctx)));
    }

    fn plan(&self, lanes: &[WaitingLane]) -> Plan {
        let due = lanes.iter().filter(|lane| lane.is_due);
        let mut read: Vec<(i64, usize)> = due
            .map(|lane| (lane.lane, self.lanes.room(lane.lane)))
            .filter(|(_, room)| *room > 0)
            .collect();
        // In the order of their numbers, from where the last look ended.
        read.sort_by_key(|(lane, _)| (*lane <= self.looked_to, *lane));
        let unread = read.len() > LANES_PER_LOOK_MAX;
        read.truncate(LANES_PER_LOOK_MAX);
        // What is here already comes first in its lane, so it is read again.
        let held = (self.known.len() + self.inbox.going()).min(HELD_READ_MAX);
        for (_, rows) in &mut read {
            *rows += held;
        }
        Plan {
            read,
            unread,
            later_at: lanes.iter().filter_map(|lane| lane.later_at).min(),
        }
    }

    fn looked(&mut self, seen: Result<Seen, Error>, ctx: &mut Context<Self>) {
        self.scanning = false;
        let next_at = match seen {
            Ok(seen) => {
                let before = self.known.len();
                for (lane, _) in &seen.read {
                    self.lanes.set_more(*lane, false);
                }
                for job in seen.due {
                    self.offer(job);
                }
                for (lane, _) in seen.read.iter().filter(|(_, more)| *more) {
                    self.lanes.set_more(*lane, true);
                }
                if let Some((lane, _)) = seen.read.last() {
                    self.looked_to = *lane;
                }
                // At once only while it finds something: the lanes that were read may be full of what cannot be sent now.
                self.scan_again |= seen.unread && self.known.len() > before;
                let soon = self
                    .services
                    .clock
                    .now()
                    .checked_add(STORE_PAUSE)
                    .ok()
                    .filter(|_| seen.unread);
                seen.later_at.into_iter().chain(soon).min()
            }
            Err(error) => {
                tracing::error!(error = ?error, "deliveries cannot be read; trying again");
                self.services.clock.now().checked_add(STORE_PAUSE).ok()
            }
        };
        let latest = self
            .services
            .clock
            .now()
            .checked_add(LOOK_INTERVAL)
            .unwrap_or(Timestamp::MAX);
        self.look_at(next_at.map_or(latest, |at| at.min(latest)), ctx);
        self.fill(ctx);
        if std::mem::take(&mut self.scan_again) {
            self.scan(ctx);
        }
    }

    /// Looks at this time, unless it looks earlier anyway.
    fn look_at(&mut self, at: Timestamp, ctx: &mut Context<Self>) {
        if let Some((timer, due_at)) = self.timer.take() {
            if due_at <= at {
                self.timer = Some((timer, due_at));
                return;
            }
            ctx.cancel_future(timer);
        }
        self.timers = self.timers.wrapping_add(1);
        let clock = self.services.clock.clone();
        let timer = wrap_future::<_, Self>(async move { clock.sleep_until(at).await });
        let handle = ctx.spawn(timer.map(|(), actor: &mut Self, ctx| {
            actor.timer = None;
            actor.scan(ctx);
        }));
        self.timer = Some((handle, at));
    }

    /// Records what has ended: while one transaction is going, the next batch gathers.
    pub(super) fn record(&mut self, ctx: &mut Context<Self>) {
        if self.recording || self.unrecorded.is_empty() {
            return;
        }
        self.recording = true;
        let count = self.unrecorded.len().min(BATCH_MAX);
        let batch: Vec<Ended> = self.unrecorded.drain(..count).collect();
        let rows: Vec<Recorded> = batch.iter().map(|ended| ended.recorded.clone()).collect();
        let (store, clock) = (self.services.store.clone(), self.services.clock.clone());
        let written = wrap_future::<_, Self>(async move {
            let written = store.record_attempts(rows).await;
            if written.is_err() {
                clock.sleep(STORE_PAUSE).await;
            }
            written
        });
        ctx.spawn(written.map(move |written, actor: &mut Self, ctx| {
            actor.recording = false;
            match written {
                Ok(disabled) => actor.recorded(batch, &disabled, ctx),
                Err(error) => {
                    tracing::error!(error = ?error, "attempts cannot be recorded; trying again");
                    actor.unrecorded.splice(0..0, batch);
                }
            }
            actor.record(ctx);
            actor.fill(ctx);
        }));
    }

    /// Tells of what was recorded. The end of each `Ended` lets its delivery be sent again, if it is to be.
    fn recorded(&mut self, batch: Vec<Ended>, all_disabled: &[SubscriptionId], ctx: &mut Context<Self>) {
        for ended in batch {
            let Ended { job, recorded, .. } = &ended;
            self.recent.put(job.id, recorded.attempts);
            self.counters.runs += u64::from(!recorded.unsent);
            self.counters.failures += u64::from(recorded.verdict != Verdict::Delivered);
            self.counters.created += u64::from(recorded.verdict == Verdict::Delivered);
            if recorded.disables.is_some() {
                self.services.targets.forget(job.tenant_id);
            }
            self.tell(job, recorded, all_disabled);
            if let Verdict::RetryAt(at) = recorded.verdict {
                self.look_at(at, ctx);
            }
        }
    }

    fn tell(&self, job: &DueDelivery, recorded: &Recorded, all_disabled: &[SubscriptionId]) {
        let events = &self.services.events;
        let data = json!({
            "deliveryId": job.id, "backgroundId": job.background_id, "subscriptionId": job.subscription_id,
            "attempts": recorded.attempts, "status": recorded.status, "error": recorded.error,
        });
        let kind = match recorded.verdict {
            Verdict::Delivered => "webhook.delivered",
            Verdict::Failed | Verdict::Gone => "webhook.failed",
            Verdict::RetryAt(_) => "webhook.retried",
        };
        events.publish(job.tenant_id, recorded.ended_at, kind, job.id.uuid(), data);
        let disabled = recorded.disables.as_ref();
        if let Some(disabled) = disabled.filter(|disabled| all_disabled.contains(&disabled.id)) {
            let data = json!({ "subscriptionId": disabled.id, "reason": disabled.reason });
            events.publish(
                job.tenant_id,
                recorded.ended_at,
                "webhook.disabled",
                disabled.id.uuid(),
                data,
            );
        }
    }
}

/// What to read.
struct Plan {
    /// Lanes, and at most so many of each.
    read: Vec<(i64, usize)>,
    unread: bool,
    later_at: Option<Timestamp>,
}

//! The delivery actor and the store: looks for what is due, records what came of attempts, tells of it.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use actix::{ActorFutureExt, AsyncContext, Context, fut::wrap_future};
use jiff::Timestamp;
use serde_json::json;

use super::DeliveryActor;
use crate::{
    actors::delivery::attempt::Ended,
    domain::{delivery::Verdict, ids::SubscriptionId},
    store::{
        Error,
        deliveries::{DueDelivery, Recorded, Waiting, WaitingOwner},
    },
};

/// Attempts that are recorded in one transaction.
const BATCH_MAX: usize = 512;
/// Tenants that one look visits, and lanes of each.
const OWNERS_PER_LOOK_MAX: usize = 64;
const LANES_PER_OWNER_MAX: usize = 64;
/// Lanes that one look reads, shared by the tenants with something that is due.
const LANES_READ_MAX: usize = 256;
/// Deliveries that one look reads, of what is not here.
const ROWS_READ_MAX: usize = 4_096;
/// Of a lane that is read, at least so many.
const ROWS_OF_LANE_MIN: usize = 16;
/// Of what is in a lane here already, so much is read again with what is not; a lane is only short of more where it holds less.
const HELD_READ_MAX: usize = 128;
/// The longest time between two looks: the safety net under everything that says when to look.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// How long to wait before looking at further lanes of those that have very many.
const LEFT_PAUSE: Duration = Duration::from_millis(250);
/// How long to wait after the store has failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What a look has found.
struct Seen {
    due: Vec<DueDelivery>,
    /// Lanes that were read, and whether they may hold more.
    read: Vec<(i64, bool)>,
    plan: Plan,
}

/// What to read.
#[derive(Default)]
struct Plan {
    /// Lanes, and at most so many of each.
    read: Vec<(i64, usize)>,
    visits: Vec<Visit>,
    /// A pass was going, and has come so far; none inside: to its end.
    passed: Option<Option<i64>>,
    later_at: Option<Timestamp>,
}

/// How far the lanes of a tenant were visited.
struct Visit {
    owner: i64,
    to: i64,
    complete: bool,
    /// It has no room for what is due.
    is_full: bool,
}

impl DeliveryActor {
    /// Looks into the store for what is due and not here, wherever it is.
    pub(super) fn scan(&mut self, ctx: &mut Context<Self>) {
        self.sweep.want();
        self.look(ctx);
    }

    /// Looks into the store for those that have less here than they may, while it has more of them.
    pub(super) fn feed(&mut self, ctx: &mut Context<Self>) {
        // After a look that brought nothing, another one at once would bring nothing either: what it met is on its way, or
        // waits to be recorded, or cannot be read.
        if self.scanning || self.fruitless {
            return;
        }
        if !self.sweep.is_passing() && self.lanes.take_short() {
            self.sweep.want();
        }
        if self.sweep.is_passing() || !self.lanes.hungry(1).is_empty() {
            self.look(ctx);
        }
    }

    /// One look, at a bounded number of tenants and lanes. While one is going there is no other.
    fn look(&mut self, ctx: &mut Context<Self>) {
        if self.scanning || self.stopping || self.services.is_draining() {
            return;
        }
        self.scanning = true;
        let (store, now) = (self.services.store.clone(), self.services.clock.now());
        let step = self.sweep.step(OWNERS_PER_LOOK_MAX);
        let is_pass = step.after.is_some();
        let waiting = wrap_future::<_, Self>(async move {
            store
                .waiting_lanes(now, step, OWNERS_PER_LOOK_MAX, LANES_PER_OWNER_MAX)
                .await
        });
        let looked = waiting.then(move |waiting, actor: &mut Self, _| {
            let plan = waiting.map(|waiting| actor.plan(&waiting, is_pass));
            let store = actor.services.store.clone();
            wrap_future(async move {
                let plan = plan?;
                let due = store.due_deliveries(now, plan.read.clone()).await?;
                let mut came: HashMap<i64, usize> = HashMap::new();
                for job in &due {
                    *came.entry(job.lane).or_default() += 1;
                }
                let came = |lane: i64| came.get(&lane).copied().unwrap_or_default();
                let read = plan.read.iter();
                let read = read.map(|(lane, rows_max)| (*lane, came(*lane) >= *rows_max));
                Ok(Seen {
                    read: read.collect(),
                    due,
                    plan,
                })
            })
        });
        ctx.spawn(looked.map(|seen: Result<Seen, Error>, actor: &mut Self, ctx| actor.looked(seen, ctx)));
    }

    /// Lanes that are short of more first; then those that the search has found, each tenant with its part.
    fn plan(&mut self, waiting: &Waiting, is_pass: bool) -> Plan {
        let mut plan = Plan {
            passed: is_pass.then_some(waiting.passed_to),
            ..Plan::default()
        };
        let mut rows_left = ROWS_READ_MAX;
        let hungry = self.lanes.hungry(LANES_READ_MAX);
        let rows_max = (rows_left / hungry.len().max(1)).max(ROWS_OF_LANE_MIN);
        for lane in hungry {
            let rows = self.lanes.room(lane).min(rows_max);
            rows_left = rows_left.saturating_sub(rows);
            plan.read.push((lane, rows));
        }
        let hungry: HashSet<i64> = plan.read.iter().map(|(lane, _)| *lane).collect();
        let lanes = waiting.owners.iter().flat_map(|owner| &owner.lanes);
        plan.later_at = lanes.filter_map(|lane| lane.later_at).min();
        let due = waiting
            .owners
            .iter()
            .filter(|owner| owner.lanes.iter().any(|lane| lane.is_due));
        let due = due.count().max(1);
        let (lanes_each, rows_each) = (LANES_READ_MAX / due, rows_left / due);
        for owner in &waiting.owners {
            let visit = self.plan_owner(owner, lanes_each, rows_each, &hungry, &mut plan.read);
            plan.visits.push(visit);
        }
        // What is here already comes first in its lane, so it is read again.
        let held = (self.known.len() + self.inbox.going()).min(HELD_READ_MAX);
        for (_, rows) in &mut plan.read {
            *rows += held;
        }
        plan
    }

    fn plan_owner(
        &mut self,
        found: &WaitingOwner,
        lanes_max: usize,
        rows_max: usize,
        hungry: &HashSet<i64>,
        read: &mut Vec<(i64, usize)>,
    ) -> Visit {
        let room = self.lanes.room_of(found.owner);
        let due = found.lanes.iter().filter(|lane| lane.is_due).count().max(1);
        let rows_max = (rows_max.min(room) / due).max(ROWS_OF_LANE_MIN);
        let read_before = read.len();
        let mut to = found.owner;
        for lane in &found.lanes {
            let rows = self.lanes.room(lane.lane).min(rows_max);
            if lane.is_due && !hungry.contains(&lane.lane) {
                if room == 0 || read.len() - read_before >= lanes_max {
                    // From here later: behind what was visited.
                    let to = to.max(lane.lane.saturating_sub(1));
                    return Visit {
                        owner: found.owner,
                        to,
                        complete: false,
                        is_full: room == 0,
                    };
                }
                if rows > 0 {
                    read.push((lane.lane, rows));
                } else {
                    // It holds as much as it may, and asks for more when it has sent that.
                    self.lanes.set_more(lane.lane, true);
                }
            }
            to = lane.lane;
        }
        Visit {
            owner: found.owner,
            to,
            complete: found.complete,
            is_full: false,
        }
    }

    fn looked(&mut self, seen: Result<Seen, Error>, ctx: &mut Context<Self>) {
        self.scanning = false;
        let now = self.services.clock.now();
        let next_at = match seen {
            Ok(seen) => {
                let later_at = seen.plan.later_at;
                let found = self.take_in(seen);
                self.fruitless = !found;
                if self.sweep.has_left() && !self.sweep.is_passing() && !found {
                    self.look_after_pause(ctx);
                }
                self.fill(ctx);
                if self.sweep.is_passing() || (found && self.sweep.has_left()) {
                    self.look(ctx);
                }
                later_at
            }
            Err(error) => {
                self.fruitless = true;
                tracing::error!(error = ?error, "deliveries cannot be read; trying again");
                now.checked_add(STORE_PAUSE).ok()
            }
        };
        let latest = now.checked_add(LOOK_INTERVAL).unwrap_or(Timestamp::MAX);
        self.look_at(next_at.map_or(latest, |at| at.min(latest)), ctx);
    }

    /// Puts into the lanes what a look has found; true if something was.
    fn take_in(&mut self, seen: Seen) -> bool {
        let before = self.known.len();
        for (lane, _) in &seen.read {
            self.lanes.set_more(*lane, false);
        }
        for visit in &seen.plan.visits {
            self.lanes.set_short(visit.owner, false);
        }
        for job in seen.due {
            self.offer(job);
        }
        for (lane, _) in seen.read.iter().filter(|(_, more)| *more) {
            self.lanes.set_more(*lane, true);
        }
        for visit in seen.plan.visits {
            if visit.is_full {
                self.lanes.set_short(visit.owner, true);
            }
            self.sweep.visited(visit.owner, visit.to, visit.complete);
        }
        if let Some(to) = seen.plan.passed {
            self.sweep.passed(to);
        }
        self.known.len() > before
    }

    fn look_after_pause(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.pausing, true) {
            return;
        }
        let clock = self.services.clock.clone();
        let pause = wrap_future::<_, Self>(clock.sleep(LEFT_PAUSE));
        ctx.spawn(pause.map(|(), actor: &mut Self, ctx| {
            actor.pausing = false;
            actor.look(ctx);
        }));
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
                Ok(disabled) => {
                    actor.fruitless = false;
                    actor.recorded(batch, &disabled, ctx);
                }
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

//! The delivery actor's state: lanes, attempts on their way, the timer for what is due later. What it does with the store is
//! in `store`.

use std::{collections::HashSet, num::NonZeroUsize, sync::Arc};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, MessageResult, SpawnHandle, fut::wrap_future,
};
use jiff::Timestamp;
use lru::LruCache;

use crate::{
    actors::{
        api_call::messages::{Observe, Stop},
        delivery::{
            attempt::{Ended, attempt},
            inbox::DeliveryInbox,
        },
        observed::{Counters, KIND_DELIVERY, Observed},
        registry::singleton::Watched,
        services::Services,
    },
    domain::{
        delivery::{
            host_of,
            lanes::{Lanes, Limits},
            sweep::Sweep,
        },
        ids::DeliveryId,
    },
    store::deliveries::DueDelivery,
};

mod store;

/// Attempts that were recorded last: what was read before is known to be old.
const RECENT_MAX: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// Attempts that may wait to be recorded; nothing more is sent meanwhile.
const UNRECORDED_MAX: usize = 4_096;

/// See the module.
pub struct DeliveryActor {
    services: Arc<Services>,
    watched: Watched,
    inbox: DeliveryInbox,
    /// Which instance: attempts of one before are recorded, but hold no place in the lanes of this one.
    generation: u64,
    lanes: Lanes<DueDelivery>,
    /// What waits in the lanes.
    known: HashSet<DeliveryId>,
    /// How many attempts of a delivery are recorded.
    recent: LruCache<DeliveryId, u32>,
    unrecorded: Vec<Ended>,
    recording: bool,
    scanning: bool,
    /// How far the search of the store has come.
    sweep: Sweep,
    /// The search goes on after a pause.
    pausing: bool,
    /// The last look brought nothing, and nothing was recorded since.
    fruitless: bool,
    /// The next look into the store, and when.
    timer: Option<(SpawnHandle, Timestamp)>,
    timers: u32,
    stopping: bool,
    since: Timestamp,
    messages: u64,
    counters: Counters,
}

impl DeliveryActor {
    /// An instance that has not started.
    pub fn new(services: Arc<Services>, watched: Watched) -> Self {
        let settings = &services.settings.webhooks;
        let inbox = services.deliveries.clone();
        Self {
            lanes: Lanes::new(Limits::new(settings.workers, settings.per_receiver_max)),
            generation: inbox.new_generation(),
            inbox,
            since: services.clock.now(),
            watched,
            known: HashSet::new(),
            recent: LruCache::new(RECENT_MAX),
            unrecorded: Vec::new(),
            recording: false,
            scanning: false,
            sweep: Sweep::default(),
            pausing: false,
            fruitless: false,
            timer: None,
            timers: 0,
            stopping: false,
            messages: 0,
            counters: Counters::default(),
            services,
        }
    }

    /// Waits for the inbox, hears what is in it, waits again.
    fn listen(&self, ctx: &mut Context<Self>) {
        let inbox = self.inbox.clone();
        let woken = wrap_future::<_, Self>(async move { inbox.woken().await });
        ctx.spawn(woken.map(|(), actor: &mut Self, ctx| {
            actor.hear(ctx);
            actor.listen(ctx);
        }));
    }

    fn hear(&mut self, ctx: &mut Context<Self>) {
        self.messages += 1;
        let letters = self.inbox.take();
        fail_on_purpose(letters.fail);
        for ended in letters.ended {
            if ended.generation == self.generation {
                self.lanes.ended(ended.job.lane, ended.good);
            }
            self.unrecorded.push(ended);
        }
        for job in letters.fresh {
            self.offer(job);
        }
        if letters.look {
            self.scan(ctx);
        }
        self.record(ctx);
        self.fill(ctx);
    }

    /// Puts a delivery into its lane, unless it is there, on its way, or older than what is known of it.
    fn offer(&mut self, job: DueDelivery) {
        let is_old = self
            .recent
            .peek(&job.id)
            .is_some_and(|recorded| *recorded > job.attempts);
        if is_old || self.known.contains(&job.id) || self.inbox.is_going(job.id) {
            return;
        }
        let (id, lane) = (job.id, job.lane);
        if self.lanes.offer(lane, &host_of(&job.url), job).is_ok() {
            self.known.insert(id);
        }
    }

    /// Sends as much as may be on its way.
    fn fill(&mut self, ctx: &mut Context<Self>) {
        while !self.stopping && self.unrecorded.len() < UNRECORDED_MAX {
            // None while the engine stops: what waits is found in the store after the next start.
            let Some(guard) = self.services.enter_run() else { break };
            let Some((lane, job)) = self.lanes.take_next() else {
                break;
            };
            self.known.remove(&job.id);
            let Some(going) = self.inbox.go(job.id) else {
                self.lanes.ended(lane, true);
                continue;
            };
            let (services, inbox, generation) = (self.services.clone(), self.inbox.clone(), self.generation);
            // A task of its own: the actor hears of its end through the inbox.
            actix_rt::spawn(async move {
                inbox.ended(attempt(services, job, generation, guard, going).await);
            });
        }
        self.feed(ctx);
        self.show();
        if self.stopping && self.inbox.going() == 0 {
            ctx.stop();
        }
    }

    fn show(&mut self) {
        let busy = self.inbox.going() > 0 || self.lanes.waiting() > 0;
        if self.stopping {
            self.watched.status.set_stopping();
        } else if busy != (self.watched.status.phase() == "running") {
            self.watched.status.set_busy(busy);
            self.since = self.services.clock.now();
        }
    }
}

#[expect(clippy::panic, reason = "what it is for: tests of the supervision")]
fn fail_on_purpose(fail: bool) {
    if fail {
        panic!("asked to fail");
    }
}

impl Actor for DeliveryActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.listen(ctx);
        self.scan(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.watched.exited();
    }
}

impl Handler<Observe> for DeliveryActor {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        self.messages += 1;
        MessageResult(Observed {
            kind: KIND_DELIVERY,
            id: self.services.node_id,
            tenant_id: None,
            name: "delivery".to_owned(),
            phase: self.watched.status.phase(),
            since: self.since,
            next_due_at: self.timer.as_ref().map(|(_, at)| *at),
            current: None,
            last_run: None,
            restarts: self.watched.status.restarts(),
            last_exit: None,
            generation: self.timers,
            arbiter: self.watched.arbiter,
            messages: self.messages,
            counters: self.counters,
            queued: u64::try_from(self.lanes.waiting()).ok(),
        })
    }
}

impl Handler<Stop> for DeliveryActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.messages += 1;
        self.stopping = true;
        self.fill(ctx);
    }
}

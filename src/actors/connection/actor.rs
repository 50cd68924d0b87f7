//! The actor of one connection: turns questions, ends of requests and timers into events of its state machine, and writes down
//! how the connection fares.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, SpawnHandle, fut::wrap_future};
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::{
    actors::{
        connection::{
            gate::Refused,
            hub::Post,
            permit::{Granted, Permit},
            prepared::{Loaded, Prepared, load},
        },
        observed::{Counters, KIND_AUTOMATION},
        registry::{family::Member, messages::ExitReason},
        services::Services,
    },
    domain::{
        connection::{
            Health,
            machine::{Answer, ConnectionMachine, Pledge},
            status,
        },
        ids::ConnectionId,
    },
    store::{Error as StoreError, connections::SeenHealth},
};

mod hears;

/// Pauses between tries to read or write the row, the first and the longest.
const STORE_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Pause between tries to renew a token ahead of its end.
const RENEW_PAUSE: Duration = Duration::from_secs(10);
/// Such tries; after them the next request gets the token.
const RENEW_TRIES_MAX: u32 = 5;

type Reply = oneshot::Sender<Result<Granted, Refused>>;

/// See the module.
pub struct ConnectionActor {
    services: Arc<Services>,
    member: Member,
    machine: ConnectionMachine,
    /// None until the row was read for the first time.
    prepared: Option<Arc<Prepared>>,
    /// Where gates find this instance.
    post: Option<Arc<Post>>,
    /// Who waits for a place, in the order of their coming.
    waiting: VecDeque<Reply>,
    going: usize,
    /// Counts reads of the row: the last one asked for counts.
    loads: u64,
    /// As the row says.
    written: Health,
    writing: bool,
    /// The renewal of the token ahead of its end, and when.
    renewal: Option<(SpawnHandle, Timestamp)>,
    timers: u32,
    /// The registry counts it no more; it serves the gates that are left, then ends.
    is_retired: bool,
    phase: &'static str,
    since: Timestamp,
    counters: Counters,
}

impl ConnectionActor {
    /// An instance that has not started.
    pub fn new(services: Arc<Services>, member: Member) -> Self {
        Self {
            since: services.clock.now(),
            services,
            member,
            machine: ConnectionMachine::default(),
            prepared: None,
            post: None,
            waiting: VecDeque::new(),
            going: 0,
            loads: 0,
            written: Health::Ok,
            writing: false,
            renewal: None,
            timers: 0,
            is_retired: false,
            phase: "idle",
            counters: Counters::default(),
        }
    }

    fn id(&self) -> ConnectionId {
        self.member.id.into()
    }

    /// Lets no new work in, and ends; where work is going through it, when that has ended. The registry may start the next
    /// instance meanwhile, to which the gates of this one turn.
    fn retire(&mut self, ctx: &mut Context<Self>) {
        if self.is_retired {
            return;
        }
        // What is being read is not for this one any more.
        self.loads += 1;
        self.stop_renewal(ctx);
        self.is_retired = self.post.as_ref().is_some_and(|post| self.services.gates.close(post));
        if self.is_retired {
            self.member.exited(ExitReason::Gone);
        } else {
            ctx.stop();
        }
    }

    /// Reads the row, however often it takes.
    fn load(&mut self, ctx: &mut Context<Self>) {
        self.loads += 1;
        let (services, tenant, id, this) = (self.services.clone(), self.member.tenant_id, self.id(), self.loads);
        let reading = async move {
            let mut pause = STORE_PAUSE.0;
            loop {
                match load(&services, tenant, id).await {
                    Ok(found) => return found,
                    Err(error) => {
                        tracing::error!(connection.id = %id, error = ?error, "connection cannot be read; trying again");
                        services.clock.sleep(pause).await;
                        pause = pause.saturating_mul(2).min(STORE_PAUSE.1);
                    }
                }
            }
        };
        ctx.spawn(wrap_future::<_, Self>(reading).map(move |found, actor, ctx| {
            if actor.loads != this {
                return;
            }
            match found {
                Some(loaded) => actor.loaded(loaded, ctx),
                // The registry looks at the row, and finds none either.
                None => actor.retire(ctx),
            }
        }));
    }

    fn loaded(&mut self, loaded: Loaded, ctx: &mut Context<Self>) {
        let before = self.prepared.as_ref().map(|prepared| prepared.account.version);
        if before.is_some_and(|before| before >= loaded.prepared.account.version) {
            return;
        }
        let health_before = self.health().0;
        if before.is_some() {
            self.machine.redefined();
            self.stop_renewal(ctx);
        } else if loaded.health == Health::NeedsReauthorisation {
            self.machine = ConnectionMachine::refused(loaded.detail.as_deref().unwrap_or_default());
        }
        self.prepared = Some(loaded.prepared.clone());
        self.written = loaded.health;
        match &self.post {
            Some(post) => self.services.gates.renewed(post, loaded.prepared),
            None => self.post = Some(self.services.gates.register(ctx.address(), loaded.prepared)),
        }
        // Told when gates have the new version: who hears of it may send at once.
        if before.is_some() {
            if health_before != Health::Ok && self.health().0 == Health::Ok {
                self.publish(Health::Ok, None);
            }
            self.wake_automations(ctx);
        }
        self.pump(ctx);
        self.settle(ctx);
    }

    /// Lets in as many of those who wait as there are places, or sends all away.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        let Some(prepared) = self.prepared.clone() else { return };
        let now = self.services.clock.now();
        while self.going < prepared.places {
            let Some(reply) = self.waiting.pop_front() else { return };
            if reply.is_closed() {
                continue;
            }
            match self.machine.ask(now) {
                Answer::Go(pledge) => self.grant(reply, pledge, &prepared, ctx),
                Answer::Queue => {
                    self.waiting.push_front(reply);
                    return;
                }
                Answer::Later(until) => {
                    let wait = u64::try_from(until.duration_since(now).as_millis()).unwrap_or(0);
                    let why = match self.health().1 {
                        Some(why) => format!("its last requests failed ({why})"),
                        None => "the other side said that there were too many requests".to_owned(),
                    };
                    let message = format!("The connection {} waits until {until}: {why}.", prepared.name);
                    let retry_after_ms = Some(wait);
                    self.waiting.push_front(reply);
                    return self.send_away(&Refused::Unavailable {
                        message,
                        retry_after_ms,
                    });
                }
                Answer::Refused(why) => {
                    self.waiting.push_front(reply);
                    return self.send_away(&Refused::NeedsReauthorisation(format!(
                        "The connection {} needs new credentials; its work goes on when they are entered: {why}",
                        prepared.name
                    )));
                }
            }
        }
    }

    fn grant(&mut self, reply: Reply, pledge: Pledge, prepared: &Arc<Prepared>, ctx: &Context<Self>) {
        self.going += 1;
        let granted = Granted {
            permit: Permit::new(ctx.address(), pledge),
            prepared: prepared.clone(),
        };
        // Who has gone meanwhile gives the permit back by dropping it.
        let _ = reply.send(Ok(granted));
    }

    fn send_away(&mut self, refused: &Refused) {
        for reply in self.waiting.drain(..) {
            // Who has gone meanwhile needs no answer.
            let _ = reply.send(Err(refused.clone()));
        }
    }

    /// How it stands, and why.
    fn health(&self) -> (Health, Option<&str>) {
        match self.prepared.as_ref().map(|prepared| &prepared.credentials) {
            Some(Err(why)) => (Health::Error, Some(why)),
            _ => self.machine.health(),
        }
    }

    /// Shows the phase, and writes down how the connection fares where that has changed.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        if self.is_retired {
            return;
        }
        let now = self.services.clock.now();
        let phase = match self.health().0 {
            Health::Error => "error",
            _ => self.machine.phase(now),
        };
        if phase != self.phase {
            (self.phase, self.since) = (phase, now);
            self.member.status.set_word(phase, None);
        }
        let (health, detail) = self.health();
        let version = self.prepared.as_ref().map(|prepared| prepared.account.version);
        let (Some(version), false) = (version, self.writing || health == self.written) else {
            return;
        };
        let seen = SeenHealth {
            version,
            health,
            detail: detail.map(str::to_owned),
            at: now,
        };
        self.writing = true;
        let (services, tenant, id) = (self.services.clone(), self.member.tenant_id, self.id());
        let write = {
            let seen = seen.clone();
            async move { services.store.set_health(tenant, id, seen, services.epoch).await }
        };
        ctx.spawn(wrap_future::<_, Self>(write).map(|result, actor, ctx| actor.written(result, seen, ctx)));
    }

    fn written(&mut self, result: Result<(), StoreError>, seen: SeenHealth, ctx: &mut Context<Self>) {
        let is_current = self
            .prepared
            .as_ref()
            .is_some_and(|prepared| prepared.account.version == seen.version);
        match result {
            _ if !is_current => {}
            Ok(()) => {
                self.written = seen.health;
                tracing::info!(connection.id = %self.member.id, health = seen.health.as_str(), detail = ?seen.detail, "connection fares otherwise");
                self.publish(seen.health, seen.detail.as_deref());
                if seen.health == Health::Ok {
                    self.wake_automations(ctx);
                }
            }
            // A later version, or the end, is on its way here.
            Err(StoreError::Stale { .. } | StoreError::NotFound) => self.written = seen.health,
            Err(error) => {
                tracing::error!(connection.id = %self.member.id, error = ?error, "the connection's health is not written; trying again");
                let pause = self.services.clock.sleep(STORE_PAUSE.1);
                ctx.spawn(wrap_future::<_, Self>(pause).map(|(), actor, ctx| {
                    actor.writing = false;
                    actor.settle(ctx);
                }));
                return;
            }
        }
        self.writing = false;
        self.settle(ctx);
    }

    fn publish(&self, health: Health, detail: Option<&str>) {
        let Some(prepared) = &self.prepared else { return };
        let kind = match health {
            Health::Ok => "connection.ok",
            Health::NeedsReauthorisation => "connection.needs_reauthorisation",
            Health::Error => "connection.error",
        };
        let data = serde_json::json!({
            "name": prepared.name,
            "provider": prepared.account.provider.as_str(),
            "status": status(true, health),
            "detail": detail,
        });
        let now = self.services.clock.now();
        let events = &self.services.events;
        events.publish(self.member.tenant_id, now, kind, self.member.id, data);
    }

    /// Automations of the connection may go on.
    fn wake_automations(&self, ctx: &mut Context<Self>) {
        let (services, registry) = (self.services.clone(), self.member.registry.clone());
        let (tenant, id) = (self.member.tenant_id, self.id());
        ctx.spawn(wrap_future::<_, Self>(async move {
            match services.store.automation_ids_of(tenant, id).await {
                Ok(ids) => {
                    for automation in ids {
                        registry.refresh_member(KIND_AUTOMATION, tenant, automation.uuid());
                    }
                }
                // Those that wait look again by themselves, later.
                Err(error) => tracing::warn!(connection.id = %id, error = ?error, "automations are not told"),
            }
        }));
    }

    /// A request has just used the token: it is renewed ahead of its end, so that the next request need not wait for it.
    fn plan_renewal(&mut self, ctx: &mut Context<Self>) {
        if self.is_retired {
            return;
        }
        let Some(Ok(credentials)) = self.prepared.as_ref().map(|prepared| &prepared.credentials) else {
            return;
        };
        let at = self.services.outbound.token_renew_at(credentials);
        let Some(at) = at.filter(|at| *at > self.services.clock.now()) else {
            return;
        };
        if self.renewal.as_ref().is_some_and(|(_, planned)| *planned == at) {
            return;
        }
        self.stop_renewal(ctx);
        self.timers += 1;
        let clock = self.services.clock.clone();
        let timer = wrap_future::<_, Self>(async move { clock.sleep_until(at).await });
        let timer = ctx.spawn(timer.map(|(), actor: &mut Self, ctx| {
            actor.renewal = None;
            actor.renew(1, ctx);
        }));
        self.renewal = Some((timer, at));
    }

    fn stop_renewal(&mut self, ctx: &mut Context<Self>) {
        if let Some((timer, _)) = self.renewal.take() {
            ctx.cancel_future(timer);
        }
    }

    fn renew(&mut self, attempt: u32, ctx: &mut Context<Self>) {
        let Some(Ok(credentials)) = self.prepared.as_ref().map(|prepared| prepared.credentials.clone()) else {
            return;
        };
        if self.machine.health().0 == Health::NeedsReauthorisation {
            return;
        }
        let pledge = self.machine.ask_by_hand();
        let (outbound, version) = (self.services.outbound.clone(), credentials.version);
        let renewed = async move { outbound.renew_token(&credentials, false).await };
        ctx.spawn(wrap_future::<_, Self>(renewed).map(move |result, actor, ctx| {
            let Err(error) = result else { return };
            if error.needs_reauthorisation {
                let now = actor.services.clock.now();
                actor.machine.ended(pledge, super::outcome::of_error(&error), now);
                actor.pump(ctx);
                actor.settle(ctx);
            } else {
                tracing::warn!(connection.id = %actor.member.id, attempt, error = %error.message, "the token is not renewed ahead of its end");
                actor.renew_again(attempt + 1, version, ctx);
            }
        }));
    }

    fn renew_again(&mut self, attempt: u32, version: i64, ctx: &mut Context<Self>) {
        if attempt > RENEW_TRIES_MAX {
            return;
        }
        let pause = self.services.clock.sleep(RENEW_PAUSE);
        ctx.spawn(wrap_future::<_, Self>(pause).map(move |(), actor, ctx| {
            let current = actor.prepared.as_ref().map(|prepared| prepared.account.version);
            if current == Some(version) {
                actor.renew(attempt, ctx);
            }
        }));
    }
}

impl Actor for ConnectionActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Each request asks once and reports once; the default mailbox of 16 would make many wait.
        ctx.set_mailbox_capacity(1_024);
        self.load(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        if let Some(post) = &self.post {
            self.services.gates.leave(post);
        }
        if !self.is_retired {
            self.member.exited(ExitReason::Gone);
        }
    }
}

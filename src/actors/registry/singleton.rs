//! Actors of which an engine has one: how they are started, watched, shown and started again.
//!
//! Such an actor gets a [`Post`], keeps it, and tells its end with [`Watched::exited`] from its `stopped()`. It hears [`Observe`]
//! and [`Stop`] (end when what is going has ended); both come from the registry.

use std::{sync::Arc, time::Duration};

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, Recipient, fut::wrap_future,
};
use actix_rt::ArbiterHandle;
use uuid::Uuid;

use crate::actors::{
    api_call::messages::{Observe, Stop},
    observed::{ChildStatus, list_key},
    registry::{
        actor::{Registry, RegistryPhase},
        messages::{ActorFilter, ExitReason, RegistryLink, Summary},
        roster::{Restarts, Verdict},
    },
};

/// How an actor of which an engine has one is started.
pub struct Singleton {
    kind: &'static str,
    start: Start,
}

type Start = Box<dyn Fn(&ArbiterHandle, Watched) -> Links + Send>;

/// The way to a live instance.
struct Links {
    observe: Recipient<Observe>,
    stop: Recipient<Stop>,
}

/// What the registry gives to an instance.
pub struct Watched {
    kind: &'static str,
    registry: RegistryLink,
    serial: u64,
    /// What the registry reads without asking.
    pub status: Arc<ChildStatus>,
    /// On which arbiter it lives.
    pub arbiter: usize,
}

/// The place of an actor of which the engine has one.
pub struct Post {
    singleton: Singleton,
    /// None while it waits for its restart, or is given up.
    links: Option<Links>,
    status: Arc<ChildStatus>,
    serial: u64,
    last_exit: Option<&'static str>,
    restarts: Restarts,
    /// Its end was asked for.
    is_told: bool,
}

/// Start this actor, and keep it alive.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Enlist(pub Singleton);

/// Those that a filter finds, in the order of lists.
#[derive(Message)]
#[rtype(result = "Vec<(Recipient<Observe>, Option<String>)>")]
pub struct FindSingletons(pub ActorFilter);

/// End the actor of this kind and start it anew.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct RestartSingleton(pub String);

/// An instance's last word.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SingletonExited {
    kind: &'static str,
    serial: u64,
    reason: ExitReason,
}

impl Singleton {
    /// `make` makes an instance, on the arbiter where it lives.
    pub fn new<A>(kind: &'static str, make: impl Fn(Watched) -> A + Send + Sync + 'static) -> Self
    where
        A: Actor<Context = Context<A>> + Handler<Observe> + Handler<Stop>,
    {
        let make = Arc::new(make);
        let start = move |arbiter: &ArbiterHandle, watched: Watched| {
            let make = make.clone();
            let addr = A::start_in_arbiter(arbiter, move |_| make(watched));
            Links {
                observe: addr.clone().recipient(),
                stop: addr.recipient(),
            }
        };
        Self {
            kind,
            start: Box::new(start),
        }
    }
}

impl Watched {
    /// To be called in `stopped()`: tells the registry of the end, also of a panic.
    pub fn exited(&self) {
        let reason = if std::thread::panicking() {
            ExitReason::Panicked
        } else {
            ExitReason::Gone
        };
        self.registry.singleton_exited(SingletonExited {
            kind: self.kind,
            serial: self.serial,
            reason,
        });
    }
}

impl Registry {
    fn start_singleton(&mut self, kind: &'static str, ctx: &mut Context<Self>) {
        if self.phase == RegistryPhase::Draining {
            return;
        }
        // The last arbiter: with few calls, the others are busier.
        let arbiter = self.arbiters.len().saturating_sub(1);
        let registry = RegistryLink(ctx.address().downgrade());
        let next_serial = self.next_serial + 1;
        let (Some(handle), Some(post)) = (self.arbiters.get(arbiter), of_kind(&mut self.singletons, kind)) else {
            return;
        };
        if post.links.is_some() {
            return;
        }
        post.serial = next_serial;
        post.is_told = false;
        post.status.set_busy(false);
        let watched = Watched {
            kind,
            registry,
            serial: next_serial,
            status: post.status.clone(),
            arbiter,
        };
        post.links = Some((post.singleton.start)(handle, watched));
        self.next_serial = next_serial;
        self.started += 1;
    }

    fn start_singleton_in(&self, kind: &'static str, wait: Duration, ctx: &mut Context<Self>) {
        let clock = self.services.clock.clone();
        let timer = wrap_future::<_, Self>(clock.sleep(wait));
        ctx.spawn(timer.map(move |(), registry: &mut Self, ctx| registry.start_singleton(kind, ctx)));
    }

    pub(super) fn count_singletons(&self, summary: &mut Summary) {
        for post in &self.singletons {
            let phase = if post.links.is_some() {
                post.status.phase()
            } else {
                "down"
            };
            *summary
                .kinds
                .entry(post.singleton.kind)
                .or_default()
                .entry(phase)
                .or_default() += 1;
            summary.actors += 1;
            summary.restarts += u64::from(post.status.restarts());
        }
    }
}

fn of_kind<'a>(posts: &'a mut [Post], kind: &str) -> Option<&'a mut Post> {
    posts.iter_mut().find(|post| post.singleton.kind == kind)
}

impl Handler<Enlist> for Registry {
    type Result = ();

    fn handle(&mut self, Enlist(singleton): Enlist, ctx: &mut Self::Context) {
        self.messages += 1;
        let kind = singleton.kind;
        self.singletons.push(Post {
            singleton,
            links: None,
            status: Arc::default(),
            serial: 0,
            last_exit: None,
            restarts: Restarts::default(),
            is_told: false,
        });
        self.singletons
            .sort_by_key(|post| list_key(post.singleton.kind, Uuid::max()));
        self.start_singleton(kind, ctx);
    }
}

impl Handler<FindSingletons> for Registry {
    type Result = MessageResult<FindSingletons>;

    fn handle(&mut self, FindSingletons(filter): FindSingletons, _: &mut Self::Context) -> Self::Result {
        self.messages += 1;
        let wants = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        let found = self
            .singletons
            .iter()
            .filter(|post| wants(&filter.kind, post.singleton.kind) && wants(&filter.phase, post.status.phase()))
            .filter(|post| {
                let key = list_key(post.singleton.kind, Uuid::max());
                filter.after.is_none_or(|after| after.uuid() < key)
            })
            .filter_map(|post| {
                let links = post.links.as_ref()?;
                Some((links.observe.clone(), post.last_exit.map(str::to_owned)))
            });
        MessageResult(found.collect())
    }
}

impl Handler<RestartSingleton> for Registry {
    type Result = bool;

    fn handle(&mut self, RestartSingleton(kind): RestartSingleton, ctx: &mut Self::Context) -> Self::Result {
        self.messages += 1;
        let Some(post) = of_kind(&mut self.singletons, &kind) else {
            return false;
        };
        post.restarts = Restarts::default();
        let kind = post.singleton.kind;
        match &post.links {
            Some(links) => {
                post.is_told = true;
                // One that ends in this moment is started again anyway.
                if let Err(error) = links.stop.try_send(Stop) {
                    tracing::warn!(actor = kind, %error, "the actor does not hear that it should end");
                }
            }
            None => self.start_singleton(kind, ctx),
        }
        true
    }
}

impl Handler<SingletonExited> for Registry {
    type Result = ();

    fn handle(&mut self, exited: SingletonExited, ctx: &mut Self::Context) {
        self.messages += 1;
        let now = self.services.clock.now();
        let budget = self.services.settings.engine.restart_budget;
        let is_draining = self.phase == RegistryPhase::Draining;
        let Some(post) = of_kind(&mut self.singletons, exited.kind).filter(|post| post.serial == exited.serial) else {
            return;
        };
        post.links = None;
        post.status.down();
        if is_draining {
            return;
        }
        post.last_exit = Some(exited.reason.as_str());
        if post.is_told && exited.reason == ExitReason::Gone {
            self.start_singleton(exited.kind, ctx);
            return;
        }
        match post.restarts.panicked(now, budget) {
            Verdict::RestartIn(wait_ms) => {
                post.status.set_restarts(post.status.restarts() + 1);
                self.restarts += 1;
                let reason = exited.reason.as_str();
                tracing::error!(actor = exited.kind, reason, wait_ms, "actor ended; it is started again");
                self.start_singleton_in(exited.kind, Duration::from_millis(wait_ms), ctx);
            }
            Verdict::GiveUp => {
                tracing::error!(
                    actor = exited.kind,
                    "actor panicked too often; it stays down until it is restarted"
                );
            }
        }
    }
}

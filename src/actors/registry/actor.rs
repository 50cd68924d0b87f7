//! The registry's state and its answers; what it does about children is in `supervise`.

use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler, MessageResult};
use actix_rt::ArbiterHandle;
use jiff::Timestamp;

use crate::{
    actors::{
        api_call::ApiCallActor,
        observed::{Counters, KIND_CALL_API, KIND_REGISTRY, Observed},
        registry::{
            family::Clan,
            messages::{
                Adopt, BootEnded, Borrow, ChildExited, Drain, Find, FindOne, Found, ObserveRegistry, Reconcile,
                Restart, Running, Swept,
            },
            roster::{Child, Roster},
            singleton::Post,
        },
        services::Services,
    },
    domain::ids::CallApiId,
    error::Result,
    store::Error as StoreError,
};

/// Where the registry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryPhase {
    /// Pages of active calls come in.
    Booting,
    /// As usual.
    Serving,
    /// Nothing starts any more.
    Draining,
}

impl RegistryPhase {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Booting => "booting",
            Self::Serving => "serving",
            Self::Draining => "draining",
        }
    }
}

/// See the module.
pub struct Registry {
    pub(super) services: Arc<Services>,
    pub(super) arbiters: Vec<ArbiterHandle>,
    pub(super) roster: Roster,
    pub(super) singletons: Vec<Post>,
    pub(super) clans: Vec<Clan>,
    pub(super) phase: RegistryPhase,
    pub(super) since: Timestamp,
    pub(super) next_serial: u64,
    pub(super) restarts: u64,
    pub(super) messages: u64,
    pub(super) started: u64,
}

impl Registry {
    /// A registry without children.
    pub fn new(services: Arc<Services>, arbiters: Vec<ArbiterHandle>) -> Self {
        let since = services.clock.now();
        Self {
            services,
            arbiters,
            roster: Roster::new(),
            singletons: Vec::new(),
            clans: Vec::new(),
            phase: RegistryPhase::Booting,
            since,
            next_serial: 0,
            restarts: 0,
            messages: 0,
            started: 0,
        }
    }

    pub(super) fn enter(&mut self, phase: RegistryPhase) {
        if self.phase != RegistryPhase::Draining {
            self.phase = phase;
            self.since = self.services.clock.now();
        }
    }
}

impl Actor for Registry {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // The default mailbox of 16 would refuse the answers of children during a boot of many.
        ctx.set_mailbox_capacity(1_024);
        self.arm_sweep(ctx);
    }
}

impl Handler<Adopt> for Registry {
    type Result = ();

    fn handle(&mut self, Adopt(page): Adopt, ctx: &mut Self::Context) {
        self.messages += 1;
        for (row, interrupted) in page {
            self.adopt(Box::new(row), interrupted.map(Box::new), ctx);
        }
    }
}

impl Handler<BootEnded> for Registry {
    type Result = ();

    fn handle(&mut self, _: BootEnded, _: &mut Self::Context) {
        self.messages += 1;
        self.enter(RegistryPhase::Serving);
    }
}

impl Handler<Reconcile> for Registry {
    type Result = ();

    fn handle(&mut self, Reconcile { id, row }: Reconcile, ctx: &mut Self::Context) {
        self.messages += 1;
        self.reconcile(id, row, ctx);
    }
}

impl Handler<Borrow> for Registry {
    type Result = Result<Addr<ApiCallActor>>;

    fn handle(&mut self, Borrow(row): Borrow, ctx: &mut Self::Context) -> Self::Result {
        self.messages += 1;
        if self.phase == RegistryPhase::Draining {
            return Err(StoreError::Closed.into());
        }
        Ok(self.borrow_child(row, ctx))
    }
}

impl Handler<Find> for Registry {
    type Result = MessageResult<Find>;

    fn handle(&mut self, Find(filter): Find, _: &mut Self::Context) -> Self::Result {
        self.messages += 1;
        let after = filter.after;
        let wants_calls = filter.kind.as_deref().is_none_or(|kind| kind == KIND_CALL_API);
        let calls = self
            .roster
            .range((
                after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded),
                std::ops::Bound::Unbounded,
            ))
            .filter(|(_, child)| filter.tenant.is_none_or(|tenant| child.tenant_id == tenant))
            .filter(|(_, child)| {
                filter
                    .phase
                    .as_deref()
                    .is_none_or(|phase| child.status.phase() == phase)
            })
            .filter_map(|(id, child)| {
                Some(Found {
                    id: id.uuid(),
                    observe: child.addr.clone()?.recipient(),
                    last_exit: child.last_exit.as_deref().map(str::to_owned),
                })
            })
            .take(if wants_calls { filter.limit } else { 0 });
        let mut found: Vec<_> = calls.chain(self.find_members(&filter)).collect();
        found.sort_by_key(|found| found.id);
        found.truncate(filter.limit);
        MessageResult(found)
    }
}

impl Handler<FindOne> for Registry {
    type Result = MessageResult<FindOne>;

    fn handle(&mut self, FindOne { tenant, id }: FindOne, _: &mut Self::Context) -> Self::Result {
        self.messages += 1;
        let child = self.roster.get(&id).filter(|child| child.tenant_id == tenant);
        MessageResult(
            child.and_then(|child| Some((child.addr.clone()?, child.last_exit.as_deref().map(str::to_owned)))),
        )
    }
}

impl Handler<Running> for Registry {
    type Result = MessageResult<Running>;

    fn handle(&mut self, Running { tenant, among, limit }: Running, _: &mut Self::Context) -> Self::Result {
        self.messages += 1;
        let runs = |id: &CallApiId, child: &Child| {
            (child.tenant_id == tenant
                && child.addr.is_some()
                && matches!(child.status.phase(), "running" | "stopping"))
            .then_some(*id)
        };
        MessageResult(match among {
            Some(ids) => ids
                .iter()
                .filter_map(|id| runs(id, self.roster.get(id)?))
                .take(limit)
                .collect(),
            None => self
                .roster
                .iter()
                .filter_map(|(id, child)| runs(id, child))
                .take(limit)
                .collect(),
        })
    }
}

impl Handler<ObserveRegistry> for Registry {
    type Result = MessageResult<ObserveRegistry>;

    fn handle(&mut self, _: ObserveRegistry, _: &mut Self::Context) -> Self::Result {
        self.messages += 1;
        MessageResult(Observed {
            kind: KIND_REGISTRY,
            id: self.services.node_id,
            tenant_id: None,
            name: "registry".to_owned(),
            phase: self.phase.as_str(),
            since: self.since,
            next_due_at: None,
            current: None,
            last_run: None,
            restarts: 0,
            last_exit: None,
            generation: 0,
            arbiter: 0,
            messages: self.messages,
            counters: Counters {
                runs: self.started,
                failures: self.restarts,
                created: 0,
                skipped: 0,
            },
            queued: None,
        })
    }
}

impl Handler<Restart> for Registry {
    type Result = bool;

    fn handle(&mut self, Restart { tenant, id }: Restart, ctx: &mut Self::Context) -> Self::Result {
        self.messages += 1;
        self.restart_on_request(tenant, id, ctx)
    }
}

impl Handler<Drain> for Registry {
    type Result = ();

    fn handle(&mut self, _: Drain, _: &mut Self::Context) {
        self.messages += 1;
        self.enter(RegistryPhase::Draining);
    }
}

impl Handler<Swept> for Registry {
    type Result = ();

    fn handle(&mut self, swept: Swept, ctx: &mut Self::Context) {
        self.messages += 1;
        self.swept(swept, ctx);
    }
}

impl Handler<ChildExited> for Registry {
    type Result = ();

    fn handle(&mut self, exited: ChildExited, ctx: &mut Self::Context) {
        self.messages += 1;
        self.child_exited(&exited, ctx);
    }
}

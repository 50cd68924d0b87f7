//! What the registry does about its children: start, redefine, end, restart after a panic, compare with the rows.

use std::{ops::Bound, sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Message, dev::ToEnvelope, fut::wrap_future};

use crate::{
    actors::{
        api_call::{
            ApiCallActor,
            actor::Birth,
            messages::{Redefine, Stop},
        },
        observed::ChildStatus,
        registry::{
            actor::{Registry, RegistryPhase},
            members::sweep_family,
            messages::{ChildExited, ExitReason, RegistryLink, Swept},
            roster::{Child, Restarts, Verdict},
        },
    },
    domain::ids::{CallApiId, TenantId},
    store::call_state::{ArmedCall, InterruptedRun},
};

/// Pause before an instance is looked at that was started while the row was read.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Rows of one page of a sweep.
const SWEEP_PAGE_ROWS: u64 = 2_000;

impl Registry {
    /// Starts the actor of a row, unless it lives.
    pub(super) fn adopt(
        &mut self,
        row: Box<ArmedCall>,
        interrupted: Option<Box<InterruptedRun>>,
        ctx: &mut Context<Self>,
    ) {
        let lives = self.roster.get(&row.id).is_some_and(|child| child.addr.is_some());
        if self.phase != RegistryPhase::Draining && !lives {
            self.start_child(row, interrupted, ctx);
        }
    }

    fn start_child(
        &mut self,
        row: Box<ArmedCall>,
        interrupted: Option<Box<InterruptedRun>>,
        ctx: &mut Context<Self>,
    ) -> Addr<ApiCallActor> {
        self.next_serial += 1;
        self.started += 1;
        let (id, tenant_id, version, serial) = (row.id, row.tenant_id, row.version, self.next_serial);
        let before = self.roster.remove(&id);
        let status = before
            .as_ref()
            .map_or_else(Arc::<ChildStatus>::default, |child| child.status.clone());
        let arbiter = usize::from(row.shard) % self.arbiters.len().max(1);
        let birth = Birth {
            services: self.services.clone(),
            registry: RegistryLink(ctx.address().downgrade()),
            call: row,
            interrupted,
            status: status.clone(),
            serial,
            arbiter,
        };
        let addr = match self.arbiters.get(arbiter) {
            Some(handle) => ApiCallActor::start_in_arbiter(handle, move |_| ApiCallActor::new(birth)),
            None => ApiCallActor::new(birth).start(),
        };
        let (last_exit, restarts) = before.map_or_else(Default::default, |child| (child.last_exit, child.restarts));
        let child = Child {
            addr: Some(addr.clone()),
            tenant_id,
            version,
            status,
            serial,
            last_exit,
            restarts,
        };
        self.roster.insert(id, child);
        addr
    }

    /// Makes who lives agree with a row: the one code path for changes, sweeps and exits.
    pub(super) fn reconcile(&mut self, id: CallApiId, row: Option<Box<ArmedCall>>, ctx: &mut Context<Self>) {
        if self.phase == RegistryPhase::Draining {
            return;
        }
        let lives = self.roster.get(&id).and_then(|child| child.addr.clone());
        match (row, lives) {
            (Some(row), None) if row.active => {
                self.start_child(row, None, ctx);
            }
            (Some(row), Some(addr)) if row.active => {
                let version = row.version;
                tell(&addr, Redefine(row));
                if let Some(child) = self.roster.get_mut(&id) {
                    child.version = version;
                }
            }
            (_, Some(addr)) => tell(&addr, Stop),
            (_, None) => {
                self.roster.remove(&id);
            }
        }
    }

    /// The child of a row, started if there is none.
    pub(super) fn borrow_child(&mut self, row: Box<ArmedCall>, ctx: &mut Context<Self>) -> Addr<ApiCallActor> {
        match self.roster.get(&row.id).and_then(|child| child.addr.clone()) {
            Some(addr) if addr.connected() => addr,
            _ => self.start_child(row, None, ctx),
        }
    }

    pub(super) fn restart_on_request(&mut self, tenant: TenantId, id: CallApiId, ctx: &mut Context<Self>) -> bool {
        let Some(child) = self.roster.get_mut(&id).filter(|child| child.tenant_id == tenant) else {
            return false;
        };
        child.restarts = Restarts::default();
        match child.addr.clone() {
            // Its exit is answered with a look at the row, which starts a new instance.
            Some(addr) => tell(&addr, Stop),
            None => self.look_at(tenant, id, Duration::ZERO, ctx),
        }
        true
    }

    pub(super) fn child_exited(&mut self, exited: &ChildExited, ctx: &mut Context<Self>) {
        let now = self.services.clock.now();
        let budget = self.services.settings.engine.restart_budget;
        let Some(child) = self
            .roster
            .get_mut(&exited.id)
            .filter(|child| child.serial == exited.serial)
        else {
            return;
        };
        child.addr = None;
        child.status.down();
        if self.phase == RegistryPhase::Draining {
            self.roster.remove(&exited.id);
            return;
        }
        match exited.reason {
            ExitReason::Gone | ExitReason::Deactivated => {
                self.look_at(exited.tenant_id, exited.id, Duration::ZERO, ctx)
            }
            ExitReason::Fenced => {
                child.last_exit = Some(exited.reason.as_str().into());
                self.look_at(exited.tenant_id, exited.id, Duration::from_secs(1), ctx);
            }
            ExitReason::Panicked => {
                child.last_exit = Some(exited.reason.as_str().into());
                match child.restarts.panicked(now, budget) {
                    Verdict::RestartIn(wait_ms) => {
                        child.status.set_restarts(child.status.restarts() + 1);
                        self.restarts += 1;
                        tracing::error!(api_call.id = %exited.id, wait_ms, "actor panicked; it is started again");
                        self.look_at(exited.tenant_id, exited.id, Duration::from_millis(wait_ms), ctx);
                    }
                    Verdict::GiveUp => {
                        tracing::error!(api_call.id = %exited.id, "actor panicked too often; it stays down");
                        let data = serde_json::json!({ "callApiId": exited.id, "reason": "panicked too often" });
                        self.services
                            .events
                            .publish(exited.tenant_id, now, "actor.given_up", exited.id.uuid(), data);
                    }
                }
            }
        }
    }

    /// The sweep: rows that should have an actor and have none, and the other way round.
    pub(super) fn arm_sweep(&self, ctx: &mut Context<Self>) {
        Self::sweep_after(self.until_next_sweep(), ctx);
    }

    /// The wait begins now.
    fn until_next_sweep(&self) -> impl Future<Output = ()> + use<> {
        let interval = Duration::from_secs(self.services.settings.engine.sweep_seconds);
        self.services.clock.sleep(interval)
    }

    fn sweep_after(wait: impl Future<Output = ()> + 'static, ctx: &mut Context<Self>) {
        let timer = wrap_future::<_, Self>(wait);
        ctx.spawn(timer.map(|(), registry: &mut Self, ctx| registry.sweep(ctx)));
    }

    fn sweep(&mut self, ctx: &mut Context<Self>) {
        if self.phase != RegistryPhase::Serving {
            self.arm_sweep(ctx);
            return;
        }
        // From the begin of one to the begin of the next: time that passes while pages are read counts.
        let next = self.until_next_sweep();
        let services = self.services.clone();
        let registry = ctx.address();
        let families = self.family_rows();
        let pages = async move {
            for (kind, rows) in families {
                sweep_family(kind, rows, registry.clone()).await;
            }
            let mut after = None;
            loop {
                let page = services.store.active_calls_page(after, SWEEP_PAGE_ROWS).await;
                let Ok(page) = page.inspect_err(|error| tracing::error!(error = ?error, "sweep failed")) else {
                    return;
                };
                let last = page.last().map(|row| row.id);
                let complete = page.len() < usize::try_from(SWEEP_PAGE_ROWS).unwrap_or(usize::MAX);
                let rows = page;
                if registry.send(Swept { after, rows, complete }).await.is_err() || complete {
                    return;
                }
                after = last;
            }
        };
        ctx.spawn(wrap_future::<_, Self>(pages).map(|(), _: &mut Self, ctx| Self::sweep_after(next, ctx)));
    }

    /// Reads the row, after a wait, and makes who lives agree with it. An instance that was started meanwhile has a row of its own,
    /// perhaps newer than this one, and perhaps a run on request to do: it gets some time before it is looked at.
    fn look_at(&self, tenant_id: TenantId, id: CallApiId, wait: Duration, ctx: &mut Context<Self>) {
        let seen = self.roster.get(&id).map(|child| child.serial);
        let services = self.services.clone();
        let pause = services.clock.sleep(wait);
        let row = async move {
            pause.await;
            loop {
                match services.store.armed_call(tenant_id, id).await {
                    Ok(row) => return row,
                    Err(error) => {
                        tracing::error!(api_call.id = %id, error = ?error, "row cannot be read; trying again");
                        services.clock.sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        };
        let looked = wrap_future::<_, Self>(row);
        ctx.spawn(looked.map(move |row, registry: &mut Self, ctx| {
            let lives = registry.roster.get(&id).filter(|child| child.addr.is_some());
            if lives.is_none_or(|child| Some(child.serial) == seen) {
                registry.reconcile(id, row.map(Box::new), ctx);
            } else {
                registry.look_at(tenant_id, id, LOOK_AGAIN, ctx);
            }
        }));
    }

    pub(super) fn swept(&mut self, swept: Swept, ctx: &mut Context<Self>) {
        let Swept { after, rows, complete } = swept;
        // Who lives without an active row; it may be a run on request, or newer than the page: the row is looked at again.
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let last = match rows.last() {
            Some(row) if !complete => Bound::Included(row.id),
            _ => Bound::Unbounded,
        };
        for (id, child) in self
            .roster
            .range((first, last))
            .filter(|(_, child)| child.addr.is_some())
        {
            if rows.binary_search_by_key(id, |row| row.id).is_err() {
                self.look_at(child.tenant_id, *id, Duration::ZERO, ctx);
            }
        }
        for row in rows {
            let (missing, older) = match self.roster.get(&row.id) {
                // An entry without address waits for its restart, or was given up.
                Some(child) => (false, child.addr.is_some() && child.version < row.version),
                None => (true, false),
            };
            if missing || older {
                tracing::warn!(api_call.id = %row.id, "row and actor differ; the row wins");
                self.reconcile(row.id, Some(Box::new(row)), ctx);
            }
        }
    }
}

/// Sends without waiting; a child that has just gone reports its exit, and a full mailbox is seen in the log.
fn tell<M>(child: &Addr<ApiCallActor>, message: M)
where
    M: Message + Send + 'static,
    M::Result: Send,
    ApiCallActor: actix::Handler<M>,
    <ApiCallActor as Actor>::Context: ToEnvelope<ApiCallActor, M>,
{
    if let Err(error) = child.try_send(message) {
        tracing::warn!(%error, "message to a child is not delivered");
    }
}

//! The door to the registry for the rest of the engine: methods instead of addresses, with a bound before its mailbox.

use std::{sync::Arc, time::Duration};

use actix::{Addr, Recipient};
use tokio::sync::{Mutex, Semaphore, oneshot};
use uuid::Uuid;

use crate::{
    actors::{
        api_call::messages::{FailOnPurpose, Observe, RunOnce},
        observed::{KIND_CALL_API, KIND_REGISTRY, Observed, list_key},
        registry::{
            actor::Registry,
            census::{Census, TakeCensus},
            family::{AddFamily, AdoptMembers, Family, FindMember, RefreshMember, RestartMember},
            messages::{
                ActorFilter, Borrow, Drain, Find, FindOne, ObserveRegistry, Reconcile, Restart, Running, Summarise,
                Summary,
            },
            singleton::{Enlist, FindSingletons, RestartSingleton, Singleton},
        },
        services::Services,
    },
    domain::ids::{CallApiId, TenantId},
    error::{Code, Error, Result},
};

pub use crate::actors::api_call::messages::{Failing, RunNow};

/// Requests to the registry at the same time; more are refused.
const REQUESTS_MAX: usize = 256;
/// How often an actor is looked for that does not leave before it hears of a run on request.
const BORROW_TRIES: usize = 5;
/// Rows of one page of a family's boot.
const BOOT_PAGE_ROWS: u64 = 1_000;
/// How long one actor may take to show itself.
const OBSERVE_TIMEOUT: Duration = Duration::from_secs(10);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct RegistryHandle {
    registry: Addr<Registry>,
    services: Arc<Services>,
    admission: Arc<Semaphore>,
    /// One refresh of a call at a time, so that the row that is told last is the row that was read last.
    refreshes: Arc<Vec<Mutex<()>>>,
}

impl RegistryHandle {
    pub(crate) fn new(registry: Addr<Registry>, services: Arc<Services>) -> Self {
        let refreshes = Arc::new((0..64).map(|_| Mutex::new(())).collect());
        Self {
            registry,
            services,
            admission: Arc::new(Semaphore::new(REQUESTS_MAX)),
            refreshes,
        }
    }

    /// After any change of a call's rows: its actor is started, told, or ended. Doing it twice does no harm.
    ///
    /// # Errors
    /// The store does not answer, or the engine is stopping.
    pub async fn refresh(&self, tenant_id: TenantId, id: CallApiId) -> Result<()> {
        let slot = usize::from(id.uuid().as_bytes()[15]) % self.refreshes.len();
        let Some(slot) = self.refreshes.get(slot) else {
            return Ok(());
        };
        let _one_at_a_time = slot.lock().await;
        let row = self.services.store.armed_call(tenant_id, id).await?;
        self.ask(Reconcile {
            id,
            row: row.map(Box::new),
        })
        .await
    }

    /// Runs a call once, now, also when it is inactive; waits for the end.
    ///
    /// # Errors
    /// `wrong_state` while a run of it is going; `not_found`; `unavailable`.
    pub async fn run_now(&self, tenant_id: TenantId, id: CallApiId) -> Result<RunNow> {
        for _ in 0..BORROW_TRIES {
            let row = self.services.store.call_row(tenant_id, id).await?;
            let row = row.ok_or_else(|| Error::not_found("call API", id))?;
            let child = self.ask(Borrow(Box::new(row))).await??;
            let (asker, answer) = oneshot::channel();
            if child.send(RunOnce(asker)).await.is_ok()
                && let Ok(answer) = answer.await
            {
                return answer;
            }
            // It was just leaving, and has begun nothing; another takes its place.
            if self.services.is_draining() {
                break;
            }
        }
        Err(stopping())
    }

    /// The actors that a filter finds.
    ///
    /// # Errors
    /// `unavailable`: also where one of them does not answer in time.
    pub async fn observe(&self, filter: ActorFilter) -> Result<Vec<Observed>> {
        let mut seen = Vec::new();
        let all_kinds = filter.kind.is_none();
        let wants = |kind: &str| filter.kind.as_deref().is_none_or(|wanted| wanted == kind);
        if wants(KIND_REGISTRY) && (all_kinds || filter.phase.is_none()) && filter.after.is_none() {
            let registry = self.ask(ObserveRegistry).await?;
            if filter.phase.as_deref().is_none_or(|phase| phase == registry.phase) {
                seen.push(registry);
            }
        }
        // One that ends in this moment is left out.
        for (one, last_exit) in self.ask(FindSingletons(filter.clone())).await? {
            if let Some(observed) = shown(&one).await? {
                seen.push(Observed { last_exit, ..observed });
            }
        }
        seen.truncate(filter.limit);
        let limit = filter.limit.saturating_sub(seen.len());
        for found in self.ask(Find(ActorFilter { limit, ..filter })).await? {
            if let Some(observed) = shown(&found.observe).await? {
                let last_exit = found.last_exit;
                seen.push(Observed { last_exit, ..observed });
            }
        }
        Ok(seen)
    }

    /// Which calls of a tenant have a run that is going, at most `limit`; of some calls or of all.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn running(
        &self,
        tenant: TenantId,
        among: Option<Vec<CallApiId>>,
        limit: usize,
    ) -> Result<Vec<CallApiId>> {
        self.ask(Running { tenant, among, limit }).await
    }

    /// One actor.
    ///
    /// # Errors
    /// `not_found`: no such actor lives in this tenant; `unavailable`: it does not answer in time.
    pub async fn observe_one(&self, tenant: TenantId, kind: &str, id: Uuid) -> Result<Observed> {
        if kind == KIND_REGISTRY {
            let registry = self.ask(ObserveRegistry).await?;
            return if registry.id == id {
                Ok(registry)
            } else {
                Err(Error::not_found("actor", id))
            };
        }
        let missing = || Error::not_found("actor", format!("{kind}/{id}"));
        if list_key(kind, id) != id {
            let of_kind = ActorFilter {
                kind: Some(kind.to_owned()),
                limit: 1,
                ..ActorFilter::default()
            };
            let found = self.observe(of_kind).await?;
            return found.into_iter().find(|one| one.id == id).ok_or_else(missing);
        }
        let (observe, last_exit) = if kind == KIND_CALL_API {
            let child = self.ask(FindOne { tenant, id: id.into() }).await?;
            let (child, last_exit) = child.ok_or_else(missing)?;
            (child.recipient(), last_exit)
        } else {
            let kind = kind.to_owned();
            let member = self.ask(FindMember { kind, tenant, id }).await?;
            let found = member.ok_or_else(missing)?.found;
            (found.observe, found.last_exit)
        };
        let observed = shown(&observe).await?.ok_or_else(missing)?;
        Ok(Observed { last_exit, ..observed })
    }

    /// Ends an actor, after the run that is going, and starts it anew from its row.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn restart(&self, tenant: TenantId, kind: &str, id: Uuid) -> Result<()> {
        let known = if kind == KIND_CALL_API {
            let id = CallApiId::from(id);
            self.ask(Restart { tenant, id }).await?
        } else if list_key(kind, id) == id {
            let kind = kind.to_owned();
            self.ask(RestartMember { kind, tenant, id }).await?
        } else {
            id == self.services.node_id && self.ask(RestartSingleton(kind.to_owned())).await?
        };
        if known {
            Ok(())
        } else {
            Err(Error::not_found("actor", format!("{kind}/{id}")))
        }
    }

    /// Starts an actor of which the engine has one, and keeps it alive from now on.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn enlist(&self, singleton: Singleton) -> Result<()> {
        self.ask(Enlist(singleton)).await
    }

    /// Gives every row of a family its actor, page by page, and keeps rows and actors alike from now on. Ends when all
    /// pages are in.
    ///
    /// # Errors
    /// The store does not answer; `unavailable`.
    pub async fn enlist_family(&self, family: Family) -> Result<()> {
        let (kind, all) = (family.kind, family.rows.clone());
        self.ask(AddFamily(family)).await?;
        let mut after = None;
        loop {
            let rows = all.page(after, BOOT_PAGE_ROWS).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id);
            self.ask(AdoptMembers { kind, rows }).await?;
        }
    }

    /// After any change of a row of a family, or of what it depends on: its actor is started, told to read it again, or
    /// ended. Doing it twice does no harm.
    ///
    /// # Errors
    /// The store does not answer, or the engine is stopping; `not_found` for an unknown kind.
    pub async fn refresh_member(&self, kind: &'static str, tenant: TenantId, id: Uuid) -> Result<()> {
        let slot = usize::from(id.as_bytes()[15]) % self.refreshes.len();
        let Some(slot) = self.refreshes.get(slot) else {
            return Ok(());
        };
        let _one_at_a_time = slot.lock().await;
        self.ask(RefreshMember { kind, tenant, id }).await?
    }

    /// The address of a member of a family, if it lives; `A` is the actor type that the family was made for.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn member<A: actix::Actor>(&self, kind: &str, tenant: TenantId, id: Uuid) -> Result<Option<Addr<A>>> {
        let kind = kind.to_owned();
        let found = self.ask(FindMember { kind, tenant, id }).await?;
        Ok(found.and_then(|member| member.address.downcast_ref::<Addr<A>>().cloned()))
    }

    /// Lets the actor of a call panic: for tests of the supervision.
    ///
    /// # Errors
    /// `not_found`.
    #[doc(hidden)]
    pub async fn fail_on_purpose(&self, tenant: TenantId, id: CallApiId, failing: Failing) -> Result<()> {
        let child = self.ask(FindOne { tenant, id }).await?;
        let (child, _) = child.ok_or_else(|| Error::not_found("actor", id))?;
        // An actor that has panicked does not answer.
        let _ = child.send(FailOnPurpose(failing)).await;
        Ok(())
    }

    /// Counts by kind and phase; of one tenant, or of all.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn summary(&self, tenant: Option<TenantId>) -> Result<Summary> {
        self.ask(Summarise(tenant)).await
    }

    /// All actors of a tenant, and those that work for all, seen in one pass.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn census(&self, tenant: TenantId) -> Result<Census> {
        self.ask(TakeCensus(tenant)).await
    }

    /// From now on nothing starts.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn drain(&self) -> Result<()> {
        self.ask(Drain).await
    }

    /// The registry's own address, for its boot.
    pub(crate) fn addr(&self) -> &Addr<Registry> {
        &self.registry
    }

    async fn ask<M>(&self, message: M) -> Result<M::Result>
    where
        M: actix::Message + Send + 'static,
        M::Result: Send,
        Registry: actix::Handler<M>,
        actix::Context<Registry>: actix::dev::ToEnvelope<Registry, M>,
    {
        let Ok(_permit) = self.admission.try_acquire() else {
            let full = "The engine has too many requests to answer at once; try again in a moment.";
            return Err(Error::new(Code::Unavailable, full).with_retry_after_ms(1_000));
        };
        self.registry.send(message).await.map_err(|_| stopping())
    }
}

/// How an actor shows itself; none: it has just ended.
async fn shown(one: &Recipient<Observe>) -> Result<Option<Observed>> {
    let answer = tokio::time::timeout(OBSERVE_TIMEOUT, one.send(Observe)).await;
    answer.map(std::result::Result::ok).map_err(|_| {
        let seconds = OBSERVE_TIMEOUT.as_secs();
        let busy =
            format!("An actor did not show itself within {seconds} s: the engine is very busy. Try again in a moment.");
        Error::new(Code::Unavailable, busy).with_retry_after_ms(2_000)
    })
}

fn stopping() -> Error {
    Error::new(Code::Unavailable, "The engine is stopping; try again in a moment.").with_retry_after_ms(2_000)
}

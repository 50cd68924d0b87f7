//! What every run needs: clock, store, scripts, outbound client, events, caches, permits. One per engine, shared by all.

use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use lru::LruCache;
use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

use crate::{
    actors::{
        api_call::prepared::PreparedCall,
        automation::Exports,
        background::Inbox,
        connection::ConnectionGates,
        delivery::{DeliveryInbox, targets::Targets},
        integration::ItemPermits,
        pulse::Pulse,
        wakes::Wakes,
    },
    clock::Clock,
    domain::ids::{CallApiId, TenantId},
    engine::{access::Access, client_cache::ClientCache, upstreams::Upstreams},
    error::{Error, Result},
    events::{Events, listeners::Listeners},
    http::Outbound,
    script::ScriptPool,
    settings::Settings,
    store::{Sealer, Store},
    telemetry::Metrics,
};

/// Definitions that are kept ready; more active calls than this read theirs from the store at each run.
const DEFINITIONS_MAX: NonZeroUsize = NonZeroUsize::new(20_000).unwrap();

/// Requests of Test URL at the same time, over all tenants; more are refused.
const TESTS_AT_ONCE_MAX: usize = 16;

/// See the module.
pub struct Services {
    /// This start of the engine.
    pub node_id: Uuid,
    /// Settings.
    pub settings: Settings,
    /// Time.
    pub clock: Clock,
    /// Database.
    pub store: Store,
    /// Seals secrets.
    pub sealer: Sealer,
    /// Script workers.
    pub scripts: ScriptPool,
    /// Outbound client.
    pub outbound: Outbound,
    /// What happened.
    pub events: Events,
    /// Who may do what, cached.
    pub access: Access,
    /// Credentials, cached.
    pub clients: ClientCache,
    /// Other APIs behind the gateway.
    pub upstreams: Upstreams,
    /// Who is told, and what signs, cached.
    pub targets: Targets,
    /// The ways to connections.
    pub gates: ConnectionGates,
    /// Notifications on their way.
    pub deliveries: DeliveryInbox,
    /// Who hears of changes of records.
    pub wakes: Wakes,
    /// Counters and histograms.
    pub metrics: Metrics,
    /// Runs by minute, of each tenant.
    pub pulse: Pulse,
    /// Of the ownership of the shards; a later owner's is higher.
    pub epoch: i64,
    /// Runs at the same time.
    pub permits: Semaphore,
    /// Runs of automations at the same time.
    pub automation_permits: Arc<Semaphore>,
    /// Items of integrations at the same time, in turn over tenants.
    pub item_permits: ItemPermits,
    /// Which records are being sent where.
    pub exports: Exports,
    /// The way to the actor of background requests.
    pub background: Inbox,
    /// Test URLs at the same time.
    pub tests: Semaphore,
    /// Listeners of the event streams.
    pub listeners: Listeners,
    /// Held by who changes which automation starts which.
    pub chains: tokio::sync::Mutex<()>,
    /// Where our own server answers, once that is known; in a host app's server it never is.
    pub address: OnceLock<SocketAddr>,
    definitions: Mutex<LruCache<CallApiId, Arc<PreparedCall>>>,
    draining: AtomicBool,
    draining_began: Notify,
    running: AtomicUsize,
    all_ended: Notify,
}

/// Counts a run as going for as long as it lives.
pub struct RunningGuard(Arc<Services>);

/// What [`Services::new`] puts together.
pub struct Parts {
    /// This start of the engine.
    pub node_id: Uuid,
    /// Settings.
    pub settings: Settings,
    /// Time.
    pub clock: Clock,
    /// Database.
    pub store: Store,
    /// Seals secrets.
    pub sealer: Sealer,
    /// Script workers.
    pub scripts: ScriptPool,
    /// Outbound client.
    pub outbound: Outbound,
    /// Who may do what, cached.
    pub access: Access,
    /// Epoch of the shard lease.
    pub epoch: i64,
    /// Where our own server will answer, if that is known by now.
    pub address: Option<SocketAddr>,
}

impl Services {
    /// Puts the parts together.
    ///
    /// # Errors
    /// The instruments cannot be made, which is a mistake in `telemetry`.
    pub fn new(parts: Parts) -> Result<Self> {
        let Parts {
            node_id,
            settings,
            clock,
            store,
            sealer,
            scripts,
            outbound,
            access,
            epoch,
            address,
        } = parts;
        Ok(Self {
            node_id,
            permits: Semaphore::new(settings.engine.runs_at_once_max),
            exports: Exports::default(),
            automation_permits: Arc::new(Semaphore::new(settings.automations.runs_at_once_max)),
            item_permits: ItemPermits::new(settings.integrations.items_at_once_max),
            tests: Semaphore::new(TESTS_AT_ONCE_MAX),
            listeners: Listeners::default(),
            chains: tokio::sync::Mutex::default(),
            background: Inbox::new(&settings.background),
            access,
            upstreams: Upstreams::new(&settings)?,
            clients: ClientCache::new(store.clone(), sealer.clone(), clock.clone()),
            targets: Targets::new(store.clone(), sealer.clone(), clock.clone()),
            gates: ConnectionGates::new(store.clone(), outbound.clone(), clock.clone()),
            deliveries: DeliveryInbox::default(),
            wakes: Wakes::default(),
            pulse: Pulse::new(clock.now()),
            settings,
            clock,
            store,
            sealer,
            scripts,
            outbound,
            events: Events::default(),
            metrics: Metrics::new().map_err(Error::internal)?,
            epoch,
            address: address.map(OnceLock::from).unwrap_or_default(),
            definitions: Mutex::new(LruCache::new(DEFINITIONS_MAX)),
            draining: AtomicBool::new(false),
            draining_began: Notify::new(),
            running: AtomicUsize::new(0),
            all_ended: Notify::new(),
        })
    }

    /// The definition of a call at `version`, from the cache or the store.
    ///
    /// # Errors
    /// Not in this tenant, or the store does not answer.
    pub async fn definition(&self, tenant_id: TenantId, id: CallApiId, version: i64) -> Result<Arc<PreparedCall>> {
        if let Some(found) = self
            .cache()
            .get(&id)
            .filter(|call| call.version == version && call.tenant_id == tenant_id)
        {
            return Ok(found.clone());
        }
        let loaded = self.store.load_call(tenant_id, id, &self.sealer).await?;
        let prepared = Arc::new(PreparedCall::of_row(loaded)?);
        self.cache().put(id, prepared.clone());
        Ok(prepared)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, LruCache<CallApiId, Arc<PreparedCall>>> {
        self.definitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on no run starts.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.draining_began.notify_waiters();
        self.background.close();
    }

    /// Whether the engine is on its way out.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Waits until the engine is on its way out: for what may wait long, and can go on at the next start.
    pub async fn draining_began(&self) {
        let began = self.draining_began.notified();
        if !self.is_draining() {
            began.await;
        }
    }

    /// Runs that are going, waiting ones included.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// Waits until no run is going.
    pub async fn all_runs_ended(&self) {
        loop {
            let ended = self.all_ended.notified();
            if self.running() == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Counts a run in; none while draining. Counting first and looking second leaves no gap between the two.
    pub fn enter_run(self: &Arc<Self>) -> Option<RunningGuard> {
        self.running.fetch_add(1, Ordering::SeqCst);
        let guard = RunningGuard(self.clone());
        (!self.is_draining()).then_some(guard)
    }
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.all_ended.notify_waiters();
        }
    }
}

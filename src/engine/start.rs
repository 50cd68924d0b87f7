//! Starting an engine: parts in their order, then the boot of all active calls.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::Actor;

use crate::{
    actors::{
        automation,
        background::{BackgroundActor, own::MakeOwn},
        connection::{ConnectionRows, actor::ConnectionActor},
        delivery::DeliveryActor,
        integration,
        observed::{KIND_BACKGROUND, KIND_CONNECTION, KIND_DELIVERY},
        registry::{
            RegistryHandle,
            actor::Registry,
            family::Family,
            messages::{Adopt, BootEnded},
            singleton::{Enlist, Singleton},
        },
        services::{Parts, Services},
        system::ActorSystem,
    },
    clock::Clock,
    domain::call_api::SCRIPT_MS_MAX,
    engine::{Engine, Inner, access::Access, identity, overview},
    error::{Error, Result},
    http::{HttpSettings, Outbound},
    script::{PoolSettings, ScriptPool, WorkerCommand},
    settings::Settings,
    store::{Sealer, Store, call_state::InterruptedRun, purge::PurgeRules, tokens_vault::StoreVault},
};

/// Active calls of one page of the boot.
const BOOT_PAGE_ROWS: u64 = 1_000;

/// Starts an engine with parts of one's own.
pub struct Builder {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) script_worker: Option<PathBuf>,
    pub(super) address: Option<SocketAddr>,
}

impl Builder {
    /// Another clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The program that is started as script worker with the argument `script-worker`; by default this process's own.
    #[must_use]
    pub fn script_worker(mut self, program: PathBuf) -> Self {
        self.script_worker = Some(program);
        self
    }

    /// The address at which `gateway::serve` will answer: known here, it is in the notifications of the very first moment,
    /// too.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// See [`Engine::start`].
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub async fn start(self) -> Result<Engine> {
        let Self {
            settings,
            clock,
            script_worker,
            address,
        } = self;
        settings.validate().map_err(operator)?;
        let store = Store::open(&settings.database, clock.clone()).await.map_err(operator)?;
        store.migrate().await.map_err(operator)?;
        let node_id = clock.new_id();
        let lease = store.lease(node_id).await.map_err(operator)?;
        let epoch = lease.epoch();
        let sealer = Sealer::load(&settings).map_err(operator)?;
        store.check_key(&sealer).await.map_err(operator)?;
        let first_start = identity::first_start(&store, &settings).await?;
        let access = Access::new(&settings, &store, &clock);
        let scripts = ScriptPool::start(pool_settings(&settings, script_worker)).map_err(operator)?;
        let vault = Arc::new(StoreVault::new(store.clone(), sealer.clone()));
        let outbound = Outbound::new(HttpSettings::from(&settings.egress), clock.clone(), vault).map_err(operator)?;
        let parts = Parts {
            node_id,
            settings,
            clock,
            store,
            sealer,
            scripts,
            outbound,
            access: access.clone(),
            epoch,
            address,
        };
        let services = Arc::new(Services::new(parts)?);
        let (system, registry) = start_actors(&services).await?;
        let registry = RegistryHandle::new(registry, services.clone());
        boot(&services, &registry).await?;
        enlist(&services, &registry).await?;
        purge_now_and_then(services.clone());
        read_the_hour_back(&services);
        let engine = Engine::of(Inner {
            services,
            registry,
            access,
            first_start,
            lease: Mutex::new(Some(lease)),
            system: Mutex::new(Some(system)),
        });
        engine.registry().enlist(background(&engine)).await?;
        Ok(engine)
    }
}

/// The actor of background requests, which calls our own resources as the gateway has them.
fn background(engine: &Engine) -> Singleton {
    let services = engine.services().clone();
    let engine = engine.within();
    let own: MakeOwn = Arc::new(move || Box::pin(crate::gateway::own_resources(engine.clone())));
    Singleton::new(KIND_BACKGROUND, move |watched| {
        BackgroundActor::new(services.clone(), own.clone(), watched)
    })
}

async fn start_actors(services: &Arc<Services>) -> Result<(ActorSystem, actix::Addr<Registry>)> {
    let arbiters = match services.settings.engine.arbiters {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        given => given,
    };
    let system = ActorSystem::start(arbiters).await?;
    let (services, handles) = (services.clone(), system.arbiters().to_vec());
    let registry = Registry::start_in_arbiter(system.main(), move |_| Registry::new(services, handles));
    Ok((system, registry))
}

/// Gives every active call its actor, page by page, so that a million rows are never in memory at once.
async fn boot(services: &Arc<Services>, registry: &RegistryHandle) -> Result<()> {
    let gone = || Error::internal(std::io::Error::other("the registry has ended"));
    let cut = services.store.interrupted_runs().await?;
    let mut interrupted: HashMap<_, InterruptedRun> = cut.into_iter().map(|run| (run.call_api_id, run)).collect();
    let mut after = None;
    loop {
        let page = services.store.active_calls_page(after, BOOT_PAGE_ROWS).await?;
        after = page.last().map(|row| row.id);
        let page: Vec<_> = page
            .into_iter()
            .map(|row| (interrupted.remove(&row.id), row))
            .map(|(run, row)| (row, run))
            .collect();
        let ended = page.is_empty();
        registry.addr().send(Adopt(page)).await.map_err(|_| gone())?;
        if ended {
            break;
        }
    }
    // Cut runs of calls that are not active (manual ones): an actor settles each and leaves.
    for run in interrupted.into_values() {
        if let Some(row) = services.store.call_row(run.tenant_id, run.call_api_id).await? {
            registry
                .addr()
                .send(Adopt(vec![(row, Some(run))]))
                .await
                .map_err(|_| gone())?;
        }
    }
    registry.addr().send(BootEnded).await.map_err(|_| gone())
}

/// Starts the actors of which an engine has one.
async fn enlist(services: &Arc<Services>, registry: &RegistryHandle) -> Result<()> {
    let gone = || Error::internal(std::io::Error::other("the registry has ended"));
    let own = services.clone();
    let delivery = Singleton::new(KIND_DELIVERY, move |watched| DeliveryActor::new(own.clone(), watched));
    registry.addr().send(Enlist(delivery)).await.map_err(|_| gone())?;
    registry.enlist_family(connections(services)).await?;
    registry.enlist_family(automation::family(services)).await?;
    registry.enlist_family(integration::family(services)).await
}

/// The actors of connections.
fn connections(services: &Arc<Services>) -> Family {
    let own = services.clone();
    let rows = Arc::new(ConnectionRows(services.store.clone()));
    Family::new(KIND_CONNECTION, rows, move |member| {
        ConnectionActor::new(own.clone(), member)
    })
}

fn pool_settings(settings: &Settings, worker: Option<PathBuf>) -> PoolSettings {
    let script = &settings.script;
    let workers = match script.workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        given => given,
    };
    PoolSettings {
        workers,
        wall_ms: script.wall_ms,
        // Whatever a call or the setting may allow itself.
        wall_ms_max: script.wall_ms.max(SCRIPT_MS_MAX.into()),
        heap_mib: script.heap_mib,
        input_bytes_max: script.input_bytes_max,
        output_bytes_max: script.output_bytes_max,
        log_bytes_max: script.log_bytes_max,
        queue_jobs_max: script.queue_jobs_max,
        worker_command: WorkerCommand {
            program: worker,
            ..WorkerCommand::default()
        },
    }
}

/// Retention by the clock; ends with the store's runtime. A purge that fails is tried again at its next time.
fn purge_now_and_then(services: Arc<Services>) {
    let minutes = services.settings.purge.interval_minutes;
    if minutes == 0 {
        return;
    }
    let interval = Duration::from_secs(minutes.saturating_mul(60));
    let weak = Arc::downgrade(&services);
    let (clock, handle) = (services.clock.clone(), services.store.handle().clone());
    drop(services);
    handle.spawn(async move {
        loop {
            clock.sleep(interval).await;
            let Some(services) = weak.upgrade().filter(|services| !services.is_draining()) else {
                return;
            };
            let rules = PurgeRules::from_settings(&services.settings);
            match services.store.purge(&rules, clock.now()).await {
                Ok(purged) => tracing::info!(runs = purged.runs, transactions = purged.transactions_erased, "purged"),
                Err(error) => tracing::error!(error = ?error, "purge failed; it is tried again at its next time"),
            }
        }
    });
}

/// Counts by minute begin with what ran before this start. Behind the start: nothing waits for it.
fn read_the_hour_back(services: &Arc<Services>) {
    let (services, handle) = (services.clone(), services.store.handle().clone());
    handle.spawn(async move { overview::read_the_hour_back(&services).await });
}

/// An error at the start is for the operator, who must see what it says.
fn operator(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(crate::error::Code::Unavailable, error.to_string()).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_may_take_as_long_as_its_call_says() {
        let mut settings = Settings::base().unwrap();
        assert_eq!(pool_settings(&settings, None).wall_ms_max, u64::from(SCRIPT_MS_MAX));
        settings.script.wall_ms = 60_000;
        assert_eq!(pool_settings(&settings, None).wall_ms_max, 60_000);
    }
}

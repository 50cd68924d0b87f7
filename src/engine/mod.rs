//! The engine: what a host app starts, mounts and calls. Cheap to clone; two engines in one process do not know of each other.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::broadcast;

use crate::{
    actors::{registry::RegistryHandle, services::Services, system::ActorSystem},
    clock::Clock,
    error::Result,
    events::{Event, Events},
    http::Outbound,
    script::ScriptPool,
    settings::Settings,
    store::{Sealer, Store, lease::Lease},
    telemetry::Metrics,
};

pub mod access;
pub mod actors;
pub mod audit;
pub mod automations;
pub mod background;
pub(crate) mod cache;
pub mod call_apis;
pub mod caller;
mod change;
pub mod client_cache;
pub mod clients;
pub mod connections;
pub mod event_stream;
pub mod groups;
pub mod identity;
pub mod integrations;
mod limits;
pub mod mappings;
pub mod me;
pub mod names;
pub mod odata;
pub mod operator;
pub mod overview;
pub mod partner_functions;
pub mod password;
pub mod records;
mod refusal;
pub mod runs;
pub mod scripts;
pub mod sign_in;
mod start;
pub mod tenants;
pub mod test_call;
pub mod tokens;
pub mod transactions;
pub mod upstreams;
pub mod users;
pub mod webhooks;

pub use start::Builder;

/// See the module.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
    /// None in what lives on the engine's own threads, so that it does not keep them alive.
    _life: Option<Arc<Life>>,
}

/// Ends the engine's threads when the last one goes that a host app holds.
struct Life(Arc<Inner>);

struct Inner {
    services: Arc<Services>,
    registry: RegistryHandle,
    access: access::Access,
    first_start: Option<identity::FirstStart>,
    lease: Mutex<Option<Lease>>,
    system: Mutex<Option<ActorSystem>>,
}

impl Drop for Life {
    fn drop(&mut self) {
        // An engine that is dropped without `shutdown` leaves like one that is killed: what was committed stays.
        if let Some(system) = self.0.system.lock().unwrap_or_else(PoisonError::into_inner).take() {
            system.stop();
        }
    }
}

impl Engine {
    /// Starts an engine: opens the database and brings its tables up to date, starts script workers and actors, and
    /// arms every active call. It owns its threads, so it starts under any async runtime.
    ///
    /// # Errors
    /// In words for the operator: what cannot be opened or started, and what to do.
    pub async fn start(settings: Settings) -> Result<Self> {
        Self::builder(settings).start().await
    }

    /// As [`Engine::start`], with a clock or a script worker of one's own.
    #[must_use]
    pub fn builder(settings: Settings) -> Builder {
        Builder {
            settings,
            clock: Clock::system(),
            script_worker: None::<PathBuf>,
            address: None,
        }
    }

    fn of(inner: Inner) -> Self {
        let inner = Arc::new(inner);
        Self {
            _life: Some(Arc::new(Life(inner.clone()))),
            inner,
        }
    }

    /// For the engine's own threads: see the member `_life`.
    fn within(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            _life: None,
        }
    }

    /// The settings it was started with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.services.settings
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.services.clock
    }

    /// Its database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.services.store
    }

    /// Seals secrets.
    #[must_use]
    pub fn sealer(&self) -> &Sealer {
        &self.inner.services.sealer
    }

    /// Its script workers.
    #[must_use]
    pub fn scripts(&self) -> &ScriptPool {
        &self.inner.services.scripts
    }

    /// The guarded client of all outbound requests.
    #[must_use]
    pub fn outbound(&self) -> &Outbound {
        &self.inner.services.outbound
    }

    /// What happens in it.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.inner.services.events
    }

    /// Everything that happens from now on, of all tenants.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events().subscribe()
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.inner.services.metrics
    }

    /// Brings the instruments that are read rather than counted up to date.
    pub async fn refresh_gauges(&self) {
        let services = &self.inner.services;
        let metrics = &services.metrics;
        let (ledger, scripts) = (services.store.ledger().stats(), services.scripts.status());
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        metrics
            .ledger_entries
            .inc_by(ledger.committed_entries.saturating_sub(metrics.ledger_entries.get()));
        metrics
            .ledger_batches
            .inc_by(ledger.batches.saturating_sub(metrics.ledger_batches.get()));
        metrics.ledger_queue_entries.set(gauge(ledger.queue_entries));
        metrics
            .script_workers_killed
            .inc_by(scripts.killed.saturating_sub(metrics.script_workers_killed.get()));
        metrics.script_queue_jobs.set(gauge(scripts.queued));
        metrics.runs_going.set(gauge(services.running()));
        self.refresh_webhooks().await;
        // An error says that the registry is gone: nobody lives.
        let actors = self
            .inner
            .registry
            .summary(None)
            .await
            .map_or(0, |summary| summary.actors);
        metrics.actors.set(i64::try_from(actors).unwrap_or(i64::MAX));
        let queue = services.background.stats();
        metrics.background.waiting.set(gauge(queue.waiting));
        metrics.background.executing.set(gauge(queue.executing));
        let age = queue
            .oldest
            .map(|at| services.clock.now().duration_since(at).as_secs_f64());
        metrics.background.oldest_seconds.set(age.unwrap_or(0.0).max(0.0));
        metrics.up.set(if services.is_draining() { 0.0 } else { 1.0 });
    }

    async fn refresh_webhooks(&self) {
        let services = &self.inner.services;
        // An error is the database's, which the health check tells of.
        let backlog = services.store.delivery_backlog().await.unwrap_or_default();
        let oldest = backlog.oldest_at.map(|at| services.clock.now().duration_since(at));
        let oldest = oldest.and_then(|age| Duration::try_from(age).ok()).unwrap_or_default();
        services.metrics.webhooks.set_backlog(backlog.pending, oldest);
    }

    /// The supervisor of its actors.
    #[must_use]
    pub fn registry(&self) -> &RegistryHandle {
        &self.inner.registry
    }

    /// What every run needs: for the steps of a run, and for the caches that changes must clear.
    #[must_use]
    pub fn services(&self) -> &Arc<Services> {
        &self.inner.services
    }

    /// Who asks: caches and limits.
    #[must_use]
    pub fn access(&self) -> &access::Access {
        &self.inner.access
    }

    /// The first user, if this start made it.
    #[must_use]
    pub fn first_start(&self) -> Option<&identity::FirstStart> {
        self.inner.first_start.as_ref()
    }

    /// Mounts the gateway in an actix app.
    pub fn configure(&self, config: &mut actix_web::web::ServiceConfig) {
        crate::gateway::configure(config, self);
    }

    /// Ends when this process has lost its shards to another one, with the reason: nothing that it does is written any
    /// more, so it should be shut down. Never ends with SQLite, nor after [`Engine::shutdown`].
    pub async fn lease_lost(&self) -> String {
        let lost = self
            .inner
            .lease
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(Lease::lost);
        match lost {
            Some(lost) => lost.await,
            None => std::future::pending().await,
        }
    }

    /// Ends it: nothing new starts, what runs may finish within `grace`, then actors, workers and database are closed.
    /// True if nothing was cut.
    pub async fn shutdown(&self, grace: Duration) -> bool {
        let services = &self.inner.services;
        services.start_draining();
        // An error only says that the registry has gone already.
        let _ = self.inner.registry.drain().await;
        let whole = tokio::time::timeout(grace, services.all_runs_ended()).await.is_ok();
        let system = self.inner.system.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut system) = system {
            system.stop();
            if let Some(thread) = system.take_thread() {
                let joined = services
                    .store
                    .handle()
                    .spawn_blocking(move || thread.join().is_ok())
                    .await;
                if !matches!(joined, Ok(true)) {
                    tracing::error!("the actor system ended with a panic");
                }
            }
        }
        services.scripts.shutdown().await;
        let lease = self.inner.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(lease) = lease
            && let Err(error) = lease.release().await
        {
            tracing::warn!(error = ?error, "the shards are not given back; another process can take them when the lease has run out");
        }
        if let Err(error) = services.store.close().await {
            tracing::error!(error = ?error, "the database did not close well");
        }
        whole
    }
}

//! The engine: what a host app starts, mounts and calls. (The lead replaces this stub with the whole.)

use std::sync::Arc;

use crate::{clock::Clock, events::Events, settings::Settings, store::Store, telemetry::Metrics};

pub mod caller;

/// One engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    clock: Clock,
    store: Store,
    events: Events,
    metrics: Metrics,
}

impl Engine {
    /// An engine on a store that is open.
    pub fn on_store(settings: Settings, clock: Clock, store: Store) -> Result<Self, prometheus::Error> {
        let metrics = Metrics::new()?;
        let events = Events::default();
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                clock,
                store,
                events,
                metrics,
            }),
        })
    }

    /// The settings it was started with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Its database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// What happens in it.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.inner.events
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// Mounts the gateway in an actix app.
    pub fn configure(&self, config: &mut actix_web::web::ServiceConfig) {
        crate::gateway::configure(config, self);
    }
}

//! What happened: a bounded broadcast that feeds live views, later automations, and tests.

use std::{
    collections::VecDeque,
    fmt,
    ops::Deref,
    sync::{Arc, LazyLock, Mutex},
};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::domain::ids::TenantId;

pub mod listeners;

/// How many events a slow listener may lag behind, and how many `Last-Event-ID` can go back.
const KEPT_MAX: usize = 4096;

/// One thing that happened, after it was committed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Ascends; unique within this start of the engine.
    pub id: u64,
    /// Whose.
    #[serde(skip)]
    pub tenant_id: TenantId,
    /// When.
    pub at: Timestamp,
    /// `run.finished`, `call.deactivated`, `call.activated`, `transaction.ready`, ...
    pub kind: &'static str,
    /// The thing that it happened to: call, transaction, ...
    pub subject_id: Uuid,
    /// More, by kind.
    pub data: Arc<Data>,
}

/// The JSON of an event, made when somebody looks at it: thousands of runs a second end without a listener.
pub struct Data(LazyLock<Value, Box<dyn FnOnce() -> Value + Send>>);

impl Data {
    fn new(make: impl FnOnce() -> Value + Send + 'static) -> Self {
        Self(LazyLock::new(Box::new(make)))
    }
}

impl Deref for Data {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}

impl fmt::Display for Data {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, formatter)
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

/// Sends events to everyone who listens. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    inner: Arc<Inner>,
}

struct Inner {
    sender: broadcast::Sender<Event>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    last_id: u64,
    events: VecDeque<Event>,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            inner: Arc::new(Inner {
                sender: broadcast::Sender::new(KEPT_MAX),
                kept: Mutex::default(),
            }),
        }
    }
}

impl Events {
    /// Tells everyone. Never blocks; who lags behind more than 4,096 events loses the oldest.
    pub fn publish(&self, tenant_id: TenantId, at: Timestamp, kind: &'static str, subject_id: Uuid, data: Value) {
        self.publish_with(tenant_id, at, kind, subject_id, move || data);
    }

    /// As [`Events::publish`], with data that is made when somebody looks at it.
    pub fn publish_with(
        &self,
        tenant_id: TenantId,
        at: Timestamp,
        kind: &'static str,
        subject_id: Uuid,
        data: impl FnOnce() -> Value + Send + 'static,
    ) {
        let mut kept = self
            .inner
            .kept
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.last_id += 1;
        let event = Event {
            id: kept.last_id,
            tenant_id,
            at,
            kind,
            subject_id,
            data: Arc::new(Data::new(data)),
        };
        if kept.events.len() == KEPT_MAX {
            kept.events.pop_front();
        }
        kept.events.push_back(event.clone());
        // An error only says that nobody listens.
        let _ = self.inner.sender.send(event);
    }

    /// Everything that happens from now on, of all tenants.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.inner.sender.subscribe()
    }

    /// Events of a tenant after `last_id` that are still kept, then a receiver for what follows, without a gap.
    pub fn resume(&self, tenant_id: TenantId, last_id: u64) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let kept = self
            .inner
            .kept
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let missed = kept
            .events
            .iter()
            .filter(|event| event.id > last_id && event.tenant_id == tenant_id)
            .cloned();
        (missed.collect(), self.inner.sender.subscribe())
    }
}

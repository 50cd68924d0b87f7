//! What happened: a bounded broadcast that feeds live views, later automations, and tests.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::domain::ids::TenantId;

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
    pub data: Arc<serde_json::Value>,
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
    pub fn publish(
        &self,
        tenant_id: TenantId,
        at: Timestamp,
        kind: &'static str,
        subject_id: Uuid,
        data: serde_json::Value,
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
            data: Arc::new(data),
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

//! The way from the gateway to the actor of background requests: bounded, never blocking, and there before the actor is.
//!
//! A [`Slot`] is a place in the queue. It is taken before a request is stored, so that what was acknowledged always has one,
//! and given back when the request leaves the queue, or at once if it was not accepted after all.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::{
    domain::{
        background::QueuedRequest,
        ids::{BackgroundId, TenantId},
        places::Places,
    },
    error::{Code, Error, Result},
    settings,
};

/// What a refused caller is told to wait, milliseconds.
const RETRY_AFTER_MS: u64 = 1_000;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Inbox {
    inner: Arc<Inner>,
}

struct Inner {
    queue_max: usize,
    queue_per_tenant_max: usize,
    closed: AtomicBool,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    places: Places<TenantId>,
    mail: VecDeque<Mail>,
    stats: QueueStats,
}

/// What the actor finds in its inbox, in the order of its arrival.
#[derive(Debug)]
pub enum Mail {
    /// Is stored, and has a place.
    Accepted(QueuedRequest),
    /// Is cancelled in the store: no more of it.
    StopWaiting(BackgroundId),
    /// Panic, to show that supervision works.
    FailOnPurpose,
}

/// What the actor last said of its queue, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// What the last stop left is settled, and all that waits is known: before that nothing is executed.
    pub is_loaded: bool,
    /// Requests that wait for their first turn.
    pub waiting: usize,
    /// Requests that execute.
    pub executing: usize,
    /// All that is known: what is followed or is being committed, too.
    pub known: usize,
    /// When the one that has waited longest was accepted.
    pub oldest: Option<Timestamp>,
}

/// A place in the queue.
#[must_use = "a slot that is dropped gives its place back"]
pub struct Slot {
    inbox: Inbox,
    tenant_id: TenantId,
    handed_over: bool,
}

impl Inbox {
    /// With the limits of the settings.
    #[must_use]
    pub fn new(settings: &settings::Background) -> Self {
        Self {
            inner: Arc::new(Inner {
                queue_max: settings.queue_max,
                queue_per_tenant_max: settings.queue_per_tenant_max,
                closed: AtomicBool::new(false),
                state: Mutex::default(),
                changed: Notify::new(),
            }),
        }
    }

    /// A place for one request of this tenant.
    ///
    /// # Errors
    /// [`Code::RateLimited`] when the tenant has as many waiting as it may, [`Code::Unavailable`] when all have, or when the
    /// engine is stopping; each with the time to wait.
    pub fn admit(&self, tenant_id: TenantId) -> Result<Slot> {
        if self.inner.closed.load(Ordering::Relaxed) {
            let text = "The engine is stopping; send the request again in a moment.";
            return Err(Error::new(Code::Unavailable, text).with_retry_after_ms(2 * RETRY_AFTER_MS));
        }
        let (queue_max, per_tenant_max) = (self.inner.queue_max, self.inner.queue_per_tenant_max);
        let mut state = self.state();
        if state.places.all() >= queue_max {
            let text = format!(
                "{queue_max} requests wait to be executed in the background, as many as this engine takes \
                 (background.queue_max); send the request again in a moment."
            );
            return Err(Error::new(Code::Unavailable, text).with_retry_after_ms(RETRY_AFTER_MS));
        }
        if state.places.of(&tenant_id) >= per_tenant_max {
            let text = format!(
                "{per_tenant_max} requests of this tenant wait to be executed in the background, as many as a tenant \
                 may have (background.queue_per_tenant_max); send the request again in a moment."
            );
            return Err(Error::new(Code::RateLimited, text).with_retry_after_ms(RETRY_AFTER_MS));
        }
        state.places.take(tenant_id);
        drop(state);
        Ok(Slot {
            inbox: self.clone(),
            tenant_id,
            handed_over: false,
        })
    }

    /// After a committed cancel: it is taken from the queue, or no longer waited for.
    pub fn stop_waiting(&self, id: BackgroundId) {
        self.put(Mail::StopWaiting(id));
    }

    /// From now on nothing is admitted.
    pub fn close(&self) {
        self.inner.closed.store(true, Ordering::Relaxed);
    }

    /// Places that are taken: of what waits, and of what is being accepted.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.state().places.all()
    }

    /// The oldest letter; for the actor. What it does not take, the next one finds.
    #[must_use]
    pub fn take(&self) -> Option<Mail> {
        self.state().mail.pop_front()
    }

    /// Waits until something may have come; for the actor.
    pub async fn changed(&self) {
        self.inner.changed.notified().await;
    }

    /// There is something to do, although there is no mail; for the tasks of the actor.
    pub fn nudge(&self) {
        self.inner.changed.notify_one();
    }

    /// What the queue holds.
    #[must_use]
    pub fn stats(&self) -> QueueStats {
        self.state().stats
    }

    /// Notes what the queue holds; for the actor.
    pub fn note(&self, stats: QueueStats) {
        self.state().stats = stats;
    }

    /// Lets the actor panic: for tests of the supervision.
    #[doc(hidden)]
    pub fn fail_on_purpose(&self) {
        self.put(Mail::FailOnPurpose);
    }

    /// A request that was stored before is in the queue: it takes a place whatever the limits say.
    pub fn take_place(&self, tenant_id: TenantId) {
        self.state().places.take(tenant_id);
    }

    /// A request has left the queue.
    pub fn give_back(&self, tenant_id: TenantId) {
        self.state().places.give_back(&tenant_id, 1);
    }

    /// So many requests of a tenant have left the queue.
    pub fn give_back_many(&self, tenant_id: TenantId, count: usize) {
        self.state().places.give_back(&tenant_id, count);
    }

    fn put(&self, mail: Mail) {
        self.state().mail.push_back(mail);
        self.inner.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The request is committed: hands it over, and its place with it. Call it before the caller is answered, so that
    /// requests keep the order in which one caller sends them.
    pub fn accepted(mut self, request: QueuedRequest) {
        self.handed_over = true;
        self.inbox.put(Mail::Accepted(request));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.handed_over {
            self.inbox.give_back(self.tenant_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::settings::Settings;

    fn inbox(queue_max: usize, queue_per_tenant_max: usize) -> Inbox {
        let mut settings = Settings::base().unwrap().background;
        settings.queue_max = queue_max;
        settings.queue_per_tenant_max = queue_per_tenant_max;
        Inbox::new(&settings)
    }

    fn tenant(id: u128) -> TenantId {
        Uuid::from_u128(id).into()
    }

    fn request(tenant_id: TenantId) -> QueuedRequest {
        QueuedRequest {
            id: Uuid::from_u128(9).into(),
            tenant_id,
            user_id: None,
            upstream: None,
            method: "GET".to_owned(),
            order_key: 1,
            received_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn places_are_bounded_per_tenant_and_in_all() {
        let inbox = inbox(3, 2);
        let first = inbox.admit(tenant(1)).unwrap();
        let _second = inbox.admit(tenant(1)).unwrap();
        let refused = inbox.admit(tenant(1)).err().unwrap();
        assert_eq!((refused.code, refused.retry_after_ms), (Code::RateLimited, Some(1_000)));
        let _third = inbox.admit(tenant(2)).unwrap();
        let refused = inbox.admit(tenant(2)).err().unwrap();
        assert_eq!((refused.code, refused.retry_after_ms), (Code::Unavailable, Some(1_000)));
        drop(first);
        assert_eq!(inbox.taken(), 2, "what is not accepted gives its place back");
        let _again = inbox.admit(tenant(1)).unwrap();
    }

    #[tokio::test]
    async fn what_is_accepted_keeps_its_place_until_it_leaves() {
        let inbox = inbox(1, 1);
        inbox.admit(tenant(1)).unwrap().accepted(request(tenant(1)));
        inbox.stop_waiting(Uuid::from_u128(9).into());
        inbox.changed().await;
        assert!(matches!(inbox.take(), Some(Mail::Accepted(_))));
        assert!(matches!(inbox.take(), Some(Mail::StopWaiting(_))), "one by one");
        assert!(inbox.take().is_none());
        assert_eq!(inbox.admit(tenant(1)).err().unwrap().code, Code::Unavailable);
        inbox.give_back(tenant(1));
        assert!(inbox.admit(tenant(1)).is_ok());
        inbox.close();
        assert_eq!(inbox.admit(tenant(1)).err().unwrap().code, Code::Unavailable);
    }
}

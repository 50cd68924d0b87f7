//! The way to the delivery actor, which exists before the actor does and outlives its restarts: what was made, what has
//! ended, what is on its way.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

use crate::{
    actors::delivery::attempt::Ended,
    domain::ids::DeliveryId,
    store::deliveries::{DueDelivery, NewDelivery},
};

/// Deliveries that may wait here for the actor; what is more, it finds in the store.
const FRESH_MAX: usize = 10_000;

/// See the module. Cheap to clone.
#[derive(Clone, Default)]
pub struct DeliveryInbox {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<Held>,
    wake: Notify,
    generations: AtomicU64,
}

#[derive(Default)]
struct Held {
    letters: Letters,
    going: HashSet<DeliveryId>,
}

/// What has come since the actor looked last.
#[derive(Default)]
pub(super) struct Letters {
    /// Made and committed.
    pub fresh: Vec<DueDelivery>,
    /// The store holds something to look for.
    pub look: bool,
    /// Attempts that have ended and are to be recorded.
    pub ended: Vec<Ended>,
    /// Panic, to show that supervision works.
    pub fail: bool,
}

/// A delivery is on its way until this is dropped: when its attempt is recorded, and also when whoever should record it has
/// panicked. Then the store still has it as due, and it is sent once more.
pub(super) struct Going {
    /// Weak, because attempts that have ended lie in the inbox itself.
    inbox: Weak<Inner>,
    id: DeliveryId,
}

impl Drop for Going {
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox.upgrade() {
            let mut held = inbox.state.lock().unwrap_or_else(PoisonError::into_inner);
            held.going.remove(&self.id);
        }
    }
}

impl DeliveryInbox {
    /// After the commit of new deliveries. Never waits.
    pub fn created(&self, deliveries: &[NewDelivery]) {
        if deliveries.is_empty() {
            return;
        }
        let mut held = self.held();
        for new in deliveries {
            if held.letters.fresh.len() < FRESH_MAX {
                held.letters.fresh.push(DueDelivery::from(new));
            } else {
                held.letters.look = true;
            }
        }
        drop(held);
        self.inner.wake.notify_one();
    }

    /// After a change of rows: the actor looks into the store.
    pub fn look(&self) {
        self.held().letters.look = true;
        self.inner.wake.notify_one();
    }

    /// Lets the actor panic: for tests of the supervision.
    #[doc(hidden)]
    pub fn fail_on_purpose(&self) {
        self.held().letters.fail = true;
        self.inner.wake.notify_one();
    }

    /// The number of a new instance of the actor.
    pub(super) fn new_generation(&self) -> u64 {
        self.inner.generations.fetch_add(1, Ordering::Relaxed)
    }

    /// An attempt has ended. Their number is bounded by the workers.
    pub(super) fn ended(&self, ended: Ended) {
        self.held().letters.ended.push(ended);
        self.inner.wake.notify_one();
    }

    /// Notes that a delivery is on its way, until what it answers with is dropped; none if it is already.
    pub(super) fn go(&self, id: DeliveryId) -> Option<Going> {
        let inbox = Arc::downgrade(&self.inner);
        self.held().going.insert(id).then_some(Going { inbox, id })
    }

    /// Whether a delivery is on its way, or its attempt not recorded yet.
    pub(super) fn is_going(&self, id: DeliveryId) -> bool {
        self.held().going.contains(&id)
    }

    /// How many are.
    pub(super) fn going(&self) -> usize {
        self.held().going.len()
    }

    pub(super) fn take(&self) -> Letters {
        std::mem::take(&mut self.held().letters)
    }

    /// Waits for something to come.
    pub(super) async fn woken(&self) {
        self.inner.wake.notified().await;
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

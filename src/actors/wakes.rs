//! Tells what became of records: events for everyone who listens, and a knock at the automations whose inbox has something new.
//! The inbox itself is in the store; a knock only says that a look is worth while, so one that waits is as good as many.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use serde_json::json;

use super::services::Services;
use crate::{
    domain::{
        ids::{AutomationId, TenantId},
        record,
    },
    store::records::RecordNews,
};

/// Who is to be told: at most one entry for each automation that lives here. Cheap to clone.
#[derive(Clone, Default)]
pub struct Wakes {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    entries: HashMap<AutomationId, Entry>,
}

struct Entry {
    number: u64,
    told: bool,
    knock: Arc<dyn Fn() + Send + Sync>,
}

/// An automation hears of its inbox until this is dropped.
pub struct Hearing {
    inner: Weak<Mutex<Inner>>,
    id: AutomationId,
    number: u64,
}

impl Wakes {
    /// From now on `knock` is called when there is something new for the automation, once until [`Hearing::look`]. It must not
    /// block. A later registration of the same automation takes the place of an earlier one.
    pub fn register(&self, id: AutomationId, knock: impl Fn() + Send + Sync + 'static) -> Hearing {
        let mut inner = locked(&self.inner);
        inner.last += 1;
        let number = inner.last;
        let entry = Entry {
            number,
            told: false,
            knock: Arc::new(knock),
        };
        inner.entries.insert(id, entry);
        Hearing {
            inner: Arc::downgrade(&self.inner),
            id,
            number,
        }
    }

    /// Knocks at these automations, as far as they live here and have looked since the last knock.
    pub fn wake(&self, ids: &[AutomationId]) {
        let mut knocks = Vec::new();
        let mut inner = locked(&self.inner);
        for id in ids {
            if let Some(entry) = inner.entries.get_mut(id).filter(|entry| !entry.told) {
                entry.told = true;
                knocks.push(entry.knock.clone());
            }
        }
        // Whoever is called may come back here.
        drop(inner);
        for knock in knocks {
            knock();
        }
    }
}

impl Hearing {
    /// To be called before the inbox is read: what comes from now on knocks again. Answers whether there was a knock.
    pub fn look(&self) -> bool {
        let Some(inner) = self.inner.upgrade() else {
            return false;
        };
        let mut inner = locked(&inner);
        let own = inner
            .entries
            .get_mut(&self.id)
            .filter(|entry| entry.number == self.number);
        own.is_some_and(|entry| std::mem::take(&mut entry.told))
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        let Some(inner) = self.inner.upgrade() else { return };
        let mut inner = locked(&inner);
        if inner
            .entries
            .get(&self.id)
            .is_some_and(|entry| entry.number == self.number)
        {
            inner.entries.remove(&self.id);
        }
    }
}

impl Services {
    /// To be called after each commit that changed records.
    pub fn tell_records(&self, tenant_id: TenantId, news: RecordNews) {
        let now = self.clock.now();
        for change in news.changes {
            let subject = record::subject_id(tenant_id, &change.entity, &change.key);
            self.events
                .publish_with(tenant_id, now, change.kind.event_kind(), subject, move || {
                    json!({
                        "event": format!("{}.{}", change.entity, change.kind.as_str()),
                        "entity": change.entity,
                        "key": change.key,
                        "version": change.version,
                    })
                });
        }
        self.wakes.wake(&news.woken);
    }
}

fn locked(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn counter() -> (Arc<AtomicU32>, impl Fn() + Send + Sync + 'static) {
        let count = Arc::new(AtomicU32::new(0));
        let own = count.clone();
        (count, move || {
            own.fetch_add(1, Ordering::SeqCst);
        })
    }

    #[test]
    fn many_wakes_are_one_knock_until_somebody_looks() {
        let wakes = Wakes::default();
        let (id, other) = (uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into());
        let (count, knock) = counter();
        let hearing = wakes.register(id, knock);
        assert!(!hearing.look());
        wakes.wake(&[id, other]);
        wakes.wake(&[id]);
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(hearing.look() && !hearing.look());
        wakes.wake(&[other]);
        assert_eq!(count.load(Ordering::SeqCst), 1);
        wakes.wake(&[id]);
        assert_eq!(count.load(Ordering::SeqCst), 2);
        drop(hearing);
        wakes.wake(&[id]);
        assert_eq!(count.load(Ordering::SeqCst), 2);
        assert!(locked(&wakes.inner).entries.is_empty());
    }

    #[test]
    fn a_later_instance_is_not_silenced_by_the_end_of_an_earlier_one() {
        let wakes = Wakes::default();
        let id = uuid::Uuid::from_u128(1).into();
        let earlier = wakes.register(id, || {});
        let (count, knock) = counter();
        let later = wakes.register(id, knock);
        wakes.wake(&[id]);
        assert!(!earlier.look());
        drop(earlier);
        assert!(later.look());
        wakes.wake(&[id]);
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }
}

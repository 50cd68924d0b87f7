//! The awc clients of this thread, and how many connections a host may have at once.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use awc::{Client, Connector};
use tokio::runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::dial::Dialer;
use super::outbound::Shared;

/// awc looks at an idle connection only when its host is asked for again. After this many different hosts the client is
/// made anew, so that the connections of hosts never seen again are closed.
const HOSTS_PER_CLIENT_MAX: usize = 256;

/// So many hosts may be remembered before those without connections are dropped.
const HOSTS_REMEMBERED_MAX: usize = 1_024;

struct Entry {
    engine: Weak<Shared>,
    /// Sockets belong to the runtime that opened them; a thread may have several one after the other.
    runtime: runtime::Id,
    plain: Client,
    secure: Client,
    hosts: HashSet<String>,
}

thread_local! {
    /// `awc::Client` cannot leave its thread, so each thread keeps one for each engine; entries of engines that are gone
    /// are dropped when the next is added.
    static CLIENTS: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// This thread's client for plain or TLS connections of an engine.
pub(super) fn client(shared: &Arc<Shared>, secure: bool, authority: &str) -> Client {
    CLIENTS.with_borrow_mut(|entries| {
        let runtime = runtime::Handle::current().id();
        let engine = Arc::as_ptr(shared);
        let own = |entry: &Entry| entry.runtime == runtime && entry.engine.as_ptr() == engine;
        let index = entries.iter().position(own).unwrap_or_else(|| {
            entries.retain(|entry| entry.engine.strong_count() > 0 && entry.engine.as_ptr() != engine);
            entries.push(Entry::new(shared, runtime));
            entries.len() - 1
        });
        let Some(entry) = entries.get_mut(index) else {
            return build(shared, secure);
        };
        entry.see(shared, authority);
        if secure {
            entry.secure.clone()
        } else {
            entry.plain.clone()
        }
    })
}

impl Entry {
    fn new(shared: &Arc<Shared>, runtime: runtime::Id) -> Entry {
        Entry {
            engine: Arc::downgrade(shared),
            runtime,
            plain: build(shared, false),
            secure: build(shared, true),
            hosts: HashSet::new(),
        }
    }

    fn see(&mut self, shared: &Arc<Shared>, authority: &str) {
        if self.hosts.contains(authority) {
            return;
        }
        if self.hosts.len() >= HOSTS_PER_CLIENT_MAX {
            *self = Entry::new(shared, self.runtime);
        }
        self.hosts.insert(authority.to_owned());
    }
}

fn build(shared: &Arc<Shared>, secure: bool) -> Client {
    let settings = &shared.settings;
    let timeout = Duration::from_millis(settings.connect_timeout_ms);
    let dialer = Dialer {
        policy: Arc::clone(&shared.policy),
        tls: secure.then(|| Arc::clone(&shared.tls)),
        timeout,
        head_bytes_max: settings.head_bytes_max,
        lookups: Arc::clone(&shared.lookups),
    };
    let connector = Connector::new()
        .connector(dialer)
        // The dialer keeps the time; this is the second line.
        .timeout(timeout.saturating_mul(2))
        .conn_keep_alive(Duration::from_millis(settings.keep_alive_ms))
        // Bounded by host, below.
        .limit(0);
    Client::builder()
        .connector(connector)
        .disable_redirects()
        .disable_timeout()
        .no_default_headers()
        .finish()
}

/// Places for connections by host and port, over all threads of an engine.
pub(super) struct HostSlots {
    each_max: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl HostSlots {
    pub fn new(each_max: usize) -> HostSlots {
        HostSlots {
            each_max: each_max.clamp(1, Semaphore::MAX_PERMITS),
            hosts: Mutex::default(),
        }
    }

    /// Waits for a place; dropped when the body has been read.
    pub async fn take(&self, authority: &str) -> Option<OwnedSemaphorePermit> {
        // Never closed, so this only waits.
        self.slots_of(authority).acquire_owned().await.ok()
    }

    fn slots_of(&self, authority: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slots) = hosts.get(authority) {
            return Arc::clone(slots);
        }
        if hosts.len() >= HOSTS_REMEMBERED_MAX {
            hosts.retain(|_, slots| Arc::strong_count(slots) > 1);
        }
        let slots = Arc::new(Semaphore::new(self.each_max));
        hosts.insert(authority.to_owned(), Arc::clone(&slots));
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn places_are_per_host() {
        let slots = HostSlots::new(1);
        let taken = slots.take("a:80").await;
        assert!(slots.take("b:80").await.is_some());
        let mut waiting = Box::pin(slots.take("a:80"));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(taken);
        assert!(waiting.await.is_some());
    }

    #[test]
    fn unused_hosts_are_forgotten() {
        let slots = HostSlots::new(1);
        let used = slots.slots_of("used:80");
        for n in 0..HOSTS_REMEMBERED_MAX * 2 {
            slots.slots_of(&format!("host{n}:80"));
        }
        assert!(slots.hosts.lock().unwrap().len() <= HOSTS_REMEMBERED_MAX);
        assert!(Arc::ptr_eq(&used, &slots.slots_of("used:80")));
    }
}

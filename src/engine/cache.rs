//! A small cache for answers that are asked for thousands of times a second and change rarely.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use crate::clock::Clock;

/// Values that are at most so old. What changes in this process is forgotten at once; the time bounds what another process
/// changes.
pub(crate) struct Cache<K, V> {
    clock: Clock,
    age_max: Duration,
    entries_max: usize,
    state: RwLock<State<K, V>>,
}

/// Taken before a value is read from the store, so that a value read before a change is not kept after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u64);

struct State<K, V> {
    generation: u64,
    entries: HashMap<K, (Duration, Arc<V>)>,
}

impl<K: Eq + Hash, V> Cache<K, V> {
    pub(crate) fn new(clock: Clock, age_max: Duration, entries_max: usize) -> Self {
        Self {
            clock,
            age_max,
            entries_max,
            state: RwLock::new(State {
                generation: 0,
                entries: HashMap::new(),
            }),
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<Arc<V>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let (at, value) = state.entries.get(key)?;
        (self.clock.monotonic().saturating_sub(*at) < self.age_max).then(|| Arc::clone(value))
    }

    pub(crate) fn generation(&self) -> Generation {
        Generation(self.state.read().unwrap_or_else(PoisonError::into_inner).generation)
    }

    /// Keeps a value that was read after `generation` was taken, unless something was forgotten meanwhile.
    pub(crate) fn put(&self, key: K, value: V, generation: Generation) -> Arc<V> {
        let value = Arc::new(value);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.generation == generation.0 {
            if state.entries.len() >= self.entries_max {
                state.entries.clear();
            }
            state.entries.insert(key, (self.clock.monotonic(), Arc::clone(&value)));
        }
        value
    }

    pub(crate) fn forget(&self, key: &K) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.generation += 1;
        state.entries.remove(key);
    }

    pub(crate) fn clear(&self) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.generation += 1;
        state.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_age_and_are_forgotten() {
        let (clock, manual) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        let cache = Cache::new(clock, Duration::from_secs(5), 2);
        cache.put(1, "one", cache.generation());
        assert_eq!(cache.get(&1).as_deref(), Some(&"one"));
        let before = cache.generation();
        cache.forget(&1);
        cache.put(1, "read before the change", before);
        assert!(cache.get(&1).is_none());
        cache.put(1, "new", cache.generation());
        manual.advance(Duration::from_secs(5));
        assert!(cache.get(&1).is_none());
    }

    #[test]
    fn it_does_not_grow_beyond_its_bound() {
        let cache = Cache::new(Clock::system(), Duration::from_secs(5), 2);
        for key in 0..5 {
            cache.put(key, (), cache.generation());
        }
        assert!(cache.state.read().unwrap().entries.len() <= 2);
    }
}

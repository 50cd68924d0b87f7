//! Places that are taken, in all and by whom: for limits of both.

use std::{collections::HashMap, hash::Hash};

/// See the module.
#[derive(Debug)]
pub struct Places<K> {
    all: usize,
    by_owner: HashMap<K, usize>,
}

impl<K> Default for Places<K> {
    fn default() -> Self {
        Self {
            all: 0,
            by_owner: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash> Places<K> {
    /// All that are taken.
    #[must_use]
    pub const fn all(&self) -> usize {
        self.all
    }

    /// Those of one.
    #[must_use]
    pub fn of(&self, owner: &K) -> usize {
        self.by_owner.get(owner).copied().unwrap_or(0)
    }

    /// Takes one, whatever the limits are.
    pub fn take(&mut self, owner: K) {
        self.all += 1;
        *self.by_owner.entry(owner).or_default() += 1;
    }

    /// Gives so many back.
    pub fn give_back(&mut self, owner: &K, count: usize) {
        self.all = self.all.saturating_sub(count);
        if let Some(taken) = self.by_owner.get_mut(owner) {
            *taken = taken.saturating_sub(count);
            if *taken == 0 {
                self.by_owner.remove(owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_none_is_forgotten() {
        let mut places = Places::default();
        places.take(1);
        places.take(1);
        places.take(2);
        assert_eq!((places.all(), places.of(&1), places.of(&3)), (3, 2, 0));
        places.give_back(&1, 2);
        places.give_back(&2, 1);
        assert_eq!(places.all(), 0);
        assert!(places.by_owner.is_empty());
    }
}

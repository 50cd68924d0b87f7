//! Whose item is begun next, over all tenants: in turn, so that nobody waits behind another's 50,000 items.
//!
//! Each tenant that wants something has one place in the round, however many of its integrations ask. Nobody's share is fixed: a tenant
//! may have three times what is still free, so that alone it has three quarters of all, and whoever comes next finds a free one.

use std::collections::{HashMap, VecDeque};

use crate::domain::ids::TenantId;

/// A tenant may have so many times what is free: alone, three quarters.
const SHARE_OF_FREE: usize = 3;

/// See the module. `T` is who asks.
#[derive(Debug)]
pub struct Turns<T> {
    max: usize,
    going: usize,
    shares: HashMap<TenantId, Share<T>>,
    /// Tenants with somebody who waits.
    round: VecDeque<TenantId>,
}

#[derive(Debug)]
struct Share<T> {
    going: usize,
    waiting: VecDeque<T>,
}

impl<T> Turns<T> {
    /// Nobody waits; `max` at once, at least one.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            max: max.max(1),
            going: 0,
            shares: HashMap::new(),
            round: VecDeque::new(),
        }
    }

    /// How many are going.
    #[must_use]
    pub const fn going(&self) -> usize {
        self.going
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shares.values().map(|share| share.waiting.len()).sum()
    }

    /// Somebody of a tenant asks.
    pub fn ask(&mut self, tenant: TenantId, who: T) {
        let share = self.shares.entry(tenant).or_insert_with(|| Share {
            going: 0,
            waiting: VecDeque::new(),
        });
        if share.waiting.is_empty() {
            self.round.push_back(tenant);
        }
        share.waiting.push_back(who);
    }

    /// Takes the next one whose turn it is; it counts as going until [`Turns::ended`].
    #[must_use = "it counts as going"]
    pub fn take_next(&mut self) -> Option<(TenantId, T)> {
        let free = self.max.saturating_sub(self.going);
        if free == 0 {
            return None;
        }
        for _ in 0..self.round.len() {
            let tenant = self.round.pop_front()?;
            let share = self.shares.get_mut(&tenant)?;
            if share.going >= free * SHARE_OF_FREE {
                self.round.push_back(tenant);
                continue;
            }
            let next = share.waiting.pop_front();
            if !share.waiting.is_empty() {
                self.round.push_back(tenant);
            }
            if let Some(next) = next {
                share.going += 1;
                self.going += 1;
                return Some((tenant, next));
            }
        }
        None
    }

    /// One of a tenant that was going has ended.
    pub fn ended(&mut self, tenant: TenantId) {
        let Some(share) = self.shares.get_mut(&tenant).filter(|share| share.going > 0) else {
            return;
        };
        share.going -= 1;
        self.going -= 1;
        if share.going == 0 && share.waiting.is_empty() {
            self.shares.remove(&tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn tenant(number: u128) -> TenantId {
        TenantId::from(Uuid::from_u128(number))
    }

    fn taken<T>(turns: &mut Turns<T>) -> Vec<T> {
        std::iter::from_fn(|| turns.take_next()).map(|(_, who)| who).collect()
    }

    #[test]
    fn tenants_take_turns_however_many_they_are_within() {
        let mut turns = Turns::new(1);
        let (many, one) = (tenant(1), tenant(2));
        for number in 0..100 {
            turns.ask(many, number);
        }
        assert_eq!(turns.take_next(), Some((many, 0)));
        turns.ask(one, 1_000);
        assert_eq!(turns.take_next(), None);
        turns.ended(many);
        // The other has its turn after at most one more of the first.
        assert_eq!(turns.take_next(), Some((many, 1)));
        turns.ended(many);
        assert_eq!(turns.take_next(), Some((one, 1_000)));
        turns.ended(one);
        assert_eq!(turns.take_next(), Some((many, 2)));
    }

    #[test]
    fn one_that_takes_all_it_may_leaves_room() {
        let mut turns = Turns::new(64);
        for number in 0..1_000 {
            turns.ask(tenant(1), number);
        }
        assert_eq!(taken(&mut turns).len(), 48);
        turns.ask(tenant(2), 5_000);
        assert_eq!(taken(&mut turns), [5_000]);
        for number in 0..1_000 {
            turns.ask(tenant(3), 6_000 + number);
        }
        let third = taken(&mut turns).len();
        assert!((8..15).contains(&third), "{third}");
        turns.ask(tenant(4), 9_000);
        assert_eq!(taken(&mut turns), [9_000], "somebody new finds a free one");
        assert!(turns.going() < 64 && turns.waiting() > 0);
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let mut turns = Turns::new(2);
        turns.ask(tenant(1), 1);
        turns.ask(tenant(2), 2);
        assert_eq!(taken(&mut turns), [1, 2]);
        turns.ended(tenant(1));
        turns.ended(tenant(1));
        turns.ended(tenant(2));
        assert_eq!((turns.going(), turns.waiting()), (0, 0));
        assert!(turns.shares.is_empty() && turns.round.is_empty());
    }

    #[test]
    fn all_who_ask_come_to_their_turn() {
        let mut turns = Turns::new(3);
        for number in 0..30 {
            turns.ask(tenant(number % 5), number);
        }
        let mut seen = Vec::new();
        while let Some((tenant, who)) = turns.take_next() {
            seen.push(who);
            turns.ended(tenant);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..30).collect::<Vec<_>>());
    }
}

//! Which delivery is sent next: lanes in turn, so that nobody waits behind somebody else's dead receiver.
//!
//! A lane is what a tenant sends to one host; its number says whose it is ([`owner_of`]). Tenants take turns, and the lanes of
//! each. Nobody's share is fixed: of what waits here and of the workers, a tenant may have a multiple of what is still free,
//! so that however many hang or fail, whoever comes next finds room and a worker.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::owner_of;

/// After so many failures in a row a lane sends one at a time, until one succeeds.
pub const FAILURES_MAX: u32 = 3;
/// Idle lanes that are remembered because they failed; beyond that they are forgotten.
const REMEMBERED_MAX: usize = 10_000;
/// So many of a tenant may always wait here, however much others have.
const RESERVED: usize = 16;
/// Of the workers, and of those for lanes that fail, a tenant may have so many times what is free: alone, three quarters.
const SHARE_OF_FREE: usize = 3;

/// How many may be on their way, and may wait here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At the same time in all.
    pub workers: usize,
    /// Of these, to one host.
    pub per_host: usize,
    /// Of these, in lanes that fail.
    pub failing: usize,
    /// Waiting in one lane; the rest stays in the store.
    pub waiting_per_lane: usize,
    /// Waiting in a lane that fails.
    pub waiting_if_failing: usize,
    /// Waiting in all lanes. A tenant has at most a quarter, and no more than half of what is free; a few of each may
    /// always wait, even beyond this.
    pub waiting: usize,
}

impl Limits {
    /// The limits of an engine that sends `workers` at the same time, `per_host` of them to one host: lanes that fail have
    /// half of the workers.
    #[must_use]
    pub fn new(workers: usize, per_host: usize) -> Self {
        Self {
            workers,
            per_host,
            failing: workers.div_ceil(2),
            waiting_per_lane: 256,
            waiting_if_failing: 16,
            waiting: 10_000,
        }
    }
}

/// See the module. `T` is a delivery.
#[derive(Debug)]
pub struct Lanes<T> {
    limits: Limits,
    lanes: HashMap<i64, Lane<T>>,
    shares: HashMap<i64, Share>,
    /// Tenants with something that waits.
    turn: VecDeque<i64>,
    hosts: HashMap<Arc<str>, usize>,
    going: usize,
    failing: usize,
    waiting: usize,
}

#[derive(Debug)]
struct Lane<T> {
    host: Arc<str>,
    waiting: VecDeque<T>,
    going: usize,
    failures: u32,
    /// The store has more of it.
    more: bool,
    in_turn: bool,
}

/// What one tenant has of everything.
#[derive(Debug, Default)]
struct Share {
    /// Its lanes with something that waits.
    turn: VecDeque<i64>,
    in_turn: bool,
    going: usize,
    /// Of these, in lanes that fail.
    failing: usize,
    waiting: usize,
    /// The store has more of it, in lanes that are not here.
    more: bool,
}

impl<T> Lane<T> {
    fn fails(&self) -> bool {
        self.failures >= FAILURES_MAX
    }
}

impl<T> Lanes<T> {
    /// No lanes.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            lanes: HashMap::new(),
            shares: HashMap::new(),
            turn: VecDeque::new(),
            hosts: HashMap::new(),
            going: 0,
            failing: 0,
            waiting: 0,
        }
    }

    /// How many are on their way.
    #[must_use]
    pub fn going(&self) -> usize {
        self.going
    }

    /// How many wait here.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many more a lane takes: what the lane itself may hold, within what its tenant may.
    #[must_use]
    pub fn room(&self, lane: i64) -> usize {
        let found = self.lanes.get(&lane);
        let waiting = found.map_or(0, |lane| lane.waiting.len());
        let own = self.holds(found).saturating_sub(waiting);
        own.min(self.room_of(owner_of(lane)))
    }

    /// How many more of a tenant may wait here.
    #[must_use]
    pub fn room_of(&self, owner: i64) -> usize {
        let waiting = self.shares.get(&owner).map_or(0, |share| share.waiting);
        self.allowance().saturating_sub(waiting)
    }

    /// What a tenant may hold now.
    fn allowance(&self) -> usize {
        let free = self.limits.waiting.saturating_sub(self.waiting);
        free.div_ceil(2)
            .min(self.limits.waiting.div_ceil(4))
            .max(RESERVED.min(self.limits.waiting_per_lane))
    }

    fn holds(&self, lane: Option<&Lane<T>>) -> usize {
        if lane.is_some_and(Lane::fails) {
            self.limits.waiting_if_failing
        } else {
            self.limits.waiting_per_lane
        }
    }

    /// Puts a delivery at the end of its lane; gives it back where there is no room, and notes that the store has it.
    ///
    /// # Errors
    /// The delivery.
    pub fn offer(&mut self, lane: i64, host: &str, delivery: T) -> Result<(), T> {
        let owner = owner_of(lane);
        if self.room(lane) == 0 {
            // No entry of its own: there may be as many lanes as there are names of hosts.
            match self.lanes.get_mut(&lane).filter(|found| !found.waiting.is_empty()) {
                Some(found) => found.more = true,
                None => self.set_short(owner, true),
            }
            return Err(delivery);
        }
        let found = self.lanes.entry(lane).or_insert_with(|| Lane {
            host: Arc::from(host),
            waiting: VecDeque::new(),
            going: 0,
            failures: 0,
            more: false,
            in_turn: false,
        });
        found.waiting.push_back(delivery);
        self.waiting += 1;
        let share = self.shares.entry(owner).or_default();
        share.waiting += 1;
        if !std::mem::replace(&mut found.in_turn, true) {
            share.turn.push_back(lane);
        }
        if !std::mem::replace(&mut share.in_turn, true) {
            self.turn.push_back(owner);
        }
        Ok(())
    }

    /// Notes whether the store has more of a lane than is here.
    pub fn set_more(&mut self, lane: i64, more: bool) {
        if let Some(lane) = self.lanes.get_mut(&lane) {
            lane.more = more;
        }
    }

    /// Notes whether the store has more of a tenant, in lanes that are not here.
    pub fn set_short(&mut self, owner: i64, short: bool) {
        if short {
            self.shares.entry(owner).or_default().more = true;
        } else if let Some(share) = self.shares.get_mut(&owner) {
            share.more = false;
            self.forget_idle(owner);
        }
    }

    /// Lanes that are nearly empty while the store has more of them, at most so many.
    #[must_use]
    pub fn hungry(&self, lanes_max: usize) -> Vec<i64> {
        let hungry = self.lanes.iter().filter(|(id, lane)| {
            lane.more && lane.waiting.len() <= self.holds(Some(lane)) / 4 && self.room_of(owner_of(**id)) > 0
        });
        hungry.map(|(id, _)| *id).take(lanes_max).collect()
    }

    /// Whether tenants have room for what the store has of them, in lanes that are not here. That is forgotten by asking:
    /// whoever asks looks into the store.
    #[must_use = "it is forgotten"]
    pub fn take_short(&mut self) -> bool {
        let low = self.allowance() / 2;
        let is_short = |share: &Share| share.more && share.waiting <= low;
        let short: Vec<i64> = self
            .shares
            .iter()
            .filter(|(_, share)| is_short(share))
            .map(|(owner, _)| *owner)
            .collect();
        for owner in &short {
            self.set_short(*owner, false);
        }
        !short.is_empty()
    }

    /// Takes the next delivery that may be sent, with its lane; it counts as on its way until [`Lanes::ended`].
    #[must_use = "it counts as on its way"]
    pub fn take_next(&mut self) -> Option<(i64, T)> {
        for _ in 0..self.turn.len() {
            if self.going >= self.limits.workers {
                return None;
            }
            let owner = self.turn.pop_front()?;
            let taken = self.next_of(owner).and_then(|lane| self.start(owner, lane));
            if let Some(share) = self.shares.get_mut(&owner) {
                share.in_turn = !share.turn.is_empty();
                if share.in_turn {
                    self.turn.push_back(owner);
                }
            }
            if taken.is_some() {
                return taken;
            }
        }
        None
    }

    /// A tenant's next lane that may send, taken out of its turn.
    fn next_of(&mut self, owner: i64) -> Option<i64> {
        let share = self.shares.get_mut(&owner)?;
        if share.going >= self.limits.workers.saturating_sub(self.going) * SHARE_OF_FREE {
            return None;
        }
        let failing_free = self.limits.failing.saturating_sub(self.failing);
        let one_more_fails = share.failing < failing_free * SHARE_OF_FREE;
        for _ in 0..share.turn.len() {
            let id = share.turn.pop_front()?;
            let Some(lane) = self.lanes.get(&id) else { continue };
            let quiet = !lane.fails() || (lane.going == 0 && one_more_fails);
            let of_host = self.hosts.get(&lane.host).copied().unwrap_or_default();
            if quiet && of_host < self.limits.per_host {
                return Some(id);
            }
            share.turn.push_back(id);
        }
        None
    }

    fn start(&mut self, owner: i64, id: i64) -> Option<(i64, T)> {
        let (lane, share) = (self.lanes.get_mut(&id)?, self.shares.get_mut(&owner)?);
        let next = lane.waiting.pop_front();
        lane.in_turn = !lane.waiting.is_empty();
        if lane.in_turn {
            share.turn.push_back(id);
        }
        let next = next?;
        lane.going += 1;
        share.going += 1;
        share.waiting -= 1;
        share.failing += usize::from(lane.fails());
        self.failing += usize::from(lane.fails());
        *self.hosts.entry(lane.host.clone()).or_default() += 1;
        self.going += 1;
        self.waiting -= 1;
        Some((id, next))
    }

    /// A delivery is no longer on its way; `good`: its receiver is alive.
    pub fn ended(&mut self, lane: i64, good: bool) {
        let owner = owner_of(lane);
        let (Some(found), Some(share)) = (
            self.lanes.get_mut(&lane).filter(|lane| lane.going > 0),
            self.shares.get_mut(&owner),
        ) else {
            return;
        };
        if found.fails() {
            self.failing -= found.going;
            share.failing -= found.going;
        }
        found.going -= 1;
        found.failures = if good { 0 } else { found.failures.saturating_add(1) };
        if found.fails() {
            self.failing += found.going;
            share.failing += found.going;
        }
        self.going -= 1;
        share.going -= 1;
        less_one(&mut self.hosts, &found.host);
        if found.going == 0 && found.waiting.is_empty() {
            share.more |= std::mem::take(&mut found.more);
            if found.failures == 0 || self.lanes.len() > REMEMBERED_MAX {
                self.lanes.remove(&lane);
            }
        }
        self.forget_idle(owner);
    }

    fn forget_idle(&mut self, owner: i64) {
        let idle = |share: &Share| share.going == 0 && share.waiting == 0 && !share.more && !share.in_turn;
        if self.shares.get(&owner).is_some_and(idle) {
            self.shares.remove(&owner);
        }
    }
}

fn less_one<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;

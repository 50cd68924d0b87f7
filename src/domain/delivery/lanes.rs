//! Which delivery is sent next: lanes in turn, so that nobody waits behind somebody else's dead receiver.
//!
//! A lane is what a tenant sends to one host. Of what is on its way, a host, a tenant and the lanes that fail each have a
//! bounded share, so that neither a receiver that hangs until the time-out nor a tenant with many of them takes all workers.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::super::ids::TenantId;

/// After so many failures in a row a lane sends one at a time, until one succeeds.
pub const FAILURES_MAX: u32 = 3;
/// Idle lanes that are remembered because they failed; beyond that they are forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// How many may be on their way, and may wait here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At the same time in all.
    pub workers: usize,
    /// Of these, to one host.
    pub per_host: usize,
    /// Of these, of one tenant.
    pub per_tenant: usize,
    /// Of these, in lanes that fail.
    pub failing: usize,
    /// Waiting in one lane; the rest stays in the store.
    pub waiting_per_lane: usize,
    /// Waiting in all lanes.
    pub waiting: usize,
}

impl Limits {
    /// The limits of an engine that sends `workers` at the same time, `per_host` of them to one host: a tenant has three
    /// quarters of the workers, lanes that fail have half of them.
    #[must_use]
    pub fn new(workers: usize, per_host: usize) -> Self {
        Self {
            workers,
            per_host,
            per_tenant: (workers * 3).div_ceil(4),
            failing: workers.div_ceil(2),
            waiting_per_lane: 256,
            waiting: 10_000,
        }
    }
}

/// See the module. `T` is a delivery.
#[derive(Debug)]
pub struct Lanes<T> {
    limits: Limits,
    lanes: HashMap<i64, Lane<T>>,
    turn: VecDeque<i64>,
    hosts: HashMap<Arc<str>, usize>,
    tenants: HashMap<TenantId, usize>,
    going: usize,
    failing: usize,
    waiting: usize,
}

#[derive(Debug)]
struct Lane<T> {
    tenant: TenantId,
    host: Arc<str>,
    waiting: VecDeque<T>,
    going: usize,
    failures: u32,
    /// The store has more of it.
    more: bool,
    in_turn: bool,
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
            turn: VecDeque::new(),
            hosts: HashMap::new(),
            tenants: HashMap::new(),
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

    /// How many more a lane takes.
    #[must_use]
    pub fn room(&self, lane: i64) -> usize {
        let waiting = self.lanes.get(&lane).map_or(0, |lane| lane.waiting.len());
        let own = self.limits.waiting_per_lane.saturating_sub(waiting);
        own.min(self.limits.waiting.saturating_sub(self.waiting))
    }

    /// Puts a delivery at the end of its lane; gives it back where there is no room, and notes that the store has it.
    ///
    /// # Errors
    /// The delivery.
    pub fn offer(&mut self, lane: i64, tenant: TenantId, host: &str, delivery: T) -> Result<(), T> {
        let room = self.room(lane);
        let found = self.lanes.entry(lane).or_insert_with(|| Lane {
            tenant,
            host: Arc::from(host),
            waiting: VecDeque::new(),
            going: 0,
            failures: 0,
            more: false,
            in_turn: false,
        });
        if room == 0 {
            found.more = true;
            return Err(delivery);
        }
        found.waiting.push_back(delivery);
        self.waiting += 1;
        if !found.in_turn {
            found.in_turn = true;
            self.turn.push_back(lane);
        }
        Ok(())
    }

    /// Notes whether the store has more of a lane than is here.
    pub fn set_more(&mut self, lane: i64, more: bool) {
        if let Some(lane) = self.lanes.get_mut(&lane) {
            lane.more = more;
        }
    }

    /// Whether a lane is nearly empty while the store has more of it.
    #[must_use]
    pub fn is_hungry(&self) -> bool {
        let low = self.limits.waiting_per_lane / 4;
        let room = self.waiting <= self.limits.waiting / 2;
        room && self.lanes.values().any(|lane| lane.more && lane.waiting.len() <= low)
    }

    /// Takes the next delivery that may be sent, with its lane; it counts as on its way until [`Lanes::ended`].
    #[must_use = "it counts as on its way"]
    pub fn take_next(&mut self) -> Option<(i64, T)> {
        if self.going >= self.limits.workers {
            return None;
        }
        for _ in 0..self.turn.len() {
            let id = self.turn.pop_front()?;
            let may_start = self.lanes.get(&id).is_some_and(|lane| self.may_start(lane));
            let Some(lane) = self.lanes.get_mut(&id) else { continue };
            let next = if may_start { lane.waiting.pop_front() } else { None };
            lane.in_turn = !lane.waiting.is_empty();
            if lane.in_turn {
                self.turn.push_back(id);
            }
            let Some(next) = next else { continue };
            lane.going += 1;
            *self.hosts.entry(lane.host.clone()).or_default() += 1;
            *self.tenants.entry(lane.tenant).or_default() += 1;
            self.failing += usize::from(lane.fails());
            self.going += 1;
            self.waiting -= 1;
            return Some((id, next));
        }
        None
    }

    /// A delivery is no longer on its way; `good`: its receiver is alive.
    pub fn ended(&mut self, lane: i64, good: bool) {
        let Some(found) = self.lanes.get_mut(&lane).filter(|lane| lane.going > 0) else {
            return;
        };
        if found.fails() {
            self.failing -= found.going;
        }
        found.going -= 1;
        found.failures = if good { 0 } else { found.failures.saturating_add(1) };
        if found.fails() {
            self.failing += found.going;
        }
        self.going -= 1;
        less_one(&mut self.hosts, &found.host);
        less_one(&mut self.tenants, &found.tenant);
        let idle = found.going == 0 && found.waiting.is_empty() && !found.more;
        if idle && (found.failures == 0 || self.lanes.len() > REMEMBERED_MAX) {
            self.lanes.remove(&lane);
        }
    }

    fn may_start(&self, lane: &Lane<T>) -> bool {
        let of_host = self.hosts.get(&lane.host).copied().unwrap_or_default();
        let of_tenant = self.tenants.get(&lane.tenant).copied().unwrap_or_default();
        let quiet = !lane.fails() || (lane.going == 0 && self.failing < self.limits.failing);
        quiet && of_host < self.limits.per_host && of_tenant < self.limits.per_tenant
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
mod tests {
    use super::*;
    use uuid::Uuid;

    fn tenant(number: u128) -> TenantId {
        Uuid::from_u128(number).into()
    }

    fn lanes(workers: usize, per_host: usize) -> Lanes<u32> {
        Lanes::new(Limits::new(workers, per_host))
    }

    /// Everything that may start now, as lanes.
    fn started(lanes: &mut Lanes<u32>) -> Vec<i64> {
        std::iter::from_fn(|| lanes.take_next()).map(|(lane, _)| lane).collect()
    }

    #[test]
    fn lanes_take_turns_and_hosts_have_a_bound() {
        let mut lanes = lanes(64, 2);
        for number in 0..5 {
            lanes.offer(1, tenant(1), "a:443", number).unwrap();
        }
        lanes.offer(2, tenant(1), "b:443", 9).unwrap();
        assert_eq!(started(&mut lanes), [1, 2, 1]);
        assert_eq!((lanes.going(), lanes.waiting()), (3, 3));
        lanes.ended(1, true);
        assert_eq!(lanes.take_next(), Some((1, 2)), "in the order in which they came");
    }

    #[test]
    fn a_host_is_bounded_over_all_its_tenants() {
        let mut lanes = lanes(64, 2);
        for number in 1..=3 {
            lanes.offer(number, tenant(1), "a:443", 0).unwrap();
        }
        assert_eq!(started(&mut lanes).len(), 2);
        lanes.ended(1, true);
        assert_eq!(started(&mut lanes), [3]);
    }

    #[test]
    fn who_fails_gets_one_at_a_time_until_it_succeeds() {
        let mut lanes = lanes(64, 4);
        for number in 0..20 {
            lanes.offer(1, tenant(1), "a:443", number).unwrap();
        }
        assert_eq!(started(&mut lanes).len(), 4);
        for _ in 0..4 {
            lanes.ended(1, false);
        }
        assert_eq!(started(&mut lanes).len(), 1);
        lanes.ended(1, false);
        assert_eq!(started(&mut lanes).len(), 1);
        lanes.ended(1, true);
        assert_eq!(started(&mut lanes).len(), 4);
    }

    #[test]
    fn neither_failing_lanes_nor_one_tenant_take_all_workers() {
        let mut lanes = lanes(8, 4);
        for lane in 0..20 {
            let host = format!("dead{lane}:443");
            for number in 0..8 {
                lanes.offer(lane, tenant(1), &host, number).unwrap();
            }
        }
        assert_eq!(started(&mut lanes).len(), 6, "three quarters for one tenant");
        lanes.offer(100, tenant(2), "alive:443", 0).unwrap();
        assert_eq!(started(&mut lanes), [100]);
        lanes.ended(100, true);
        // Everything fails until every lane is known to.
        let mut going: Vec<i64> = Vec::new();
        for _ in 0..20 {
            let lanes_going: Vec<i64> = lanes
                .lanes
                .iter()
                .flat_map(|(id, lane)| vec![*id; lane.going])
                .collect();
            for lane in lanes_going {
                lanes.ended(lane, false);
            }
            going = started(&mut lanes);
        }
        assert_eq!(going.len(), 4, "half of the workers for those that fail");
        for lane in going {
            lanes.ended(lane, false);
        }
        assert_eq!((lanes.going(), lanes.failing), (0, 0));
    }

    #[test]
    fn what_has_no_room_stays_in_the_store() {
        let limits = Limits {
            waiting_per_lane: 4,
            waiting: 6,
            ..Limits::new(1, 1)
        };
        let mut lanes = Lanes::new(limits);
        for number in 0..4 {
            lanes.offer(1, tenant(1), "a:443", number).unwrap();
        }
        assert_eq!(lanes.offer(1, tenant(1), "a:443", 4), Err(4));
        assert_eq!((lanes.room(1), lanes.room(2)), (0, 2));
        assert!(!lanes.is_hungry());
        for _ in 0..4 {
            let (lane, _) = lanes.take_next().unwrap();
            lanes.ended(lane, true);
        }
        assert!(lanes.is_hungry(), "the store has more of lane 1");
        lanes.set_more(1, false);
        assert!(!lanes.is_hungry());
        assert_eq!(lanes.take_next(), None);
    }
}

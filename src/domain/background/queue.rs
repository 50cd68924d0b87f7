//! Who is next: all background requests that this node knows, in memory, with order and fairness.
//!
//! - **Lanes**: requests with one order key run one after the other, in the order of their ids.
//! - **Limits**: at most so many at once in all, of one tenant, to one upstream.
//! - **Turns**: tenants take turns. A tenant with 10,000 requests does not delay the single one of another by more than one
//!   execution. At an upstream that is full, tenants stand in line for its slots; whoever is first in line when a slot comes
//!   free has it reserved until its turn comes round.
//!
//! Each operation takes constant time but for the number of upstreams of one tenant, which is small, and for pushing before what
//! is in a lane already, which only happens when rows are read from the store again.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use super::{
    QueuedRequest,
    life::{Event, Stage},
};
use crate::domain::ids::{BackgroundId, TenantId};

mod group;
mod lane;
#[cfg(test)]
mod tests;

use group::{Place, Ready, Tenant};
use lane::Item;

/// Requests that execute at the same time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// At most, in all.
    pub at_once: usize,
    /// Of one tenant.
    pub per_tenant: usize,
    /// To one upstream that sets no limit of its own.
    pub per_upstream: usize,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picked {
    /// Which.
    pub id: BackgroundId,
    /// Whose.
    pub tenant_id: TenantId,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// It was begun before, and its end is to be asked for.
    pub is_due: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Queue {
    limits: Limits,
    known: HashMap<BackgroundId, Known>,
    tenants: HashMap<TenantId, Tenant>,
    /// Tenants that may have something to pick, in their turn.
    ring: VecDeque<TenantId>,
    /// Index 0: our own resources, without a limit.
    places: Vec<Place>,
    place_of: HashMap<String, usize>,
    /// What came, in its order; what is not queued any more is passed over.
    arrivals: VecDeque<(BackgroundId, u64, Timestamp)>,
    waiting: usize,
    executing: usize,
    next_seq: u64,
}

/// One request.
#[derive(Debug)]
struct Known {
    stage: Stage,
    tenant_id: TenantId,
    place: usize,
    lane: i64,
    received_at: Timestamp,
    /// Tells it from an entry of the same id that was removed before.
    seq: u64,
}

impl Queue {
    /// Without requests. `upstreams`: prefixes with the limits that they set themselves.
    pub fn new(limits: Limits, upstreams: impl IntoIterator<Item = (String, usize)>) -> Self {
        let mut queue = Self {
            limits,
            known: HashMap::new(),
            tenants: HashMap::new(),
            ring: VecDeque::new(),
            places: vec![Place::new(usize::MAX)],
            place_of: HashMap::new(),
            arrivals: VecDeque::new(),
            waiting: 0,
            executing: 0,
            next_seq: 0,
        };
        for (prefix, limit) in upstreams {
            queue.add_place(prefix, limit);
        }
        queue
    }

    /// Takes a request in; false if it is known already.
    pub fn push(&mut self, request: &QueuedRequest) -> bool {
        if self.known.contains_key(&request.id) {
            return false;
        }
        let (id, tenant_id, received_at, lane) =
            (request.id, request.tenant_id, request.received_at, request.order_key);
        let place = self.place_index(request.upstream.as_deref());
        self.next_seq += 1;
        let seq = self.next_seq;
        let known = Known {
            stage: Stage::Queued,
            tenant_id,
            place,
            lane,
            received_at,
            seq,
        };
        self.known.insert(id, known);
        self.note_arrival(id, seq, received_at);
        self.waiting += 1;
        let tenant = self.tenants.entry(tenant_id).or_default();
        tenant.known += 1;
        tenant.waiting += 1;
        tenant.group(place).push(lane, Item { id, seq });
        self.join_ring(tenant_id);
        true
    }

    /// A request that a crash left waiting for the end at the other side: it holds its lane from the start, and is due.
    pub fn push_due(&mut self, request: &QueuedRequest) -> bool {
        if self.known.contains_key(&request.id) {
            return false;
        }
        let (id, tenant_id, lane) = (request.id, request.tenant_id, request.order_key);
        let place = self.place_index(request.upstream.as_deref());
        self.next_seq += 1;
        let known = Known {
            stage: Stage::Due,
            tenant_id,
            place,
            lane,
            received_at: request.received_at,
            seq: self.next_seq,
        };
        self.known.insert(id, known);
        let tenant = self.tenants.entry(tenant_id).or_default();
        tenant.known += 1;
        let group = tenant.group(place);
        group.lanes.entry(lane).or_default().is_held = true;
        group.ready.push_back(Ready::Due(id));
        self.join_ring(tenant_id);
        true
    }

    /// The next request that may execute now; it has a slot and its lane. None: nothing may.
    pub fn pick(&mut self) -> Option<Picked> {
        while self.executing < self.limits.at_once {
            let tenant_id = self.ring.pop_front()?;
            let Some(tenant) = self.tenants.get_mut(&tenant_id) else {
                continue;
            };
            tenant.is_in_ring = false;
            if let Some(picked) = self.pick_of(tenant_id) {
                return Some(picked);
            }
            self.forget_if_empty(tenant_id);
        }
        None
    }

    /// Something happened to a request. False if it is not known, or the event means nothing in its stage.
    pub fn hear(&mut self, id: BackgroundId, event: Event) -> bool {
        let Some(known) = self.known.get_mut(&id) else {
            return false;
        };
        // A turn is given by `pick` alone.
        let Some(after) = known.stage.after(event).filter(|_| event != Event::Picked) else {
            return false;
        };
        let before = std::mem::replace(&mut known.stage, after);
        let (tenant_id, place, lane) = (known.tenant_id, known.place, known.lane);
        if after == Stage::Gone {
            self.known.remove(&id);
        }
        if before == Stage::Queued {
            self.waiting -= 1;
        }
        let Some(tenant) = self.tenants.get_mut(&tenant_id) else {
            return true;
        };
        if after == Stage::Gone {
            tenant.known -= 1;
        }
        if before == Stage::Queued {
            tenant.waiting -= 1;
            tenant.group(place).left(lane);
        }
        if before.holds_lane() && !after.holds_lane() {
            tenant.group(place).free_lane(lane);
        }
        if after == Stage::Due {
            tenant.group(place).ready.push_back(Ready::Due(id));
        }
        if before.holds_slot() && !after.holds_slot() {
            tenant.executing -= 1;
            self.executing -= 1;
            if let Some(place) = self.places.get_mut(place) {
                place.executing -= 1;
            }
            self.grant(place);
        }
        self.join_ring(tenant_id);
        self.forget_if_empty(tenant_id);
        true
    }

    /// The stage of a request that is known.
    #[must_use]
    pub fn stage(&self, id: BackgroundId) -> Option<Stage> {
        self.known.get(&id).map(|known| known.stage)
    }

    /// The stage of a request that is known, and whose it is.
    #[must_use]
    pub fn find(&self, id: BackgroundId) -> Option<(Stage, TenantId)> {
        self.known.get(&id).map(|known| (known.stage, known.tenant_id))
    }

    /// Requests that wait for their first turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Requests that execute.
    #[must_use]
    pub fn executing(&self) -> usize {
        self.executing
    }

    /// All that is known: what waits, executes, is followed or is being committed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// When the one that has waited longest was accepted.
    pub fn oldest(&mut self) -> Option<Timestamp> {
        while let Some((id, seq, received_at)) = self.arrivals.front() {
            if self.is_queued(*id, *seq) {
                return Some(*received_at);
            }
            self.arrivals.pop_front();
        }
        None
    }

    /// How many wait, by tenant.
    pub fn waiting_by_tenant(&self) -> impl Iterator<Item = (TenantId, usize)> {
        let each = self.tenants.iter().map(|(id, tenant)| (*id, tenant.waiting));
        each.filter(|(_, waiting)| *waiting > 0)
    }

    fn is_queued(&self, id: BackgroundId, seq: u64) -> bool {
        let known = self.known.get(&id);
        known.is_some_and(|known| known.seq == seq && known.stage == Stage::Queued)
    }

    fn note_arrival(&mut self, id: BackgroundId, seq: u64, received_at: Timestamp) {
        if self.arrivals.len() > 2 * self.waiting + 1_024 {
            let mut arrivals = std::mem::take(&mut self.arrivals);
            arrivals.retain(|(id, seq, _)| self.is_queued(*id, *seq));
            self.arrivals = arrivals;
        }
        self.arrivals.push_back((id, seq, received_at));
    }

    fn add_place(&mut self, prefix: String, limit: usize) -> usize {
        let index = self.places.len();
        self.places.push(Place::new(limit));
        self.place_of.insert(prefix, index);
        index
    }

    fn place_index(&mut self, upstream: Option<&str>) -> usize {
        let Some(prefix) = upstream else {
            return 0;
        };
        match self.place_of.get(prefix) {
            Some(index) => *index,
            // An upstream that the settings do not name any more; its requests are refused when they execute.
            None => self.add_place(prefix.to_owned(), self.limits.per_upstream),
        }
    }

    /// What this tenant may execute now.
    fn pick_of(&mut self, tenant_id: TenantId) -> Option<Picked> {
        let tenant = self.tenants.get_mut(&tenant_id)?;
        let count = tenant.groups.len();
        let mut given_up = Vec::new();
        let found = (0..count).find_map(|step| {
            let index = (tenant.next_group + step) % count;
            let group = tenant.groups.get_mut(index)?;
            let place = self.places.get_mut(group.place)?;
            let found = group.pick(place, tenant_id, &self.known);
            if found.is_none() && std::mem::take(&mut group.has_reserved) {
                // Nothing was ready after all.
                place.reserved -= 1;
                given_up.push(group.place);
            }
            found.map(|found| (found, index))
        });
        let picked = found.and_then(|(id, index)| self.picked(tenant_id, id, index));
        for place in given_up {
            self.grant(place);
        }
        picked
    }

    fn picked(&mut self, tenant_id: TenantId, found: BackgroundId, index: usize) -> Option<Picked> {
        let tenant = self.tenants.get_mut(&tenant_id)?;
        tenant.next_group = index + 1;
        tenant.executing += 1;
        self.executing += 1;
        let known = self.known.get_mut(&found)?;
        let is_due = known.stage == Stage::Due;
        if !is_due {
            self.waiting -= 1;
            tenant.waiting -= 1;
        }
        known.stage = Stage::Executing;
        let picked = Picked {
            id: found,
            tenant_id,
            received_at: known.received_at,
            is_due,
        };
        if tenant.executing >= self.limits.per_tenant {
            self.give_up_reservations(tenant_id);
        } else {
            self.join_ring(tenant_id);
        }
        Some(picked)
    }

    /// A tenant at its limit cannot use what is reserved for it.
    fn give_up_reservations(&mut self, tenant_id: TenantId) {
        let Some(tenant) = self.tenants.get_mut(&tenant_id) else {
            return;
        };
        let mut given_up = Vec::new();
        for group in tenant.groups.iter_mut().filter(|group| group.has_reserved) {
            group.has_reserved = false;
            given_up.push(group.place);
        }
        for index in given_up {
            if let Some(place) = self.places.get_mut(index) {
                place.reserved -= 1;
            }
            self.grant(index);
        }
    }

    /// Reserves the free slots of a place for those who are first in its line.
    fn grant(&mut self, index: usize) {
        loop {
            let Some(place) = self.places.get_mut(index).filter(|place| place.has_free()) else {
                return;
            };
            let Some(tenant_id) = place.line.pop_front() else {
                return;
            };
            let Some(tenant) = self.tenants.get_mut(&tenant_id) else {
                continue;
            };
            let may_execute = tenant.executing < self.limits.per_tenant;
            let group = tenant.group(index);
            // Who has left the line, or cannot go now, comes back to it with its turn.
            if std::mem::take(&mut group.is_in_line) && may_execute && !group.ready.is_empty() {
                group.has_reserved = true;
                place.reserved += 1;
            }
            self.join_ring(tenant_id);
        }
    }

    /// Gives a tenant its turn, if there may be something to pick.
    fn join_ring(&mut self, tenant_id: TenantId) {
        let Some(tenant) = self.tenants.get_mut(&tenant_id) else {
            return;
        };
        let hopes = tenant.executing < self.limits.per_tenant
            && tenant
                .groups
                .iter()
                .any(|group| !group.is_in_line && !group.ready.is_empty());
        if hopes && !tenant.is_in_ring {
            tenant.is_in_ring = true;
            self.ring.push_back(tenant_id);
        }
    }

    fn forget_if_empty(&mut self, tenant_id: TenantId) {
        let is_empty = |tenant: &Tenant| {
            tenant.known == 0 && !tenant.is_in_ring && tenant.groups.iter().all(|group| !group.has_reserved)
        };
        if self.tenants.get(&tenant_id).is_some_and(is_empty) {
            self.tenants.remove(&tenant_id);
        }
    }
}

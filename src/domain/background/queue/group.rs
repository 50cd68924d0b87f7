//! What one tenant has for one upstream, and the upstreams with the lines before them.

use std::collections::{HashMap, VecDeque};

use super::{
    Known, Stage,
    lane::{Item, Lane},
};
use crate::domain::ids::{BackgroundId, TenantId};

#[derive(Debug, Default)]
pub(super) struct Tenant {
    pub groups: Vec<Group>,
    pub next_group: usize,
    pub known: usize,
    pub waiting: usize,
    pub executing: usize,
    pub is_in_ring: bool,
}

/// What one tenant has for one upstream.
#[derive(Debug)]
pub(super) struct Group {
    pub place: usize,
    pub lanes: HashMap<i64, Lane>,
    /// May hold what is not ready any more: it is looked at when its turn comes.
    pub ready: VecDeque<Ready>,
    pub is_in_line: bool,
    pub has_reserved: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Ready {
    Lane(i64),
    Due(BackgroundId),
}

/// An upstream, or our own resources.
#[derive(Debug)]
pub(super) struct Place {
    pub limit: usize,
    pub executing: usize,
    pub reserved: usize,
    /// Tenants that found it full. While somebody is in line, there is no free slot.
    pub line: VecDeque<TenantId>,
}

impl Place {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            executing: 0,
            reserved: 0,
            line: VecDeque::new(),
        }
    }

    pub fn has_free(&self) -> bool {
        self.executing + self.reserved < self.limit
    }
}

impl Tenant {
    pub fn group(&mut self, place: usize) -> &mut Group {
        let index = match self.groups.iter().position(|group| group.place == place) {
            Some(index) => index,
            None => {
                self.groups.push(Group::new(place));
                self.groups.len() - 1
            }
        };
        // The index was found or made above.
        #[expect(clippy::indexing_slicing, reason = "the index is that of an element, see above")]
        &mut self.groups[index]
    }
}

impl Group {
    pub fn new(place: usize) -> Self {
        Self {
            place,
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            is_in_line: false,
            has_reserved: false,
        }
    }

    pub fn push(&mut self, key: i64, item: Item) {
        let lane = self.lanes.entry(key).or_default();
        lane.push(item);
        if !lane.is_held && lane.live == 1 {
            self.ready.push_back(Ready::Lane(key));
        }
    }

    /// A queued request of this lane is gone; its entry is passed over when it comes to the front.
    pub fn left(&mut self, key: i64) {
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.live -= 1;
            if lane.live == 0 && !lane.is_held {
                self.lanes.remove(&key);
            }
        }
    }

    pub fn free_lane(&mut self, key: i64) {
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.is_held = false;
            if lane.live == 0 {
                self.lanes.remove(&key);
            } else {
                self.ready.push_back(Ready::Lane(key));
            }
        }
    }

    /// The next one, if the place has a slot for it; else the tenant gets in line.
    pub fn pick(
        &mut self,
        place: &mut Place,
        tenant_id: TenantId,
        known: &HashMap<BackgroundId, Known>,
    ) -> Option<BackgroundId> {
        if self.is_in_line {
            return None;
        }
        while let Some(ready) = self.ready.front().copied() {
            let is_ready = match ready {
                Ready::Lane(key) => self.lanes.get(&key).is_some_and(|lane| !lane.is_held && lane.live > 0),
                Ready::Due(id) => known.get(&id).is_some_and(|known| known.stage == Stage::Due),
            };
            if !is_ready {
                self.ready.pop_front();
                continue;
            }
            if !self.has_reserved && !place.has_free() {
                self.is_in_line = true;
                place.line.push_back(tenant_id);
                return None;
            }
            self.ready.pop_front();
            let found = match ready {
                Ready::Due(id) => id,
                Ready::Lane(key) => {
                    let is_live = |item: &Item| matches!(known.get(&item.id), Some(known) if known.seq == item.seq && known.stage == Stage::Queued);
                    self.lanes.get_mut(&key)?.take(is_live)?
                }
            };
            if std::mem::take(&mut self.has_reserved) {
                place.reserved -= 1;
            }
            place.executing += 1;
            return Some(found);
        }
        None
    }
}

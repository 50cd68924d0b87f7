//! One lane: what runs one after the other. Most lanes hold a single request, which takes no memory besides the lane's own.

use std::collections::VecDeque;

use crate::domain::ids::BackgroundId;

#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub id: BackgroundId,
    pub seq: u64,
}

#[derive(Debug, Default)]
pub(super) struct Lane {
    first: Option<Item>,
    rest: VecDeque<Item>,
    /// Items that are still queued; others are passed over.
    pub live: u32,
    /// One of it is between its pick and the commit of its end.
    pub is_held: bool,
}

impl Lane {
    /// In the order of the ids, which is that of their acceptance.
    pub fn push(&mut self, item: Item) {
        self.live += 1;
        let Some(first) = &mut self.first else {
            self.first = Some(item);
            return;
        };
        let item = if item.id < first.id {
            std::mem::replace(first, item)
        } else {
            item
        };
        match self.rest.back() {
            Some(last) if item.id < last.id => {
                let place = self.rest.partition_point(|known| known.id < item.id);
                self.rest.insert(place, item);
            }
            _ => self.rest.push_back(item),
        }
    }

    /// Takes the first that is still queued, and holds the lane for it.
    pub fn take(&mut self, is_live: impl Fn(&Item) -> bool) -> Option<BackgroundId> {
        while let Some(item) = self.first.take() {
            self.first = self.rest.pop_front();
            if is_live(&item) {
                self.live -= 1;
                self.is_held = true;
                return Some(item.id);
            }
        }
        None
    }
}

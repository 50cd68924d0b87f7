//! What the pool knows, under one lock, and how it gives runs to workers. Nothing here waits.

use std::collections::VecDeque;

use super::error::Error;
use super::limits::PoolStatus;
use super::slot::{KillReason, Pending, Slot};

/// A worker with fewer runs than this is given more; so many at once that it is not idle while its answers travel.
const IN_FLIGHT_LOW: usize = 2;
/// Runs that one worker has at most.
const IN_FLIGHT_MAX: usize = 32;
/// A batch ends when it has grown to this.
const BATCH_BYTES: usize = 256 << 10;
/// How often a run is moved to another worker because its own died under another run.
const ATTEMPTS_MAX: u32 = 3;
/// Workers that die before they say hello, in a row, until waiting runs are told.
const FAILED_STARTS_MAX: u32 = 3;

/// See the module.
pub(super) struct State {
    pub queue: VecDeque<Pending>,
    pub slots: Vec<Slot>,
    pub next_number: u64,
    pub next_slot: u64,
    pub workers_max: usize,
    /// Workers that are given runs; grows with demand up to `workers_max`.
    pub workers_wanted: usize,
    /// A spare is kept from the first run on.
    pub used: bool,
    pub closed: bool,
    pub ticking: bool,
    pub failed_starts: u32,
    /// Why workers do not start.
    pub broken: Option<String>,
    pub killed: u64,
    pub restarted: u64,
}

impl State {
    pub fn new(workers_max: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            slots: Vec::new(),
            next_number: 1,
            next_slot: 1,
            workers_max: workers_max.max(1),
            workers_wanted: 1,
            used: false,
            closed: false,
            ticking: false,
            failed_starts: 0,
            broken: None,
            killed: 0,
            restarted: 0,
        }
    }

    pub fn slot(&mut self, id: u64) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.id == id)
    }

    pub fn has_unsent(&mut self, id: u64) -> bool {
        self.slot(id).is_some_and(|slot| slot.has_unsent())
    }

    pub fn is_to_be_killed(&mut self, id: u64) -> bool {
        self.slot(id).is_some_and(|slot| slot.kill.is_some())
    }

    pub fn send(&mut self, id: u64) {
        if let Some(slot) = self.slot(id) {
            slot.send();
        }
    }

    /// Workers missing now. Stalled ones come on top, but not without bound.
    pub fn is_start_due(&self) -> bool {
        let healthy = self.slots.iter().filter(|slot| slot.is_healthy()).count();
        let all_max = 2 * self.workers_max + 1;
        !self.closed
            && self.failed_starts < FAILED_STARTS_MAX
            && healthy < self.workers_wanted + usize::from(self.used)
            && self.slots.len() < all_max
    }

    /// Gives waiting runs to workers; says whether the supervisor has something to start.
    #[must_use]
    pub fn dispatch(&mut self) -> bool {
        while self.queue.front().is_some_and(|pending| pending.reply.is_closed()) {
            self.queue.pop_front();
        }
        while let Some(at) = self.queue_target() {
            let share = self.queue.len().div_ceil(self.workers_wanted);
            let Some(slot) = self.slots.get_mut(at) else { break };
            if !slot.in_flight.is_empty() && self.workers_wanted < self.workers_max {
                self.workers_wanted += 1;
            }
            let room = IN_FLIGHT_MAX - slot.in_flight.len().min(IN_FLIGHT_MAX);
            for _ in 0..share.clamp(1, room.max(1)) {
                let Some(pending) = self.queue.pop_front() else { break };
                if !pending.reply.is_closed() {
                    slot.take(pending);
                }
                if slot.unsent_bytes() >= BATCH_BYTES {
                    break;
                }
            }
            slot.send();
        }
        self.is_start_due()
    }

    /// The worker that is to have the next run: of those wanted, one that is ready and has least to do.
    fn queue_target(&self) -> Option<usize> {
        if self.queue.is_empty() {
            return None;
        }
        let wanted = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.is_healthy())
            .take(self.workers_wanted);
        wanted
            .filter(|(_, slot)| slot.in_flight.len() < IN_FLIGHT_LOW)
            .min_by_key(|(_, slot)| (!slot.ready, slot.in_flight.len()))
            .map(|(at, _)| at)
    }

    /// Puts runs back at the head of the queue, in their order. Those that have been moved too often are given back, to be refused.
    pub fn put_back(&mut self, moved: impl DoubleEndedIterator<Item = Pending>, count: bool) -> Vec<Pending> {
        let mut refused = Vec::new();
        for mut pending in moved.rev() {
            pending.attempts += u32::from(count);
            if pending.attempts >= ATTEMPTS_MAX {
                refused.push(pending);
            } else {
                self.queue.push_front(pending);
            }
        }
        refused
    }

    /// A worker that never said hello is gone: after some in a row, and with no other at work, those who wait are told why.
    pub fn start_failed(&mut self, reason: String) -> Vec<Pending> {
        self.failed_starts += 1;
        if self.failed_starts < FAILED_STARTS_MAX || self.slots.iter().any(|slot| slot.ready) {
            return Vec::new();
        }
        self.broken = Some(reason);
        self.queue.drain(..).collect()
    }

    /// Lets one more start be tried, where starts had been given up.
    pub fn try_start_again(&mut self) {
        self.failed_starts = self.failed_starts.min(FAILED_STARTS_MAX - 1);
    }

    /// Ends idle workers that a stalled one's return has made superfluous.
    pub fn dismiss_surplus(&mut self) {
        let keep = self.workers_wanted + usize::from(self.used);
        let surplus = self.slots.iter_mut().filter(|slot| slot.is_healthy()).skip(keep);
        for slot in surplus.filter(|slot| slot.in_flight.is_empty()) {
            slot.end(KillReason::Dismissed);
        }
    }

    pub fn close(&mut self) -> Vec<Pending> {
        self.closed = true;
        for slot in &mut self.slots {
            slot.end(KillReason::Dismissed);
        }
        self.queue.drain(..).collect()
    }

    pub fn status(&self) -> PoolStatus {
        PoolStatus {
            workers: self.slots.len(),
            busy: self.slots.iter().filter(|slot| !slot.in_flight.is_empty()).count(),
            queued: self.queue.len(),
            killed: self.killed,
            restarted: self.restarted,
        }
    }
}

/// Tells those who wait that there is no hope.
pub(super) fn refuse(waiting: Vec<Pending>, error: &Error) {
    for pending in waiting {
        // Whoever asked may have gone meanwhile.
        let _ = pending.reply.send(Err(error.clone()));
    }
}

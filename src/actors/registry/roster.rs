//! Who lives: one entry a child, ordered by id so that lists page through it.

use std::{collections::BTreeMap, sync::Arc};

use actix::Addr;
use jiff::{SignedDuration, Timestamp};

use crate::{
    actors::{api_call::ApiCallActor, observed::ChildStatus},
    domain::ids::{CallApiId, TenantId},
};

/// Restarts are counted within this time.
const BUDGET_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Wait before the first restart; doubles with each further one within the window.
const BACK_OFF_MS: i64 = 200;

/// One child.
pub struct Child {
    /// None while it waits for its restart, or is given up.
    pub addr: Option<Addr<ApiCallActor>>,
    /// Whose.
    pub tenant_id: TenantId,
    /// Version of the row that it was last told.
    pub version: i64,
    /// What can be read without asking.
    pub status: Arc<ChildStatus>,
    /// Which instance.
    pub serial: u64,
    /// How the instance before ended.
    pub last_exit: Option<Box<str>>,
    /// Restarts, counted.
    pub restarts: Restarts,
}

/// Counts the restarts of one actor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Restarts {
    /// Start of the window in which they are counted, and their number.
    window: Option<(Timestamp, u32)>,
}

/// What follows a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Start it again after so many milliseconds.
    RestartIn(u64),
    /// It has panicked too often; it stays down until somebody restarts it or changes its definition.
    GiveUp,
}

impl Restarts {
    /// Counts a panic.
    pub fn panicked(&mut self, now: Timestamp, budget: u32) -> Verdict {
        let (start, count) = match self.window {
            Some((start, count)) if now.duration_since(start) < BUDGET_WINDOW => (start, count + 1),
            _ => (now, 1),
        };
        self.window = Some((start, count));
        if count > budget {
            return Verdict::GiveUp;
        }
        let doublings = (count - 1).min(10);
        Verdict::RestartIn(u64::try_from(BACK_OFF_MS << doublings).unwrap_or(u64::MAX))
    }
}

/// All children.
pub type Roster = BTreeMap<CallApiId, Child>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_back_off_and_end_with_the_budget() {
        let mut restarts = Restarts::default();
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let waits: Vec<_> = (0..4).map(|_| restarts.panicked(now, 3)).collect();
        let expected = [
            Verdict::RestartIn(200),
            Verdict::RestartIn(400),
            Verdict::RestartIn(800),
            Verdict::GiveUp,
        ];
        assert_eq!(waits, expected);
        let later = now.checked_add(SignedDuration::from_mins(11)).unwrap();
        assert_eq!(restarts.panicked(later, 3), Verdict::RestartIn(200), "a new window");
    }
}

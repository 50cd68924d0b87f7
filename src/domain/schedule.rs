//! Schedules: when something is due. Due times follow from the schedule alone, never from when the last run ended.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::cron::{CronError, CronRule};

/// Shortest interval, in seconds.
pub const INTERVAL_SECONDS_MIN: u32 = 1;
/// Longest interval, in seconds (365 days).
pub const INTERVAL_SECONDS_MAX: u32 = 31_536_000;
/// Most due times in a preview.
pub const PREVIEW_COUNT_MAX: usize = 100;
/// Most missed due times of a cron rule that are counted one by one.
pub const MISSED_CRON_COUNT_MAX: u64 = 10_000;
/// Most runs that [`Misfire::All`] makes up for, whatever limit is asked for.
pub const MISFIRE_RUNS_MAX: usize = 1_000;

const NANOSECONDS_PER_SECOND: i128 = 1_000_000_000;

/// When something is due. Kept in every actor, so it is small: 24 bytes, and a shared rule for cron.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// At `anchor + n * seconds`, n = 0, 1, 2, ... Made by [`Schedule::every`], which checks the interval.
    Every {
        /// Interval in seconds.
        seconds: u32,
        /// The first due time.
        anchor: Timestamp,
    },
    /// At the local times that a cron expression names in a time zone. Made by [`Schedule::cron`].
    Cron(Arc<CronRule>),
}

/// Why a schedule was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The interval is out of bounds.
    #[error("must be from {INTERVAL_SECONDS_MIN} to {INTERVAL_SECONDS_MAX} seconds, and is {0}")]
    Interval(u32),
    /// The calendar rule was refused.
    #[error(transparent)]
    Cron(#[from] CronError),
}

/// What to do about due times that passed while nothing was running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misfire {
    /// One run now, for everything that was missed.
    #[default]
    Latest,
    /// None: wait for the next due time.
    Skip,
    /// One run for each, up to a limit.
    All,
}

/// What to do when something is due while its run before is still going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Leave this one out, and record that.
    #[default]
    Skip,
    /// Run once more when the run ends.
    Once,
}

/// Due times that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missed {
    /// How many. For cron rules counted up to [`MISSED_CRON_COUNT_MAX`], so at least as many.
    pub count: u64,
    /// The last of them.
    pub last: Option<Timestamp>,
}

/// What to do at start-up about what was missed, and when to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MisfirePlan {
    /// Due times to run now, the oldest first; at most one, or the policy's limit.
    pub run_due_times: Vec<Timestamp>,
    /// Due times that are left out (for cron rules, at least as many).
    pub skipped: u64,
    /// The last due time that is left out: the one to record as skipped.
    pub skipped_last: Option<Timestamp>,
    /// The first due time after now; none only where the calendar ends.
    pub next_due: Option<Timestamp>,
}

impl Schedule {
    /// Due every `seconds` from `anchor` on, the anchor included.
    ///
    /// # Errors
    /// The interval is out of bounds.
    pub const fn every(seconds: u32, anchor: Timestamp) -> Result<Self, ScheduleError> {
        if seconds < INTERVAL_SECONDS_MIN || seconds > INTERVAL_SECONDS_MAX {
            return Err(ScheduleError::Interval(seconds));
        }
        Ok(Self::Every { seconds, anchor })
    }

    /// Due when a cron expression says so in a time zone.
    ///
    /// # Errors
    /// The expression or the zone cannot be read, or the expression is never due.
    pub fn cron(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        Ok(Self::Cron(Arc::new(CronRule::parse(expression, zone)?)))
    }

    /// The first due time strictly after `after`; none only where the calendar ends.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every { anchor, .. } if after < *anchor => Some(*anchor),
            Self::Every { seconds, anchor } => nth(*seconds, *anchor, intervals(*seconds, *anchor, after) + 1),
            Self::Cron(rule) => rule.next_after(after),
        }
    }

    /// The last due time at or before `at`; none before the anchor, or for cron more than a hundred years back.
    #[must_use]
    pub fn previous_or_at(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every { anchor, .. } if at < *anchor => None,
            Self::Every { seconds, anchor } => nth(*seconds, *anchor, intervals(*seconds, *anchor, at)),
            Self::Cron(rule) => cron_previous_or_at(rule, at),
        }
    }

    /// The next due times after `from`, at most `count` and at most [`PREVIEW_COUNT_MAX`].
    #[must_use]
    pub fn preview(&self, from: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.next_after(from), |at| self.next_after(*at))
            .take(count.min(PREVIEW_COUNT_MAX))
            .collect()
    }

    /// The due times after `since` up to and including `now`.
    #[must_use]
    pub fn missed(&self, since: Timestamp, now: Timestamp) -> Missed {
        let Some(last) = self.previous_or_at(now).filter(|last| *last > since) else {
            return Missed::default();
        };
        let count = match self {
            Self::Every { seconds, anchor } => {
                let before = if since < *anchor {
                    -1
                } else {
                    intervals(*seconds, *anchor, since)
                };
                u64::try_from(intervals(*seconds, *anchor, last) - before).unwrap_or_default()
            }
            Self::Cron(rule) => {
                let due_times = std::iter::successors(rule.next_after(since), |at| rule.next_after(*at));
                let limit = usize::try_from(MISSED_CRON_COUNT_MAX).unwrap_or(usize::MAX);
                u64::try_from(due_times.take_while(|at| *at <= now).take(limit).count()).unwrap_or(u64::MAX)
            }
        };
        Missed {
            count,
            last: Some(last),
        }
    }

    /// What to do at `now` where `stored_next_due` was the due time to wait for: nothing yet if it lies ahead; else
    /// everything from it up to `now` was missed, and `policy` says what becomes of it. `All` runs the newest
    /// `all_limit` of them (at most [`MISFIRE_RUNS_MAX`]).
    #[must_use]
    pub fn misfire_plan(
        &self,
        stored_next_due: Timestamp,
        now: Timestamp,
        policy: Misfire,
        all_limit: usize,
    ) -> MisfirePlan {
        if stored_next_due > now {
            return MisfirePlan {
                run_due_times: Vec::new(),
                skipped: 0,
                skipped_last: None,
                next_due: Some(stored_next_due),
            };
        }
        // The stored due time counts even where the schedule no longer names it.
        let missed = self.missed(stored_next_due, now);
        let count = missed.count.saturating_add(1);
        let wanted = match policy {
            Misfire::Skip => 0,
            Misfire::Latest => 1,
            Misfire::All => all_limit.min(MISFIRE_RUNS_MAX),
        };
        // One more than wanted: the newest of those that are left out.
        let mut newest: Vec<Timestamp> = std::iter::successors(Some(missed.last.unwrap_or(stored_next_due)), |at| {
            let before = self
                .previous_or_at(before(*at)?)
                .filter(|previous| *previous > stored_next_due);
            before.or((*at > stored_next_due).then_some(stored_next_due))
        })
        .take(wanted + 1)
        .collect();
        let skipped_last = if newest.len() > wanted { newest.pop() } else { None };
        newest.reverse();
        let run = u64::try_from(newest.len()).unwrap_or(u64::MAX);
        MisfirePlan {
            run_due_times: newest,
            // Where counting stopped at its limit there may be more to run than were counted.
            skipped: count.saturating_sub(run).max(u64::from(skipped_last.is_some())),
            skipped_last,
            next_due: self.next_after(now),
        }
    }
}

/// How many whole intervals lie between the anchor and `at`, which is not before it.
fn intervals(seconds: u32, anchor: Timestamp, at: Timestamp) -> i128 {
    (at.as_nanosecond() - anchor.as_nanosecond()) / (i128::from(seconds.max(1)) * NANOSECONDS_PER_SECOND)
}

/// `anchor + n * seconds`, unless the calendar ends before.
fn nth(seconds: u32, anchor: Timestamp, n: i128) -> Option<Timestamp> {
    let offset = n.checked_mul(i128::from(seconds) * NANOSECONDS_PER_SECOND)?;
    Timestamp::from_nanosecond(anchor.as_nanosecond().checked_add(offset)?).ok()
}

fn before(at: Timestamp) -> Option<Timestamp> {
    at.checked_sub(SignedDuration::from_nanos(1)).ok()
}

/// Looks backwards with `next_after` alone, so that there is one rule for daylight saving: a window that doubles until
/// it holds a due time, then halving it.
fn cron_previous_or_at(rule: &CronRule, at: Timestamp) -> Option<Timestamp> {
    const WINDOW_SECONDS_MAX: i64 = 100 * 366 * 86_400;
    let due_after = |from: Timestamp| rule.next_after(from).filter(|due| *due <= at);
    let mut window_seconds: i64 = 60;
    let mut latest = loop {
        let from = at
            .checked_sub(SignedDuration::from_secs(window_seconds))
            .unwrap_or(Timestamp::MIN);
        if let Some(due) = due_after(from) {
            break due;
        }
        if window_seconds > WINDOW_SECONDS_MAX || from == Timestamp::MIN {
            return None;
        }
        window_seconds *= 2;
    };
    // Between `latest` (due) and `end` there is something due or there is not; nothing is due from `end` to `at`.
    let mut end = at;
    while let Some(next) = due_after(latest) {
        latest = next;
        let half = SignedDuration::from_nanos(1).max(end.duration_since(latest) / 2);
        match latest.checked_add(half).ok().filter(|middle| *middle < end) {
            None => {}
            Some(middle) => match due_after(middle) {
                Some(due) => latest = due,
                None => end = middle,
            },
        }
    }
    Some(latest)
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;

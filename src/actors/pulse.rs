//! Runs by minute over the last hour, of each tenant: how many ended, how many of them failed, how late they began.
//!
//! Kept in memory, since counting them in the database would read as many rows as there were runs. After a start the hour before
//! is read back, as far as [`SEED_ROWS_MAX`] goes; what was before that is not known, and said to be so.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::ids::TenantId,
    store::overview::{RecentRun, RecentRuns},
};

/// Minutes that are kept.
pub const MINUTES: usize = 60;
/// Runs of each kind that are read back after a start.
pub const SEED_ROWS_MAX: u64 = 20_000;
/// Tenants of which runs are counted; of more, those that have been silent for an hour go first.
const TENANTS_MAX: usize = 10_000;
const MINUTE_SECONDS: i64 = 60;

/// See the module.
pub struct Pulse {
    since: Timestamp,
    /// Seconds since 1970 from which on the counts are whole.
    known_from: AtomicI64,
    tenants: Mutex<HashMap<TenantId, Box<Ring>>>,
}

/// The minute of a time is always at the same place.
type Ring = [Slot; MINUTES];

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    minute: i64,
    runs: u64,
    failures: u64,
    timed: u64,
    late_us: u64,
    latest_us: u64,
}

/// The runs of one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minute {
    /// When it began.
    pub at: Timestamp,
    /// Whether all runs of it are counted: those of long before the last start are not.
    pub is_known: bool,
    /// Runs that ended in it.
    pub runs: u64,
    /// Of these, failures.
    pub failures: u64,
    /// How late the scheduled ones of calls began, on average; none where there were none. Microseconds.
    pub late_us: Option<u64>,
    /// The latest of them, microseconds.
    pub latest_us: u64,
}

impl Pulse {
    /// Nothing has run yet.
    pub fn new(since: Timestamp) -> Self {
        Self {
            since,
            known_from: AtomicI64::new(since.as_second()),
            tenants: Mutex::default(),
        }
    }

    /// Counts a run that has ended; `late`: how long after its due time it began, where it had one.
    pub fn ended(&self, tenant: TenantId, at: Timestamp, failed: bool, late: Option<SignedDuration>) {
        let late_us = late.map(|late| i64::try_from(late.as_micros()).unwrap_or(i64::MAX));
        self.count(&RecentRun {
            tenant_id: tenant,
            ended_at: at,
            failed,
            late_us,
        });
    }

    /// Takes in what ran before this start.
    pub fn seed(&self, recent: &RecentRuns, from: Timestamp) {
        for run in recent.runs.iter().filter(|run| run.ended_at < self.since) {
            self.count(run);
        }
        // The minute of the cut is not whole.
        let cut = recent.cut_at.map(|at| at.as_second() + MINUTE_SECONDS);
        let from = from
            .as_second()
            .max(cut.unwrap_or(i64::MIN))
            .min(self.since.as_second());
        self.known_from.store(from, Ordering::Relaxed);
    }

    /// The last hour of a tenant, the oldest minute first; the last one is still going on.
    pub fn hour(&self, tenant: TenantId, now: Timestamp) -> Vec<Minute> {
        let ring = self.rings().get(&tenant).map(|ring| **ring);
        let known_from = self.known_from.load(Ordering::Relaxed);
        let last = minute_of(now);
        let minutes = i64::try_from(MINUTES).unwrap_or(i64::MAX);
        (last + 1 - minutes..=last)
            .map(|minute| {
                let slot = ring.and_then(|ring| ring.get(place(minute)).copied());
                let slot = slot.filter(|slot| slot.minute == minute).unwrap_or_default();
                let begin = minute.saturating_mul(MINUTE_SECONDS);
                Minute {
                    at: Timestamp::from_second(begin).unwrap_or(now),
                    is_known: begin + MINUTE_SECONDS > known_from,
                    runs: slot.runs,
                    failures: slot.failures,
                    late_us: slot.late_us.checked_div(slot.timed),
                    latest_us: slot.latest_us,
                }
            })
            .collect()
    }

    fn count(&self, run: &RecentRun) {
        let minute = minute_of(run.ended_at);
        let mut rings = self.rings();
        if !rings.contains_key(&run.tenant_id) && rings.len() >= TENANTS_MAX {
            let hour = i64::try_from(MINUTES).unwrap_or(i64::MAX);
            rings.retain(|_, ring| ring.iter().any(|slot| slot.minute > minute - hour));
            if rings.len() >= TENANTS_MAX {
                return;
            }
        }
        let ring = rings
            .entry(run.tenant_id)
            .or_insert_with(|| Box::new([Slot::default(); MINUTES]));
        let Some(slot) = ring.get_mut(place(minute)) else {
            return;
        };
        if slot.minute > minute {
            return;
        }
        if slot.minute < minute {
            *slot = Slot {
                minute,
                ..Slot::default()
            };
        }
        slot.runs += 1;
        slot.failures += u64::from(run.failed);
        if let Some(late_us) = run.late_us {
            let late_us = u64::try_from(late_us).unwrap_or(0);
            slot.timed += 1;
            slot.late_us = slot.late_us.saturating_add(late_us);
            slot.latest_us = slot.latest_us.max(late_us);
        }
    }

    fn rings(&self) -> MutexGuard<'_, HashMap<TenantId, Box<Ring>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn minute_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(MINUTE_SECONDS)
}

fn place(minute: i64) -> usize {
    let minutes = i64::try_from(MINUTES).unwrap_or(i64::MAX);
    usize::try_from(minute.rem_euclid(minutes)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn tenant(number: u128) -> TenantId {
        uuid::Uuid::from_u128(number).into()
    }

    #[test]
    fn runs_are_counted_by_minute_and_tenant_and_fall_out_after_an_hour() {
        let pulse = Pulse::new(at("2026-01-01T10:00:00Z"));
        let late = |ms| Some(SignedDuration::from_millis(ms));
        pulse.ended(tenant(1), at("2026-01-01T10:05:10Z"), false, late(10));
        pulse.ended(tenant(1), at("2026-01-01T10:05:50Z"), true, late(30));
        pulse.ended(tenant(1), at("2026-01-01T10:05:59Z"), false, None);
        pulse.ended(tenant(2), at("2026-01-01T10:05:10Z"), false, None);
        let hour = pulse.hour(tenant(1), at("2026-01-01T10:06:30Z"));
        assert_eq!(hour.len(), MINUTES);
        let seen = hour[58];
        assert_eq!((seen.at, seen.runs, seen.failures), (at("2026-01-01T10:05:00Z"), 3, 1));
        assert_eq!((seen.late_us, seen.latest_us), (Some(20_000), 30_000));
        assert_eq!((hour[59].runs, hour[59].late_us), (0, None));
        assert!(seen.is_known && !hour[52].is_known, "10:05 is known, 09:59 is not");
        let later = pulse.hour(tenant(1), at("2026-01-01T11:05:00Z"));
        assert_eq!(later.iter().map(|minute| minute.runs).sum::<u64>(), 0);
        pulse.ended(tenant(1), at("2026-01-01T11:05:00Z"), false, None);
        pulse.ended(tenant(1), at("2026-01-01T10:05:00Z"), false, None);
        assert_eq!(
            pulse.hour(tenant(1), at("2026-01-01T11:05:00Z"))[59].runs,
            1,
            "its old place is taken"
        );
    }

    #[test]
    fn what_ran_before_the_start_is_taken_in_once() {
        let started = at("2026-01-01T10:00:00Z");
        let pulse = Pulse::new(started);
        let run = |ended: &str| RecentRun {
            tenant_id: tenant(1),
            ended_at: at(ended),
            failed: false,
            late_us: Some(5),
        };
        pulse.ended(tenant(1), at("2026-01-01T10:00:01Z"), false, None);
        let mut recent = RecentRuns {
            runs: vec![run("2026-01-01T09:30:00Z"), run("2026-01-01T10:00:01Z")],
            cut_at: None,
        };
        let now = at("2026-01-01T10:00:30Z");
        pulse.seed(&recent, at("2026-01-01T09:00:00Z"));
        let hour = pulse.hour(tenant(1), now);
        assert_eq!((hour[29].runs, hour[59].runs), (1, 1));
        assert!(hour.iter().all(|minute| minute.is_known));
        recent.runs.clear();
        recent.cut_at = Some(at("2026-01-01T09:50:10Z"));
        pulse.seed(&recent, at("2026-01-01T09:00:00Z"));
        let known = pulse
            .hour(tenant(1), now)
            .iter()
            .filter(|minute| minute.is_known)
            .count();
        assert_eq!(known, 10, "09:51 and later");
    }

    #[test]
    fn silent_tenants_make_room() {
        let pulse = Pulse::new(at("2026-01-01T10:00:00Z"));
        for number in 0..TENANTS_MAX as u128 {
            pulse.ended(tenant(number), at("2026-01-01T10:00:00Z"), false, None);
        }
        let busy = at("2026-01-01T10:30:00Z");
        pulse.ended(tenant(u128::MAX), busy, false, None);
        assert_eq!(
            pulse.hour(tenant(u128::MAX), busy)[59].runs,
            0,
            "all others ran within the hour"
        );
        let later = at("2026-01-01T11:30:00Z");
        pulse.ended(tenant(u128::MAX), later, false, None);
        assert_eq!(pulse.hour(tenant(u128::MAX), later)[59].runs, 1);
    }
}

//! Owns the time: the only file that reads it. Schedules follow the wall clock, durations the monotonic one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::watch;
use uuid::{ContextV7, Uuid};

/// Longest uninterrupted sleep: a suspended machine or a stepped clock is noticed within this time.
const SLICE_MAX: Duration = Duration::from_secs(120);

/// Tells the time and waits for it. Cheap to clone.
#[derive(Clone)]
pub struct Clock {
    inner: Arc<Inner>,
}

/// Moves the time of a manual [`Clock`]; for tests.
#[derive(Clone)]
pub struct ManualClock {
    inner: Arc<Inner>,
}

/// The end of a span of the machine's time, whatever a clock of tests shows: for how long something else may work.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    begun: Instant,
    span: Duration,
}

impl Deadline {
    /// The span begins now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this file is where the time is read")]
    pub fn after(span: Duration) -> Self {
        Self {
            begun: Instant::now(),
            span,
        }
    }

    /// Whether the span has passed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.begun.elapsed() >= self.span
    }
}

struct Inner {
    source: Source,
    ids: std::sync::Mutex<ContextV7>,
}

enum Source {
    System {
        started: Instant,
    },
    Manual {
        started: Timestamp,
        now: watch::Sender<Timestamp>,
    },
}

impl Clock {
    /// The machine's clocks.
    #[expect(clippy::disallowed_methods, reason = "this file is where the time is read")]
    pub fn system() -> Self {
        Self::with(Source::System {
            started: Instant::now(),
        })
    }

    /// A clock that stands still until its [`ManualClock`] moves it.
    pub fn manual(start: Timestamp) -> (Self, ManualClock) {
        let clock = Self::with(Source::Manual {
            started: start,
            now: watch::Sender::new(start),
        });
        let manual = ManualClock {
            inner: clock.inner.clone(),
        };
        (clock, manual)
    }

    fn with(source: Source) -> Self {
        Self {
            inner: Arc::new(Inner {
                source,
                ids: std::sync::Mutex::new(ContextV7::new()),
            }),
        }
    }

    /// Wall-clock time, in whole microseconds: what is stored is what was shown.
    #[expect(clippy::disallowed_methods, reason = "this file is where the time is read")]
    pub fn now(&self) -> Timestamp {
        match &self.inner.source {
            Source::System { .. } => {
                let now = Timestamp::now();
                Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
            }
            Source::Manual { now, .. } => *now.borrow(),
        }
    }

    /// Wall-clock time in microseconds since 1970 UTC, the unit of the store.
    pub fn now_us(&self) -> i64 {
        self.now().as_microsecond()
    }

    /// Time since the clock was made; never steps back.
    pub fn monotonic(&self) -> Duration {
        match &self.inner.source {
            Source::System { started } => started.elapsed(),
            Source::Manual { started, now } => {
                Duration::try_from(now.borrow().duration_since(*started)).unwrap_or(Duration::ZERO)
            }
        }
    }

    /// Waits until the wall clock shows `until`; returns at once if it already does.
    #[expect(clippy::disallowed_methods, reason = "this file is where the time is waited for")]
    pub async fn sleep_until(&self, until: Timestamp) {
        match &self.inner.source {
            Source::System { .. } => loop {
                let Ok(left) = Duration::try_from(until.duration_since(self.now())) else {
                    return;
                };
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(SLICE_MAX)).await;
            },
            Source::Manual { now, .. } => {
                // The sender lives in `self`, so the channel cannot close while this waits.
                let _ = now.subscribe().wait_for(|now| *now >= until).await;
            }
        }
    }

    /// Waits for a time span of this clock. The span begins with this call and not with the first poll: what decided on a
    /// wait and hands the future on has fixed its end.
    pub fn sleep(&self, span: Duration) -> impl Future<Output = ()> + Send + use<> {
        let clock = self.clone();
        let from = (self.now(), tokio::time::Instant::now());
        async move {
            match &clock.inner.source {
                Source::System { .. } => tokio::time::sleep_until(from.1 + span).await,
                Source::Manual { .. } => {
                    let until = from.0.checked_add(span).unwrap_or(Timestamp::MAX);
                    clock.sleep_until(until).await;
                }
            }
        }
    }

    /// A new UUID v7; ids of one clock ascend.
    pub fn new_id(&self) -> Uuid {
        let now = self.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
        let ids = self.inner.ids.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Uuid::new_v7(uuid::Timestamp::from_unix(&*ids, seconds, nanoseconds))
    }
}

impl ManualClock {
    /// Moves the time forward (or, for a clock that is set back, backward) to `to`.
    pub fn set(&self, to: Timestamp) {
        if let Source::Manual { now, .. } = &self.inner.source {
            now.send_replace(to);
        }
    }

    /// Moves the time forward.
    pub fn advance(&self, span: Duration) {
        if let Source::Manual { now, .. } = &self.inner.source {
            now.send_modify(|now| *now = now.checked_add(span).unwrap_or(Timestamp::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_even_within_one_instant() {
        let (clock, _) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        let ids: Vec<_> = (0..1000).map(|_| clock.new_id()).collect();
        assert!(ids.is_sorted());
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_who_is_due_and_no_one_else() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let (clock, manual) = Clock::manual(start);
        let due = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(60)).await }
        });
        // The span begins when the task first runs, so it runs before the clock moves.
        tokio::task::yield_now().await;
        manual.advance(Duration::from_secs(59));
        tokio::task::yield_now().await;
        assert!(!due.is_finished());
        manual.advance(Duration::from_secs(1));
        due.await.unwrap();
        assert_eq!(clock.monotonic(), Duration::from_secs(60));
    }
}

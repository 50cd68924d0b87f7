//! What is written of an item after an attempt: a pure function of what became of it.

use jiff::{SignedDuration, Timestamp};

use super::{QueueItem, QueueState};
use crate::domain::retry::{RetryPolicy, next_retry_at};

/// 5 s, doubling, full jitter, at most 15 min; a longer `Retry-After` is kept up to an hour.
pub const BACK_OFF: RetryPolicy = RetryPolicy {
    base_ms: 5_000,
    cap_ms: 900_000,
    floor_ms: 500,
    retry_after_cap_ms: 3_600_000,
};
/// Characters of a result that are kept.
pub const RESULT_CHARS_MAX: usize = 4_000;
/// An item that is put off waits at least so long, so that nobody turns in circles.
const PUT_OFF_MIN: SignedDuration = SignedDuration::from_secs(1);

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It is done; with a result for people.
    Done(Option<String>),
    /// It failed.
    Failed {
        /// Why, for people.
        message: String,
        /// What the other side asked for, milliseconds.
        retry_after_ms: Option<u64>,
        /// No further attempt can help.
        is_final: bool,
    },
    /// It makes no sense any more; why.
    Dropped(String),
    /// Not now: the attempt does not count.
    Later {
        /// When.
        until: Timestamp,
        /// Why, for people.
        reason: String,
    },
    /// Nothing is known of it.
    Left,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Where the item stands now.
    pub state: QueueState,
    /// Attempts so far; 0 after a success.
    pub attempt: u32,
    /// When it may be processed next.
    pub due_at: Timestamp,
    /// For people.
    pub result: Option<String>,
}

/// What becomes of an item that was claimed, `max_attempts` being allowed.
#[must_use]
pub fn settle(item: &QueueItem, attempt: Attempt, max_attempts: u32, now: Timestamp) -> Settled {
    let kept = |state, result| Settled {
        state,
        attempt: item.attempt,
        due_at: item.due_at,
        result,
    };
    match attempt {
        Attempt::Done(result) => Settled {
            attempt: 0,
            ..kept(QueueState::Completed, result.map(|text| cut(&text)))
        },
        Attempt::Dropped(why) => kept(QueueState::Cancelled, Some(cut(&why))),
        Attempt::Failed { message, is_final, .. } if is_final || item.attempt >= max_attempts => {
            kept(QueueState::Abandoned, Some(cut(&message)))
        }
        Attempt::Failed {
            message,
            retry_after_ms,
            ..
        } => Settled {
            due_at: next_retry_at(
                now,
                item.attempt,
                &BACK_OFF,
                item.id.get().unsigned_abs(),
                retry_after_ms,
            ),
            ..kept(QueueState::Failed, Some(cut(&message)))
        },
        Attempt::Later { until, reason } => Settled {
            attempt: item.attempt.saturating_sub(1),
            due_at: until.max(now.checked_add(PUT_OFF_MIN).unwrap_or(now)),
            ..kept(QueueState::Pending, Some(cut(&reason)))
        },
        Attempt::Left => Settled {
            due_at: now.checked_add(PUT_OFF_MIN).unwrap_or(now),
            ..kept(QueueState::Pending, item.result.clone())
        },
    }
}

/// What can be kept of a text: PostgreSQL takes no NUL.
#[must_use]
pub fn cut(text: &str) -> String {
    let mut kept: String = text.chars().take(RESULT_CHARS_MAX).collect();
    if kept.contains('\0') {
        kept = kept.replace('\0', "\u{FFFD}");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn item(attempt: u32) -> QueueItem {
        QueueItem {
            id: 7.into(),
            tenant_id: uuid::Uuid::nil().into(),
            integration_id: 1.into(),
            client_integration_id: 2.into(),
            item_id: "x".to_owned(),
            item_name: "x".to_owned(),
            item_version: 1,
            item_updated_on: now(),
            attempt,
            round: 1,
            state: QueueState::Processing,
            action_log_id: None,
            result: Some("before".to_owned()),
            due_at: Timestamp::UNIX_EPOCH,
            created_at: now(),
            updated_at: now(),
        }
    }

    fn failed(is_final: bool, retry_after_ms: Option<u64>) -> Attempt {
        Attempt::Failed {
            message: "no".to_owned(),
            retry_after_ms,
            is_final,
        }
    }

    #[test]
    fn the_table() {
        let later = Attempt::Later {
            until: Timestamp::UNIX_EPOCH,
            reason: "held".to_owned(),
        };
        let table = [
            (
                Attempt::Done(Some("yes".to_owned())),
                3,
                QueueState::Completed,
                0,
                Some("yes"),
            ),
            (Attempt::Done(None), 1, QueueState::Completed, 0, None),
            (failed(false, None), 2, QueueState::Failed, 2, Some("no")),
            (failed(false, None), 3, QueueState::Abandoned, 3, Some("no")),
            (failed(false, None), 4, QueueState::Abandoned, 4, Some("no")),
            (failed(true, None), 1, QueueState::Abandoned, 1, Some("no")),
            (
                Attempt::Dropped("gone".to_owned()),
                1,
                QueueState::Cancelled,
                1,
                Some("gone"),
            ),
            (later, 3, QueueState::Pending, 2, Some("held")),
            (Attempt::Left, 3, QueueState::Pending, 3, Some("before")),
        ];
        for (attempt, number, state, left, result) in table {
            let settled = settle(&item(number), attempt.clone(), 3, now());
            assert_eq!((settled.state, settled.attempt), (state, left), "{attempt:?}");
            assert_eq!(settled.result.as_deref(), result, "{attempt:?}");
        }
    }

    #[test]
    fn failures_back_off_and_heed_the_other_side() {
        for (attempt, ceiling_ms) in [
            (1, 5_000),
            (2, 10_000),
            (3, 20_000),
            (8, 640_000),
            (9, 900_000),
            (40, 900_000),
        ] {
            let settled = settle(&item(attempt), failed(false, None), 100, now());
            let wait = settled.due_at.duration_since(now()).as_millis();
            assert!((500..=ceiling_ms).contains(&wait), "attempt {attempt}: {wait}");
        }
        let asked = settle(&item(1), failed(false, Some(60_000)), 100, now());
        assert_eq!(asked.due_at.duration_since(now()).as_secs(), 60);
    }

    #[test]
    fn what_is_put_off_waits_a_moment_at_least() {
        for attempt in [
            Attempt::Left,
            Attempt::Later {
                until: Timestamp::UNIX_EPOCH,
                reason: String::new(),
            },
        ] {
            assert!(settle(&item(1), attempt, 3, now()).due_at > now());
        }
    }

    #[test]
    fn results_are_cut_to_what_the_database_takes() {
        let long = "\0é".repeat(RESULT_CHARS_MAX);
        let kept = cut(&long);
        assert_eq!(kept.chars().count(), RESULT_CHARS_MAX);
        assert!(!kept.contains('\0'));
    }
}

//! Decides what becomes of a call after a run: its outcome, its failures in a row, its next due time, its deactivation.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    call_api::{OnHttpError, OnScriptError},
    call_state::{Next, Trigger},
    outcome::Outcome,
    retry::{RetryPolicy, next_retry_at},
    schedule::{Overlap, Schedule},
};

/// How a run ended, before anything is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The response script gave transactions (or none).
    Succeeded,
    /// It said "Abort".
    Aborted,
    /// A script threw or returned what it must not.
    ScriptFailed {
        /// For the status: message, script, line.
        reason: String,
    },
    /// The remote system refused.
    Refused {
        /// For the status.
        reason: String,
        /// When to come again.
        repeat: Repeat,
    },
    /// There was no usable answer.
    Unanswered {
        /// For the status.
        reason: String,
        /// When to come again.
        repeat: Repeat,
    },
    /// Something of ours was not there: the store, a free script worker. It passes, and is nobody's failure.
    Unready {
        /// For the status.
        reason: String,
    },
    /// The run-as user may not create transactions any more, the client is gone: it cannot go on.
    Unusable {
        /// For the status.
        reason: String,
    },
    /// A crash cut it; it is not sent again.
    Interrupted,
}

/// Whether another try may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Not sooner than its schedule says.
    Regular,
    /// Soon, with back-off; never before the time that the remote system asked for, in milliseconds from now.
    BackOff {
        /// From `Retry-After`.
        retry_after_ms: Option<u64>,
    },
}

/// What the decision depends on.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// When it is due.
    pub schedule: &'a Schedule,
    /// Whether it runs on its schedule at all; a manual run of an inactive call arms nothing.
    pub active: bool,
    /// The run's due time.
    pub due_at: Timestamp,
    /// Why it ran.
    pub trigger: Trigger,
    /// The next scheduled run as it stood when a manual run began.
    pub next: Option<Next>,
    /// Missed runs up to this time are all made up for (misfire "all").
    pub catch_up_until: Option<Timestamp>,
    /// Failures in a row before this run.
    pub failures: u32,
    /// Policy.
    pub overlap: Overlap,
    /// Policy.
    pub on_script_error: OnScriptError,
    /// Policy.
    pub on_http_error: OnHttpError,
    /// Policy; none: never.
    pub failures_before_deactivation: Option<u32>,
    /// Spreads the retries of different calls.
    pub seed: u64,
}

/// Due times that are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// How many.
    pub count: u64,
    /// The last of them.
    pub last: Timestamp,
}

/// What to commit together with the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// `Created` stands for "created or nothing new": the ledger knows what was new.
    pub outcome: Outcome,
    /// Failures in a row.
    pub failures: u32,
    /// The next run; none where it is not active, deactivated, or its calendar has ended.
    pub next: Option<Next>,
    /// Due times that came while this run was going and are left out (overlap policy).
    pub skipped: Option<Skipped>,
    /// Why the call is deactivated, if it is.
    pub deactivated: Option<String>,
}

/// Decides. `now` is the end of the run.
#[must_use]
pub fn settle(ended: &Ended, situation: &Situation<'_>, now: Timestamp) -> Settled {
    let outcome = outcome_of(ended);
    let failures = match outcome {
        _ if matches!(ended, Ended::Unready { .. }) => situation.failures,
        outcome if outcome.is_failure() => situation.failures.saturating_add(1),
        outcome if outcome.is_success() => 0,
        _ => situation.failures,
    };
    let deactivated = deactivation(ended, situation, failures).filter(|_| situation.active);
    if deactivated.is_some() || !situation.active {
        return Settled {
            outcome,
            failures,
            next: None,
            skipped: None,
            deactivated,
        };
    }
    let (regular, skipped) = regular_next(situation, now);
    let next = match repeat_of(ended) {
        Some(Repeat::BackOff { retry_after_ms }) => retried(situation, regular, failures, retry_after_ms, now),
        _ => regular.map(|due_at| Next::at(due_at, Trigger::Schedule)),
    };
    // A retry that comes first leaves the skipped due times skipped; they have passed.
    Settled {
        outcome,
        failures,
        next,
        skipped,
        deactivated: None,
    }
}

fn outcome_of(ended: &Ended) -> Outcome {
    match ended {
        Ended::Succeeded => Outcome::Created,
        Ended::Aborted => Outcome::Aborted,
        Ended::ScriptFailed { .. } => Outcome::ScriptError,
        Ended::Refused { .. } => Outcome::HttpError,
        Ended::Unanswered { .. } | Ended::Unready { .. } => Outcome::TransportError,
        Ended::Unusable { .. } => Outcome::Cancelled,
        Ended::Interrupted => Outcome::Interrupted,
    }
}

fn repeat_of(ended: &Ended) -> Option<Repeat> {
    match ended {
        Ended::Refused { repeat, .. } | Ended::Unanswered { repeat, .. } => Some(*repeat),
        Ended::Unready { .. } => Some(Repeat::BackOff { retry_after_ms: None }),
        _ => None,
    }
}

fn deactivation(ended: &Ended, situation: &Situation<'_>, failures: u32) -> Option<String> {
    let (reason, at_once) = match ended {
        Ended::Succeeded | Ended::Aborted | Ended::Interrupted | Ended::Unready { .. } => return None,
        Ended::Unusable { reason } => return Some(reason.clone()),
        Ended::ScriptFailed { reason } => (reason, situation.on_script_error == OnScriptError::Deactivate),
        Ended::Refused { reason, .. } => (reason, situation.on_http_error == OnHttpError::Deactivate),
        Ended::Unanswered { reason, .. } => (reason, situation.on_http_error == OnHttpError::Deactivate),
    };
    if at_once {
        return Some(reason.clone());
    }
    let limit = situation.failures_before_deactivation?;
    (failures >= limit).then(|| format!("{failures} failures in a row. The last one: {reason}"))
}

/// The next due time by the schedule, and what the overlap policy leaves out.
fn regular_next(situation: &Situation<'_>, now: Timestamp) -> (Option<Timestamp>, Option<Skipped>) {
    let schedule = situation.schedule;
    let first = match situation.trigger {
        Trigger::Manual => situation.next.map(|next| next.due_at),
        Trigger::Schedule | Trigger::Retry | Trigger::Resend => schedule.next_after(situation.due_at),
    };
    let Some(first) = first else {
        return (schedule.next_after(now), None);
    };
    if first > now || situation.catch_up_until.is_some_and(|until| first <= until) {
        return (Some(first), None);
    }
    let later = schedule.missed(first, now);
    let last = later.last.unwrap_or(first);
    match situation.overlap {
        Overlap::Skip => (
            schedule.next_after(now),
            Some(Skipped {
                count: later.count.saturating_add(1),
                last,
            }),
        ),
        Overlap::Once => (
            Some(last),
            (later.count > 0).then_some(Skipped {
                count: later.count,
                last: first,
            }),
        ),
    }
}

fn retried(
    situation: &Situation<'_>,
    regular: Option<Timestamp>,
    failures: u32,
    retry_after_ms: Option<u64>,
    now: Timestamp,
) -> Option<Next> {
    let policy = RetryPolicy::default();
    let retry_at = next_retry_at(now, failures.max(1), &policy, situation.seed, retry_after_ms);
    match regular {
        // A missed due time that is being made up for: in its turn, but not at once.
        Some(regular) if regular <= now => Some(Next {
            due_at: regular,
            fire_at: retry_at,
            trigger: Trigger::Schedule,
        }),
        Some(regular) if regular <= retry_at => {
            // The schedule comes first, unless the remote system asked not to be called until later.
            let asked_ms = retry_after_ms.unwrap_or(0).min(policy.retry_after_cap_ms);
            let asked = SignedDuration::from_millis(i64::try_from(asked_ms).unwrap_or(i64::MAX));
            let earliest = now.checked_add(asked).unwrap_or(now);
            let due_at = if regular >= earliest {
                Some(regular)
            } else {
                situation.schedule.next_after(earliest)
            };
            due_at.map(|due_at| Next::at(due_at, Trigger::Schedule))
        }
        _ => Some(Next::at(retry_at, Trigger::Retry)),
    }
}

#[cfg(test)]
#[path = "settle_tests.rs"]
mod tests;

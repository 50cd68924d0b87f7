//! How a run ends: what is written, and what its client integration does next.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{
    actors::{
        integration::{
            look::rows,
            run::{Halt, Run},
        },
        services::Services,
    },
    domain::integration::{ActionLogId, RunCounts, RunOutcome, RunTrigger, machine::Loaded, settle::cut},
    store::{
        self,
        integrations::{EndRun, Whose},
    },
};

/// Shortest and longest wait between two tries to write what was done.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// Wait before a run that the store refused looks at the store again.
const STORE_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// How the run's task ended, for the actor.
#[derive(Debug)]
pub(super) struct Conclusion {
    pub next: Next,
    /// The run that ended, if one did.
    pub ended: Option<Ended>,
}

/// What follows.
#[derive(Debug)]
pub(super) enum Next {
    /// What the rows say.
    Rows(Loaded),
    /// The rows are to be read again.
    Unclear,
    /// Then.
    Later(Timestamp),
    /// The engine is on its way out, or the shards have another owner.
    Leave,
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub whose: Whose,
    pub run: ActionLogId,
    pub trigger: RunTrigger,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    pub outcome: RunOutcome,
    pub counts: RunCounts,
    /// Why it was disabled for its client, if it was.
    pub disabled: Option<String>,
}

impl Conclusion {
    fn of(next: Next) -> Self {
        Self { next, ended: None }
    }

    /// The rows are to be looked at again.
    pub fn unclear() -> Self {
        Self::of(Next::Unclear)
    }

    /// The store refused.
    pub fn of_store(services: &Services, error: &store::Error) -> Self {
        match error {
            store::Error::Closed | store::Error::Lease(_) => Self::of(Next::Leave),
            store::Error::NotFound => Self::unclear(),
            _ => {
                let now = services.clock.now();
                Self::of(Next::Later(now.checked_add(STORE_AGAIN).unwrap_or(now)))
            }
        }
    }
}

/// Writes down how it ended.
pub(super) async fn conclude(run: Run, ended: Result<(), Halt>) -> Conclusion {
    let services = run.services.clone();
    let is_leaving = matches!(ended, Err(Halt::Leave));
    let disable = match &ended {
        Err(Halt::Broken(why)) => Some(cut(why)),
        _ => None,
    };
    let partial = run.counts.failed > 0 || run.counts.abandoned > 0 || run.left_out.is_some();
    let so_far = if partial {
        RunOutcome::Partial
    } else {
        RunOutcome::Succeeded
    };
    let (outcome, message, drop_selection) = match ended {
        Ok(()) => (so_far, run.left_out.clone(), false),
        Err(Halt::Stopped) => {
            let why = "The integration was disabled or its consent ended during this run; the rest waits.";
            (so_far, Some(why.to_owned()), false)
        }
        Err(Halt::Leave) => {
            let why = "The engine was stopped during this run. The next run goes on with what it left.";
            (RunOutcome::Interrupted, Some(why.to_owned()), false)
        }
        Err(Halt::Failed(why)) => (RunOutcome::Failed, Some(why), true),
        Err(Halt::Broken(why)) => (RunOutcome::Failed, Some(why), false),
        Err(Halt::Store(error)) => {
            tracing::error!(client_integration.id = %run.whose.id, error = ?error, "a run cannot be stored");
            let fatal = matches!(
                error,
                store::Error::Closed | store::Error::Lease(_) | store::Error::NotFound
            );
            if fatal {
                return Conclusion::of_store(&services, &error);
            }
            let why = "The database refused what this run did; the next run goes on with what it left.";
            (RunOutcome::Failed, Some(why.to_owned()), false)
        }
    };
    let now = services.clock.now();
    let end = EndRun {
        whose: run.whose,
        id: run.id,
        outcome,
        message: message.map(|text| cut(&text)),
        finished_at: now,
        drop_selection,
        disable: disable.clone(),
    };
    let written = until_stored(&services, async || {
        services.store.end_integration_run(end.clone(), services.epoch).await
    });
    let left = match written.await {
        Ok(left) => left,
        Err(error) => return Conclusion::of_store(&services, &error),
    };
    let ended = Ended {
        whose: run.whose,
        run: run.id,
        trigger: run.trigger,
        started_at: run.started_at,
        finished_at: now,
        outcome,
        counts: run.counts,
        disabled: disable.clone(),
    };
    let next = match outcome {
        _ if is_leaving => Next::Leave,
        // The rows say that it has no actor any more.
        _ if disable.is_some() => Next::Unclear,
        // What stood in the way of this run may stand in the way of the next one, too.
        RunOutcome::Failed if !drop_selection => Next::Later(now.checked_add(STORE_AGAIN).unwrap_or(now)),
        _ => Next::Rows(rows(&left)),
    };
    Conclusion {
        next,
        ended: Some(ended),
    }
}

/// What was done may not be forgotten because the database is away for a moment: tries until it is written, or until that is no
/// use.
pub(super) async fn until_stored<T>(
    services: &Services,
    mut work: impl AsyncFnMut() -> store::Result<T>,
) -> store::Result<T> {
    let mut wait = RETRY.0;
    loop {
        let error = match work().await {
            Err(error @ store::Error::Database(_)) => error,
            other => return other,
        };
        if services.is_draining() {
            return Err(error);
        }
        tracing::warn!(error = ?error, "the store refuses what became of items; trying again");
        services.clock.sleep(wait).await;
        wait = (wait * 2).min(RETRY.1);
    }
}

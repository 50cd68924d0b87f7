//! How a run ends: what is written, and what its client integration does next.

use jiff::{SignedDuration, Timestamp};

use crate::{
    actors::{
        integration::{
            look::rows,
            run::{Halt, Run},
        },
        services::Services,
        stored::until_stored,
    },
    domain::integration::{ActionLogId, RunCounts, RunOutcome, RunTrigger, machine::Loaded, settle::cut},
    store::{
        self,
        integrations::{EndRun, RunEnded, Whose},
    },
};

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

/// The store refuses all that this run may write.
pub(super) const fn is_fatal(error: &store::Error) -> bool {
    matches!(
        error,
        store::Error::Closed | store::Error::Lease(_) | store::Error::NotFound
    )
}

/// Writes down how it ended.
pub(super) async fn conclude(run: Run, ended: Result<(), Halt>) -> Conclusion {
    let services = run.services.clone();
    let is_leaving = matches!(ended, Err(Halt::Leave));
    let disable = match &ended {
        Err(Halt::Broken(disable)) => Some(disable.clone()),
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
        Err(Halt::Broken(disable)) => (RunOutcome::Failed, Some(disable.why), false),
        Err(Halt::Store(error)) => {
            tracing::error!(client_integration.id = %run.whose.id, error = ?error, "a run cannot be stored");
            if is_fatal(&error) {
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
    let written = until_stored(&services, "a run of an integration", async || {
        services.store.end_integration_run(end.clone(), services.epoch).await
    });
    let RunEnded { left, is_disabled } = match written.await {
        Ok(ended) => ended,
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
        disabled: disable
            .as_ref()
            .filter(|_| is_disabled)
            .map(|disable| disable.why.clone()),
    };
    let next = match outcome {
        _ if is_leaving => Next::Leave,
        // The rows say that it has no actor any more, or what somebody made of it meanwhile.
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

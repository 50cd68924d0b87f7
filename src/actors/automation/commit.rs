//! How a run ends: what is written, what follows for its automation, who is told.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{
    actors::{
        announcement::Announcement,
        automation::{halt::Halt, run::RunJob},
        services::{RunningGuard, Services},
        stored::until_stored,
    },
    domain::{
        automation::{
            AutomationType,
            machine::Finished,
            run::{RecordError, RunCounts, RunOutcome},
            schedule::schedule_of,
        },
        ids::{AutomationId, RunId},
        retry::{RetryPolicy, next_retry_at},
    },
    store::{
        self,
        automations::{AutomationRun, FinishRun, LoadedAutomation},
    },
};

/// Wait before a run that the store refused looks at the store again.
const STORE_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// How the run's task ended, for the actor.
pub(super) struct Conclusion {
    pub next: Next,
    /// The run that ended, if one did.
    pub ended: Option<Ended>,
    /// What everybody is told when the actor has heard of this.
    pub announcement: Announcement,
    /// The engine counts the run as going until that is told.
    pub guard: Option<RunningGuard>,
}

/// What follows.
#[derive(Debug)]
pub(super) enum Next {
    Finished(Finished),
    Waits(Timestamp),
    Blocked,
    /// The engine is on its way out, or the shards have another owner.
    Leave,
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    pub outcome: RunOutcome,
    pub counts: RunCounts,
}

impl Conclusion {
    fn of(next: Next) -> Self {
        Self {
            next,
            ended: None,
            announcement: Announcement::default(),
            guard: None,
        }
    }

    /// The rows are to be looked at again.
    pub fn unclear() -> Self {
        Self::of(Next::Finished(Finished::Unclear))
    }

    /// The store refused.
    pub fn of_store(services: &Services, error: &store::Error) -> Self {
        match error {
            store::Error::Closed | store::Error::Lease(_) => Self::of(Next::Leave),
            // Another run is open, or ours has ended: the rows know.
            store::Error::InUse(_) | store::Error::NotFound | store::Error::AlreadyRecorded => Self::unclear(),
            _ => {
                let now = services.clock.now();
                Self::of(Next::Waits(now.checked_add(STORE_AGAIN).unwrap_or(now)))
            }
        }
    }
}

/// Writes down how it ended.
pub(super) async fn conclude(
    job: &RunJob,
    loaded: &LoadedAutomation,
    run: AutomationRun,
    ended: Result<(), Halt>,
) -> Conclusion {
    let (outcome, detail) = match ended {
        Ok(()) if run.counts.failed > 0 => (RunOutcome::Partial, None),
        Ok(()) => (RunOutcome::Success, None),
        Err(Halt::End(outcome, reason)) => (outcome, Some(reason)),
        Err(Halt::Script(reason)) => (RunOutcome::ScriptError, Some(reason)),
        Err(Halt::Leave) => return Conclusion::of(Next::Leave),
        Err(Halt::Store(error)) => {
            tracing::error!(automation.id = %job.automation_id, run.id = %run.id, error = ?error, "a run cannot be stored");
            return Conclusion::of_store(&job.services, &error);
        }
        Err(Halt::Wait { until, reason }) => return wait(job, &run, Some(until), reason, Next::Waits(until)).await,
        Err(Halt::Blocked(reason)) => return wait(job, &run, None, reason, Next::Blocked).await,
    };
    finish(job, loaded, run, outcome, detail).await
}

/// The run stays open.
async fn wait(job: &RunJob, run: &AutomationRun, until: Option<Timestamp>, reason: String, next: Next) -> Conclusion {
    let services = &job.services;
    let (tenant, automation, id, epoch) = (job.tenant_id, job.automation_id, run.id, services.epoch);
    tracing::info!(automation.id = %automation, run.id = %id, reason, "a run waits");
    let written = until_stored(services, "a run of an automation", async || {
        let reason = reason.clone();
        services
            .store
            .suspend_run(tenant, automation, id, until, reason, epoch)
            .await
    });
    match written.await {
        Ok(()) => {
            let data = json!({ "automationId": automation, "runId": id, "until": until, "reason": reason });
            let services = services.clone();
            let announcement = Announcement::of(move || {
                let now = services.clock.now();
                let events = &services.events;
                events.publish(tenant, now, "automation.waits", automation.uuid(), data);
            });
            Conclusion {
                announcement,
                ..Conclusion::of(next)
            }
        }
        Err(error) => Conclusion::of_store(services, &error),
    }
}

async fn finish(
    job: &RunJob,
    loaded: &LoadedAutomation,
    mut run: AutomationRun,
    mut outcome: RunOutcome,
    mut detail: Option<String>,
) -> Conclusion {
    let services = &job.services;
    let mut chain = None;
    if outcome == RunOutcome::Success {
        match chained(services, loaded).await {
            Ok(Chained::None) => {}
            Ok(Chained::To(id)) => chain = Some(id),
            Ok(Chained::Missing(reason)) => (outcome, detail) = (RunOutcome::NotFound, Some(reason)),
            Err(error) => return Conclusion::of_store(services, &error),
        }
    }
    if let Some(message) = &detail {
        let error = RecordError {
            key: None,
            message: message.clone(),
        };
        run.errors.add(services.settings.automations.errors_kept_max, error);
    }
    let now = services.clock.now();
    let finish = end_of(loaded, &run, (outcome, detail), chain, now);
    let written = until_stored(services, "a run of an automation", async || {
        services.store.finish_run(finish.clone(), services.epoch).await
    });
    let end = match written.await {
        Ok(end) => end,
        Err(error) => {
            tracing::error!(automation.id = %job.automation_id, run.id = %run.id, error = ?error, "the end of a run is not stored");
            return Conclusion::of_store(services, &error);
        }
    };
    if let Some(next) = chain.filter(|_| end.is_chained) {
        services.wakes.wake(&[next]);
    }
    // What follows from a version that is changed already does not happen.
    let next_due_at = finish.next_due_at.filter(|_| !end.is_changed);
    let deactivate = finish.deactivate.filter(|_| !end.is_changed);
    let announcement = announcement(job, &run, outcome, next_due_at, deactivate.clone());
    let ended = Ended {
        started_at: run.started_at,
        finished_at: now,
        outcome,
        counts: run.counts,
    };
    let next = match (deactivate, outcome) {
        (Some(_), _) => Finished::Deactivated,
        // What the change asks for is in the rows.
        (None, _) if end.is_changed => Finished::Unclear,
        (None, RunOutcome::Cancelled) => Finished::Unclear,
        (None, _) => Finished::Next(next_due_at),
    };
    Conclusion {
        ended: Some(ended),
        announcement,
        ..Conclusion::of(Next::Finished(next))
    }
}

/// What is to be written at the end of a run.
fn end_of(
    loaded: &LoadedAutomation,
    run: &AutomationRun,
    (outcome, detail): (RunOutcome, Option<String>),
    chain: Option<AutomationId>,
    now: Timestamp,
) -> FinishRun {
    let row = &loaded.row;
    let is_complete = matches!(outcome, RunOutcome::Success | RunOutcome::Partial);
    let failures = failures(loaded.state.failures, outcome);
    let deactivate = detail.clone().filter(|_| outcome == RunOutcome::ScriptError);
    let next_due_at = match deactivate {
        Some(_) => None,
        None => next_due(loaded, outcome, failures, now),
    };
    FinishRun {
        tenant_id: row.tenant_id,
        automation_id: row.id,
        run_id: run.id,
        version: row.version,
        anchor_at: row.anchor_at,
        outcome,
        detail,
        finished_at: now,
        counts: run.counts,
        errors: run.errors.clone(),
        cursor_at: is_complete.then_some(run.started_at),
        next_due_at,
        failures,
        deactivate,
        chain,
    }
}

enum Chained {
    None,
    To(AutomationId),
    Missing(String),
}

/// The automation that runs next.
async fn chained(services: &Services, loaded: &LoadedAutomation) -> store::Result<Chained> {
    let row = &loaded.row;
    let named = row.definition.another_automation.as_deref().map(str::trim);
    let Some(named) = named.filter(|name| !name.is_empty()) else {
        return Ok(Chained::None);
    };
    let found = services
        .store
        .automation_named(row.tenant_id, row.connection_id, named)
        .await?;
    Ok(match found {
        Some(next) if next.enabled => Chained::To(next.id),
        Some(next) => Chained::Missing(format!(
            "All records were taken, but the automation {:?} that runs next is disabled. Enable it, or name another.",
            next.definition.name
        )),
        None => Chained::Missing(format!(
            "All records were taken, but the automation {named:?} that runs next does not exist. Create it, or name another."
        )),
    })
}

/// Failures in a row, this one too.
fn failures(before: u32, outcome: RunOutcome) -> u32 {
    match outcome {
        RunOutcome::Success | RunOutcome::Partial => 0,
        RunOutcome::Cancelled | RunOutcome::Paused => before,
        RunOutcome::Failed | RunOutcome::ScriptError | RunOutcome::NotFound => before.saturating_add(1),
    }
}

/// When it runs next: by its calendar, whatever the run took; an event-based one that failed tries again by itself.
fn next_due(loaded: &LoadedAutomation, outcome: RunOutcome, failures: u32, now: Timestamp) -> Option<Timestamp> {
    let row = &loaded.row;
    match (row.definition.automation_type, outcome) {
        (AutomationType::TimerBased, RunOutcome::Cancelled) => Some(now),
        (AutomationType::TimerBased, _) => schedule_of(&row.definition, row.anchor_at)?.next_after(now),
        (AutomationType::EventBased, RunOutcome::Failed) => {
            let seed = row.id.uuid().as_u64_pair().1;
            Some(next_retry_at(now, failures, &RetryPolicy::default(), seed, None))
        }
        (AutomationType::EventBased, _) => None,
    }
}

/// What is told of an ended run.
fn announcement(
    job: &RunJob,
    run: &AutomationRun,
    outcome: RunOutcome,
    next_due_at: Option<Timestamp>,
    deactivated: Option<String>,
) -> Announcement {
    let (services, tenant, automation) = (job.services.clone(), job.tenant_id, job.automation_id);
    let (id, trigger, counts): (RunId, _, _) = (run.id, run.trigger, run.counts);
    let finished = move || {
        json!({
            "automationId": automation,
            "runId": id,
            "trigger": trigger.as_str(),
            "outcome": outcome.as_str(),
            "counts": counts,
            "nextDueAt": next_due_at,
        })
    };
    Announcement::of(move || {
        let (events, now, subject) = (&services.events, services.clock.now(), automation.uuid());
        let failed = !matches!(outcome, RunOutcome::Success | RunOutcome::Cancelled);
        services.pulse.ended(tenant, now, failed, None);
        events.publish_with(tenant, now, "automation.finished", subject, finished);
        if let Some(reason) = deactivated {
            tracing::warn!(automation.id = %automation, run.id = %id, "automation deactivated");
            let data = json!({ "automationId": automation, "runId": id, "reason": reason });
            events.publish(tenant, now, "automation.deactivated", subject, data);
        }
    })
}

//! The end of a run: what was decided, in one ledger entry, and the events that follow its commit.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::{
    actors::{
        announcement::Announcement,
        api_call::{
            boot,
            prepared::PreparedCall,
            run::{Done, RunJob, RunReport},
            sample::sample,
        },
        services::Services,
    },
    domain::{
        call_api::{CallApiDefinition, OnHttpError, OnScriptError},
        call_state::{Next, Trigger},
        ids::{CallApiId, UserId},
        outcome::Outcome,
        settle::{Ended, Settled, Situation, settle},
    },
    store::{
        self,
        call_state::{ArmedCall, InterruptedRun},
        ledger::{CallState, Deactivated, RunCommit, RunRecord, RunSample},
    },
};

/// Longest wait between two tries to commit a run.
const COMMIT_RETRY_MAX: Duration = Duration::from_secs(30);

pub(super) async fn commit(
    job: RunJob,
    call: Option<Arc<PreparedCall>>,
    done: Done,
    started_at: Timestamp,
    duration: Duration,
) -> RunReport {
    job.progress.at(5);
    let now = job.services.clock.now();
    let definition = call.as_ref().map(|call| &call.definition);
    let situation = situation(&job, definition);
    let settled = settle(&done.ended, &situation, now);
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let kept = keeps_sample(&job, &settled).then(|| {
        let bytes_max = job.services.settings.runs.sample_bytes_max;
        sample(done.sent.as_ref(), done.response.as_ref(), &done.logs, bytes_max)
    });
    let new_state = done.state.clone();
    let http_status = done.http_status;
    let error = done.error.clone();
    let preparation = definition.is_some_and(|definition| definition.preparation);
    let created_by = definition.map_or_else(|| UserId::from(Uuid::nil()), |definition| definition.run_as_user_id);
    let sampled = kept.is_some();
    let entry = entry(
        &job,
        done,
        &settled,
        kept,
        started_at,
        now,
        duration_ms,
        preparation,
        created_by,
    );
    let committed = commit_until_done(&job.services, &job.call_api_id, entry).await;
    let (created, duplicates, reload) = match committed {
        Ok(committed) => {
            let created = u32::try_from(committed.created.len()).unwrap_or(u32::MAX);
            announce_transactions(&job, preparation, &committed.created);
            (created, committed.duplicates, false)
        }
        Err(_) => (0, 0, true),
    };
    let outcome = match settled.outcome {
        Outcome::Created if created == 0 => Outcome::NothingNew,
        other => other,
    };
    let mut report = RunReport {
        run_id: job.run_id,
        started_at,
        duration_ms,
        outcome,
        created,
        duplicates,
        http_status,
        error,
        settled,
        script_state: new_state.map(Arc::from),
        sampled,
        reload,
        announcement: Announcement::default(),
    };
    if !reload {
        report.announcement = announcement(job, &report);
    }
    report
}

fn situation<'a>(job: &'a RunJob, definition: Option<&CallApiDefinition>) -> Situation<'a> {
    Situation {
        schedule: &job.schedule,
        active: job.active,
        due_at: job.due_at,
        trigger: job.trigger,
        next: job.next,
        catch_up_until: job.catch_up_until,
        failures: job.failures,
        overlap: job.overlap,
        on_script_error: definition
            .map(|definition| definition.on_script_error)
            .unwrap_or_default(),
        on_http_error: definition
            .map(|definition| definition.on_http_error)
            .unwrap_or_default(),
        failures_before_deactivation: definition.and_then(|definition| definition.failures_before_deactivation),
        seed: job.call_api_id.uuid().as_u64_pair().1,
    }
}

fn keeps_sample(job: &RunJob, settled: &Settled) -> bool {
    job.sample_wanted || job.trigger == Trigger::Manual || !settled.outcome.is_success()
}

#[expect(
    clippy::too_many_arguments,
    reason = "one call site; each is one column of the entry"
)]
fn entry(
    job: &RunJob,
    done: Done,
    settled: &Settled,
    sample: Option<RunSample>,
    started_at: Timestamp,
    finished_at: Timestamp,
    duration_ms: u64,
    preparation: bool,
    created_by: UserId,
) -> RunCommit {
    let error = done.error.map(|error| error.to_string());
    let state = CallState {
        next_due_at: settled.next.map(|next| next.due_at),
        run_count: job.context.run_count + 1,
        failures: settled.failures,
        script_state: done.state,
        // A script's message may hold what PostgreSQL takes in no text.
        deactivated: settled.deactivated.as_ref().map(|reason| Deactivated {
            at: finished_at,
            reason: reason.replace('\0', "\u{FFFD}"),
        }),
    };
    let skipped_run = settled.skipped.map(|skipped| {
        boot::skipped(
            &job.services,
            skipped.last,
            skipped.count,
            Outcome::SkippedOverlap,
            finished_at,
        )
    });
    RunCommit {
        tenant_id: job.tenant_id,
        call_api_id: job.call_api_id,
        shard: job.shard,
        epoch: job.services.epoch,
        run: RunRecord {
            id: job.run_id,
            due_at: job.due_at,
            trigger: job.trigger,
            started_at,
            finished_at,
            outcome: settled.outcome,
            http_status: done.http_status,
            skipped: job.skipped,
            duration_ms,
            error,
        },
        transactions: done.transactions,
        preparation,
        created_by,
        state,
        sample,
        skipped_run,
    }
}

/// What was done may not be forgotten because the database is away for a moment: tries until it is committed, or until
/// trying is no use because the run is recorded already or the shards have another owner.
async fn commit_until_done(
    services: &Services,
    id: &CallApiId,
    entry: RunCommit,
) -> store::Result<store::ledger::RunCommitted> {
    let mut wait = Duration::from_millis(250);
    loop {
        match services.store.ledger().commit_run(entry.clone()).await {
            Ok(committed) => return Ok(committed),
            Err(error @ (store::Error::AlreadyRecorded | store::Error::Lease(_) | store::Error::Closed)) => {
                tracing::error!(api_call.id = %id, run.id = %entry.run.id, error = ?error, "run is not committed");
                return Err(error);
            }
            Err(error) => {
                tracing::error!(api_call.id = %id, run.id = %entry.run.id, error = ?error, "commit failed; trying again");
                if services.is_draining() {
                    return Err(error);
                }
                services.clock.sleep(wait).await;
                wait = (wait * 2).min(COMMIT_RETRY_MAX);
            }
        }
    }
}

/// Settles and commits a run that a crash cut; gives the due time that follows it.
pub async fn settle_and_commit_interrupted(
    services: &Services,
    call: &ArmedCall,
    run: &InterruptedRun,
) -> Option<Next> {
    let now = services.clock.now();
    let situation = Situation {
        schedule: &call.schedule,
        active: call.active,
        due_at: run.due_at,
        trigger: run.trigger,
        next: call.next_due_at.map(|due_at| Next::at(due_at, Trigger::Schedule)),
        catch_up_until: Some(now),
        failures: call.failures,
        overlap: call.overlap,
        on_script_error: OnScriptError::default(),
        on_http_error: OnHttpError::default(),
        failures_before_deactivation: None,
        seed: 0,
    };
    let settled = settle(&Ended::Interrupted, &situation, now);
    let message = "The engine ended while this request was under way; nobody knows whether it arrived.";
    let entry = RunCommit {
        tenant_id: call.tenant_id,
        call_api_id: call.id,
        shard: call.shard,
        epoch: services.epoch,
        run: RunRecord {
            id: run.run_id,
            due_at: run.due_at,
            trigger: run.trigger,
            started_at: run.started_at,
            finished_at: now,
            outcome: settled.outcome,
            http_status: None,
            skipped: 0,
            duration_ms: u64::try_from(now.duration_since(run.started_at).as_millis()).unwrap_or(0),
            error: Some(json!({ "step": "sending", "message": message }).to_string()),
        },
        transactions: Vec::new(),
        preparation: false,
        created_by: UserId::from(Uuid::nil()),
        state: CallState {
            next_due_at: settled.next.map(|next| next.due_at),
            run_count: call.run_count + 1,
            failures: settled.failures,
            script_state: None,
            deactivated: None,
        },
        sample: None,
        skipped_run: None,
    };
    // An error is logged there; the row stays `running`, and the next start settles it.
    let _ = commit_until_done(services, &call.id, entry).await;
    settled.next
}

fn announce_transactions(job: &RunJob, preparation: bool, created: &[crate::domain::ids::TransactionId]) {
    if preparation {
        return;
    }
    let now = job.services.clock.now();
    for id in created {
        let (id, call) = (*id, job.call_api_id);
        let data = move || json!({ "transactionId": id, "callApiId": call });
        job.services
            .events
            .publish_with(job.tenant_id, now, "transaction.ready", id.uuid(), data);
    }
}

/// What is told of an ended run. The engine counts it as going until that is done.
fn announcement(job: RunJob, report: &RunReport) -> Announcement {
    let (outcome, created, duplicates) = (report.outcome, report.created, report.duplicates);
    let (run, deactivated) = (report.run_id, report.settled.deactivated.clone());
    let late = report.started_at.duration_since(job.due_at);
    let late = (job.trigger == Trigger::Schedule).then_some(late);
    let data = run_finished(&job, report);
    Announcement::of(move || {
        let services = &job.services;
        let metrics = &services.metrics;
        metrics.runs.with_label_values(&[outcome.as_str()]).inc();
        metrics.transactions_created.inc_by(u64::from(created));
        metrics.transactions_duplicate.inc_by(u64::from(duplicates));
        let (now, call) = (services.clock.now(), job.call_api_id);
        services.pulse.ended(job.tenant_id, now, outcome.is_failure(), late);
        let events = &services.events;
        events.publish_with(job.tenant_id, now, "run.finished", call.uuid(), data);
        if let Some(reason) = deactivated {
            tracing::warn!(api_call.id = %call, run.id = %run, "call deactivated");
            let data = json!({ "callApiId": call, "runId": run, "reason": reason });
            events.publish(job.tenant_id, now, "call.deactivated", call.uuid(), data);
        }
    })
}

/// What is told of an ended run, once somebody listens.
fn run_finished(job: &RunJob, report: &RunReport) -> impl FnOnce() -> serde_json::Value + Send + use<> {
    let (call, run, trigger, due_at) = (job.call_api_id, report.run_id, job.trigger, job.due_at);
    let (outcome, created, duplicates) = (report.outcome, report.created, report.duplicates);
    let (http_status, duration_ms, error) = (report.http_status, report.duration_ms, report.error.clone());
    let next_due_at = report.settled.next.map(|next| next.due_at);
    move || {
        json!({
            "callApiId": call,
            "runId": run,
            "trigger": trigger.as_str(),
            "dueAt": due_at,
            "outcome": outcome,
            "created": created,
            "duplicates": duplicates,
            "httpStatus": http_status,
            "durationMs": duration_ms,
            "error": error,
            "nextDueAt": next_due_at,
        })
    }
}

//! One run from its due time to its commit, as a task of its own: the actor hears only of its end.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    actors::{
        api_call::{
            boot,
            prepared::PreparedCall,
            sample::{error_json, sample},
            steps::{self, Interpreted, Prepared, RunContext, ScriptResult, StepError},
        },
        services::{RunningGuard, Services},
    },
    domain::{
        call_api::{OnHttpError, OnScriptError},
        call_state::{Next, Trigger},
        ids::{CallApiId, RunId, TenantId, UserId},
        outcome::Outcome,
        rights::Right,
        schedule::{Overlap, Schedule},
        settle::{Ended, Settled, Situation, settle},
        transaction::NewTransaction,
    },
    error::Code,
    http::{Response, SentRequest},
    script::{LogLine, RequestInfo, ResponseInfo},
    store::{
        self,
        call_state::{ArmedCall, InterruptedRun},
        ledger::{CallState, Deactivated, RunCommit, RunRecord, RunSample, StartedRun},
    },
};

/// Longest wait between two tries to commit a run.
const COMMIT_RETRY_MAX: Duration = Duration::from_secs(30);

/// Where a run is, for those who look at it.
#[derive(Debug, Default)]
pub struct Progress(AtomicU8);

const STEPS: [&str; 6] = [
    "queued",
    "loading",
    "preparing",
    "sending",
    "interpreting",
    "committing",
];

impl Progress {
    fn at(&self, step: u8) {
        self.0.store(step, Ordering::Relaxed);
    }

    /// The word of the step.
    pub fn step(&self) -> &'static str {
        STEPS
            .get(usize::from(self.0.load(Ordering::Relaxed)))
            .copied()
            .unwrap_or("queued")
    }
}

/// What the actor gives to a run.
pub struct RunJob {
    /// Shared services.
    pub services: Arc<Services>,
    /// Counts the run as going.
    pub guard: RunningGuard,
    /// Where it is.
    pub progress: Arc<Progress>,
    /// Its id.
    pub run_id: RunId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Of which call.
    pub call_api_id: CallApiId,
    /// Version of the call's row.
    pub version: i64,
    /// Shard of the call.
    pub shard: u8,
    /// Whether the call runs on its schedule.
    pub active: bool,
    /// When it is due.
    pub schedule: Schedule,
    /// Policy.
    pub overlap: Overlap,
    /// The run's due time.
    pub due_at: Timestamp,
    /// Why it runs.
    pub trigger: Trigger,
    /// The next scheduled run, for a manual one.
    pub next: Option<Next>,
    /// See `Situation`.
    pub catch_up_until: Option<Timestamp>,
    /// Due times passed over before this run.
    pub skipped: u64,
    /// Failures in a row before it.
    pub failures: u32,
    /// What scripts are told.
    pub context: RunContext,
    /// Whether to keep a sample of a good run.
    pub sample_wanted: bool,
    /// Panic before the request is sent: for tests of the supervision.
    pub fail: bool,
}

/// What the actor hears of a run.
pub struct RunReport {
    /// Its id.
    pub run_id: RunId,
    /// Its start.
    pub started_at: Timestamp,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
    /// How it ended, as committed.
    pub outcome: Outcome,
    /// Transactions created.
    pub created: u32,
    /// Identifiers that existed.
    pub duplicates: u32,
    /// Status of the answer.
    pub http_status: Option<u16>,
    /// As in the history.
    pub error: Option<Value>,
    /// What was decided.
    pub settled: Settled,
    /// The state object that the run left, if it left a new one.
    pub script_state: Option<Arc<str>>,
    /// Whether a sample was kept.
    pub sampled: bool,
    /// The store refused: the row must be read again.
    pub reload: bool,
}

/// What the steps of a run gave, before anything is decided.
struct Done {
    ended: Ended,
    transactions: Vec<NewTransaction>,
    state: Option<String>,
    error: Option<Value>,
    http_status: Option<u16>,
    sent: Option<SentRequest>,
    response: Option<Response>,
    logs: Vec<LogLine>,
}

impl Done {
    fn new(ended: Ended) -> Self {
        Self {
            ended,
            transactions: Vec::new(),
            state: None,
            error: None,
            http_status: None,
            sent: None,
            response: None,
            logs: Vec::new(),
        }
    }

    fn failed(error: StepError, sent: Option<SentRequest>) -> Self {
        let mut done = Self::new(error.ended());
        done.error = Some(error_json(&error));
        done.sent = sent.or_else(|| error.http.and_then(|error| error.sent));
        done.logs = error.logs;
        done
    }

    fn unusable(reason: String) -> Self {
        let mut done = Self::new(Ended::Unusable { reason: reason.clone() });
        done.error = Some(json!({ "step": "check", "message": reason }));
        done
    }
}

/// Runs the job to its commit.
pub async fn run(job: RunJob) -> RunReport {
    // Closed only when the engine ends, which waits for running work.
    let permit = job.services.permits.acquire().await;
    let started_at = job.services.clock.now();
    let lateness = started_at.duration_since(job.due_at);
    if job.trigger == Trigger::Schedule {
        job.services
            .metrics
            .run_lateness_seconds
            .observe(lateness.as_secs_f64());
    }
    let begun = job.services.clock.monotonic();
    let (call, done) = work(&job, started_at).await;
    drop(permit);
    let duration = job.services.clock.monotonic() - begun;
    commit(job, call, done, started_at, duration).await
}

async fn work(job: &RunJob, started_at: Timestamp) -> (Option<Arc<PreparedCall>>, Done) {
    job.progress.at(1);
    let services = &job.services;
    let call = match services.definition(job.tenant_id, job.call_api_id, job.version).await {
        Ok(call) => call,
        Err(error) if error.code == Code::Internal || error.code == Code::Unavailable => {
            let repeat = crate::domain::settle::Repeat::BackOff { retry_after_ms: None };
            tracing::error!(api_call.id = %job.call_api_id, error = ?error, "definition cannot be read");
            return (
                None,
                Done::new(Ended::Unanswered {
                    reason: "The store did not answer.".to_owned(),
                    repeat,
                }),
            );
        }
        Err(error) => return (None, Done::unusable(format!("The definition cannot be used: {error}"))),
    };
    let done = match may_run(job, &call).await {
        Err(done) => *done,
        Ok(()) => request(job, &call, started_at).await,
    };
    (Some(call), done)
}

/// The run-as user must be active and have the right, at each run.
async fn may_run(job: &RunJob, call: &PreparedCall) -> Result<(), Box<Done>> {
    let user_id = call.definition.run_as_user_id;
    match job.services.access.identity().rights_of(job.tenant_id, user_id).await {
        Ok(Some(rights)) if rights.contains(Right::TransactionsCreate) => Ok(()),
        Ok(Some(_)) => Err(Box::new(Done::unusable(
            "The run-as user has no right transactions.create in this tenant any more.".to_owned(),
        ))),
        Ok(None) => Err(Box::new(Done::unusable(
            "The run-as user is not active or does not belong to this tenant any more.".to_owned(),
        ))),
        Err(error) => {
            tracing::error!(api_call.id = %job.call_api_id, error = ?error, "rights cannot be read");
            let repeat = crate::domain::settle::Repeat::BackOff { retry_after_ms: None };
            Err(Box::new(Done::new(Ended::Unanswered {
                reason: "The store did not answer.".to_owned(),
                repeat,
            })))
        }
    }
}

async fn request(job: &RunJob, call: &PreparedCall, started_at: Timestamp) -> Done {
    let services = &job.services;
    job.progress.at(2);
    let Prepared { request, mut logs } = match steps::prepare(services, call, &job.context).await {
        Ok(prepared) => prepared,
        Err(error) => return Done::failed(error, None),
    };
    if !call.definition.method.is_safe() {
        let started = StartedRun {
            tenant_id: job.tenant_id,
            call_api_id: job.call_api_id,
            shard: job.shard,
            epoch: services.epoch,
            id: job.run_id,
            due_at: job.due_at,
            trigger: job.trigger,
            started_at,
        };
        if let Err(error) = services.store.ledger().start_run(started).await {
            tracing::error!(api_call.id = %job.call_api_id, error = ?error, "run cannot be noted before it is sent");
            let repeat = crate::domain::settle::Repeat::BackOff { retry_after_ms: None };
            return Done::new(Ended::Unanswered {
                reason: "The store did not answer; nothing was sent.".to_owned(),
                repeat,
            });
        }
    }
    fail_on_purpose(job.fail);
    job.progress.at(3);
    let (method, url) = (request.method.as_str().to_owned(), request.url.clone());
    let mut done = match steps::send(services, request).await {
        Err(error) => Done::failed(error, None),
        Ok(response) => {
            job.progress.at(4);
            interpret(job, call, RequestInfo { method, url }, response).await
        }
    };
    logs.append(&mut done.logs);
    done.logs = logs;
    done
}

#[expect(clippy::panic, reason = "what it is for: tests of the supervision")]
fn fail_on_purpose(fail: bool) {
    if fail {
        panic!("asked to fail");
    }
}

async fn interpret(job: &RunJob, call: &PreparedCall, request: RequestInfo, response: Response) -> Done {
    let services = &job.services;
    let mut done = if let Some(refused) = steps::refusal(call, &response, services.clock.now()) {
        let mut done = Done::new(refused);
        done.error = Some(json!({ "step": "response", "message": format!("HTTP {}", response.status) }));
        done
    } else {
        let about = ResponseInfo {
            status_code: response.status,
            headers: response.headers.clone(),
            body: response.body.clone(),
        };
        match steps::interpret(services, call, &job.context, request, about).await {
            Err(error) => Done::failed(error, None),
            Ok(Interpreted {
                result: ScriptResult::Abort,
                logs,
            }) => Done {
                logs,
                ..Done::new(Ended::Aborted)
            },
            Ok(Interpreted {
                result: ScriptResult::Transactions { transactions, state },
                logs,
            }) => Done {
                transactions,
                state,
                logs,
                ..Done::new(Ended::Succeeded)
            },
        }
    };
    done.http_status = Some(response.status);
    done.sent = Some(response.sent.clone());
    done.response = Some(response);
    done
}

async fn commit(
    job: RunJob,
    call: Option<Arc<PreparedCall>>,
    done: Done,
    started_at: Timestamp,
    duration: Duration,
) -> RunReport {
    job.progress.at(5);
    let now = job.services.clock.now();
    let definition = call.as_ref().map(|call| &call.definition);
    let situation = Situation {
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
    };
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
    let report = RunReport {
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
    };
    if !reload {
        announce(&job, &report);
    }
    report
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
        deactivated: settled.deactivated.clone().map(|reason| Deactivated {
            at: finished_at,
            reason,
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
        let data = json!({ "transactionId": id, "callApiId": job.call_api_id });
        job.services
            .events
            .publish(job.tenant_id, now, "transaction.ready", id.uuid(), data);
    }
}

fn announce(job: &RunJob, report: &RunReport) {
    let services = &job.services;
    let metrics = &services.metrics;
    metrics.runs.with_label_values(&[report.outcome.as_str()]).inc();
    metrics.transactions_created.inc_by(u64::from(report.created));
    metrics.transactions_duplicate.inc_by(u64::from(report.duplicates));
    let now = services.clock.now();
    let subject = job.call_api_id.uuid();
    let data = json!({
        "callApiId": job.call_api_id,
        "runId": report.run_id,
        "trigger": job.trigger.as_str(),
        "dueAt": job.due_at,
        "outcome": report.outcome,
        "created": report.created,
        "duplicates": report.duplicates,
        "httpStatus": report.http_status,
        "durationMs": report.duration_ms,
        "error": report.error,
        "nextDueAt": report.settled.next.map(|next| next.due_at),
    });
    services
        .events
        .publish(job.tenant_id, now, "run.finished", subject, data);
    if let Some(reason) = &report.settled.deactivated {
        tracing::warn!(api_call.id = %job.call_api_id, run.id = %report.run_id, "call deactivated");
        let data = json!({ "callApiId": job.call_api_id, "runId": report.run_id, "reason": reason });
        services
            .events
            .publish(job.tenant_id, now, "call.deactivated", subject, data);
    }
}

//! One run from its due time to its commit, as a task of its own: the actor hears only of its end.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    actors::{
        announcement::Announcement,
        api_call::{
            commit::commit,
            prepared::PreparedCall,
            sample::error_json,
            steps::{self, Interpreted, Prepared, RunContext, ScriptResult, StepError},
        },
        services::{RunningGuard, Services},
    },
    domain::{
        call_state::{Next, Trigger},
        ids::{CallApiId, RunId, TenantId},
        outcome::Outcome,
        rights::Right,
        schedule::{Overlap, Schedule},
        settle::{Ended, Settled},
        transaction::NewTransaction,
    },
    error::Code,
    http::{Response, SentRequest},
    script::{LogLine, RequestInfo, ResponseInfo},
    store::ledger::StartedRun,
};

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
    pub(super) fn at(&self, step: u8) {
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
    /// What everybody is told when the actor has heard of this; nothing where the store refused.
    pub announcement: Announcement,
}

/// What the steps of a run gave, before anything is decided.
pub(super) struct Done {
    pub(super) ended: Ended,
    pub(super) transactions: Vec<NewTransaction>,
    pub(super) state: Option<String>,
    pub(super) error: Option<Value>,
    pub(super) http_status: Option<u16>,
    pub(super) sent: Option<SentRequest>,
    pub(super) response: Option<Response>,
    pub(super) logs: Vec<LogLine>,
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
            tracing::error!(api_call.id = %job.call_api_id, error = ?error, "definition cannot be read");
            return (
                None,
                Done::new(Ended::Unready {
                    reason: "The store did not answer.".to_owned(),
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
            Err(Box::new(Done::new(Ended::Unready {
                reason: "The store did not answer.".to_owned(),
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
            return Done::new(Ended::Unready {
                reason: "The store did not answer; nothing was sent.".to_owned(),
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

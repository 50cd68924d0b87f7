//! The history of runs as a service.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    domain::{
        ids::{CallApiId, RunId},
        outcome::Outcome,
        rights::Right,
    },
    engine::{Engine, caller::Caller},
    error::{Error, Result},
    store::{self, Page, Paged, runs::StoredRun},
};

/// Runs of a caller's tenant.
pub struct Runs<'a> {
    engine: &'a Engine,
}

/// A run as it is shown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Id.
    pub id: RunId,
    /// The call that ran.
    pub call_api_id: CallApiId,
    /// When it was due.
    pub due_at: Timestamp,
    /// `schedule`, `retry`, `manual` or `resend`.
    pub trigger: &'static str,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; null while it runs.
    pub finished_at: Option<Timestamp>,
    /// How it ended; null while it runs.
    pub outcome: Option<Outcome>,
    /// Status of the answer.
    pub http_status: Option<u16>,
    /// Transactions created.
    pub created: u32,
    /// Identifiers that existed.
    pub duplicates: u32,
    /// Due times passed over before it.
    pub skipped: u64,
    /// How long it took, milliseconds.
    pub duration_ms: Option<u64>,
    /// What went wrong: `step`, `message`, and for a script `script`, `line`, `column`, `stack`.
    pub error: Option<Value>,
}

/// A run with what was kept of it.
#[derive(Clone, Debug, Serialize)]
pub struct RunDetails {
    /// The run.
    #[serde(flatten)]
    pub run: Run,
    /// The request, secrets redacted; null where no sample was kept.
    pub request: Option<Value>,
    /// The response, its body cut; null where no sample was kept.
    pub response: Option<Value>,
    /// What the scripts logged.
    pub logs: Value,
}

impl Engine {
    /// Runs.
    pub fn runs(&self) -> Runs<'_> {
        Runs { engine: self }
    }
}

impl Runs<'_> {
    /// The runs of a call, newest first.
    ///
    /// # Errors
    /// `forbidden` without `calls.read`, `not_found`; `bad_request` for a foreign cursor.
    pub async fn list(&self, caller: &Caller, call: CallApiId, page: Page) -> Result<Paged<Run>> {
        caller.require(Right::CallsRead)?;
        self.engine.call_apis().stored(caller.tenant_id, call).await?;
        let runs = self.engine.store().list_runs(caller.tenant_id, call, page).await?;
        Ok(runs.map(shown))
    }

    /// One run with logs, error, and samples of request and response.
    ///
    /// # Errors
    /// `forbidden` without `calls.read`, `not_found`.
    pub async fn get(&self, caller: &Caller, id: RunId) -> Result<RunDetails> {
        caller.require(Right::CallsRead)?;
        let found = self.engine.store().get_run(caller.tenant_id, id).await;
        let (run, sample) = found.map_err(|error| match error {
            store::Error::NotFound => Error::not_found("run", id),
            other => other.into(),
        })?;
        let sample = sample.unwrap_or_default();
        Ok(RunDetails {
            run: shown(run),
            request: sample.request,
            response: sample.response,
            logs: sample.logs.unwrap_or_else(|| json!([])),
        })
    }
}

fn shown(run: StoredRun) -> Run {
    Run {
        id: run.id,
        call_api_id: run.call_api_id,
        due_at: run.due_at,
        trigger: run.trigger.as_str(),
        started_at: run.started_at,
        finished_at: run.finished_at,
        outcome: run.outcome,
        http_status: run.http_status,
        created: run.created,
        duplicates: run.duplicates,
        skipped: run.skipped,
        duration_ms: run.duration_ms,
        error: run.error,
    }
}

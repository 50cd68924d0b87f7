//! How runs, test results, actors and transactions look in the API's description; the values are made by the engine's
//! services.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// A run.
#[derive(Serialize, ToSchema)]
#[schema(as = Run)]
#[serde(rename_all = "camelCase")]
pub struct RunSchema {
    id: Uuid,
    call_api_id: Uuid,
    #[schema(format = DateTime)]
    due_at: String,
    /// `schedule`, `retry`, `manual` or `resend`.
    trigger: String,
    #[schema(format = DateTime)]
    started_at: String,
    /// Null while it runs.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// `created`, `nothing_new`, `aborted`, `http_error`, `transport_error`, `script_error`, `interrupted`,
    /// `skipped_overlap`, `skipped_misfire`, `cancelled`; null while it runs.
    outcome: Option<String>,
    http_status: Option<u16>,
    created: u32,
    duplicates: u32,
    /// Due times passed over before it.
    skipped: u64,
    duration_ms: Option<u64>,
    /// `step`, `message`; of a script also `script`, `line`, `column`, `stack`.
    error: Option<Value>,
}

/// A run with what was kept of it.
#[derive(Serialize, ToSchema)]
#[schema(as = RunDetails)]
pub struct RunDetailsSchema {
    #[serde(flatten)]
    run: RunSchema,
    /// Secrets redacted; null where no sample was kept.
    request: Option<Value>,
    /// Body cut; null where no sample was kept.
    response: Option<Value>,
    logs: Vec<LogLineSchema>,
}

/// A call of `console` in a script.
#[derive(Serialize, ToSchema)]
#[schema(as = LogLine)]
pub struct LogLineSchema {
    /// `log`, `info`, `warn` or `error`.
    level: String,
    text: String,
}

/// What Test URL shows.
#[derive(Serialize, ToSchema)]
#[schema(as = Tested)]
pub struct TestedSchema {
    request: TestedRequestSchema,
    response: TestedResponseSchema,
    logs: Vec<LogLineSchema>,
}

/// What was sent, secrets redacted.
#[derive(Serialize, ToSchema)]
#[schema(as = TestedRequest)]
pub struct TestedRequestSchema {
    method: String,
    url: String,
    #[schema(value_type = Object)]
    headers: Value,
    body: Option<String>,
}

/// What came back.
#[derive(Serialize, ToSchema)]
#[schema(as = TestedResponse)]
#[serde(rename_all = "camelCase")]
pub struct TestedResponseSchema {
    status_code: u16,
    #[schema(value_type = Object)]
    headers: Value,
    /// At most 256 kB.
    body: String,
    body_truncated: bool,
    duration_ms: u64,
}

/// What Run response shows.
#[derive(Serialize, ToSchema)]
#[schema(as = Interpreted)]
pub struct InterpretedSchema {
    /// `transactions`, `abort` or `error`.
    outcome: String,
    transactions: Vec<CandidateSchema>,
    logs: Vec<LogLineSchema>,
    /// `message`, `script`, `line`, `column`, `stack`.
    error: Option<Value>,
}

/// A transaction that a run would create.
#[derive(Serialize, ToSchema)]
#[schema(as = Candidate)]
pub struct CandidateSchema {
    identifier: String,
    #[schema(value_type = Object)]
    data: Value,
    /// It would be taken for a duplicate.
    exists: bool,
}

/// A transaction.
#[derive(Serialize, ToSchema)]
#[schema(as = Transaction)]
#[serde(rename_all = "camelCase")]
pub struct TransactionSchema {
    id: Uuid,
    /// `preparation`, `ready` or `discarded`.
    status: String,
    identifier: String,
    call_api_id: Option<Uuid>,
    run_id: Option<Uuid>,
    /// The run-as user, or who posted it.
    created_by: Option<Uuid>,
    #[schema(format = DateTime)]
    created_at: String,
    committed_by: Option<Uuid>,
    #[schema(format = DateTime)]
    committed_at: Option<String>,
    /// Null once its retention time is over.
    #[schema(value_type = Option<Object>)]
    data: Value,
    version: i64,
}

/// A change of a transaction.
#[derive(Serialize, ToSchema)]
#[schema(as = TransactionChange)]
#[serde(rename_all = "camelCase")]
pub struct TransactionChangeSchema {
    id: Uuid,
    #[schema(format = DateTime)]
    at: String,
    user_id: Option<Uuid>,
    /// `edit`, `commit` or `discard`.
    kind: String,
    before: Option<Value>,
    after: Option<Value>,
}

/// What became of each transaction that was to be committed.
#[derive(Serialize, ToSchema)]
#[schema(as = CommitResults)]
pub struct CommitResultsSchema {
    items: Vec<CommitResultSchema>,
}

/// What became of one of many.
#[derive(Serialize, ToSchema)]
#[schema(as = CommitResult)]
pub struct CommitResultSchema {
    id: Uuid,
    committed: bool,
    /// Null if there is no such transaction.
    status: Option<String>,
    /// `code` and `message`.
    error: Option<Value>,
}

/// An actor.
#[derive(Serialize, ToSchema)]
#[schema(as = Actor)]
#[serde(rename_all = "camelCase")]
pub struct ActorSchema {
    /// `call_api`, `connection`, `automation`, `registry`, `background` or `delivery`.
    kind: String,
    id: Uuid,
    name: String,
    /// `idle`, `waiting`, `running`, `stopping`, `stopped`.
    phase: String,
    #[schema(format = DateTime)]
    since: String,
    #[schema(format = DateTime)]
    next_due_at: Option<String>,
    /// `runId`, `step`, `sinceMs`.
    current: Option<Value>,
    last_run: Option<Value>,
    restarts: u32,
    last_exit: Option<String>,
    generation: u32,
    arbiter: usize,
    messages: u64,
    #[schema(value_type = Object)]
    counters: Value,
    /// What waits for it, where it works for many.
    queued: Option<u64>,
}

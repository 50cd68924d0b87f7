//! What the ledger is given, and what it answers: one type for each kind of entry.

use jiff::Timestamp;

pub use crate::domain::call_state::Trigger;
use crate::domain::{
    ids::{CallApiId, RunId, TenantId, TransactionId, UserId},
    outcome::Outcome,
    transaction::NewTransaction,
};

/// One ended run, as history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// Its id; the same as of its [`StartedRun`], if there was one.
    pub id: RunId,
    /// When it was due: unique within the call, to the microsecond.
    pub due_at: Timestamp,
    /// Why it began.
    pub trigger: Trigger,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// How it ended. `Created` and `NothingNew` are interchangeable here: the ledger writes what was really created.
    pub outcome: Outcome,
    /// Status of the answer, where there was one.
    pub http_status: Option<u16>,
    /// Due times passed over before it.
    pub skipped: u64,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
    /// What went wrong, as JSON text.
    pub error: Option<String>,
}

/// What a call's actor leaves in its state row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallState {
    /// When it runs next; none where it does not run by itself.
    pub next_due_at: Option<Timestamp>,
    /// Ended runs.
    pub run_count: u64,
    /// Failed runs in a row.
    pub failures: u32,
    /// JSON object for the scripts of the next run; none leaves the stored one as it is (to clear it, store `{}`).
    pub script_state: Option<String>,
    /// Set where the engine deactivates the call; none leaves it as it is: only an activation clears it.
    pub deactivated: Option<Deactivated>,
}

/// That the engine deactivated a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deactivated {
    /// When.
    pub at: Timestamp,
    /// Why, in words.
    pub reason: String,
}

/// What is kept of a run for people to look at; each is JSON text, redacted and cut by who made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunSample {
    /// The request.
    pub request: Option<String>,
    /// The response.
    pub response: Option<String>,
    /// What the scripts logged.
    pub logs: Option<String>,
}

/// An ended run with everything that belongs to it: one database transaction.
#[derive(Clone, Debug)]
pub struct RunCommit {
    /// Tenant of the call.
    pub tenant_id: TenantId,
    /// The call.
    pub call_api_id: CallApiId,
    /// Shard of the call.
    pub shard: u8,
    /// Epoch of the lease under which the actor runs.
    pub epoch: i64,
    /// The run.
    pub run: RunRecord,
    /// What it found; what exists already is counted, not created.
    pub transactions: Vec<NewTransaction>,
    /// Transactions begin in preparation, not ready.
    pub preparation: bool,
    /// The run-as user.
    pub created_by: UserId,
    /// The state to leave. The `last_*` columns are filled from the run, unless it was skipped.
    pub state: CallState,
    /// For people to look at, where wanted.
    pub sample: Option<RunSample>,
    /// Due times that came while the run was going and are left out: one row of the history for all of them.
    pub skipped_run: Option<RunRecord>,
}

/// What a committed run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCommitted {
    /// The transactions that were created, in the order given.
    pub created: Vec<TransactionId>,
    /// How many existed already, or came twice.
    pub duplicates: u32,
    /// The outcome as recorded.
    pub outcome: Outcome,
}

/// A run that is about to send what must not be sent twice: its row is written first.
#[derive(Clone, Debug)]
pub struct StartedRun {
    /// Tenant of the call.
    pub tenant_id: TenantId,
    /// The call.
    pub call_api_id: CallApiId,
    /// Shard of the call.
    pub shard: u8,
    /// Epoch of the lease under which the actor runs.
    pub epoch: i64,
    /// Id of the run; its [`RunCommit`] carries the same.
    pub id: RunId,
    /// When it was due.
    pub due_at: Timestamp,
    /// Why it begins.
    pub trigger: Trigger,
    /// When it begins.
    pub started_at: Timestamp,
}

/// A state without a run, or with runs that were left out (skipped by overlap or misfire).
#[derive(Clone, Debug)]
pub struct StateCommit {
    /// Tenant of the call.
    pub tenant_id: TenantId,
    /// The call.
    pub call_api_id: CallApiId,
    /// Shard of the call.
    pub shard: u8,
    /// Epoch of the lease under which the actor runs.
    pub epoch: i64,
    /// The state to leave; the `last_*` columns stay as they are.
    pub state: CallState,
    /// Runs that were left out, one row each; one whose due time is recorded already is passed over.
    pub skipped_runs: Vec<RunRecord>,
}

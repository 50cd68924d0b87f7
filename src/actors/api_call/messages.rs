//! What the actor of a call hears from the registry and from those who inspect it.

use actix::Message;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{actors::observed::Observed, domain::outcome::Outcome, error::Result, store::call_state::ArmedCall};

/// The row has changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Redefine(pub Box<ArmedCall>);

/// Leave; a run that is going is finished first.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Stop;

/// Run once, now; the answer comes when the run has ended. None comes from an actor that is just leaving: nothing was begun.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RunOnce(pub oneshot::Sender<Result<RunNow>>);

/// Show yourself.
#[derive(Message)]
#[rtype(result = "Observed")]
pub struct Observe;

/// Panic, to show that supervision works.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FailOnPurpose(pub Failing);

/// What is to panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// The actor, at once.
    Actor,
    /// Its next run, just before it sends its request.
    NextRun,
}

/// How a run on request ended.
#[derive(Clone, Debug)]
pub struct RunNow {
    /// The run.
    pub run_id: Uuid,
    /// How it ended.
    pub outcome: Outcome,
    /// Transactions created.
    pub created: u32,
    /// Identifiers that existed.
    pub duplicates: u32,
    /// Status of the answer, if there was one.
    pub http_status: Option<u16>,
    /// What went wrong, as in the history.
    pub error: Option<serde_json::Value>,
}

//! What goes into a script and what comes out of it.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The places where there is a script: three in a call, one on the way of a record, two on the way of an integration's item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Returns the URL, a string.
    Url,
    /// Returns the request body: a string as it is, or an object that is sent as JSON.
    Body,
    /// Returns transactions, `"Abort"`, or transactions with a new state.
    Response,
    /// Of a partner function or a mapping: returns the record's new data, nothing to keep it as it is, or null to leave it out.
    Record,
    /// Of an integration: returns the body of the request for an item, as [`Kind::Body`] does.
    ItemBody,
    /// Of an integration: reads the answer for an item, and returns nothing, a text, an object or an array.
    ItemResult,
}

impl Kind {
    /// The name shown to authors, for example in errors and stacks.
    pub fn script_name(self) -> &'static str {
        match self {
            Kind::Url => "url script",
            Kind::Body => "body script",
            Kind::Response => "response script",
            Kind::Record => "record script",
            Kind::ItemBody => "body script",
            Kind::ItemResult => "result script",
        }
    }
}

/// One run of one script.
#[derive(Debug, Clone)]
pub struct Job {
    /// Which rules hold for the returned value.
    pub kind: Kind,
    /// The script's name in errors and stacks, see [`Kind::script_name`].
    pub name: Arc<str>,
    /// The author's text: the body of a strict-mode function.
    pub source: Arc<str>,
    /// The script's inputs.
    pub context: Context,
    /// This run's own wall-clock limit, at most [`PoolSettings::wall_ms_max`](super::PoolSettings::wall_ms_max); `None`: the pool's.
    pub wall_ms: Option<u64>,
}

/// What a script can see.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// `call.id`.
    pub call_id: String,
    /// `call.name`.
    pub call_name: String,
    /// `call.runCount`: runs before this one.
    pub run_count: u64,
    /// `lastRun`, or null.
    pub last_run: Option<LastRun>,
    /// `state`: the text of a JSON object; `None` gives the script an empty object.
    pub state: Option<Arc<str>>,
    /// `dueAt`, RFC 3339.
    pub due_at: String,
    /// `now`, RFC 3339.
    pub now: String,
    /// `request`; response and result scripts only.
    pub request: Option<RequestInfo>,
    /// `response`; response and result scripts only.
    pub response: Option<ResponseInfo>,
    /// `record` and `context`; record scripts only, which see nothing of the members above but `now`.
    pub record: Option<RecordInfo>,
    /// Of scripts of integrations, which see of the members above `now`, `request` and `response` only.
    pub item: Option<ItemInfo>,
}

/// An item on its way through an integration.
#[derive(Debug, Clone)]
pub struct ItemInfo {
    /// The text of a JSON object; its members `item`, `integration`, `clientIntegration` and `queueItem` are what the script sees.
    pub scope: Arc<str>,
}

/// A record on its way through an automation.
#[derive(Debug, Clone)]
pub struct RecordInfo {
    /// `record`: the text of a JSON object.
    pub data: Bytes,
    /// `context`.
    pub about: RecordAbout,
}

/// Where a record comes from and where it goes.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordAbout {
    /// The connection's id.
    pub connection: String,
    /// The provider's name, upper case.
    pub provider: String,
    /// The automation's id.
    pub automation: String,
    /// `IMPORT` or `EXPORT`.
    pub direction: String,
    /// The entity of our records.
    pub entity: String,
    /// The provider's object.
    pub object: String,
    /// The key of our record, where it is known.
    pub key: Option<String>,
    /// The provider's id, where it is known.
    pub remote_id: Option<String>,
    /// RFC 3339.
    pub now: String,
}

/// How the previous run ended.
#[derive(Debug, Clone, Serialize)]
pub struct LastRun {
    /// RFC 3339.
    pub at: String,
    /// One of the outcome words.
    pub outcome: String,
}

/// The request that was sent.
#[derive(Debug, Clone, Serialize)]
pub struct RequestInfo {
    /// Upper-case.
    pub method: String,
    /// With secrets already removed.
    pub url: String,
}

/// The answer that came.
#[derive(Debug, Clone)]
pub struct ResponseInfo {
    /// `response.statusCode`.
    pub status_code: u16,
    /// `response.headers`: names are lower-cased, values of one name are joined with `, `.
    pub headers: Vec<(String, String)>,
    /// `response.body`: UTF-8; what is not becomes U+FFFD.
    pub body: Bytes,
}

/// What a script that ended well left.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The checked return value.
    pub value: Value,
    /// What it wrote to the console.
    pub logs: Vec<LogLine>,
    /// Whether more was written than the log limit holds.
    pub log_truncated: bool,
}

/// A checked return value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A URL, or a body that is sent as it is.
    Text(String),
    /// What a body, record or result script returned: an object, or of a result script an array; as JSON text.
    Json(String),
    /// Exactly `"Abort"`.
    Abort,
    /// A response script's transactions.
    Transactions {
        /// The JSON text of each object.
        items: Vec<String>,
        /// The JSON text of the new state, where the script gave one.
        state: Option<String>,
    },
    /// A record script returned nothing: the record stays as it is. A result script did, or null.
    Unchanged,
    /// A record script returned null or exactly `"Skip"`: the record is left out.
    Skip,
}

/// One call of `console`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Which method.
    pub level: LogLevel,
    /// The arguments, joined with spaces.
    pub text: String,
}

/// The method of `console` that was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogLevel {
    /// `console.log` and `console.debug`.
    Log,
    /// `console.info`.
    Info,
    /// `console.warn`.
    Warn,
    /// `console.error`.
    Error,
}

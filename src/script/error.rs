//! How a script or the pool can fail. A script error is shown to the script's author; it never names another tenant's work.

use serde::{Deserialize, Serialize};

use super::job::LogLine;

/// Why a run gave no output.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The script is at fault.
    #[error(transparent)]
    Script(Box<ScriptError>),
    /// More runs are waiting than `queue_jobs_max`.
    #[error("too many scripts are waiting; try again in {retry_after_ms} ms")]
    QueueFull {
        /// When it makes sense to try again.
        retry_after_ms: u64,
    },
    /// The pool cannot run scripts: it is shut down, or its workers do not start.
    #[error("scripts cannot run: {0}")]
    Unavailable(String),
}

impl From<ScriptError> for Error {
    fn from(error: ScriptError) -> Self {
        Error::Script(Box::new(error))
    }
}

/// What a script did wrong, for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[error("{script}: {message}{}", place(*.line, *.column))]
pub struct ScriptError {
    /// The class of the error.
    pub kind: ScriptErrorKind,
    /// What happened, in plain words or in the script's own.
    pub message: String,
    /// The script's name.
    pub script: String,
    /// Counted from 1 in the author's text.
    pub line: Option<u32>,
    /// Counted from 1.
    pub column: Option<u32>,
    /// The JavaScript stack, without our own frames.
    pub stack: Option<String>,
    /// What it wrote to the console before.
    pub logs: Vec<LogLine>,
}

/// The class of a script error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ScriptErrorKind {
    /// An exception that the script did not catch.
    Thrown,
    /// The text is not JavaScript.
    Compile,
    /// The returned value is not what this kind of script must return.
    Result,
    /// It ran longer than its limit.
    Deadline,
    /// It used more memory than its limit.
    Memory,
    /// Its input, its output or one transaction is larger than the limit.
    TooLarge,
    /// The process that ran it died.
    Crashed,
}

impl ScriptError {
    pub(super) fn new(kind: ScriptErrorKind, script: &str, message: impl Into<String>) -> Self {
        let (line, column, stack) = (None, None, None);
        Self {
            kind,
            message: message.into(),
            script: script.to_owned(),
            line,
            column,
            stack,
            logs: Vec::new(),
        }
    }
}

fn place(line: Option<u32>, column: Option<u32>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!(" (line {line}, column {column})"),
        (Some(line), None) => format!(" (line {line})"),
        _ => String::new(),
    }
}

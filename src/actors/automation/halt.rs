//! Why a run does not go on, and what that means for its automation.

use jiff::Timestamp;

use crate::{
    domain::automation::run::RunOutcome,
    script::{self, ScriptError},
    store,
};

/// See the module.
#[derive(Debug)]
pub(in crate::actors) enum Halt {
    /// The other side asked to wait, or cannot be reached for a while: the run stays open and goes on then.
    Wait {
        /// When.
        until: Timestamp,
        /// Why, for people.
        reason: String,
    },
    /// Nobody can use the connection until somebody does something about it: the run stays open.
    Blocked(String),
    /// The engine is on its way out: the run stays open, and goes on at the next start.
    Leave,
    /// A script threw or returned what it must not.
    Script(String),
    /// The run ends with this outcome, for this reason.
    End(RunOutcome, String),
    /// The store does not take what was done; what is stored is looked at again.
    Store(store::Error),
}

impl Halt {
    /// The other side refuses, or does not answer.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::End(RunOutcome::Failed, reason.into())
    }

    /// What the automation names is not there.
    pub fn not_found(reason: impl Into<String>) -> Self {
        Self::End(RunOutcome::NotFound, reason.into())
    }
}

impl From<store::Error> for Halt {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

/// What passes: no worker is free.
///
/// # Errors
/// The script is at fault.
pub(super) fn of_script(error: script::Error) -> Result<script::Error, Halt> {
    match error {
        script::Error::Script(error) => Err(Halt::Script(said(&error))),
        other => Ok(other),
    }
}

fn said(error: &ScriptError) -> String {
    // A script's message may hold what PostgreSQL takes in no text.
    error.to_string().replace('\0', "\u{FFFD}")
}

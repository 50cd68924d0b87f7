//! Why a command could not do its work, as the one sentence or two that its user reads.

use std::{error::Error as _, fmt};

use orrery::{error::Code, settings, store, telemetry};

/// The exit code that goes with a failure.
pub const EXIT_CODE: u8 = 2;

/// What happened, to which thing, and what to do.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure in words.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line, whatever a driver wrote into its message.
        f.write_str(&self.0.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

impl From<settings::Error> for Failure {
    fn from(error: settings::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<telemetry::log::Error> for Failure {
    fn from(error: telemetry::log::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        match &error {
            store::Error::Open(text) | store::Error::Sealed(text) | store::Error::Lease(text) => Self(text.clone()),
            _ => Self(format!(
                "The database did not do what was asked: {}.",
                with_sources(&error)
            )),
        }
    }
}

impl From<orrery::error::Error> for Failure {
    fn from(error: orrery::error::Error) -> Self {
        // What the gateway keeps for the log is just what the person at the command line needs.
        if error.code != Code::Internal {
            return Self(error.to_string());
        }
        match error.source() {
            Some(source) => Self(with_sources(source)),
            None => Self(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(format!("The system refused: {error}."))
    }
}

/// An error and its causes, each once.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line() {
        assert_eq!(Failure::new("a\n  b").to_string(), "a b");
    }

    #[test]
    fn internal_errors_show_their_cause_here() {
        let failure = Failure::from(orrery::error::Error::internal("the disk is full"));
        assert_eq!(failure.to_string(), "the disk is full");
    }
}

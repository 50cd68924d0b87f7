//! The one vocabulary for how a run ended, shown in answers, the console, events and the store alike.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// At least one transaction was created.
    Created,
    /// The run went well, and everything it found was known already (or there was nothing).
    NothingNew,
    /// The response script returned `"Abort"`.
    Aborted,
    /// The remote system answered with a status that is not a success.
    HttpError,
    /// No usable answer: name resolution, connection, TLS, time-out, too large, refused by the egress policy.
    TransportError,
    /// A script threw, did not end in time, or returned something else than was expected.
    ScriptError,
    /// The process ended while the request was under way: nobody knows whether it arrived.
    Interrupted,
    /// Not run, because the run before it was still going.
    SkippedOverlap,
    /// Not run, because its time passed while nothing was running (the misfire policy).
    SkippedMisfire,
    /// Stopped on purpose: deactivated, deleted or shut down during the run.
    Cancelled,
}

impl Outcome {
    /// Every outcome, in the order of the vocabulary.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::NothingNew,
        Self::Aborted,
        Self::HttpError,
        Self::TransportError,
        Self::ScriptError,
        Self::Interrupted,
        Self::SkippedOverlap,
        Self::SkippedMisfire,
        Self::Cancelled,
    ];

    /// The word used in JSON, in the store and on screens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::NothingNew => "nothing_new",
            Self::Aborted => "aborted",
            Self::HttpError => "http_error",
            Self::TransportError => "transport_error",
            Self::ScriptError => "script_error",
            Self::Interrupted => "interrupted",
            Self::SkippedOverlap => "skipped_overlap",
            Self::SkippedMisfire => "skipped_misfire",
            Self::Cancelled => "cancelled",
        }
    }

    /// The outcome with this word, if there is one.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }

    /// The run did what it was made for, be it that there was nothing to create. Ends a series of failures.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Created | Self::NothingNew | Self::Aborted)
    }

    /// The run failed on the remote side or in a script. Counts towards `failuresBeforeDeactivation`.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::HttpError | Self::TransportError | Self::ScriptError)
    }

    /// The request was not sent at all: neither a success nor a failure.
    #[must_use]
    pub const fn is_skipped(self) -> bool {
        matches!(self, Self::SkippedOverlap | Self::SkippedMisfire)
    }
}

/// A word that is not an outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not the outcome of a run")]
pub struct UnknownOutcome(pub String);

impl FromStr for Outcome {
    type Err = UnknownOutcome;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::parse(word).ok_or_else(|| UnknownOutcome(word.to_owned()))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_one_word_and_one_kind() {
        // outcome, word, success, failure, skipped
        let table = [
            (Outcome::Created, "created", true, false, false),
            (Outcome::NothingNew, "nothing_new", true, false, false),
            (Outcome::Aborted, "aborted", true, false, false),
            (Outcome::HttpError, "http_error", false, true, false),
            (Outcome::TransportError, "transport_error", false, true, false),
            (Outcome::ScriptError, "script_error", false, true, false),
            (Outcome::Interrupted, "interrupted", false, false, false),
            (Outcome::SkippedOverlap, "skipped_overlap", false, false, true),
            (Outcome::SkippedMisfire, "skipped_misfire", false, false, true),
            (Outcome::Cancelled, "cancelled", false, false, false),
        ];
        assert_eq!(table.map(|row| row.0), Outcome::ALL);
        for (outcome, word, success, failure, skipped) in table {
            assert_eq!(outcome.as_str(), word);
            assert_eq!(Outcome::parse(word), Some(outcome));
            assert_eq!(word.parse::<Outcome>(), Ok(outcome));
            assert_eq!(serde_json::to_string(&outcome).unwrap(), format!("\"{word}\""));
            assert_eq!(
                serde_json::from_str::<Outcome>(&format!("\"{word}\"")).unwrap(),
                outcome
            );
            assert_eq!(outcome.is_success(), success, "{word}");
            assert_eq!(outcome.is_failure(), failure, "{word}");
            assert_eq!(outcome.is_skipped(), skipped, "{word}");
        }
    }

    #[test]
    fn other_words_are_refused() {
        assert_eq!(Outcome::parse("Created"), None);
        assert_eq!(
            "done".parse::<Outcome>().unwrap_err().to_string(),
            "\"done\" is not the outcome of a run"
        );
    }
}

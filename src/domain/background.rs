//! The rules of requests that are executed in the background.

pub mod header;

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where an operation is. It goes from `Queued` to `Started` to one of the three ends; only a crash takes it back, from
/// `Started` to `Queued`, and only where sending it again does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// Accepted, not begun.
    Queued,
    /// Claimed by a worker.
    Started,
    /// Answered, with whatever status: a refusal is an answer, too.
    Finished,
    /// No answer could be got; the operation's error message says why.
    Failed,
    /// Cancelled by its caller or an administrator.
    Cancelled,
}

impl Status {
    /// All, in the order of their numbers in the store.
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Started,
        Self::Finished,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Started => "Started",
            Self::Finished => "Finished",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// The number in the store.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The status of a number in the store.
    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }

    /// Whether nothing happens to it any more.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whether a method may be sent again without a second effect (RFC 9110, section 9.2.1: safe methods).
#[must_use]
pub fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_round_trip() {
        for status in Status::ALL {
            assert_eq!(Status::from_code(status.code()), Some(status));
            assert_eq!(
                serde_json::to_value(status).unwrap(),
                serde_json::Value::from(status.as_str())
            );
        }
        assert_eq!(Status::from_code(5), None);
        assert_eq!(Status::from_code(-1), None);
    }

    #[test]
    fn only_safe_methods_are_safe() {
        assert!(is_safe("GET") && is_safe("HEAD"));
        assert!(!is_safe("POST") && !is_safe("DELETE") && !is_safe("get"));
    }
}

//! How an attempt ends before its end, and the words of it that are kept.

use jiff::SignedDuration;

use crate::{
    actors::{connection::Refused, integration::work::Acted, services::Services},
    error::{Code, Error},
    http,
    script::{self, ScriptErrorKind},
    store,
};

/// Longest text that is kept of an item, characters.
const TEXT_CHARACTERS_MAX: usize = 2_000;
/// When to look again at what only a person can put right.
const BLOCKED_MS: u64 = 60_000;
/// When to look again at what passes by itself.
const BUSY_MS: u64 = 2_000;

/// A failure.
pub(super) fn failed(message: impl Into<String>, is_final: bool) -> Acted {
    Acted::Failed {
        message: message.into(),
        retry_after_ms: None,
        is_final,
    }
}

/// No fault of the item.
pub(super) fn later(services: &Services, after_ms: u64, reason: impl Into<String>) -> Acted {
    let now = services.clock.now();
    let wait = SignedDuration::from_millis(i64::try_from(after_ms).unwrap_or(i64::MAX));
    Acted::Later {
        until: now.checked_add(wait).unwrap_or(now),
        reason: reason.into(),
    }
}

/// Nobody can go on until somebody does something.
pub(super) fn blocked(services: &Services, reason: impl Into<String>) -> Acted {
    later(services, BLOCKED_MS, reason)
}

/// The store did not answer, or holds what cannot be read.
pub(super) fn of_store(services: &Services, error: &store::Error) -> Acted {
    match error {
        store::Error::Content(_) | store::Error::Sealed(_) => failed(error.to_string(), false),
        other => {
            tracing::warn!(error = ?other, "the store refuses an item of an integration");
            later(services, BUSY_MS, "The store did not answer.")
        }
    }
}

/// What the engine's own parts answered: `wrong_state` and `not_found` need a person.
pub(super) fn of_error(services: &Services, error: &Error) -> Acted {
    match error.code {
        Code::WrongState => blocked(services, error.to_string()),
        Code::Internal | Code::Unavailable => {
            tracing::warn!(error = ?error, "an item of an integration cannot be tried");
            later(services, BUSY_MS, "The store did not answer.")
        }
        _ => failed(error.to_string(), false),
    }
}

/// There was no usable answer.
pub(super) fn of_http(services: &Services, error: http::Error) -> Acted {
    match (error.step, error.retry) {
        // Nothing was sent.
        (http::Step::Budget, http::RetryClass::Throttled) => {
            later(services, error.retry_after_ms.unwrap_or(BUSY_MS), error.message)
        }
        _ => Acted::Failed {
            message: error.message,
            retry_after_ms: error.retry_after_ms,
            is_final: false,
        },
    }
}

/// The connection let nobody through, or there was no usable answer.
pub(super) fn of_refusal(services: &Services, refused: Refused) -> Acted {
    match refused {
        Refused::NeedsReauthorisation(reason) | Refused::Disabled(reason) => blocked(services, reason),
        Refused::Unavailable {
            message,
            retry_after_ms,
        } => later(services, retry_after_ms.unwrap_or(BUSY_MS), message),
        Refused::Failed(error) => of_http(services, error),
    }
}

/// The script is at fault, or no worker was free.
pub(super) fn of_script(services: &Services, error: script::Error) -> Acted {
    match error {
        script::Error::Script(error) => match error.kind {
            // Of this item's data, or of the machine: the next item may be none the worse.
            ScriptErrorKind::TooLarge => failed(error.to_string(), true),
            ScriptErrorKind::Crashed => failed(error.to_string(), false),
            _ => broken(error.to_string()),
        },
        other => later(services, BUSY_MS, other.to_string()),
    }
}

/// A script is at fault.
pub(super) fn broken(message: impl Into<String>) -> Acted {
    Acted::Broken {
        message: message.into(),
    }
}

/// Texts as they are kept.
pub(super) fn shortened(acted: Acted) -> Acted {
    match acted {
        Acted::Done { result } => Acted::Done {
            result: result.map(|text| cut(&text)),
        },
        Acted::Failed {
            message,
            retry_after_ms,
            is_final,
        } => Acted::Failed {
            message: cut(&message),
            retry_after_ms,
            is_final,
        },
        Acted::Broken { message } => broken(cut(&message)),
        Acted::Dropped { message } => Acted::Dropped { message: cut(&message) },
        Acted::Later { until, reason } => Acted::Later {
            until,
            reason: cut(&reason),
        },
        acted @ (Acted::Left | Acted::Written(_)) => acted,
    }
}

fn cut(text: &str) -> String {
    // PostgreSQL takes it in no text.
    let text = text.replace('\0', "\u{FFFD}");
    match text.char_indices().nth(TEXT_CHARACTERS_MAX) {
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_characters() {
        assert_eq!(cut("a\0b"), "a\u{FFFD}b");
        let long = "ä".repeat(TEXT_CHARACTERS_MAX);
        assert_eq!(cut(&long), long);
        let cut = cut(&(long.clone() + "ä"));
        assert_eq!(cut, long + "...");
    }
}

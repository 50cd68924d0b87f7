//! What can go wrong with a request, at which step, and whether trying again makes sense.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::message::SentRequest;

/// Longest wait that an upstream's `Retry-After` can impose, milliseconds.
pub const RETRY_AFTER_MS_MAX: u64 = 3_600_000;

/// The step of a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The request itself is not valid: URL, header name or value.
    Request,
    /// The body of the request did not come to its end: whoever sends it stopped.
    Body,
    /// The client's budget has no room within the deadline.
    Budget,
    /// No token was got.
    Token,
    /// The egress policy refuses the target.
    Egress,
    /// The name was not resolved.
    Dns,
    /// No connection.
    Connect,
    /// The TLS handshake failed: certificate, name, protocol.
    Tls,
    /// The total deadline has passed.
    Timeout,
    /// Head, body or decompression ratio over the limit.
    TooLarge,
    /// Too many redirects, a loop, or a redirect without a usable target.
    Redirect,
    /// The answer is not HTTP, ended early or cannot be decoded.
    Protocol,
}

impl Step {
    /// The name used in answers, e.g. `too_large`.
    pub fn as_str(self) -> &'static str {
        match self {
            Step::Request => "request",
            Step::Body => "body",
            Step::Budget => "budget",
            Step::Token => "token",
            Step::Egress => "egress",
            Step::Dns => "dns",
            Step::Connect => "connect",
            Step::Tls => "tls",
            Step::Timeout => "timeout",
            Step::TooLarge => "too_large",
            Step::Redirect => "redirect",
            Step::Protocol => "protocol",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whether and how a failed request may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryClass {
    /// No answer was received.
    Transport,
    /// 429 or 503, or our own budget: later, if told when.
    Throttled,
    /// Another 5xx.
    ServerError,
    /// Another status that is not a success.
    ClientError,
    /// The same request will fail again until somebody changes something.
    Never,
}

/// A request that got no usable answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Where it failed.
    pub step: Step,
    /// For the person who reads it; never holds a secret.
    pub message: String,
    /// Whether trying again makes sense.
    pub retry: RetryClass,
    /// Earliest next attempt, milliseconds from now, where it is known.
    pub retry_after_ms: Option<u64>,
    /// The credentials of the client were refused for good: somebody must enter them again.
    pub needs_reauthorisation: bool,
    /// The request as far as it was sent; its sample is redacted on demand.
    pub sent: Option<SentRequest>,
}

impl Error {
    /// An error with the retry class usual for its step.
    pub fn new(step: Step, message: impl Into<String>) -> Error {
        let retry = match step {
            Step::Request | Step::Body | Step::Egress | Step::TooLarge | Step::Redirect => RetryClass::Never,
            Step::Budget => RetryClass::Throttled,
            Step::Token | Step::Dns | Step::Connect | Step::Tls | Step::Timeout | Step::Protocol => {
                RetryClass::Transport
            }
        };
        Error {
            step,
            message: message.into(),
            retry,
            retry_after_ms: None,
            needs_reauthorisation: false,
            sent: None,
        }
    }

    pub(super) fn retry(mut self, retry: RetryClass, retry_after_ms: Option<u64>) -> Error {
        self.retry = retry;
        self.retry_after_ms = retry_after_ms;
        self
    }
}

/// A status that is not a success, classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Whether trying again makes sense.
    pub retry: RetryClass,
    /// What `Retry-After` asks for, milliseconds from `now`, at most [`RETRY_AFTER_MS_MAX`].
    pub retry_after_ms: Option<u64>,
}

/// Classifies an answer; `None` for a success (2xx). `Retry-After` is read for 429 and 503, as seconds or HTTP date.
pub fn classify_status(status: u16, headers: &[(String, String)], now: Timestamp) -> Option<Refusal> {
    match status {
        200..=299 => None,
        429 | 503 => Some(Refusal {
            retry: RetryClass::Throttled,
            retry_after_ms: retry_after_ms(headers, now),
        }),
        500..=599 => Some(Refusal {
            retry: RetryClass::ServerError,
            retry_after_ms: None,
        }),
        _ => Some(Refusal {
            retry: RetryClass::ClientError,
            retry_after_ms: None,
        }),
    }
}

fn retry_after_ms(headers: &[(String, String)], now: Timestamp) -> Option<u64> {
    let (_, value) = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    let value = value.trim();
    let wait_ms = match value.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1_000),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
            u64::try_from(at.duration_since(now).as_millis()).unwrap_or(0)
        }
    };
    Some(wait_ms.min(RETRY_AFTER_MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "1994-11-06T08:49:30Z".parse().unwrap()
    }

    fn retry_after(value: &str) -> Option<u64> {
        let headers = [("retry-after".to_owned(), value.to_owned())];
        classify_status(429, &headers, now()).unwrap().retry_after_ms
    }

    #[test]
    fn classes_by_status() {
        let rows = [
            (199, Some(RetryClass::ClientError)),
            (200, None),
            (204, None),
            (304, Some(RetryClass::ClientError)),
            (400, Some(RetryClass::ClientError)),
            (408, Some(RetryClass::ClientError)),
            (429, Some(RetryClass::Throttled)),
            (500, Some(RetryClass::ServerError)),
            (502, Some(RetryClass::ServerError)),
            (503, Some(RetryClass::Throttled)),
            (599, Some(RetryClass::ServerError)),
        ];
        for (status, expected) in rows {
            assert_eq!(
                classify_status(status, &[], now()).map(|r| r.retry),
                expected,
                "{status}"
            );
        }
    }

    #[test]
    fn retry_after_in_every_form() {
        assert_eq!(retry_after("7"), Some(7_000));
        assert_eq!(retry_after(" 7 "), Some(7_000));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7_000));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0));
        assert_eq!(retry_after("999999999999999999"), Some(RETRY_AFTER_MS_MAX));
        assert_eq!(retry_after("soon"), None);
        assert_eq!(retry_after("-5"), None);
    }

    #[test]
    fn retry_after_only_where_it_counts() {
        let headers = [("Retry-After".to_owned(), "7".to_owned())];
        assert_eq!(classify_status(500, &headers, now()).unwrap().retry_after_ms, None);
        assert_eq!(
            classify_status(503, &headers, now()).unwrap().retry_after_ms,
            Some(7_000)
        );
    }
}

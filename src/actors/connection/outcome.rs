//! What the end of a request says about the connection. Pure.

use jiff::Timestamp;

use crate::{
    domain::connection::machine::Outcome,
    http::{Auth, Error, RetryClass, Step, classify_status},
};

/// What an answer says.
pub(super) fn of_answer(status: u16, headers: &[(String, String)], auth: &Auth, now: Timestamp) -> Outcome {
    if status == 401 {
        return match auth {
            Auth::Bearer { .. } => Outcome::Reauthorise(
                "the other side answers 401 to the access token, and there is no refresh token to renew it; enter new credentials"
                    .into(),
            ),
            _ => Outcome::Failed("the other side answers 401 to credentials that are good by their dates".into()),
        };
    }
    let Some(refusal) = classify_status(status, headers, now) else {
        return Outcome::Good;
    };
    match (refusal.retry, refusal.retry_after_ms) {
        // 503 without a time is a failure like any other.
        (RetryClass::Throttled, None) if status != 429 => Outcome::Failed(said(status)),
        (RetryClass::Throttled, retry_after_ms) => Outcome::Throttled { retry_after_ms },
        (RetryClass::ServerError, _) => Outcome::Failed(said(status)),
        (RetryClass::ClientError | RetryClass::Transport | RetryClass::Never, _) => Outcome::Good,
    }
}

/// What a request without an answer says.
pub(super) fn of_error(error: &Error) -> Outcome {
    if error.needs_reauthorisation {
        return Outcome::Reauthorise(error.message.as_str().into());
    }
    match (error.step, error.retry) {
        // Ours: the request, its limits, our own budget.
        (Step::Request | Step::Body | Step::Budget | Step::Egress | Step::TooLarge | Step::Redirect, _) => {
            Outcome::Lost
        }
        (Step::Token, RetryClass::Throttled) => Outcome::Throttled {
            retry_after_ms: error.retry_after_ms,
        },
        (Step::Token | Step::Dns | Step::Connect | Step::Tls | Step::Timeout | Step::Protocol, _) => {
            Outcome::Failed(error.message.as_str().into())
        }
    }
}

fn said(status: u16) -> Box<str> {
    format!("the other side answers {status}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let said_to_auth = |status, retry_after: Option<&str>, auth: &Auth| {
            let header = retry_after.map(|value| ("Retry-After".to_owned(), value.to_owned()));
            let headers: Vec<_> = header.into_iter().collect();
            of_answer(status, &headers, auth, Timestamp::UNIX_EPOCH)
        };
        let throttled = |retry_after_ms| Outcome::Throttled { retry_after_ms };
        let rows = [
            (200, None, Outcome::Good),
            (404, None, Outcome::Good),
            (403, None, Outcome::Good),
            (429, None, throttled(None)),
            (429, Some("7"), throttled(Some(7_000))),
            (503, Some("7"), throttled(Some(7_000))),
            (503, None, Outcome::Failed(said(503))),
            (500, None, Outcome::Failed(said(500))),
        ];
        for (status, retry_after, expected) in rows {
            assert_eq!(said_to_auth(status, retry_after, &Auth::None {}), expected, "{status}");
        }
        assert!(matches!(said_to_auth(401, None, &Auth::None {}), Outcome::Failed(_)));
        let bearer = Auth::Bearer { token: "t".into() };
        assert!(matches!(said_to_auth(401, None, &bearer), Outcome::Reauthorise(_)));
    }

    #[test]
    fn errors() {
        for step in [Step::Request, Step::Budget, Step::TooLarge, Step::Egress] {
            assert_eq!(of_error(&Error::new(step, "x")), Outcome::Lost, "{step}");
        }
        for step in [Step::Connect, Step::Timeout, Step::Protocol, Step::Token] {
            assert_eq!(of_error(&Error::new(step, "x")), Outcome::Failed("x".into()), "{step}");
        }
        let refused = Error {
            needs_reauthorisation: true,
            ..Error::new(Step::Token, "invalid_grant")
        };
        assert_eq!(of_error(&refused), Outcome::Reauthorise("invalid_grant".into()));
    }
}

//! What NetSuite says when it refuses: problem bodies with `o:errorDetails`, and what their codes mean.

use serde_json::Value;

use crate::http::Response;
use crate::providers::{Account, Trouble, TroubleKind, common};

const PROVIDER: &str = "NetSuite";
/// Requests at the same time end soon; NetSuite does not say when.
const THROTTLED_MS: u64 = 2_000;

/// The body of a success. `refused` is the kind of what is refused for its contents.
pub(super) fn read(account: &Account, answer: &Response, refused: TroubleKind) -> Result<Value, Trouble> {
    if (200..300).contains(&answer.status) {
        return common::json(PROVIDER, answer);
    }
    Err(trouble(account, answer, refused))
}

/// The trouble of an answer that is no success.
pub(super) fn trouble(account: &Account, answer: &Response, refused: TroubleKind) -> Trouble {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let details: &[Value] = body
        .get("o:errorDetails")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let words: Vec<String> = details.iter().map(in_words).collect();
    let title = body.get("title").and_then(Value::as_str).unwrap_or_default();
    let words = if words.is_empty() {
        title.to_owned()
    } else {
        words.join("; ")
    };
    let codes: Vec<&str> = details.iter().map(|detail| text(detail, "o:errorCode")).collect();
    let mut trouble = common::trouble(PROVIDER, account, answer, &words, refused);
    if codes.iter().any(|code| code.ends_with("LIMIT_EXCEEDED")) {
        trouble.kind = TroubleKind::Throttled;
    } else if codes.contains(&"RCRD_HAS_BEEN_CHANGED") {
        // Somebody wrote at the same moment.
        trouble.kind = TroubleKind::Passing;
    }
    if trouble.kind == TroubleKind::Throttled {
        trouble.retry_after_ms = trouble.retry_after_ms.or(Some(THROTTLED_MS));
    }
    trouble
}

/// The detail, the place in the body and the code.
fn in_words(detail: &Value) -> String {
    let notes: Vec<String> = [("code", "o:errorCode"), ("at", "o:errorPath")]
        .into_iter()
        .map(|(name, member)| (name, text(detail, member)))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let words = text(detail, "detail").trim();
    if notes.is_empty() {
        return words.to_owned();
    }
    format!("{words} ({})", notes.join(", ")).trim().to_owned()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

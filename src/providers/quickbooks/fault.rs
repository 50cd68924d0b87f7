//! What QuickBooks says when it refuses: Fault bodies, also with status 200, and what their codes mean.

use serde_json::Value;

use crate::http::Response;
use crate::providers::{Account, Trouble, TroubleKind, common};

const PROVIDER: &str = "QuickBooks";
/// What QuickBooks asks for after too many requests, where the answer does not say.
const THROTTLED_MS: u64 = 60_000;
/// The object was changed since the SyncToken that was sent.
const STALE: &str = "5010";
/// Tokens and rights.
const ACCOUNT: [&str; 4] = ["100", "120", "3100", "3200"];
/// Too many requests.
const THROTTLED: [&str; 2] = ["3001", "429"];
/// Something that went wrong there.
const PASSING: [&str; 1] = ["10000"];

/// The body of an answer that is no fault. `refused` is the kind of what is refused for its contents.
pub(super) fn read(account: &Account, answer: &Response, refused: TroubleKind) -> Result<Value, Trouble> {
    let body = common::json(PROVIDER, answer);
    let fault = body.as_ref().ok().and_then(|body| any_case(body, "Fault"));
    if let Some(fault) = fault {
        return Err(trouble(account, answer, fault, refused));
    }
    if (200..300).contains(&answer.status) {
        return body;
    }
    Err(with_wait(common::trouble(PROVIDER, account, answer, "", refused)))
}

fn trouble(account: &Account, answer: &Response, fault: &Value, refused: TroubleKind) -> Trouble {
    let errors: Vec<&Value> = any_case(fault, "Error")
        .and_then(Value::as_array)
        .map(|errors| errors.iter().collect())
        .unwrap_or_default();
    let codes: Vec<&str> = errors
        .iter()
        .filter_map(|error| any_case(error, "code").and_then(Value::as_str))
        // They come with and without zeros before them.
        .map(|code| code.trim_start_matches('0'))
        .collect();
    let words: Vec<String> = errors.iter().map(|error| in_words(error)).collect();
    let kind_word = any_case(fault, "type").and_then(Value::as_str).unwrap_or_default();
    let kind_word = kind_word.to_ascii_lowercase();
    let has = |known: &[&str]| codes.iter().any(|code| known.contains(code));
    let mut trouble = common::trouble(PROVIDER, account, answer, &words.join("; "), refused);
    trouble.kind = if has(&[STALE]) {
        TroubleKind::Stale
    } else if answer.status == 429 || has(&THROTTLED) || kind_word.contains("throttl") {
        TroubleKind::Throttled
    } else if has(&ACCOUNT) || kind_word.starts_with("authenticat") || kind_word.starts_with("authori") {
        TroubleKind::Account
    } else if has(&PASSING) || kind_word.starts_with("system") || kind_word.starts_with("service") {
        TroubleKind::Passing
    } else if (200..300).contains(&answer.status) {
        refused
    } else {
        trouble.kind
    };
    with_wait(trouble)
}

/// The message, the detail where it says more, and the code.
fn in_words(error: &Value) -> String {
    let text = |name| {
        any_case(error, name)
            .and_then(Value::as_str)
            .map(str::trim)
            .unwrap_or_default()
    };
    let (message, detail, element) = (text("Message"), text("Detail"), text("element"));
    let mut words = message.to_owned();
    if !detail.is_empty() && detail != message {
        words.push_str(if words.is_empty() { "" } else { ": " });
        words.push_str(detail);
    }
    let notes: Vec<String> = [("code", text("code")), ("element", element)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    if notes.is_empty() {
        return words;
    }
    format!("{words} ({})", notes.join(", ")).trim().to_owned()
}

fn with_wait(mut trouble: Trouble) -> Trouble {
    if trouble.kind == TroubleKind::Throttled {
        trouble.retry_after_ms = trouble.retry_after_ms.or(Some(THROTTLED_MS));
    }
    trouble
}

/// A member in either case: the gateway before the API writes `fault`, the API itself `Fault`.
fn any_case<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_object()?;
    members
        .iter()
        .find(|(member, _)| member.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

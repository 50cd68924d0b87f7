//! What the history keeps of a run besides its outcome: redacted request, cut response, logs, the error.

use serde_json::{Value, json};

use crate::{
    actors::api_call::steps::StepError,
    http::{Response, SentRequest, redacted, redacted_headers},
    script::LogLine,
    store::ledger::RunSample,
};

/// Builds the sample; bodies are cut to `bytes_max`.
pub fn sample(
    sent: Option<&SentRequest>,
    response: Option<&Response>,
    logs: &[LogLine],
    bytes_max: usize,
) -> RunSample {
    let request = sent.map(|sent| {
        let sample = sent.redacted();
        json!({
            "method": sample.method,
            "url": sample.url,
            "headers": headers(&sample.headers),
            "body": sample.body.as_deref().map(|body| cut(body, bytes_max)),
        })
        .to_string()
    });
    let response = response.map(|response| {
        let secrets = response.sent.known_secrets();
        let body = shown_body(&response.body, bytes_max, &secrets);
        json!({
            "statusCode": response.status,
            "headers": headers(&redacted_headers(&response.headers, &secrets)),
            "body": body,
            "bodyTruncated": response.body.len() > bytes_max,
            "bodyBytes": response.body.len(),
            "durationMs": response.duration_ms,
        })
        .to_string()
    });
    let logs = (!logs.is_empty()).then(|| json!(logs).to_string());
    RunSample {
        request,
        response,
        logs,
    }
}

/// Headers of an answer as a JSON object; of several with one name, all are kept in one text. Cookies are left out.
pub fn headers(headers: &[(String, String)]) -> Value {
    let mut object = serde_json::Map::new();
    for (name, value) in headers {
        let value = if name.eq_ignore_ascii_case("set-cookie") {
            "[redacted]"
        } else {
            value.as_str()
        };
        match object.get_mut(name) {
            Some(Value::String(text)) => {
                text.push_str(", ");
                text.push_str(value);
            }
            _ => {
                object.insert(name.clone(), Value::from(value));
            }
        }
    }
    Value::Object(object)
}

/// The error of a run, as the history shows it.
pub fn error_json(error: &StepError) -> Value {
    match &error.script {
        Some(script) => json!({
            "step": error.step,
            "message": script.message,
            "script": script.script,
            "line": script.line,
            "column": script.column,
            "stack": script.stack,
        }),
        None => json!({ "step": error.step, "message": error.message }),
    }
}

/// The beginning of an answer's body with the request's secrets replaced, also one that lies across the cut.
pub fn shown_body(body: &[u8], bytes_max: usize, secrets: &[String]) -> String {
    let longest = secrets.iter().map(String::len).max().unwrap_or(0);
    let whole = redacted(cut_bytes(body, bytes_max.saturating_add(longest)), secrets);
    cut(&whole, bytes_max).to_owned()
}

/// The text up to `bytes_max`, never in the middle of a character.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// As [`cut`], for a body that may not be text.
pub fn cut_bytes(body: &[u8], bytes_max: usize) -> String {
    let head = body.get(..bytes_max.min(body.len())).unwrap_or_default();
    String::from_utf8_lossy(head).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_between_characters() {
        assert_eq!(cut("aøb", 2), "a");
        assert_eq!(cut("aøb", 3), "aø");
        assert_eq!(cut("aøb", 99), "aøb");
    }

    #[test]
    fn secrets_are_replaced_before_the_cut() {
        let secrets = ["very-secret".to_owned()];
        assert_eq!(shown_body(b"12345very-secret and more", 9, &secrets), "12345[red");
    }

    #[test]
    fn cookies_are_not_kept() {
        let shown = headers(&[
            ("set-cookie".to_owned(), "session=1".to_owned()),
            ("a".to_owned(), "1".to_owned()),
            ("a".to_owned(), "2".to_owned()),
        ]);
        assert_eq!(shown, json!({ "set-cookie": "[redacted]", "a": "1, 2" }));
    }
}

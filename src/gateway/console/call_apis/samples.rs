//! Requests, responses, logs and errors, as tests and runs show them.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use maud::{Markup, html};
use serde_json::Value;

use super::ui::{self, Tone};
use crate::domain::json_text;

/// Longest JSON that is shown with indents, bytes.
const INDENTED_BYTES_MAX: usize = 1 << 20;

/// A request that was sent: `method`, `url`, `headers`, `body`.
pub(super) fn request(sample: &Value) -> Markup {
    html! {
        p .sent { code { (text(sample, "method")) " " (text(sample, "url")) } }
        (headers(sample, "Request headers"))
        @if let Some(body) = sample.get("body").and_then(Value::as_str).filter(|body| !body.is_empty()) {
            p .part { strong { "Body" } }
            (ui::code(&indented(body)))
        }
    }
}

/// A response: `statusCode`, `headers`, `body`, `bodyTruncated`, `durationMs`.
pub(super) fn response(sample: &Value) -> Markup {
    let body = text(sample, "body");
    let is_cut = sample.get("bodyTruncated").and_then(Value::as_bool) == Some(true);
    html! {
        p { (status(sample.get("statusCode").and_then(Value::as_u64)))
            @if let Some(ms) = sample.get("durationMs").and_then(Value::as_u64) { " in " (ui::duration(ms)) } }
        (headers(sample, "Response headers"))
        p .part { strong { "Body" } }
        @if body.is_empty() { p .quiet { "The body is empty." } } @else { (ui::code(&indented(body))) }
        @if is_cut {
            p .note {
                "Only the beginning of the body is shown"
                @if let Some(bytes) = sample.get("bodyBytes").and_then(Value::as_u64) { "; it has " (bytes) " bytes" }
                "."
            }
        }
    }
}

/// A status code with its words.
pub(super) fn status(code: Option<u64>) -> Markup {
    let code = code.and_then(|code| u16::try_from(code).ok());
    let known = code.and_then(|code| StatusCode::from_u16(code).ok());
    let words = known.and_then(|status| status.canonical_reason()).unwrap_or_default();
    let tone = match known {
        Some(status) if status.is_success() => Tone::Good,
        Some(status) if status.is_client_error() || status.is_server_error() => Tone::Bad,
        _ => Tone::Warn,
    };
    html! { @match code {
        Some(code) => (ui::badge(tone, format!("{code} {words}").trim_end())),
        None => (ui::dash()),
    } }
}

/// What scripts wrote to the console.
pub(super) fn logs(lines: &Value) -> Markup {
    let lines = lines.as_array().map(Vec::as_slice).unwrap_or_default();
    html! {
        @if lines.is_empty() {
            p .quiet { "The scripts wrote nothing to the console." }
        } @else {
            ol .logs tabindex="0" aria-label="Logs" {
                @for line in lines {
                    @let level = text(line, "level");
                    li { span .level .(level) { (level) } " " (text(line, "text")) }
                }
            }
        }
    }
}

/// What went wrong: `message`, and of a script `script`, `line`, `column`, `stack`.
pub(super) fn error(error: &Value) -> Markup {
    let script = text(error, "script");
    let number = |member: &str| error.get(member).and_then(Value::as_u64);
    let stack = text(error, "stack");
    html! {
        div .refusal {
            p { strong { (text(error, "message")) } }
            @if !script.is_empty() {
                p { "In the " (script)
                    @if let Some(line) = number("line") { ", line " (line) }
                    @if let Some(column) = number("column") { ", column " (column) }
                    "." }
            } @else if let Some(step) = error.get("step").and_then(Value::as_str) {
                p { "It failed at the step " code { (step) } "." }
            }
        }
        @if !stack.is_empty() { details .more { summary { "Where it came from (stack)" } (ui::code(stack)) } }
    }
}

fn headers(sample: &Value, caption: &str) -> Markup {
    let headers = sample.get("headers").and_then(Value::as_object);
    let rows: Vec<Markup> = headers
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            html! { tr { th scope="row" { code { (name) } } td .long { code { (value.as_str().unwrap_or_default()) } } } }
        })
        .collect();
    html! { @if !rows.is_empty() { details .more { summary { (caption) " (" (rows.len()) ")" } (ui::table(caption, &["Name", "Value"], &rows)) } } }
}

/// JSON with indents, every digit as it came; anything else as it is.
pub(super) fn indented(text: &str) -> Cow<'_, str> {
    json_text::pretty(text, INDENTED_BYTES_MAX).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// A member that is a text; empty where there is none.
pub(super) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_others_sent_shows_as_text() {
        let evil = "<img src=x onerror=alert(1)>";
        let shown = [
            request(&json!({"method": "GET", "url": evil, "headers": {evil: evil}, "body": evil})),
            response(&json!({"statusCode": 200, "headers": {evil: evil}, "body": evil, "bodyTruncated": true})),
            logs(&json!([{"level": evil, "text": evil}])),
            error(&json!({"message": evil, "script": evil, "line": 1, "stack": evil})),
        ];
        for markup in shown {
            assert!(!markup.into_string().contains("<img"));
        }
    }

    #[test]
    fn a_status_has_words_and_a_tone() {
        assert_eq!(
            status(Some(200)).into_string(),
            r#"<span class="badge good">200 OK</span>"#
        );
        assert!(status(Some(503)).into_string().contains("bad"));
        assert!(status(Some(799)).into_string().contains("799<"));
    }
}

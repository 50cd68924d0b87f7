//! What a test of the form shows: request, response, logs, or what step failed; and what the response script makes of it.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::{
    View,
    fields::{FORM, field_of},
    samples::{self, indented},
    testing::Received,
    ui::{self, Tone, Wrong},
};
use crate::{
    engine::test_call::{Candidate, Interpreted, ScriptOutcome, Tested},
    error::{Code, Error, Result},
    gateway::problem::status_of,
};

/// Most transactions that are shown; of more it is said how many there are.
const TRANSACTIONS_MAX: usize = 100;
/// Longest transaction that is shown whole, characters.
const DATA_CHARACTERS_MAX: usize = 20_000;

/// A request that was answered.
pub(super) fn answered(view: &View, path: &str, tested: &Tested) -> Markup {
    let (request, response) = (json!(tested.request), json!(tested.response));
    let received = Received::of(tested);
    html! {
        section .card .result aria-label="Result of the test" data-mark="" {
            h3 { "Response" }
            (samples::response(&response))
            details .more { summary { "Request as it was sent" } (samples::request(&request)) }
            @if !tested.logs.is_empty() { h4 { "Logs" } (samples::logs(&json!(tested.logs))) }
            (trial(view, path, &received, tested.response.body_truncated, None))
        }
    }
}

/// Run response: the response to run the script on, and what came of it.
pub(super) fn trial(view: &View, path: &str, received: &Received, is_cut: bool, done: Option<&Markup>) -> Markup {
    html! {
        div .trial {
            h3 { "Run response" }
            p { "Runs the response script below on this response and shows the transactions that it would create. Nothing is created." }
            @if is_cut { p .note { "The script sees only the beginning of the body that is shown." } }
            input type="hidden" form=(FORM) name="_response.headers" value=(received.headers);
            details .more #response-edit {
                summary { "Change the response first" }
                div .field {
                    label for="response-status" { "Status" }
                    input #response-status type="number" form=(FORM) name="_response.status" value=(received.status);
                }
                div .field {
                    label for="response-body" { "Body" }
                    // HTML drops a line end right after the tag.
                    textarea #response-body .script form=(FORM) name="_response.body" rows="10" spellcheck="false" { "\n" (received.body) }
                }
            }
            button type="submit" form=(FORM) formaction=(view.url(&format!("{path}/response"))) data-into="#interpreted" { "Run response" }
            div #interpreted data-into-target aria-live="polite" { @if let Some(done) = done { (done) } }
        }
    }
}

/// A test that failed, or a form that cannot be tested.
///
/// # Errors
/// Those that nobody can mend in the form.
pub(super) fn refused(error: Error) -> Result<Markup> {
    if error.code == Code::TestFailed {
        return Ok(failed(&error));
    }
    let status = status_of(error.code);
    if matches!(error.code, Code::Unauthorized | Code::NotFound) || !status.is_client_error() {
        return Err(error);
    }
    Ok(html! { div data-mark="" { (Wrong::of(&error).summary()) } })
}

fn failed(error: &Error) -> Markup {
    let details = error.details.as_deref().unwrap_or(&Value::Null);
    let said = match details.get("script") {
        Some(script) => script.clone(),
        None => json!({ "message": error.message, "step": error.step }),
    };
    let logs = details
        .get("logs")
        .filter(|logs| logs.as_array().is_some_and(|logs| !logs.is_empty()));
    html! {
        section .card .result aria-label="Result of the test" data-mark=(mark(&said)) data-line=[said.get("line").and_then(Value::as_u64)] {
            h3 { "The test failed" }
            (samples::error(&said))
            @if let Some(request) = details.get("request") { h4 { "Request as it was sent" } (samples::request(request)) }
            @if let Some(logs) = logs { h4 { "Logs" } (samples::logs(logs)) }
        }
    }
}

/// What the response script made of a response.
pub(super) fn interpreted(done: &Interpreted) -> Markup {
    let none = Value::Null;
    let error = done.error.as_ref().unwrap_or(&none);
    let (tone, words) = match done.outcome {
        ScriptOutcome::Transactions if done.transactions.is_empty() => {
            (Tone::Quiet, "no transactions: nothing new".to_owned())
        }
        ScriptOutcome::Transactions => (Tone::Good, counted(&done.transactions)),
        ScriptOutcome::Abort => (
            Tone::Quiet,
            "Abort: no transaction, and the call stays active".to_owned(),
        ),
        ScriptOutcome::Error => (Tone::Bad, "script error".to_owned()),
    };
    let rows: Vec<Markup> = done.transactions.iter().take(TRANSACTIONS_MAX).map(candidate).collect();
    html! {
        div data-mark=(mark(error)) data-line=[error.get("line").and_then(Value::as_u64)] {
            p { (ui::badge(tone, &words)) }
            @if done.error.is_some() { (samples::error(error)) }
            @if !rows.is_empty() { (ui::table("Transactions that a run would create", &["Identifier", "New", "Data"], &rows)) }
            @if done.transactions.len() > TRANSACTIONS_MAX { p .note { "The first " (TRANSACTIONS_MAX) " are shown." } }
            h4 { "Logs" }
            (samples::logs(&json!(done.logs)))
        }
    }
}

fn counted(transactions: &[Candidate]) -> String {
    let known = transactions.iter().filter(|candidate| candidate.exists).count();
    let all = transactions.len();
    let many = if all == 1 { "" } else { "s" };
    match known {
        0 => format!("{all} transaction{many}"),
        known => format!("{all} transaction{many}, {known} of them known already"),
    }
}

fn candidate(candidate: &Candidate) -> Markup {
    let data = candidate.data.get();
    let is_long = data.chars().nth(DATA_CHARACTERS_MAX).is_some();
    html! {
        tr {
            th scope="row" .long { (candidate.identifier) }
            td {
                @if candidate.exists { (ui::badge(Tone::Warn, "exists already")) } @else { (ui::badge(Tone::Good, "new")) }
            }
            td .long {
                @if is_long {
                    (ui::code(&data.chars().take(DATA_CHARACTERS_MAX).collect::<String>()))
                    p .quiet { "Cut after " (DATA_CHARACTERS_MAX) " characters." }
                } @else {
                    (ui::code(&indented(data)))
                }
            }
        }
    }
}

/// The editor of the script at fault; empty where none is.
fn mark(error: &Value) -> String {
    field_of(samples::text(error, "script")).map_or_else(String::new, |name| format!("#f-{}", name.replace('.', "-")))
}

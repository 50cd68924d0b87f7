//! What scripts see and return, beside the fields in which they are written.

use maud::{Markup, html};

/// What every script sees, and what it is.
const SEEN: &[(&str, &str)] = &[
    ("call", "id, name and runCount of this call"),
    ("lastRun", "at and outcome of the run before, or null"),
    ("state", "the object that the last successful run left"),
    ("dueAt, now", "times as ISO texts"),
    ("console", "log, info, warn and error: shown with the run and the test"),
];
/// What the response script sees besides.
const SEEN_OF_RESPONSE: &[(&str, &str)] = &[
    ("request", "method and url"),
    ("response.statusCode", "the status as a number"),
    ("response.headers", "an object, names in lower case"),
    ("response.body", "the body as text"),
    (
        "response.json",
        "the body parsed as JSON; whole numbers beyond 2^53 are given as texts",
    ),
];

/// To be opened.
pub(super) fn scripts() -> Markup {
    html! {
        details .more .wide #scripts-help {
            summary { "What scripts see and return" }
            p { "A script is JavaScript, the body of a function in strict mode: always use " code { "return" }
                ". It is synchronous; there are no modules, no network and no files." }
            h3 { "Every script sees" }
            (names(SEEN))
            h3 { "The response script also sees" }
            (names(SEEN_OF_RESPONSE))
            h3 { "What they return" }
            ul {
                li { "URL script: the address as text." }
                li { "Body script: a text, which is sent as it is, or an object, which is sent as JSON." }
                li { "Response script: a transaction object, or an array of them (empty: nothing new); "
                    code { "\"Abort\"" } " for no transaction, and the call stays active; or "
                    code { "{ transactions: [...], state: {...} }" } " to leave a new state for the next run." }
            }
            p { "Anything else, and an error that the script does not catch, is a script error: it deactivates the call unless its "
                "setting says otherwise. The response script runs for 2xx answers; for others only where it is to decide about them." }
        }
    }
}

fn names(rows: &[(&str, &str)]) -> Markup {
    html! { dl .names { @for (name, what) in rows { div { dt { code { (name) } } dd { (what) } } } } }
}

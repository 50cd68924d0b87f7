//! The form of a call: every setting, in the order in which a call does its work.

use maud::{Markup, html};

use super::{
    View,
    choices::Choices,
    draft::Draft,
    headers, help, preview, ui,
    ui::{Entry, Input, Wrong},
};
use crate::{domain::rights::Right, engine::call_apis::CallApi};

/// Id of the form, for fields and buttons that stand elsewhere.
pub(super) const FORM: &str = "call";
/// Says that the saved call is to be tested, not what the form holds.
pub(super) const SAVED: &str = "_saved";
/// The fields of the last part, which is closed at first.
const MORE: &[&str] = &[
    "misfire",
    "overlap",
    "onScriptError",
    "onHttpError",
    "onInterrupted",
    "failuresBeforeDeactivation",
    "timeoutMs",
    "limits.scriptMs",
    "limits.responseBytes",
];
const METHODS: &[(&str, &str)] = &[
    ("GET", "GET"),
    ("DELETE", "DELETE"),
    ("PATCH", "PATCH"),
    ("POST", "POST"),
    ("PUT", "PUT"),
];

/// What the page shows besides what is wrong.
pub(super) struct Shown<'a> {
    pub(super) call: Option<&'a CallApi>,
    pub(super) choices: &'a Choices,
    pub(super) draft: &'a Draft,
    /// Results of a test, where they were not put in by our modules.
    pub(super) tested: Option<&'a Markup>,
}

impl Shown<'_> {
    /// Active calls cannot be edited.
    pub(super) fn locked(&self, view: &View) -> bool {
        !view.may(Right::CallsManage) || self.call.is_some_and(|call| call.active)
    }

    /// Where the form and its tests are sent.
    pub(super) fn path(&self, rest: &str) -> String {
        let id = self.call.map_or_else(String::new, |call| format!("/{}", call.id));
        format!("/call-apis{id}{rest}")
    }
}

/// The whole form.
pub(super) fn form(view: &View, shown: &Shown<'_>, wrong: &Wrong) -> Markup {
    let entry = Entry {
        values: &shown.draft.values,
        wrong,
        locked: shown.locked(view),
    };
    html! {
        form #(FORM) .card .form method="post" action=(view.url(&shown.path(""))) novalidate {
            (ui::token(view))
            (ui::version(shown.call.map(|call| call.version)))
            @if entry.locked {
                input type="hidden" name=(SAVED) value="true";
                input type="hidden" name="when" value=(entry.text("when"));
                input type="hidden" name="url.kind" value=(entry.text("url.kind"));
            }
            (general(shown, &entry))
            (schedule(view, &entry))
            (request(shown, &entry))
            (test(view, shown))
            (response(shown, &entry))
            (more(&entry))
            (buttons(view, shown, entry.locked))
        }
    }
}

fn general(shown: &Shown<'_>, entry: &Entry<'_>) -> Markup {
    let users = borrowed(&shown.choices.users);
    html! {
        (Input::text("name", "Name").required().show(entry))
        (Input::choice("runAsUserId", "Run as user", &users).required()
            .help(html! { "Transactions are created in this user's name. The user needs the right " code { "transactions.create" } "." })
            .show(entry))
        div .switches {
            (Input::tick("active", "Active")
            .help(html! { "Runs by itself from saving on. Everything is checked first; while it is active it cannot be edited." })
            .show(entry))
        (Input::tick("preparation", "Preparation")
            .help(html! { "Transactions wait in preparation until a person commits them." })
            .show(entry))
        }
    }
}

fn schedule(view: &View, entry: &Entry<'_>) -> Markup {
    let ways = [("interval", "At an interval"), ("cron", "By a calendar rule (cron)")];
    html! {
        h2 { "Schedule" }
        (Input::choice("when", "Runs", &ways).show(entry))
        div .by-interval {
            (Input::line("number", "frequencySeconds", "Frequency (sec)")
                .help(html! { "1 to 31,536,000. Very low intervals, such as 1 second, are not recommended: they load this system "
                    "and the external API." })
                .show(entry))
        }
        div .by-cron {
            (Input::text("schedule.cron", "Cron expression").placeholder("0 6 * * 1-5")
                .help(html! { "Minute, hour, day of month, month, day of week; optionally seconds in front. "
                    code { "0 6 * * 1-5" } " is 06:00 from Monday to Friday." })
                .show(entry))
        }
        div .by-cron {
            (Input::text("schedule.timeZone", "Time zone").placeholder("Europe/Oslo")
                .help(html! { "A name like " code { "Europe/Oslo" } ", or " code { "UTC" } "." })
                .show(entry))
        }
        div .wide {
            button .small type="submit" formaction=(view.url(preview::PATH)) data-into="#due" { "Show next due times" }
            div #due data-into-target aria-live="polite" {}
        }
    }
}

fn request(shown: &Shown<'_>, entry: &Entry<'_>) -> Markup {
    let mut clients = vec![("", "None: no credentials are added")];
    clients.extend(borrowed(&shown.choices.clients));
    let kinds = [("text", "Plain text"), ("script", "JavaScript")];
    html! {
        h2 { "Request" }
        (Input::choice("clientId", "Client", &clients).help(html! { "Whose credentials are added to the request." }).show(entry))
        (Input::choice("method", "Method", METHODS).show(entry))
        (Input::choice("url.kind", "URL as", &kinds).show(entry))
        div .wide .by-text {
            (Input::text("url.text", "URL").placeholder("https://example.com/api/orders").show(entry))
        }
        div .wide .by-script {
            (Input::script("url.script", "URL script").error_line(line(shown, entry, "url.script"))
                .help(html! { "Returns the address: " code { "return \"https://example.com/api/orders\";" } })
                .show(entry))
        }
        (headers::rows(entry))
        (Input::script("bodyScript", "Body script").error_line(line(shown, entry, "bodyScript"))
            .help(html! { "Empty: no body is sent. Returns the request's body, a text or an object: "
                code { "return JSON.stringify({ id: 1001, status: \"New\" });" } })
            .show(entry))
    }
}

/// Test URL, and where its results go.
fn test(view: &View, shown: &Shown<'_>) -> Markup {
    let may_test = view.may(Right::CallsRun) && (view.may(Right::CallsManage) || shown.call.is_some());
    html! {
        @if may_test {
            div .wide .test {
                button type="submit" formaction=(view.url(&shown.path("/test"))) data-into="#tested" { "Test URL" }
                span .help { "Sends the request once, as it stands in this form, and shows what comes back. Nothing is created." }
            }
        }
        div #tested .wide data-into-target aria-live="polite" { @if let Some(tested) = shown.tested { (tested) } }
    }
}

fn response(shown: &Shown<'_>, entry: &Entry<'_>) -> Markup {
    html! {
        h2 { "Response" }
        (Input::script("responseScript", "Response script").required().error_line(line(shown, entry, "responseScript"))
            .help(html! { "Returns a transaction object, an array of them, or " code { "return \"Abort\";" }
                " to create none. With any other error the call is deactivated, unless said otherwise below." })
            .show(entry))
        (help::scripts())
        (headers::pointers(entry))
    }
}

fn more(entry: &Entry<'_>) -> Markup {
    let is_wrong = MORE.iter().any(|name| entry.wrong.at(name).is_some());
    html! {
        details .more .wide #more open[is_wrong] {
            summary { "Errors, missed times and limits" }
            div .form {
                (Input::choice("onScriptError", "After an error in a script", &[
                    ("deactivate", "Deactivate the call"), ("continue", "Go on at the next due time"),
                ]).show(entry))
                (Input::choice("onHttpError", "After an answer that is no success", &[
                    ("retry", "Try again, then deactivate"), ("deactivate", "Deactivate the call"),
                    ("script", "Let the response script decide"),
                ]).show(entry))
                (Input::line("number", "failuresBeforeDeactivation", "Failures in a row before it is deactivated")
                    .help(html! { "Empty: never." }).show(entry))
                (Input::choice("misfire", "Due times missed while Orrery was down", &[
                    ("latest", "One run for all of them"), ("skip", "None, wait for the next"), ("all", "One run for each"),
                ]).show(entry))
                (Input::choice("overlap", "Due while a run is going", &[
                    ("skip", "Leave it out"), ("once", "Run once more when it ends"),
                ]).show(entry))
                (Input::choice("onInterrupted", "A request that a crash cut", &[
                    ("skip", "Is not sent again"), ("resend", "Is sent again"),
                ]).help(html! { "Send again only what does no harm when it arrives twice." }).show(entry))
                (Input::line("number", "timeoutMs", "Time limit of a request (ms)").help(html! { "At most 600,000." }).show(entry))
                (Input::line("number", "limits.scriptMs", "Time limit of a script (ms)").help(html! { "At most 30,000." }).show(entry))
                (Input::line("number", "limits.responseBytes", "Largest response (bytes)")
                    .help(html! { "At most 104,857,600." }).show(entry))
            }
        }
    }
}

fn buttons(view: &View, shown: &Shown<'_>, locked: bool) -> Markup {
    html! {
        @if !locked {
            div .buttons {
                button .primary type="submit" { "Save" }
                button type="submit" name="active" value="true" { "Save and activate" }
                a href=(view.url("/call-apis")) { @if shown.call.is_some() { "Back to the list" } @else { "Cancel" } }
            }
        }
    }
}

/// The line at which a script was refused, or failed in the last run if it was not edited since.
fn line(shown: &Shown<'_>, entry: &Entry<'_>, name: &str) -> Option<u32> {
    if let Some(refused) = entry.wrong.at(name) {
        return line_said(refused);
    }
    let call = shown.call?;
    let run = call.last_run.as_ref().filter(|run| run.at >= call.updated_at)?;
    let error = run.error.as_ref()?;
    let script = error.get("script")?.as_str()?;
    (field_of(script)? == name).then_some(())?;
    error.get("line")?.as_u64()?.try_into().ok()
}

/// The field of a script by the name that its errors have.
pub(super) fn field_of(script: &str) -> Option<&'static str> {
    match script {
        "url script" => Some("url.script"),
        "body script" => Some("bodyScript"),
        "response script" => Some("responseScript"),
        _ => None,
    }
}

/// The line in the words of a refused script, which stands at the end: `… (line 3, column 5)`.
fn line_said(message: &str) -> Option<u32> {
    let (_, place) = message.rsplit_once("(line ")?;
    let digits: String = place.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs
        .iter()
        .map(|(value, words)| (value.as_str(), words.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_refusal_is_read() {
        for (message, line) in [
            ("response script: unexpected token (line 3, column 5)", Some(3)),
            ("response script: (line 9) is odd (line 12)", Some(12)),
            ("must not be empty", None),
            ("(line x)", None),
        ] {
            assert_eq!(line_said(message), line, "{message}");
        }
    }

    #[test]
    fn each_script_has_its_field() {
        use crate::script::Kind;
        for (kind, field) in [
            (Kind::Url, "url.script"),
            (Kind::Body, "bodyScript"),
            (Kind::Response, "responseScript"),
        ] {
            assert_eq!(field_of(kind.script_name()), Some(field));
        }
    }
}

//! A time in a form: entered in the viewer's zone where our module runs, else in UTC; the label says which.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::{form::Form, ui::Entry};

/// The field. The module writes the exact time into the hidden field beside it.
pub(super) fn field(name: &str, label: &str, help: &str, entry: &Entry<'_>) -> Markup {
    let id = format!("f-{}", name.replace('.', "-"));
    let entered = entry.text(name);
    let value = match entered.parse::<Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%dT%H:%M").to_string(),
        Err(_) => entered,
    };
    let wrong = entry.wrong.at(name);
    let (help_id, wrong_id) = (format!("{id}-help"), format!("{id}-wrong"));
    let told = match wrong {
        Some(_) => format!("{help_id} {wrong_id}"),
        None => help_id.clone(),
    };
    html! {
        div .field {
            label for=(id) { (label) " (" span data-zone-name { "UTC" } ")" }
            input type="datetime-local" id=(id) name=(name) value=(value) readonly[entry.locked] autocomplete="off" data-zone
                aria-describedby=(told) aria-invalid=[wrong.map(|_| "true")];
            input type="hidden" name=(exact(name));
            div .help id=(help_id) { (help) }
            @if let Some(wrong) = wrong { p .wrong id=(wrong_id) { (wrong) } }
        }
    }
}

/// What was entered as an API client would send it; what is no time stays as it is, null where it is empty.
pub(super) fn read(form: &Form, name: &str) -> Value {
    if let Ok(at) = form.text(&exact(name)).parse::<Timestamp>() {
        return json!(at);
    }
    match form.text(name).trim() {
        "" => Value::Null,
        text => at(text).map_or_else(|| Value::from(text), |at| json!(at)),
    }
}

/// A time with its offset, or one of UTC without; also a day alone.
pub(super) fn at(text: &str) -> Option<Timestamp> {
    let in_utc = || text.parse::<DateTime>().and_then(|at| at.to_zoned(TimeZone::UTC)).ok();
    text.parse().ok().or_else(|| in_utc().map(|zoned| zoned.timestamp()))
}

fn exact(name: &str) -> String {
    format!("_{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::console::ui::Wrong;

    #[test]
    fn the_exact_time_counts_and_else_utc() {
        for (body, read_as) in [
            (
                "at=2026-11-22T15%3A41&_at=2026-11-22T14%3A41%3A00.000Z",
                json!("2026-11-22T14:41:00Z"),
            ),
            ("at=2026-11-22T15%3A41&_at=", json!("2026-11-22T15:41:00Z")),
            ("at=2026-11-22T15%3A41", json!("2026-11-22T15:41:00Z")),
            ("at=", Value::Null),
            ("", Value::Null),
            ("at=tomorrow", json!("tomorrow")),
        ] {
            let form = Form::parse(body.as_bytes()).unwrap();
            assert_eq!(read(&form, "at"), read_as, "{body}");
        }
    }

    #[test]
    fn a_time_is_shown_as_browsers_take_it() {
        let (values, wrong) = (json!({ "at": "2026-11-22T15:41:07Z" }), Wrong::default());
        let entry = Entry {
            values: &values,
            wrong: &wrong,
            locked: false,
        };
        let shown = field("at", "Ends", "", &entry).into_string();
        assert!(shown.contains(r#"value="2026-11-22T15:41""#), "{shown}");
    }
}

//! What a change changed: the members that differ between how it was and how it is, bounded whatever the values hold.

use maud::{Markup, html};
use serde_json::Value;

use super::super::{json_field, ui};
use crate::domain::json_patch::{Difference, Differences, differences};

/// Members that are shown of one change.
const LINES_MAX: usize = 100;
/// Longest value that is shown, characters.
const CHARACTERS_MAX: usize = 2_000;
/// Members that are named in the summary.
const NAMED: usize = 3;

/// Between how it was and how it is; what is made has all its members, and what is deleted loses them.
pub(super) fn between(before: Option<&Value>, after: Option<&Value>) -> Differences {
    let text = |value: Option<&Value>| value.map_or_else(|| "{}".to_owned(), Value::to_string);
    let mut found = differences(&text(before), &text(after), LINES_MAX);
    // Of what was made or deleted, what was never there says nothing.
    found.shown.retain(|line| !is_nothing(line));
    found
}

fn is_nothing(line: &Difference) -> bool {
    let nothing = |value: &Option<String>| value.as_deref().is_none_or(|text| text == "null");
    nothing(&line.before) && nothing(&line.after)
}

/// In a few words: the first members.
pub(super) fn summary(found: &Differences) -> String {
    let first: Vec<&str> = found.shown.iter().take(NAMED).map(name).collect();
    let rest = found.shown.len() - first.len() + found.more;
    match rest {
        0 => first.join(", "),
        _ => format!("{} and {rest} more", first.join(", ")),
    }
}

/// As a table.
pub(super) fn table(found: &Differences) -> Markup {
    let rows: Vec<Markup> = found.shown.iter().map(row).collect();
    html! {
        (ui::table("What changed", &["Member", "Before", "After"], &rows))
        @if found.more > 0 { p .quiet { (found.more) " more members differ; the API's audit list has all of them." } }
    }
}

fn row(line: &Difference) -> Markup {
    html! {
        tr {
            th scope="row" { code { (name(line)) } }
            (side("was", line.before.as_deref()))
            (side("is", line.after.as_deref()))
        }
    }
}

fn side(mark: &str, value: Option<&str>) -> Markup {
    html! {
        td .long {
            @match value.map(readable) {
                Some(text) if text.is_empty() => span .quiet { "(empty)" },
                Some(text) => span .value .(mark) { (text) },
                None => (ui::dash()),
            }
        }
    }
}

fn name(line: &Difference) -> &str {
    if line.path.is_empty() { "value" } else { &line.path }
}

/// A text without its quotes, anything else with indents; not longer than is shown.
fn readable(json: &str) -> String {
    let whole = serde_json::from_str::<String>(json).unwrap_or_else(|_| json_field::pretty(json));
    ui::shortened(&whole, CHARACTERS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_members_that_differ_are_shown_and_escaped() {
        let before = json!({"name": "A", "same": 1, "gone": true});
        let after = json!({"name": "<script>", "same": 1, "limits": {"scriptMs": 5}});
        let found = between(Some(&before), Some(&after));
        assert_eq!(summary(&found), "gone, name, limits");
        let shown = table(&found).into_string();
        assert!(
            shown.contains("&lt;script&gt;") && !shown.contains("<script>"),
            "{shown}"
        );
        assert!(!shown.contains("same"), "{shown}");
    }

    #[test]
    fn what_is_made_or_deleted_shows_all_its_members() {
        assert_eq!(
            summary(&between(None, Some(&json!({"a": 1, "none": null, "b": "x"})))),
            "a, b"
        );
        let deleted = between(Some(&json!({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5})), None);
        assert_eq!(summary(&deleted), "a, b, c and 2 more");
        assert!(between(None, None).shown.is_empty());
    }

    #[test]
    fn values_are_read_by_people_and_bounded() {
        assert_eq!(readable("\"two\\nlines\""), "two\nlines");
        assert_eq!(readable("[1]"), "[\n  1\n]");
        assert_eq!(
            readable(&json!("x".repeat(10_000)).to_string()).chars().count(),
            CHARACTERS_MAX + 1
        );
        let many: serde_json::Map<String, Value> = (0..500).map(|n| (format!("m{n:03}"), json!(n))).collect();
        let found = between(None, Some(&Value::Object(many)));
        assert_eq!(summary(&found), "m000, m001, m002 and 497 more");
    }
}

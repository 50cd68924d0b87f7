//! The form of an object mapping: rows of pairs that can be added and taken away, or a script.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::{blank, functions::options, mapping_rows::PAIRS};
use crate::gateway::console::ui::{Entry, Input};

/// What a mapping is made of.
const KINDS: &[(&str, &str)] = &[
    ("pairs", "Pairs of members"),
    ("script", "A script here"),
    ("script_id", "A named script"),
];
/// What becomes of a value on its way; the last two have rows or JSON.
const TRANSFORMS: &[(&str, &str)] = &[
    ("", "as it is"),
    ("upper", "capitals"),
    ("lower", "small letters"),
    ("trim", "trimmed"),
    ("text", "text"),
    ("number", "number"),
    ("date", "date"),
    ("boolean", "true or false"),
    ("lookup", "looked up"),
    ("constant", "constant"),
    ("other", "as JSON says"),
    ("each", "each item"),
];

/// The fields of a mapping; `scripts` are the named ones.
pub(super) fn fields(entry: &Entry<'_>, scripts: &[(String, String)]) -> Markup {
    let scripts = options(scripts);
    // The line is in the words of the refusal.
    let line = entry.wrong.at("script").and_then(line_in);
    html! {
        (Input::choice("kind", "Made of", KINDS).show(entry))
        div .wide .by-pairs {
            h2 { "Pairs" }
            p .quiet {
                "A source names a member of what comes, with dots into nested members (" code { "Address.City" } "); a target the member that it \
                 becomes. The target " code { "$key" } " is the key of our record. Members that no pair names are left out."
            }
            details .more #transforms {
                summary { "What a value can become" }
                (becoming())
            }
            div #pairs .rows {
                template data-row="__n__" { (pair(&blank(), PAIRS, "__n__", true)) }
                @for n in 0..entry.count(PAIRS) { (pair(entry, PAIRS, &n.to_string(), true)) }
            }
            button type="button" data-add="#pairs" { "Add a pair" }
        }
        div .wide .by-script {
            (Input::script("script", "Script").error_line(line).help(html! {
                "The body of a function that sees " code { "record" } " and " code { "context" } " and returns what becomes of the record, or \
                 null to leave it out: " code { "return { name: record.Name };" }
            }).show(entry))
        }
        div .by-script-id {
            (Input::choice("script_id", "Named script", &scripts).show(entry))
        }
    }
}

/// What stands under `How`, with an example of each.
fn becoming() -> Markup {
    let rows = [
        (
            "number",
            "{\"decimals\": 2, \"separator\": \",\"}",
            "Rounded to so many decimals; a comma stands before them in what comes.",
        ),
        (
            "date",
            "{\"from\": \"DD.MM.YYYY\", \"to\": \"date\"}",
            "A pattern, or date, time, seconds, milliseconds.",
        ),
        (
            "looked up",
            "{\"table\": {\"NO\": \"Norway\"}, \"default\": null}",
            "Without a default, what is not in the table is an error.",
        ),
        ("constant", "EUR", "This, whatever came: a text, or any JSON."),
        (
            "as JSON says",
            "[\"trim\", \"upper\"]",
            "Several in order, or any other form that the API takes.",
        ),
        (
            "each item",
            "",
            "Each object of a list, such as the lines of an invoice, by pairs of its own.",
        ),
    ];
    html! {
        dl .becoming {
            @for (word, how, help) in rows { div {
                dt { (word) }
                dd { @if !how.is_empty() { code { (how) } " " } (help) }
            } }
        }
        p .quiet { "\"If missing\" is a text, or any JSON: it takes the place of a value that is missing, null or empty." }
    }
}

/// One row of the list at `list`; those within a row have no rows of their own.
fn pair(entry: &Entry<'_>, list: &str, number: &str, outer: bool) -> Markup {
    let name = |member: &str| format!("{list}.{number}.{member}");
    let (source, target, transform) = (name("source"), name("target"), name("transform"));
    let (choices, default, each) = (name("options"), name("default"), name("each"));
    let rows = each.replace('.', "-");
    let transforms = if outer {
        TRANSFORMS
    } else {
        TRANSFORMS.split_last().map_or(TRANSFORMS, |(_, rest)| rest)
    };
    html! {
        div .pair data-item {
            div .row {
                (Input::text(&source, "Source").placeholder("Name").show(entry))
                (Input::text(&target, "Target").placeholder("name").show(entry))
                (Input::choice(&transform, "Becomes", transforms).show(entry))
                div .options { (Input::text(&choices, "How").show(entry)) }
                (Input::text(&default, "If missing").show(entry))
                button type="button" .small data-take aria-label="Remove this pair" { "Remove" }
            }
            @if outer {
                div .each {
                    div id=(rows) .rows {
                        template data-row="__m__" { (pair(&blank(), &each, "__m__", false)) }
                        @for m in 0..entry.count(&each) { (pair(entry, &each, &m.to_string(), false)) }
                    }
                    button type="button" .small data-add={ "#" (rows) } { "Add a pair for each item" }
                }
            }
        }
    }
}

/// What the form of a new mapping begins with.
pub(super) fn beginning() -> Value {
    json!({ "kind": "pairs", PAIRS: [{}] })
}

/// The line in `... line 3 ...`.
fn line_in(message: &str) -> Option<u32> {
    let (_, rest) = message.split_once("line ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found_in_the_words() {
        assert_eq!(line_in("mapping: Unexpected token '}' (line 12, column 3)"), Some(12));
        assert_eq!(line_in("underline is text"), None);
        assert_eq!(line_in("nothing"), None);
    }
}

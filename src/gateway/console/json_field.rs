//! A field with JSON: how what is stored is shown in it, and how what was entered is read, so that a refusal names the line.

use maud::{Markup, html};
use serde_json::{json, value::RawValue};

use super::{
    ui::{self, Entry, Input, Wrong},
    view::View,
};
use crate::{
    domain::json_text,
    error::{Error, Result},
};

/// Longest text with indents, bytes; longer ones are shown as they are stored. (A form may have 4 MiB, encoded.)
const PRETTY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// So many bytes of a document a page shows; a link leads to the rest.
const SHOWN_BYTES_MAX: usize = 256 * 1024;

/// The JSON with indents, digits and order of members as they are stored.
pub(super) fn pretty(text: &str) -> String {
    json_text::pretty(text, PRETTY_BYTES_MAX).unwrap_or_else(|| text.to_owned())
}

/// What a form for editing a document shows.
pub(super) struct Editing<'a> {
    /// As it was entered, or as it is stored.
    pub(super) text: &'a str,
    /// The line that is marked.
    pub(super) line: Option<u32>,
    /// The data as it is, where somebody changed it meanwhile.
    pub(super) now: Option<&'a str>,
}

/// The form: a field `data`, the version that the person sees, and what the data is now where that is another.
pub(super) fn editor(
    view: &View,
    (action, back): (&str, &str),
    version: i64,
    shown: &Editing<'_>,
    wrong: &Wrong,
    help: Markup,
) -> Markup {
    let values = json!({ "data": shown.text });
    let entry = Entry {
        values: &values,
        wrong,
        locked: false,
    };
    html! {
        (wrong.summary())
        form .card .form method="post" action=(view.url(action)) {
            (ui::token(view))
            (ui::version(Some(version)))
            (Input::script("data", "Data").required().error_line(shown.line).help(help).show(&entry))
            div .buttons {
                button .primary type="submit" { "Save" }
                a href=(view.url(back)) { "Cancel" }
            }
        }
        @if let Some(now) = shown.now {
            h2 { "As it is now (version " (version) ")" }
            (ui::code(now))
        }
    }
}

/// A document on a page; a long one is cut, with a link to all of it.
pub(super) fn shown(text: &str, whole_at: &str) -> Markup {
    let text = pretty(text);
    let (cut, is_cut) = cut(&text, SHOWN_BYTES_MAX);
    html! {
        (ui::code(cut))
        @if is_cut { p .note { "This is the beginning only. " a href=(whole_at) download { "Download all of it" } "." } }
    }
}

/// The beginning of a text, at a letter's end, and whether something is missing.
pub(super) fn cut(text: &str, bytes_max: usize) -> (&str, bool) {
    let end = text.floor_char_boundary(bytes_max);
    (text.get(..end).unwrap_or_default(), end < text.len())
}

/// The object that was entered, without the blanks between its members.
///
/// # Errors
/// `invalid` for the field, with the line for [`line_of`].
pub(super) fn object(field: &'static str, text: &str) -> Result<Box<RawValue>> {
    if text.trim().is_empty() {
        return Err(Error::invalid_field(
            field,
            "must be a JSON object, for example {\"name\": \"A\"}",
        ));
    }
    if let Err(error) = serde_json::from_str::<&RawValue>(text) {
        let refused = Error::invalid_field(field, format!("is not JSON: {error}"));
        return Err(refused.with_details(json!({ "line": error.line() })));
    }
    let compact = json_text::compact(text).unwrap_or_default();
    if !compact.starts_with('{') {
        return Err(Error::invalid_field(
            field,
            "must be a JSON object: it begins with { and ends with }",
        ));
    }
    RawValue::from_string(compact).map_err(Error::internal)
}

/// The line at which the text ceases to be JSON, for the editor.
pub(super) fn line_of(error: &Error) -> Option<u32> {
    let line = error.details.as_deref()?.get("line")?.as_u64()?;
    u32::try_from(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read_and_refusals_name_the_line() {
        let read = object("data", " {\n \"a\": 12345678901234567890.10,\n \"b\": [ ]\n}\n").unwrap();
        assert_eq!(read.get(), r#"{"a":12345678901234567890.10,"b":[]}"#);
        for (text, line, part) in [
            ("{\n\"a\": 1,\n}", Some(3), "is not JSON"),
            ("[1]", None, "must be a JSON object"),
            ("  ", None, "must be a JSON object"),
        ] {
            let error = object("data", text).unwrap_err();
            assert_eq!(line_of(&error), line, "{text}");
            assert_eq!(error.fields[0].field, "data");
            assert!(error.fields[0].message.contains(part), "{error}");
        }
    }

    #[test]
    fn only_json_is_written_anew() {
        assert_eq!(pretty(r#"{"b":1,"a":[]}"#), "{\n  \"b\": 1,\n  \"a\": []\n}");
        assert_eq!(pretty("{oh"), "{oh");
    }

    #[test]
    fn long_documents_are_cut_between_letters() {
        assert_eq!(cut("åå", 3), ("å", true));
        assert_eq!(cut("åå", 4), ("åå", false));
        let long = format!("{{\"a\":\"{}\"}}", "<".repeat(SHOWN_BYTES_MAX));
        let page = shown(&long, "/there").into_string();
        assert!(page.contains("href=\"/there\"") && page.contains("&lt;&lt;"));
        assert!(!shown("{}", "/there").into_string().contains("/there"));
    }
}

//! The rows of the form: additional headers, and the pointers to a transaction's identifier.

use maud::{Markup, html};
use serde_json::Value;

use super::ui::{Entry, Input, Wrong};

/// Stands in a template where a number goes.
const NUMBER: &str = "__n__";

/// Additional headers.
pub(super) fn rows(entry: &Entry<'_>) -> Markup {
    html! {
        fieldset #f-headers tabindex="-1" {
            legend { "Headers" }
            @if let Some(wrong) = entry.wrong.at("headers") { p .wrong { (wrong) } }
            div #headers .rows {
                (template(entry, |empty| header(empty, NUMBER)))
                @for index in 0..entry.count("headers") { (header(entry, &index.to_string())) }
            }
            @if entry.locked {
                @if entry.count("headers") == 0 { p .quiet { "None." } }
            } @else {
                button .small type="button" data-add="#headers" { "Add Header" }
            }
        }
    }
}

/// Pointers to what identifies a transaction.
pub(super) fn pointers(entry: &Entry<'_>) -> Markup {
    html! {
        fieldset #f-identifier tabindex="-1" {
            legend { "Identifier" }
            p .help {
                "Where in a transaction object its identifier is, as JSON pointers like " code { "/rfqId" }
                ". What was created once is not created again. Without a pointer it is the member " code { "identifier" } "."
            }
            @if let Some(wrong) = entry.wrong.at("identifier") { p .wrong { (wrong) } }
            div #identifier .rows {
                (template(entry, |empty| pointer(empty, NUMBER)))
                @for index in 0..entry.count("identifier") { (pointer(entry, &index.to_string())) }
            }
            @if !entry.locked { button .small type="button" data-add="#identifier" { "Add pointer" } }
        }
    }
}

/// The row that a button adds.
fn template(entry: &Entry<'_>, row: impl FnOnce(&Entry<'_>) -> Markup) -> Markup {
    let (values, wrong) = (Value::Null, Wrong::default());
    let empty = Entry {
        values: &values,
        wrong: &wrong,
        locked: false,
    };
    html! { @if !entry.locked { template data-row=(NUMBER) { (row(&empty)) } } }
}

fn header(entry: &Entry<'_>, number: &str) -> Markup {
    let at = |member: &str| format!("headers.{number}.{member}");
    let (name, value, secret, fingerprint) = (at("name"), at("value"), at("secret"), at("fingerprint"));
    let kept = entry.text(&fingerprint);
    let is_secret = !entry.text(&secret).is_empty() && entry.text(&secret) != "false";
    let placeholder = if kept.is_empty() {
        String::new()
    } else {
        format!("set, {kept}; empty keeps it")
    };
    let field = if is_secret {
        Input::secret(&value, "Value").placeholder(&placeholder)
    } else {
        Input::text(&value, "Value")
    };
    let again = html! { @if entry.at(&at("again")).is_some() { "Secrets are not sent back: enter it again." } };
    html! {
        div .row .header data-item {
            (Input::text(&name, "Name").placeholder("X-Api-Key").show(entry))
            (field.help(again).show(entry))
            (Input::tick(&secret, "Secret").show(entry))
            @if !kept.is_empty() { input type="hidden" name=(fingerprint) value=(kept); }
            @if !entry.locked { (take("header")) }
        }
    }
}

fn pointer(entry: &Entry<'_>, number: &str) -> Markup {
    html! {
        div .row .pointer data-item {
            (Input::text(&format!("identifier.{number}"), "Pointer").placeholder("/rfqId").show(entry))
            @if !entry.locked { (take("pointer")) }
        }
    }
}

fn take(what: &str) -> Markup {
    html! { button type="button" data-take aria-label={ "Remove this " (what) } { "Remove" } }
}

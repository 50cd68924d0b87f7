//! The parts that pages are made of, so that all look and behave alike.

use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    form::{TOKEN_FIELD, VERSION_FIELD},
    view::View,
};

mod fields;
mod wrong;

pub(super) use fields::{Entry, Input};
pub(super) use wrong::Wrong;

/// How a state is coloured; the word beside it says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Busy,
    Warn,
    Bad,
    Quiet,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Busy => "busy",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Quiet => "still",
        }
    }
}

/// A state in a word.
pub(super) fn badge(tone: Tone, word: &str) -> Markup {
    html! { span .badge .(tone.class()) { (word) } }
}

/// The head of a page: the way to it (`(name, path)`), its title, what can be done.
pub(super) fn head(view: &View, way: &[(&str, &str)], title: &str, actions: &Markup) -> Markup {
    html! {
        div .head {
            div {
                @if !way.is_empty() {
                    nav .way aria-label="Breadcrumb" {
                        ol { @for (name, path) in way { li {
                            @if path.is_empty() { (name) } @else { a href=(view.url(path)) { (name) } }
                        } } }
                    }
                }
                h1 { (title) }
            }
            div .actions { (actions) }
        }
    }
}

/// A time: UTC from the server, in the viewer's zone once the page is there, and exactly in the tooltip.
pub(super) fn time(at: Timestamp) -> Markup {
    let exact = at.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string();
    html! { time datetime=(at) title=(exact) data-time { (at.strftime("%Y-%m-%d %H:%M:%S")) } }
}

/// As [`time`]; a dash where there is none.
pub(super) fn time_or_dash(at: Option<Timestamp>) -> Markup {
    html! { @if let Some(at) = at { (time(at)) } @else { (dash()) } }
}

/// Nothing to be said.
pub(super) fn dash() -> Markup {
    html! { span .quiet aria-label="none" { "–" } }
}

/// A number of milliseconds as people say it.
pub(super) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms / 1_000 % 60),
        _ => format!("{} h {} min", ms / 3_600_000, ms / 60_000 % 60),
    }
}

/// What stands in place of an empty list: what would be here, and what to do next.
pub(super) fn empty(title: &str, hint: &str, action: &Markup) -> Markup {
    html! { div .empty { p { strong { (title) } } p { (hint) } (action) } }
}

/// A link that looks like a button.
pub(super) fn link_button(view: &View, path: &str, name: &str) -> Markup {
    html! { a .button href=(view.url(path)) { (name) } }
}

/// The same, for what a page is mainly there for.
pub(super) fn main_button(view: &View, path: &str, name: &str) -> Markup {
    html! { a .button .primary href=(view.url(path)) { (name) } }
}

/// A button that does something: a form of its own.
pub(super) fn act(view: &View, path: &str, name: &str) -> Markup {
    act_asking(view, path, name, "", "")
}

/// As [`act`], asking first; `class` is `danger` for what cannot be undone.
pub(super) fn act_asking(view: &View, path: &str, name: &str, question: &str, class: &str) -> Markup {
    html! {
        form .act method="post" action=(view.url(path)) {
            (token(view))
            button .(class) type="submit" data-ask=[(!question.is_empty()).then_some(question)] { (name) }
        }
    }
}

/// The hidden field that every form needs.
pub(super) fn token(view: &View) -> Markup {
    html! { input type="hidden" name=(TOKEN_FIELD) value=(view.token()); }
}

/// The hidden field with the version that the form shows, so that nobody overwrites what they have not seen.
pub(super) fn version(version: Option<i64>) -> Markup {
    html! { @if let Some(version) = version { input type="hidden" name=(VERSION_FIELD) value=(version); } }
}

/// Boxes of which any number may be ticked; the values at `name` are a list of texts.
pub(super) fn ticks(name: &str, legend: &str, options: &[&str], entry: &Entry<'_>) -> Markup {
    let chosen = entry.at(name).and_then(serde_json::Value::as_array);
    let is_chosen = |option: &str| chosen.is_some_and(|all| all.iter().any(|one| one == option));
    html! {
        fieldset .ticks id={ "f-" (name) } tabindex="-1" {
            legend { (legend) }
            @for option in options {
                label { input type="checkbox" name=(name) value=(option) checked[is_chosen(option)] disabled[entry.locked]; " " (option) }
            }
            @if let Some(wrong) = entry.wrong.at(name) { p .wrong { (wrong) } }
        }
    }
}

/// The way through a list with cursors. `query` is what else stands in the query string, written and encoded (`status=ready`).
pub(super) fn pager(view: &View, path: &str, query: &str, cursor: Option<&str>, next: Option<&str>) -> Markup {
    let link = |cursor: Option<&str>| {
        let mut parts: Vec<String> = Vec::new();
        if !query.is_empty() {
            parts.push(query.to_owned());
        }
        if let Some(cursor) = cursor {
            parts.push(format!("cursor={}", encoded(cursor)));
        }
        let mark = if parts.is_empty() { "" } else { "?" };
        view.url(&format!("{path}{mark}{}", parts.join("&")))
    };
    html! {
        @if cursor.is_some() || next.is_some() {
            nav .pager aria-label="Pages" {
                @if cursor.is_some() { a .button href=(link(None)) { "First page" } }
                @if let Some(next) = next { a .button rel="next" href=(link(Some(next))) { "Next page" } }
            }
        }
    }
}

/// A text as it stands in a query string or path.
pub(super) fn encoded(text: &str) -> String {
    // Blanks as %20: paths know no plus.
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

/// What is given, as it stands in a query string; what is empty is left out.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let given = pairs.iter().filter(|(_, value)| !value.is_empty());
    let given: Vec<String> = given
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    given.join("&")
}

/// A text of at most so many characters, and a sign that there was more.
pub(super) fn shortened(text: &str, characters_max: usize) -> String {
    let mut shown: String = text.chars().take(characters_max).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Names and what they stand for.
pub(super) fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! { dl .facts { @for (name, value) in rows { div { dt { (name) } dd { (value) } } } } }
}

/// Text of a program, cut by whoever stored it; scrolls within itself.
pub(super) fn code(text: &str) -> Markup {
    html! { pre .code tabindex="0" { code { (text) } } }
}

/// A part that is made anew when one of these events comes; `kinds` has blanks between them. Also every
/// ten seconds where a part within has `data-live-clock`.
pub(super) fn live(id: &str, kinds: &str, content: &Markup) -> Markup {
    html! { div id=(id) data-live=(kinds) { (content) } }
}

/// What can be done with the thing of a page, in its head: it goes with the thing's state, as [`live`] does.
pub(super) fn live_actions(kinds: &str, actions: &Markup) -> Markup {
    live("actions", kinds, actions)
}

/// A list as a table that scrolls within itself.
pub(super) fn table(caption: &str, headings: &[&str], rows: &[Markup]) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption .hidden { (caption) }
                thead { tr { @for heading in headings { th scope="col" { (heading) } } } }
                tbody { @for row in rows { (row) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_in_their_unit() {
        for (ms, said) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_250, "1.2 s"),
            (61_000, "1 min 1 s"),
            (3_660_000, "1 h 1 min"),
        ] {
            assert_eq!(duration(ms), said);
        }
    }

    #[test]
    fn names_show_as_text() {
        let shown = badge(Tone::Bad, "<script>alert(1)</script>").into_string();
        assert_eq!(
            shown,
            r#"<span class="badge bad">&lt;script&gt;alert(1)&lt;/script&gt;</span>"#
        );
        assert_eq!(encoded("a b&c/d"), "a%20b%26c%2Fd");
    }
}

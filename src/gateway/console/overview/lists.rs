//! The lists of the overview: what works now, what is late, what needs a person, what failed and why, what was deactivated.

use maud::{Markup, html};

use super::{
    super::{
        kinds::{actor_path, kind_word, outcome_badge, path_of, phase_badge, thing_link},
        ui,
        view::View,
    },
    charts::span,
    picture::{grouped, name},
};
use crate::{
    actors::observed::Observed,
    engine::overview::{Actor, Census, Named, Overview, Trouble},
};

/// Most actors that a list names.
const ROWS_MAX: usize = 12;
/// Longest reason that is shown, characters.
const WHY_CHARACTERS_MAX: usize = 300;

/// What works at this moment.
pub(super) fn going(view: &View, overview: &Overview, census: &Census) -> Markup {
    let rows: Vec<Markup> = overview.going.iter().map(|actor| going_row(view, actor)).collect();
    html! {
        @if !rows.is_empty() {
            h2 #running { "Running now" }
            (ui::table("Running now", &["What", "Kind", "Step", "For"], &rows))
            (more(view, &census.going, rows.len(), "/actors?phase=running"))
        }
    }
}

fn going_row(view: &View, actor: &Observed) -> Markup {
    let path = actor_path(actor.kind, actor.id);
    html! {
        tr {
            th scope="row" { a href=(view.url(&path)) { (actor.name) } }
            td { (kind_word(actor.kind)) }
            td { @if let Some(run) = &actor.current { (run.step) } @else { (phase_badge(actor.phase)) } }
            td { @if let Some(run) = &actor.current { (ui::duration(run.since_ms)) } @else { (ui::dash()) } }
        }
    }
}

/// What should have begun.
pub(super) fn late(view: &View, overview: &Overview, census: &Census) -> Markup {
    let row = |actor: &Actor| {
        let late = actor.due_us.map_or(0, |due_us| census.at_us.saturating_sub(due_us));
        html! {
            tr {
                th scope="row" { a href=(view.url(&actor_path(actor.kind, actor.id))) { (name(overview, actor)) } }
                td { (kind_word(actor.kind)) }
                td { (span(u64::try_from(late).unwrap_or(0))) }
                td { (phase_badge(actor.phase)) }
            }
        }
    };
    let rows: Vec<Markup> = census.late.first.iter().take(ROWS_MAX).map(row).collect();
    html! {
        @if !rows.is_empty() {
            h2 #late { "Late" }
            (ui::table("Late", &["What", "Kind", "Late by", "Phase"], &rows))
            (more(view, &census.late, rows.len(), "/actors?phase=waiting"))
        }
    }
}

/// Actors that nobody helps but a person.
pub(super) fn troubled(view: &View, overview: &Overview, census: &Census) -> Markup {
    let row = |actor: &Actor| {
        let thing = overview.things.get(&actor.id);
        html! {
            tr {
                th scope="row" { @if let Some(thing) = thing { (thing_link(view, thing)) } @else { (kind_word(actor.kind)) } }
                td { (kind_word(actor.kind)) }
                td { (phase_badge(actor.phase)) }
                td { (advice(actor.phase)) }
            }
        }
    };
    let rows: Vec<Markup> = census.troubled.first.iter().take(ROWS_MAX).map(row).collect();
    html! {
        @if !rows.is_empty() {
            h2 #help { "Needs a person" }
            (ui::table("Needs a person", &["What", "Kind", "Phase", "What to do"], &rows))
            (more(view, &census.troubled, rows.len(), "/actors"))
        }
    }
}

fn advice(phase: &str) -> &'static str {
    match phase {
        "needs_reauthorisation" => "Authorise the connection again.",
        "error" => "Look at its settings and test it.",
        _ => "It waits for its restart, or was given up after too many panics: restart it.",
    }
}

/// What failed last, and why.
pub(super) fn failures(view: &View, overview: &Overview) -> Markup {
    let rows: Vec<Markup> = overview
        .failures
        .iter()
        .map(|(trouble, count)| failure_row(view, trouble, *count))
        .collect();
    html! {
        h2 #failed { "Failed last" }
        @if rows.is_empty() {
            p .quiet { "No run that is still in the history has failed." }
        } @else {
            (ui::table("Failed last", &["What", "When", "How", "Why", ""], &rows))
        }
    }
}

fn failure_row(view: &View, trouble: &Trouble, count: u64) -> Markup {
    let run = path_of(view, trouble.thing.place).map(|path| match trouble.run {
        Some(run) => format!("{path}/runs/{run}"),
        None => path,
    });
    html! {
        tr {
            th scope="row" { (thing_link(view, &trouble.thing)) }
            td { (ui::time(trouble.at)) }
            td .nowrap {
                @if let Some(outcome) = &trouble.outcome { (outcome_badge(outcome)) }
                @if count > 1 { " " span .quiet title="failures of it among the last that were read" { "×" (grouped(count)) } }
            }
            td .long { (why(trouble)) }
            td {
                @if let Some(path) = run {
                    a href=(view.url(&path)) aria-label={ "The last failed run of " (trouble.thing.name) } { "Run" }
                }
            }
        }
    }
}

/// What the engine has deactivated, and why.
pub(super) fn deactivated(view: &View, overview: &Overview) -> Markup {
    let row = |trouble: &Trouble| {
        html! {
            tr {
                th scope="row" { (thing_link(view, &trouble.thing)) }
                td { (ui::time(trouble.at)) }
                td .long { (why(trouble)) }
            }
        }
    };
    let rows: Vec<Markup> = overview.deactivated.iter().map(row).collect();
    html! {
        @if !rows.is_empty() {
            h2 #deactivated { "Deactivated by the engine" }
            (ui::table("Deactivated by the engine", &["What", "When", "Why"], &rows))
            @if overview.more_deactivated { p .quiet { "There are more of them; these are the last ones." } }
        }
    }
}

fn why(trouble: &Trouble) -> String {
    let Some(why) = &trouble.why else {
        return "No reason was given.".to_owned();
    };
    ui::shortened(why, WHY_CHARACTERS_MAX)
}

fn more(view: &View, named: &Named, shown: usize, path: &str) -> Markup {
    let rest = named.count.saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
    html! { @if rest > 0 { p { a href=(view.url(path)) { (grouped(rest)) " more" } } } }
}

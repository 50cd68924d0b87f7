//! Runs of automations: started by hand, listed, and one with what went wrong with single records.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, ServiceConfig},
};
use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    HERE, Ids, Of,
    automation_page::title,
    automations::{EVENTS, REST, rest_of},
    id_at, refusal,
};
use crate::{
    domain::{
        automation::run::{RunCounts, RunOutcome, RunTrigger},
        ids::AutomationId,
    },
    engine::{Engine, automations::AutomationRun},
    error::{Code, Result},
    gateway::console::{
        ui::{self, Tone},
        view::View,
    },
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/connections/{id}/automations/{part}/run").route(web::post().to(run)))
        .service(web::resource("/connections/{id}/automations/{part}/runs/{run}").route(web::get().to(one)));
}

/// How a run ended, or that it has not.
pub(super) fn outcome(outcome: Option<RunOutcome>) -> Markup {
    let (tone, word) = match outcome {
        None => (Tone::Busy, "Running"),
        Some(RunOutcome::Success) => (Tone::Good, "Success"),
        Some(RunOutcome::Partial) => (Tone::Warn, "Partial"),
        Some(RunOutcome::Failed) => (Tone::Bad, "Failed"),
        Some(RunOutcome::ScriptError) => (Tone::Bad, "Script error"),
        Some(RunOutcome::NotFound) => (Tone::Bad, "Not found"),
        Some(RunOutcome::Paused) => (Tone::Warn, "Paused"),
        Some(RunOutcome::Cancelled) => (Tone::Quiet, "Cancelled"),
    };
    ui::badge(tone, word)
}

/// As [`outcome`], for a run that may wait.
fn standing(run: &AutomationRun) -> Markup {
    match (run.outcome, &run.detail) {
        (None, Some(_)) => ui::badge(Tone::Warn, "Waits"),
        (ended, _) => outcome(ended),
    }
}

const fn trigger(trigger: RunTrigger) -> &'static str {
    match trigger {
        RunTrigger::Schedule => "was due",
        RunTrigger::Event => "record changed",
        RunTrigger::Manual => "by hand",
        RunTrigger::Chained => "after another",
        RunTrigger::Resume => "goes on",
    }
}

fn took(run: &AutomationRun, now: Timestamp) -> String {
    let end = run.finished_at.unwrap_or(now);
    let ms = end.duration_since(run.started_at).as_millis();
    ui::duration(u64::try_from(ms).unwrap_or_default())
}

fn counts(counts: &RunCounts) -> [(&'static str, u64); 7] {
    [
        ("Seen", counts.seen),
        ("Matched", counts.matched),
        ("Created", counts.created),
        ("Updated", counts.updated),
        ("Unchanged", counts.unchanged),
        ("Left, newer", counts.skipped_newer),
        ("Failed", counts.failed),
    ]
}

/// Runs of the automation at `path`, newest first.
pub(super) fn table(view: &View, path: &str, runs: &[AutomationRun]) -> Markup {
    let names = counts(&RunCounts::default()).map(|(name, _)| name);
    let headings: Vec<&str> = ["Started", "Outcome"]
        .into_iter()
        .chain(names)
        .chain(["Took"])
        .collect();
    let rows: Vec<Markup> = runs.iter().map(|run| row(view, path, run)).collect();
    // Nothing tells of the begin of a run, and counts grow while it runs.
    let goes_on = runs.iter().any(|run| run.finished_at.is_none());
    html! { div data-live-clock[goes_on] { (ui::table("Runs", &headings, &rows)) } }
}

fn row(view: &View, path: &str, run: &AutomationRun) -> Markup {
    html! {
        tr {
            td { a href=(view.url(&format!("{path}/runs/{}", run.id))) { (ui::time(run.started_at)) } div .quiet { (trigger(run.trigger)) } }
            td {
                (standing(run))
                @match (&run.detail, run.errors.total) {
                    (Some(detail), _) => div .why { (detail) },
                    (None, 0) => {},
                    (None, 1) => div .why { "1 record failed" },
                    (None, total) => div .why { (total) " records failed" },
                }
            }
            @for (_, count) in counts(&run.counts) { td .number { (count) } }
            td .nowrap { (took(run, view.now())) }
        }
    }
}

/// Runs an automation now. Waits for its end as long as a person would.
async fn run(view: View, engine: web::Data<Engine>, ids: Ids<AutomationId>) -> Result<HttpResponse> {
    let content = match engine.automations().run(view.caller(), ids.0, ids.1).await {
        Ok(run) => {
            let path = format!("/connections/{}{}/runs/{}", ids.0, rest_of(ids.1), run.id);
            html! {
                div .card {
                    (facts(&view, &run))
                    p { a href=(view.url(&path)) { "The run with its errors" } }
                }
            }
        }
        Err(error) if matches!(error.code, Code::WrongState | Code::Unavailable) => refusal(&error.message),
        Err(error) => return Err(error),
    };
    Ok(view.part(HERE, "Run now", &content))
}

fn facts(view: &View, run: &AutomationRun) -> Markup {
    let counted = counts(&run.counts).map(|(name, count)| (name, html! { (count) }));
    let mut rows = vec![
        ("Outcome", standing(run)),
        ("Why", html! { (trigger(run.trigger)) }),
        ("Started", ui::time(run.started_at)),
        ("Took", html! { (took(run, view.now())) }),
        ("Pages", html! { (run.pages) }),
    ];
    if let Some(since) = run.since_at {
        rows.push(("Changes since", ui::time(since)));
    }
    if let Some(resume) = run.resume_at {
        rows.push(("Goes on at", ui::time(resume)));
    }
    rows.extend(counted);
    html! {
        @if let Some(detail) = &run.detail { p .note { (detail) } }
        (ui::facts(&rows))
    }
}

async fn one(
    view: View,
    engine: web::Data<Engine>,
    request: HttpRequest,
    ids: Ids<AutomationId>,
) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, ids.0).await?;
    let automations = engine.automations();
    let shown = automations.get(view.caller(), ids.0, ids.1).await?;
    let run = automations
        .one_run(view.caller(), ids.0, ids.1, id_at(&request, "run")?)
        .await?;
    let own = rest_of(ids.1);
    let way = [("Automations", REST), (title(&shown), own.as_str())];
    let rows: Vec<Markup> = run
        .errors
        .kept
        .iter()
        .map(|error| {
            html! {
                tr {
                    td .long { @match &error.key { Some(key) => code { (key) }, None => (ui::dash()) } }
                    td .long { (error.message) }
                }
            }
        })
        .collect();
    let content = html! {
        (of.head(&view, &way, "Run", &html! {}))
        (ui::live("run", EVENTS, &html! {
            div .card data-live-clock[run.finished_at.is_none()] { (facts(&view, &run)) }
            h2 { "Errors of single records" }
            @if rows.is_empty() {
                p .quiet { "None." }
            } @else {
                @if run.errors.total > u64::try_from(rows.len()).unwrap_or(u64::MAX) {
                    p { "The first " (rows.len()) " of " (run.errors.total) "." }
                }
                (ui::table("Errors of single records", &["Record", "What happened"], &rows))
            }
        }))
    };
    Ok(view.page(HERE, &format!("Run of {}", title(&shown)), &content))
}

//! The history of a call's runs, and one run with what was kept of it.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use super::{HERE, View, outcome_badge, path, samples, ui};
use crate::{
    domain::{
        ids::{CallApiId, RunId},
        rights::Right,
    },
    engine::{
        Engine,
        runs::{Run, RunDetails},
    },
    error::{Error, Result},
    gateway::{
        json::{PathId, Query},
        page::PageQuery,
    },
};

const HEADINGS: &[&str] = &[
    "Started",
    "Outcome",
    "Trigger",
    "Status",
    "Created",
    "Known already",
    "Duration",
    "Error",
];
/// Longest error that a row shows, characters.
const ERROR_CHARACTERS_MAX: usize = 200;

pub(super) async fn list(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    query: Query<PageQuery>,
) -> Result<HttpResponse> {
    let page = query.0.page()?;
    let cursor = page.cursor.clone();
    let call = engine.call_apis().get(view.caller(), id.0).await?;
    let runs = engine.runs().list(view.caller(), id.0, page).await?;
    let (name, own) = (&call.definition.name, path(id.0));
    let rows: Vec<Markup> = runs.items.iter().map(|run| row(&view, run)).collect();
    let content = html! {
        @if rows.is_empty() {
            (ui::empty("There are no runs.", "It runs at its due times once it is active, or when you press Run now on its page. \
                Runs are kept for a while, then purged.", &ui::link_button(&view, &own, "To the call API")))
        } @else {
            (ui::table(&format!("Runs of {name}"), HEADINGS, &rows))
        }
        (ui::pager(&view, &format!("{own}/runs"), "", cursor.as_deref(), runs.next_cursor.as_deref()))
    };
    let title = format!("Runs of {name}");
    let whole = html! {
        (ui::head(&view, &way(name, &own, ""), &title, &transactions(&view, id.0)))
        (ui::live("runs", "run.finished", &content))
    };
    Ok(view.page(HERE, &title, &whole))
}

pub(super) async fn detail(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let text = request.match_info().get("run").unwrap_or_default();
    let run_id: RunId = text.parse().map_err(|_| Error::not_found("run", text))?;
    let call = engine.call_apis().get(view.caller(), id.0).await?;
    let details = engine.runs().get(view.caller(), run_id).await?;
    if details.run.call_api_id != id.0 {
        return Err(Error::not_found("run", run_id));
    }
    let (name, own) = (&call.definition.name, path(id.0));
    let runs = format!("{own}/runs");
    let whole = html! {
        (ui::head(&view, &way(name, &own, &runs), "Run", &transactions(&view, id.0)))
        (ui::live("run", "run.finished", &shown(&details)))
    };
    Ok(view.page(HERE, &format!("Run of {name}"), &whole))
}

/// The way to a page of runs; `runs` is empty on their list.
fn way<'a>(name: &'a str, own: &'a str, runs: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut way = super::WAY.to_vec();
    way.push((name, own));
    if !runs.is_empty() {
        way.push(("Runs", runs));
    }
    way
}

fn transactions(view: &View, id: CallApiId) -> Markup {
    html! {
        @if view.may(Right::TransactionsRead) {
            (ui::link_button(view, &format!("/transactions?callApiId={id}"), "Transactions"))
        }
    }
}

fn row(view: &View, run: &Run) -> Markup {
    let error = run.error.as_ref().map(|error| samples::text(error, "message"));
    let error: String = error.unwrap_or_default().chars().take(ERROR_CHARACTERS_MAX).collect();
    html! {
        tr {
            th scope="row" { a href=(view.url(&format!("{}/runs/{}", path(run.call_api_id), run.id))) { (ui::time(run.started_at)) } }
            td { (outcome_badge(run.outcome)) }
            td { (run.trigger) }
            td { @if let Some(status) = run.http_status { (status) } @else { (ui::dash()) } }
            td .number { (run.created) }
            td .number { (run.duplicates) }
            td .nowrap { @if let Some(ms) = run.duration_ms { (ui::duration(ms)) } @else { (ui::dash()) } }
            td .long { (error) }
        }
    }
}

fn shown(details: &RunDetails) -> Markup {
    let run = &details.run;
    html! {
        @if let Some(error) = &run.error { (samples::error(error)) }
        div .card {
            (ui::facts(&[
                ("Outcome", outcome_badge(run.outcome)),
                ("Trigger", html! { (run.trigger) }),
                ("Due", ui::time(run.due_at)),
                ("Started", ui::time(run.started_at)),
                ("Finished", ui::time_or_dash(run.finished_at)),
                ("Duration", html! { @if let Some(ms) = run.duration_ms { (ui::duration(ms)) } @else { (ui::dash()) } }),
                ("Transactions created", html! { (run.created) }),
                ("Known already", html! { (run.duplicates) }),
                ("Due times passed over before it", html! { (run.skipped) }),
                ("Answer", samples::status(run.http_status.map(u64::from))),
            ]))
        }
        h2 { "Logs" }
        (samples::logs(&details.logs))
        h2 { "Request" }
        @match &details.request {
            Some(request) => (samples::request(request)),
            None => p .quiet { "No sample of the request was kept: of runs that go well only some are." },
        }
        h2 { "Response" }
        @match &details.response {
            Some(response) => (samples::response(response)),
            None => p .quiet { "No sample of the response was kept." },
        }
    }
}

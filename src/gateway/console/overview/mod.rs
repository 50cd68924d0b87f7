//! The first page: what runs, what is late, what failed and why, the last hour in charts, and a picture of the engine.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};

use super::{kinds::EVENTS, shell::Here, ui, view::View};
use crate::{
    domain::rights::Right,
    engine::{
        Engine,
        overview::{Census, Overview},
    },
    error::Result,
};

mod charts;
mod lists;
mod picture;

use picture::grouped;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("").route(web::get().to(overview)));
}

async fn overview(view: View, engine: web::Data<Engine>) -> Result<HttpResponse> {
    let overview = engine.overview(view.caller()).await?;
    let content = html! {
        (ui::head(&view, &[], "Overview", &html! {}))
        @if overview.has_calls == Some(false) && view.may(Right::CallsManage) { (first_call(&view)) }
        (ui::live("now", EVENTS, &html! { span data-live-clock hidden {} (tiles(&view, &overview)) }))
        @if let Some(hour) = &overview.hour { (ui::live("hour", EVENTS, &charts::charts(hour))) }
        @if let Some(census) = &overview.census {
            section .card aria-labelledby="engine-title" {
                h2 #engine-title { "The engine" }
                (ui::live("engine", EVENTS, &picture::picture(&view, &overview, census)))
            }
        }
        (ui::live("lists", EVENTS, &lists(&view, &overview)))
    };
    Ok(view.page(Here::Overview, "Overview", &content))
}

/// Nothing is there yet: the way to the first call.
fn first_call(view: &View) -> Markup {
    html! {
        section .welcome aria-labelledby="welcome-title" {
            h2 #welcome-title { "Create your first call" }
            p {
                "A call API asks another system for data, again and again, and makes transactions of what is new. "
                "Give it a name, an address and how often; try it with Test URL and Run response; then activate it."
            }
            div .buttons {
                (ui::main_button(view, "/call-apis/new", "New API call"))
                @if view.may(Right::ClientsManage) { (ui::link_button(view, "/clients", "Credentials for it")) }
            }
        }
    }
}

/// The numbers, each a link to what it counts.
fn tiles(view: &View, overview: &Overview) -> Markup {
    let census = overview.census.as_ref();
    let hour = overview.hour.as_deref().unwrap_or_default();
    let failed: u64 = hour.iter().map(|minute| minute.failures).sum();
    html! {
        ul .tiles {
            @if let Some(census) = census {
                (tile("#running", "Running now", &grouped(census.going.count), "busy", census.going.count > 0, ""))
                (tile(&view.url("/actors?phase=waiting"), "Due in a minute", &grouped(census.due.count), "", false, ""))
                (tile("#late", "Late", &grouped(census.late.count), "warn", census.late.count > 0, &latest(census)))
                (tile("#help", "Need a person", &grouped(census.troubled.count), "bad", census.troubled.count > 0, ""))
            }
            @if overview.hour.is_some() {
                (tile("#failed", "Failed, last hour", &grouped(failed), "bad", failed > 0, ""))
            }
            @if overview.has_calls.is_some() || !overview.deactivated.is_empty() {
                @let count = overview.deactivated.len();
                @let text = if overview.more_deactivated { format!("{count}+") } else { count.to_string() };
                (tile("#deactivated", "Deactivated", &text, "warn", count > 0, ""))
            }
        }
    }
}

/// A number; coloured, and said to be so by a word, only where there is something to look at.
fn tile(path: &str, name: &str, number: &str, class: &str, is_lit: bool, more: &str) -> Markup {
    let class = if is_lit { class } else { "" };
    html! {
        li .tile .(class) {
            // A link to a list that is not there would lead nowhere.
            @if is_lit || !path.starts_with('#') {
                a href=(path) { span .label { (name) } span .figure { (number) } }
            } @else {
                div { span .label { (name) } span .figure { (number) } }
            }
            @if !more.is_empty() { span .quiet { (more) } }
        }
    }
}

fn latest(census: &Census) -> String {
    let latest = census.late.first.first().and_then(|actor| actor.due_us);
    let late = latest.map(|due_us| u64::try_from(census.at_us.saturating_sub(due_us)).unwrap_or(0));
    late.map_or_else(String::new, |late| format!("by {}", charts::span(late)))
}

fn lists(view: &View, overview: &Overview) -> Markup {
    html! {
        @if let Some(census) = &overview.census {
            (lists::troubled(view, overview, census))
            (lists::late(view, overview, census))
            (lists::going(view, overview, census))
        }
        @if overview.has_calls.is_some() || !overview.failures.is_empty() { (lists::failures(view, overview)) }
        (lists::deactivated(view, overview))
        @if overview.census.is_none() && overview.hour.is_none() {
            (ui::empty("Nothing to see here for you", "What runs is shown to people with the rights calls.read or actors.inspect; \
                      the menu has what you may use.", &html! {}))
        }
    }
}

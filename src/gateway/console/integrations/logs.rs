//! Exchange → Integrations → Logs: the runs, newest first.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::{inside, moment, newest, next_cursor, number, outcome_badge, tabs, text};
use crate::{
    domain::odata::{Entity, EntitySet},
    engine::Engine,
    error::Result,
    gateway::{
        console::{shell::Here, ui, view::View},
        json::Query,
    },
};

/// Runs of a page.
const PAGE: u64 = 50;

/// Which runs.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// Of one client integration.
    #[serde(default)]
    client: Option<i64>,
    /// Below this number.
    #[serde(default)]
    cursor: Option<i64>,
}

pub(super) async fn list(view: View, engine: web::Data<Engine>, asked: Query<Asked>) -> Result<HttpResponse> {
    let asked = asked.0;
    let of_client = asked.client.map(|client| format!("ClientIntegrationId eq {client}"));
    let conditions = of_client.into_iter().collect();
    let found = newest(&view, &engine, EntitySet::ActionLogs, conditions, asked.cursor, PAGE).await?;
    let rows: Vec<Markup> = found.entities.iter().map(|log| row(&view, log)).collect();
    let next = next_cursor(&found);
    let query = asked
        .client
        .map(|client| format!("client={client}"))
        .unwrap_or_default();
    let headings = [
        "Began",
        "Integration",
        "Outcome",
        "Trigger",
        "Selected",
        "Completed",
        "Failed",
        "Abandoned",
        "Message",
    ];
    let content = html! {
        (ui::head(&view, &[("Exchange", ""), ("Integrations", "/integrations")], "Logs", &html! {}))
        (tabs(&view, "/integrations/logs"))
        (ui::live("logs", "integration.run.finished", &html! {
            @if rows.is_empty() {
                (ui::empty("Nothing has run yet.", "Each run of an integration that this tenant uses leaves a line here.",
                    &ui::link_button(&view, "/integrations", "To the integrations")))
            } @else { (ui::table("Runs of integrations", &headings, &rows)) }
        }))
        (ui::pager(&view, "/integrations/logs", &query, asked.cursor.map(|id| id.to_string()).as_deref(), next.as_deref()))
    };
    Ok(view.page(Here::Integrations, "Logs", &content))
}

fn row(view: &View, log: &Entity) -> Markup {
    let integration = inside(log, "Integration").map_or("", |one| text(one, "IntegrationName"));
    html! {
        tr {
            td { (ui::time_or_dash(moment(log, "StartedAt"))) }
            td { a href=(view.url(&format!("/integrations/definitions/{}", number(log, "IntegrationId").unwrap_or_default()))) { (integration) } }
            td { (outcome_badge(text(log, "Outcome"))) }
            td { (text(log, "Trigger")) }
            @for name in ["Selected", "Completed", "Failed", "Abandoned"] { td .number { (number(log, name).unwrap_or_default()) } }
            td .long { (text(log, "Message")) }
        }
    }
}

/// One run.
pub(super) fn facts(log: &Entity) -> Markup {
    html! {
        div .card {
            (ui::facts(&[
                ("Outcome", outcome_badge(text(log, "Outcome"))),
                ("Began", ui::time_or_dash(moment(log, "StartedAt"))),
                ("Ended", ui::time_or_dash(moment(log, "FinishedAt"))),
                ("Trigger", html! { (text(log, "Trigger")) }),
                ("Message", html! { (text(log, "Message")) }),
            ]))
        }
    }
}

//! Exchange → Queue: what is to be processed, what became of it, and what people do about it.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::{inside, item_badge, moment, newest, next_cursor, number, one, quoted, text};
use crate::{
    domain::{
        integration::QueueState,
        odata::{Entity, EntitySet, Listed},
    },
    engine::Engine,
    error::{Code, Error, Result},
    gateway::{
        console::{form::Form, json_field, shell::Here, ui, view::View},
        json::Query,
    },
};

const HERE: Here = Here::Queue;
const SET: EntitySet = EntitySet::IntegrationQueues;
/// Items of a page.
const PAGE: u64 = 50;
/// Items that one form acts on: those of a page.
const MANY_MAX: usize = 50;
/// Events after which lists are made anew.
const KINDS: &str = "integration.run.finished integration.disabled";
/// What can be done with an item, and how it is said.
const ACTIONS: [(&str, &str); 3] = [("Retry", "retried"), ("Cancel", "cancelled"), ("Execute", "processed")];

/// Which items.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    state: String,
    /// Of one client integration.
    #[serde(default)]
    client: Option<i64>,
    /// Below this number.
    #[serde(default)]
    cursor: Option<i64>,
}

pub(super) async fn list(view: View, engine: web::Data<Engine>, asked: Query<Asked>) -> Result<HttpResponse> {
    let asked = asked.0;
    let found = items(&view, &engine, &asked).await?;
    let rows: Vec<Markup> = found.entities.iter().map(|item| row(&view, item)).collect();
    let next = next_cursor(&found);
    let query = written(&asked);
    let headings = ["Choose", "Item", "State", "Integration", "Attempt", "Due", "Result"];
    let content = html! {
        (ui::head(&view, &[("Exchange", "")], "Queue", &html! {}))
        (filters(&view, &asked))
        (ui::live("items", KINDS, &html! {
            @if rows.is_empty() {
                (ui::empty("There is no such item.", "Rows become items when an integration that this tenant uses runs by its schedule.",
                    &ui::link_button(&view, "/integrations", "To the integrations")))
            } @else {
                form method="post" action=(view.url("/queue")) {
                    (ui::token(&view))
                    (ui::table("Items of the queue", &headings, &rows))
                    div .buttons {
                        button type="submit" name="action" value="Retry" { "Retry the chosen" }
                        button .danger type="submit" name="action" value="Cancel"
                            data-ask="Cancel the chosen items? They are not processed any more." { "Cancel the chosen" }
                    }
                }
            }
        }))
        (ui::pager(&view, "/queue", &query, asked.cursor.map(|id| id.to_string()).as_deref(), next.as_deref()))
    };
    Ok(view.page(HERE, "Queue", &content))
}

async fn items(view: &View, engine: &Engine, asked: &Asked) -> Result<Listed> {
    let mut conditions = Vec::new();
    if !asked.state.is_empty() {
        conditions.push(format!("IntegrationQueueStateId eq {}", quoted(&asked.state)));
    }
    if let Some(client) = asked.client {
        conditions.push(format!("ClientIntegrationId eq {client}"));
    }
    newest(view, engine, SET, conditions, asked.cursor, PAGE).await
}

fn written(asked: &Asked) -> String {
    let mut parts = Vec::new();
    if !asked.state.is_empty() {
        parts.push(format!("state={}", ui::encoded(&asked.state)));
    }
    if let Some(client) = asked.client {
        parts.push(format!("client={client}"));
    }
    parts.join("&")
}

fn filters(view: &View, asked: &Asked) -> Markup {
    html! {
        form .filters method="get" action=(view.url("/queue")) {
            @if let Some(client) = asked.client { input type="hidden" name="client" value=(client); }
            div {
                label for="state" { "State" }
                select #state name="state" {
                    option value="" { "all" }
                    @for state in QueueState::ALL {
                        option value=(state) selected[state.as_str() == asked.state] { (state) }
                    }
                }
            }
            button type="submit" { "Show" }
        }
    }
}

fn row(view: &View, item: &Entity) -> Markup {
    let id = number(item, "IntegrationQueueId").unwrap_or_default();
    let name = text(item, "ItemName");
    let name = if name.is_empty() { text(item, "ItemId") } else { name };
    let integration = inside(item, "Integration").map_or("", |one| text(one, "IntegrationName"));
    html! {
        tr {
            td { input type="checkbox" name="id" value=(id) aria-label={ "Choose " (name) }; }
            td .long { a href=(view.url(&format!("/queue/{id}"))) { (name) } }
            td { (item_badge(text(item, "IntegrationQueueStateId"))) }
            td { a href=(view.url(&format!("/integrations/definitions/{}", number(item, "IntegrationId").unwrap_or_default()))) { (integration) } }
            td .number { (number(item, "Attempt").unwrap_or_default()) }
            td { (ui::time_or_dash(moment(item, "DueAt"))) }
            td .long { (text(item, "Result")) }
        }
    }
}

pub(super) async fn show(view: View, engine: web::Data<Engine>, id: web::Path<i64>) -> Result<HttpResponse> {
    let item = one(
        &view,
        &engine,
        SET,
        *id,
        "Integration($select=IntegrationName),ActionLog",
    )
    .await?;
    let name = text(&item, "ItemName");
    let title = if name.is_empty() { text(&item, "ItemId") } else { name };
    Ok(view.page(HERE, title, &page(&view, *id, title, &item)))
}

fn page(view: &View, id: i64, title: &str, item: &Entity) -> Markup {
    let state = text(item, "IntegrationQueueStateId");
    let path = |action: &str| format!("/queue/{id}/{action}");
    let actions = html! {
        @if matches!(state, "Failed" | "Abandoned" | "Cancelled" | "Completed") { (ui::act(view, &path("Retry"), "Retry")) }
        @if matches!(state, "Pending" | "Failed") {
            (ui::act(view, &path("Execute"), "Execute now"))
            (ui::act_asking(view, &path("Cancel"), "Cancel item", &format!("Cancel the item {title}? It is not processed any more."), "danger"))
        }
    };
    let integration = number(item, "IntegrationId").unwrap_or_default();
    let name = inside(item, "Integration").map_or("", |one| text(one, "IntegrationName"));
    let log = inside(item, "ActionLog");
    html! {
        (ui::head(view, &[("Exchange", ""), ("Queue", "/queue")], title, &ui::live_actions(KINDS, &actions)))
        (ui::live("item", KINDS, &html! {
            div .card {
                (ui::facts(&[
                    ("State", item_badge(state)),
                    ("Attempts", html! { (number(item, "Attempt").unwrap_or_default()) }),
                    ("Due", ui::time_or_dash(moment(item, "DueAt"))),
                    ("Integration", html! { a href=(view.url(&format!("/integrations/definitions/{integration}"))) { (name) } }),
                    ("Row", html! { code { (text(item, "ItemId")) } }),
                    ("Version of the row", html! { (number(item, "ItemVersion").unwrap_or_default()) }),
                    ("Row changed", ui::time_or_dash(moment(item, "ItemUpdatedOn"))),
                    ("Queued", ui::time_or_dash(moment(item, "CreatedAt"))),
                    ("Changed", ui::time_or_dash(moment(item, "UpdatedAt"))),
                ]))
                @if !text(item, "Result").is_empty() { h2 { "Result" } (ui::code(&json_field::pretty(text(item, "Result")))) }
            }
            @if let Some(log) = log { h2 { "Last run" } (super::logs::facts(log)) }
        }))
    }
}

pub(super) async fn act(view: View, engine: web::Data<Engine>, path: web::Path<(i64, String)>) -> Result<HttpResponse> {
    let (id, action) = path.into_inner();
    let said = ACTIONS.iter().find(|(known, _)| *known == action);
    let said = said.map_or("changed", |(_, said)| said);
    engine
        .integrations()
        .act(view.caller(), SET, id, &action, &json!({}))
        .await?;
    Ok(view.redirect_saying(&format!("/queue/{id}"), &format!("The item is {said}.")))
}

/// The same for those that are ticked; what cannot be done is counted, and the rest is done. Not `Execute`, which waits for each.
pub(super) async fn act_on_many(view: View, engine: web::Data<Engine>, form: Form) -> Result<HttpResponse> {
    let action = form.text("action");
    let offered = ACTIONS.iter().filter(|(known, _)| *known != "Execute");
    let Some((action, said)) = offered.copied().find(|(known, _)| *known == action) else {
        return Err(Error::new(
            Code::BadRequest,
            "Choose what is to be done with the items.",
        ));
    };
    let ids: BTreeSet<i64> = form.all("id").filter_map(|id| id.parse().ok()).collect();
    if ids.len() > MANY_MAX {
        let message = format!("More than {MANY_MAX} items cannot be {said} at once.");
        return Err(Error::new(Code::BadRequest, message));
    }
    let (mut done, mut refused) = (0_u32, Vec::new());
    for id in ids {
        match engine
            .integrations()
            .act(view.caller(), SET, id, action, &json!({}))
            .await
        {
            Ok(_) => done += 1,
            Err(error) if error.code == Code::Internal => return Err(error),
            Err(error) => refused.push(format!("{id}: {error}")),
        }
    }
    let first = refused
        .first()
        .map(|why| format!(" {} not; {why}", refused.len()))
        .unwrap_or_default();
    Ok(view.redirect_saying("/queue", &format!("{done} items are {said}.{first}")))
}

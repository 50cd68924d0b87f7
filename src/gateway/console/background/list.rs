//! The list: the person's own requests, and for administrators everybody's.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::{ABOVE, EVENTS, HERE, badge, sender};
use crate::{
    domain::{background::Status, ids::UserId, rights::Right},
    engine::{Engine, background::Operation},
    error::{Error, Result},
    gateway::{
        console::{ui, view::View},
        json::Query,
        page,
    },
};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListQuery {
    status: String,
    /// `all` or nothing.
    of: String,
    cursor: Option<String>,
}

impl ListQuery {
    fn status(&self) -> Result<Option<Status>> {
        if self.status.is_empty() {
            return Ok(None);
        }
        let found = Status::ALL.into_iter().find(|status| status.as_str() == self.status);
        found
            .map(Some)
            .ok_or_else(|| Error::invalid_field("status", "must be Queued, Started, Finished, Failed or Cancelled"))
    }

    fn text(&self) -> String {
        ui::query(&[("status", &self.status), ("of", &self.of)])
    }
}

pub(super) async fn list(view: View, engine: web::Data<Engine>, query: Query<ListQuery>) -> Result<HttpResponse> {
    let query = query.0;
    let status = query.status()?;
    let page = page::page(None, query.cursor.clone().filter(|cursor| !cursor.is_empty()))?;
    let cursor = page.cursor.clone();
    let of_all = query.of == "all" && view.may(Right::UsersManage);
    let found = match of_all {
        true => engine.background().list_of_all(view.caller(), status, page).await?,
        false => engine.background().list(view.caller(), status, None, page).await?,
    };
    let names = match of_all {
        true => {
            engine
                .names()
                .users(view.caller(), found.items.iter().filter_map(|item| item.user_id))
                .await?
        }
        false => HashMap::new(),
    };
    let rows: Vec<Markup> = found
        .items
        .iter()
        .map(|item| row(&view, item, of_all, &names))
        .collect();
    let mut headings = vec!["Request", "Status", "Reference", "Received", "Ended", "Notified"];
    if of_all {
        headings.insert(2, "Sent by");
    }
    // What waits or runs goes on without an event of its own.
    let moves = found.items.iter().any(|item| !item.status.is_end());
    let list = html! {
        @if rows.is_empty() { (empty(&view, &query)) } @else { (ui::table("Background requests", &headings, &rows)) }
        @if moves { span data-live-clock {} }
        (ui::pager(&view, "/background", &query.text(), cursor.as_deref(), found.next_cursor.as_deref()))
    };
    let content = html! {
        (ui::head(&view, ABOVE, "Background requests", &html! {}))
        (filters(&view, &query, of_all))
        (ui::live("background", EVENTS, &list))
    };
    Ok(view.page(HERE, "Background requests", &content))
}

fn filters(view: &View, query: &ListQuery, of_all: bool) -> Markup {
    html! {
        form .filters method="get" action=(view.url("/background")) {
            div .field {
                label for="f-status" { "Status" }
                select #f-status name="status" {
                    option value="" { "any" }
                    @for status in Status::ALL { option value=(status) selected[query.status == status.as_str()] { (status) } }
                }
            }
            @if view.may(Right::UsersManage) {
                div .field {
                    label for="f-of" { "Sent by" }
                    select #f-of name="of" {
                        option value="" { "me" }
                        option value="all" selected[of_all] { "everybody in this tenant" }
                    }
                }
            }
            div .buttons {
                button type="submit" { "Filter" }
                @if !query.text().is_empty() { a href=(view.url("/background")) { "Show all of mine" } }
            }
        }
    }
}

fn row(view: &View, item: &Operation, of_all: bool, names: &HashMap<UserId, String>) -> Markup {
    html! {
        tr {
            td .long { a href=(view.url(&format!("/background/{}", item.id))) { (item.method) " " (item.original_uri) } }
            td .nowrap { (badge(item)) }
            @if of_all { td { (sender(item.user_id, names)) } }
            td .long { @match &item.reference { Some(text) => (text), None => (ui::dash()) } }
            td { (ui::time(item.received_at)) }
            td { (ui::time_or_dash(item.finished_at)) }
            td .long { (item.webhook_address) }
        }
    }
}

fn empty(view: &View, query: &ListQuery) -> Markup {
    if query.status.is_empty() {
        let hint = "Send any request with the header erp-api-background: it is answered at once, executed later, and shown here.";
        return ui::empty("There are no background requests", hint, &html! {});
    }
    let action = ui::link_button(view, "/background", "Show all of mine");
    ui::empty(
        &format!("No background request is {}", query.status),
        "Those that ended are kept for a day unless the settings say otherwise.",
        &action,
    )
}

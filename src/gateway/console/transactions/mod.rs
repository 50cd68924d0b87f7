//! Data → Transactions: what calls, integrations and people brought. `filter` says which are listed, `many` settles those that
//! are ticked, `detail` shows one with its changes, `edit` makes and edits them by hand.

use std::collections::HashMap;

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};

use super::{
    shell::Here,
    ui::{self, Tone, Wrong},
    view::View,
};
use crate::{
    domain::{
        ids::{CallApiId, UserId},
        rights::Right,
        transaction::TransactionStatus,
    },
    engine::{Engine, transactions::Transaction},
    error::Result,
    gateway::{json::Query, page},
    store::Paged,
};

mod detail;
mod edit;
mod filter;
mod many;

use filter::ListQuery;

const HERE: Here = Here::Transactions;
/// The way to the list.
const ABOVE: &[(&str, &str)] = &[("Data", "")];
/// The way to what the list holds.
const WAY: &[(&str, &str)] = &[("Data", ""), ("Transactions", "/transactions")];

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/transactions")
                .route(web::get().to(list))
                .route(web::post().to(edit::create)),
        )
        // Before the ids, of which these are none.
        .service(web::resource("/transactions/new").route(web::get().to(edit::new)))
        .service(web::resource("/transactions/commit").route(web::post().to(many::commit)))
        .service(web::resource("/transactions/discard").route(web::post().to(many::discard)))
        .service(web::resource("/transactions/{id}").route(web::get().to(detail::detail)))
        .service(web::resource("/transactions/{id}/data").route(web::get().to(detail::data)))
        .service(
            web::resource("/transactions/{id}/edit")
                .route(web::get().to(edit::edit))
                .route(web::post().to(edit::save)),
        )
        .service(web::resource("/transactions/{id}/commit").route(web::post().to(detail::commit)))
        .service(web::resource("/transactions/{id}/discard").route(web::post().to(detail::discard)));
}

async fn list(view: View, engine: web::Data<Engine>, query: Query<ListQuery>) -> Result<HttpResponse> {
    listed(&view, &engine, &query.0, None).await
}

/// The list, with what there is to be said of the request before.
async fn listed(view: &View, engine: &Engine, query: &ListQuery, told: Option<Markup>) -> Result<HttpResponse> {
    let filter = match query.filter(view, engine).await {
        Ok(filter) => filter,
        Err(error) => {
            return view.again(error, HERE, "Transactions", |wrong| {
                html! { (head(view)) (wrong.summary()) (query.form(view, wrong)) }
            });
        }
    };
    let page = page::page(None, query.cursor())?;
    let found = engine.transactions().list(view.caller(), filter, page).await?;
    let names = Names::of(view, engine, &found.items).await?;
    let content = html! {
        (head(view))
        @if let Some(told) = &told { (told) }
        (query.form(view, &Wrong::default()))
        (rows_to_settle(view, query, &found, &names))
    };
    let status = if told.is_some() {
        StatusCode::CONFLICT
    } else {
        StatusCode::OK
    };
    Ok(view.answer(status, HERE, "Transactions", &content))
}

fn head(view: &View) -> Markup {
    let new = html! {
        @if view.may(Right::TransactionsCreate) { (ui::main_button(view, "/transactions/new", "New transaction")) }
    };
    ui::head(view, ABOVE, "Transactions", &new)
}

/// The rows, with the buttons for those that are ticked.
fn rows_to_settle(view: &View, query: &ListQuery, found: &Paged<Transaction>, names: &Names) -> Markup {
    let may_settle = view.may(Right::TransactionsCommit);
    let rows: Vec<Markup> = found
        .items
        .iter()
        .map(|item| row(view, item, names, may_settle))
        .collect();
    let mut headings = vec!["Identifier", "Status", "Call API", "Created", "Committed"];
    if may_settle {
        headings.insert(0, "Tick");
    }
    let list = html! {
        @if rows.is_empty() { (query.empty(view)) } @else { (ui::table("Transactions", &headings, &rows)) }
        (ui::pager(view, "/transactions", &query.text(), query.cursor.as_deref(), found.next_cursor.as_deref()))
    };
    let list = ui::live("transactions", "transaction.ready run.finished", &list);
    if !may_settle {
        return list;
    }
    let to = |verb: &str| view.url(&format!("/transactions/{verb}?{}", query.text()));
    html! {
        form method="post" action=(to("commit")) {
            (ui::token(view))
            (list)
            @if query.has_waiting() {
                div .many {
                    button type="button" hidden data-tick-all="ids" { "Tick all" }
                    button type="submit" data-ask="Commit the ticked transactions? They become final and are announced to integrations." { "Commit ticked" }
                    button .danger type="submit" formaction=(to("discard"))
                        data-ask="Discard the ticked transactions? They are put away for good and never announced." { "Discard ticked" }
                }
            }
        }
    }
}

fn row(view: &View, item: &Transaction, names: &Names, may_settle: bool) -> Markup {
    let waits = item.status == TransactionStatus::Preparation;
    html! {
        tr {
            @if may_settle {
                td .choose {
                    @if waits {
                        label {
                            input type="checkbox" name="ids" value=(item.id);
                            span .hidden { "Tick " (item.identifier) }
                        }
                    }
                }
            }
            td .long { a href=(view.url(&format!("/transactions/{}", item.id))) { (item.identifier) } }
            td { (badge(item.status)) }
            td { (names.call(view, item.call_api_id)) }
            td { (ui::time(item.created_at)) }
            td { (ui::time_or_dash(item.committed_at)) }
        }
    }
}

fn badge(status: TransactionStatus) -> Markup {
    match status {
        TransactionStatus::Preparation => ui::badge(Tone::Warn, "in preparation"),
        TransactionStatus::Ready => ui::badge(Tone::Good, "ready"),
        TransactionStatus::Discarded => ui::badge(Tone::Quiet, "discarded"),
    }
}

/// What the calls and users are called that a page mentions.
#[derive(Default)]
struct Names {
    calls: HashMap<CallApiId, String>,
    users: HashMap<UserId, String>,
}

impl Names {
    async fn of(view: &View, engine: &Engine, items: &[Transaction]) -> Result<Self> {
        let calls = items.iter().filter_map(|item| item.call_api_id);
        Ok(Self {
            calls: engine.names().call_apis(view.caller(), calls).await?,
            users: HashMap::new(),
        })
    }

    fn call(&self, view: &View, id: Option<CallApiId>) -> Markup {
        match id {
            None => html! { span .quiet { "by hand" } },
            Some(id) => match self.calls.get(&id) {
                Some(name) => html! { a href=(view.url(&format!("/call-apis/{id}"))) { (name) } },
                None => html! { span .quiet title=(id) { "a call that is gone" } },
            },
        }
    }

    fn user(&self, id: Option<UserId>) -> Markup {
        match id {
            None => html! { span .quiet { "a program" } },
            Some(id) => match self.users.get(&id) {
                Some(name) => html! { (name) },
                None => html! { span .quiet title=(id) { "a user who is not of this tenant (any more)" } },
            },
        }
    }
}

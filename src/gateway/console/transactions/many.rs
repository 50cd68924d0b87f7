//! Committing or discarding the transactions that are ticked in the list.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::{filter::ListQuery, listed};
use crate::{
    domain::ids::TransactionId,
    engine::{Engine, transactions::CommitError},
    error::{Code, Error, Result},
    gateway::{
        console::{form::Form, view::View},
        json::Query,
    },
};

/// Of so many that could not be settled, the identifier is shown.
const NAMED_MAX: usize = 20;

pub(super) async fn commit(
    view: View,
    engine: web::Data<Engine>,
    query: Query<ListQuery>,
    form: Form,
) -> Result<HttpResponse> {
    let ids = match ticked(&form) {
        Ok(ids) => ids,
        Err(told) => return listed(&view, &engine, &query.0, Some(told)).await,
    };
    let results = engine.transactions().commit_many(view.caller(), ids).await?;
    let results = results.into_iter().map(|result| (result.id, result.error)).collect();
    answer(&view, &engine, &query.0, "committed", results).await
}

pub(super) async fn discard(
    view: View,
    engine: web::Data<Engine>,
    query: Query<ListQuery>,
    form: Form,
) -> Result<HttpResponse> {
    let ids = match ticked(&form) {
        Ok(ids) => ids,
        Err(told) => return listed(&view, &engine, &query.0, Some(told)).await,
    };
    let results = engine.transactions().discard_many(view.caller(), ids).await?;
    let results = results.into_iter().map(|result| (result.id, result.error)).collect();
    answer(&view, &engine, &query.0, "discarded", results).await
}

fn ticked(form: &Form) -> std::result::Result<Vec<TransactionId>, Markup> {
    let ids: Vec<TransactionId> = form.all("ids").filter_map(|id| id.parse().ok()).collect();
    if ids.is_empty() {
        return Err(html! {
            div .refusal role="alert" tabindex="-1" data-focus { p { "No transaction was ticked, so nothing was done. Tick some in the list first." } }
        });
    }
    Ok(ids)
}

/// Back to the list; where something could not be done, with the reason for each.
async fn answer(
    view: &View,
    engine: &Engine,
    query: &ListQuery,
    done: &str,
    results: Vec<(TransactionId, Option<CommitError>)>,
) -> Result<HttpResponse> {
    let all = results.len();
    let failed: Vec<(TransactionId, CommitError)> = results
        .into_iter()
        .filter_map(|(id, error)| Some((id, error?)))
        .collect();
    if failed.is_empty() {
        let what = if all == 1 {
            "1 transaction is".to_owned()
        } else {
            format!("{all} transactions are")
        };
        let path = format!("/transactions?{}", query.text());
        return Ok(view.redirect_saying(path.trim_end_matches('?'), &format!("{what} {done}.")));
    }
    let mut rows = Vec::new();
    for (place, (id, error)) in failed.iter().enumerate() {
        let name = match place < NAMED_MAX {
            true => identifier(view, engine, *id).await?,
            false => None,
        };
        rows.push(html! {
            li {
                @if let Some(name) = name { a href=(view.url(&format!("/transactions/{id}"))) { (name) } } @else { code { (id) } }
                ": " (error.message)
            }
        });
    }
    let told = html! {
        div .refusal role="alert" tabindex="-1" data-focus {
            p { (all - failed.len()) " of " (all) " are " (done) "; these are not:" }
            ul { @for row in &rows { (row) } }
        }
    };
    listed(view, engine, query, Some(told)).await
}

async fn identifier(view: &View, engine: &Engine, id: TransactionId) -> Result<Option<String>> {
    match engine.transactions().get(view.caller(), id).await {
        Ok(found) => Ok(Some(found.identifier)),
        // Who may commit need not be allowed to read.
        Err(Error {
            code: Code::NotFound | Code::Forbidden,
            ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}

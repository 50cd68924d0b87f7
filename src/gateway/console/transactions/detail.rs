//! One transaction: where it stands, its data, who changed what, and what can be done with it.

use actix_web::{HttpResponse, http::header, web};
use maud::{Markup, html};

use super::{HERE, Names, WAY, badge};
use crate::{
    domain::{
        ids::TransactionId,
        json_patch::{Difference, differences},
        rights::Right,
        transaction::TransactionStatus,
    },
    engine::{
        Engine,
        transactions::{Transaction, TransactionChange},
    },
    error::{Code, Error, Result},
    gateway::{
        console::{form::Form, json_field, ui, view::View},
        json::{PathId, Query},
        page::PageQuery,
    },
    store::Paged,
};

/// Differences of one change that are shown.
const DIFFERENCES_MAX: usize = 100;
/// Longest value of a difference, bytes.
const VALUE_BYTES_MAX: usize = 600;

pub(super) async fn detail(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<TransactionId>,
    query: Query<PageQuery>,
) -> Result<HttpResponse> {
    let item = engine.transactions().get(view.caller(), id.0).await?;
    let page = query.0.page()?;
    let cursor = page.cursor.clone();
    let changes = engine.transactions().changes(view.caller(), id.0, page).await?;
    let mut names = Names::of(&view, &engine, std::slice::from_ref(&item)).await?;
    let users = [item.created_by, item.committed_by].into_iter().flatten();
    let users = users.chain(changes.items.iter().filter_map(|change| change.user_id));
    names.users = engine.names().users(view.caller(), users).await?;
    let path = format!("/transactions/{}", item.id);
    let live = html! {
        (facts(&view, &item, &names))
        h2 { "Data" }
        @match &item.data {
            Some(data) => (json_field::shown(data.get(), &view.url(&format!("{path}/data")))),
            None => p .note { "The data was erased when its retention time was over." },
        }
        h2 { "Changes" }
        (change_log(&changes, &names))
        (ui::pager(&view, &path, "", cursor.as_deref(), changes.next_cursor.as_deref()))
    };
    let content = html! {
        (ui::head(&view, WAY, &item.identifier, &ui::live_actions("transaction.ready", &actions(&view, &item))))
        (ui::live("transaction", "transaction.ready", &live))
    };
    Ok(view.page(HERE, &item.identifier, &content))
}

/// The data as a file.
pub(super) async fn data(view: View, engine: web::Data<Engine>, id: PathId<TransactionId>) -> Result<HttpResponse> {
    let item = engine.transactions().get(view.caller(), id.0).await?;
    let data = item.data.ok_or_else(|| {
        Error::new(
            Code::Gone,
            "The data of this transaction was erased when its retention time was over.",
        )
    })?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}.json\"", item.id),
        ))
        .body(data.get().to_owned()))
}

pub(super) async fn commit(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<TransactionId>,
    form: Form,
) -> Result<HttpResponse> {
    let done = engine.transactions().commit(view.caller(), id.0, form.version()).await;
    settled(&view, id.0, done, "committed")
}

pub(super) async fn discard(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<TransactionId>,
    form: Form,
) -> Result<HttpResponse> {
    let done = engine.transactions().discard(view.caller(), id.0, form.version()).await;
    settled(&view, id.0, done, "discarded")
}

/// Back to the transaction, which shows what it is now; also where somebody else was faster.
fn settled(view: &View, id: TransactionId, done: Result<Transaction>, word: &str) -> Result<HttpResponse> {
    let path = format!("/transactions/{id}");
    match done {
        Ok(item) => Ok(view.redirect_saying(&path, &format!("{} is {word}.", item.identifier))),
        Err(error) if error.code == Code::StaleVersion => Ok(view.redirect_saying(
            &path,
            &format!("It is not {word}: somebody changed it meanwhile. This is what it is now."),
        )),
        Err(error) => Err(error),
    }
}

fn actions(view: &View, item: &Transaction) -> Markup {
    if item.status != TransactionStatus::Preparation || !view.may(Right::TransactionsCommit) {
        return html! {};
    }
    let path = format!("/transactions/{}", item.id);
    html! {
        (ui::link_button(view, &format!("{path}/edit"), "Edit"))
        (act(view, item, &format!("{path}/commit"), "Commit", "primary",
            &format!("Commit {}? It becomes final and is announced to integrations.", item.identifier)))
        (act(view, item, &format!("{path}/discard"), "Discard", "danger",
            &format!("Discard {}? It is put away for good and never announced.", item.identifier)))
    }
}

/// A button for the version that the page shows.
fn act(view: &View, item: &Transaction, path: &str, verb: &str, class: &str, question: &str) -> Markup {
    html! {
        form .act method="post" action=(view.url(path)) {
            (ui::token(view))
            (ui::version(Some(item.version)))
            button .(class) type="submit" data-ask=(question) { (verb) }
        }
    }
}

fn facts(view: &View, item: &Transaction, names: &Names) -> Markup {
    let run = html! {
        @match (item.run_id, item.call_api_id) {
            (Some(run), Some(call)) if view.may(Right::CallsRead) => {
                a href=(view.url(&format!("/call-apis/{call}/runs/{run}"))) { "The run that created it" }
            }
            (Some(run), _) => code { (run) },
            (None, _) => (ui::dash()),
        }
    };
    ui::facts(&[
        ("Status", badge(item.status)),
        ("Call API", names.call(view, item.call_api_id)),
        ("Run", run),
        ("Created", ui::time(item.created_at)),
        ("Created by", names.user(item.created_by)),
        ("Committed", ui::time_or_dash(item.committed_at)),
        (
            "Committed by",
            html! { @if item.committed_at.is_some() { (names.user(item.committed_by)) } @else { (ui::dash()) } },
        ),
        ("Version", html! { (item.version) }),
        ("Id", html! { code { (item.id) } }),
    ])
}

fn change_log(changes: &Paged<TransactionChange>, names: &Names) -> Markup {
    if changes.items.is_empty() {
        return html! { p .quiet { "Nobody has changed it since it was created." } };
    }
    html! {
        ol .changes .card {
            @for change in &changes.items {
                li {
                    h3 { (said(&change.kind)) " by " (names.user(change.user_id)) ", " (ui::time(change.at)) }
                    @if let (Some(before), Some(after)) = (&change.before, &change.after) {
                        (differing(before.get(), after.get()))
                    }
                }
            }
        }
    }
}

fn said(kind: &str) -> &str {
    match kind {
        "edit" => "Edited",
        "commit" => "Committed",
        "discard" => "Discarded",
        other => other,
    }
}

/// The members that an edit changed.
fn differing(before: &str, after: &str) -> Markup {
    let found = differences(before, after, DIFFERENCES_MAX);
    if found.shown.is_empty() {
        return html! { p .quiet { "Nothing but the order or the blanks of the data changed." } };
    }
    html! {
        div .scroll tabindex="0" role="region" aria-label="What changed" {
            table .differences {
                caption .hidden { "What changed" }
                thead { tr { th scope="col" { "Member" } th scope="col" { "Before" } th scope="col" { "After" } } }
                tbody { @for one in &found.shown { (difference(one)) } }
            }
        }
        @if found.more > 0 { p .quiet { "And " (found.more) " more members." } }
    }
}

fn difference(one: &Difference) -> Markup {
    let value = |text: &str| {
        let (cut, is_cut) = json_field::cut(text, VALUE_BYTES_MAX);
        html! { (cut) @if is_cut { "…" } }
    };
    html! {
        tr {
            th scope="row" { @if one.path.is_empty() { "(everything)" } @else { (one.path) } }
            td { @match &one.before { Some(text) => del { (value(text)) }, None => span .quiet { "was not there" } } }
            td { @match &one.after { Some(text) => ins { (value(text)) }, None => span .quiet { "taken away" } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_shown_as_text_and_cut() {
        let long = "x".repeat(2_000);
        let shown = differing(r#"{"a":"<b>","l":1}"#, &format!(r#"{{"a":"<i>","n":"{long}"}}"#)).into_string();
        assert!(shown.contains("<del>&quot;&lt;b&gt;&quot;</del>"), "{shown}");
        assert!(shown.contains("<ins>&quot;&lt;i&gt;&quot;</ins>"), "{shown}");
        assert!(
            shown.contains("taken away") && shown.contains("was not there"),
            "{shown}"
        );
        assert!(shown.contains('…') && shown.len() < 2_500, "{}", shown.len());
    }
}

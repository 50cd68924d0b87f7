//! Engine → Audit: who changed what, when, from what to what.

use std::collections::HashMap;

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    shell::Here,
    ui::{self, Entry, Input, Wrong},
    view::View,
};
use crate::{
    domain::{ids::UserId, rights::Right, validate::FieldError},
    engine::{
        Engine,
        audit::{Filter, Recorded},
    },
    error::{Code, Error, Result},
    gateway::{json::Query, page},
};

mod difference;

const HERE: Here = Here::Audit;
const WAY: &[(&str, &str)] = &[("Engine", "")];

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/audit").route(web::get().to(list)));
}

/// The filters of the API, as a form sends them: what is not asked for is empty.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Asked {
    resource_kind: String,
    resource_id: String,
    /// An id, or a username.
    user: String,
    after: String,
    before: String,
    limit: Option<u64>,
    cursor: Option<String>,
}

impl Asked {
    fn pairs(&self) -> [(&'static str, &str); 5] {
        [
            ("resourceKind", &self.resource_kind),
            ("resourceId", &self.resource_id),
            ("user", &self.user),
            ("after", &self.after),
            ("before", &self.before),
        ]
    }

    fn query(&self) -> String {
        let limit = self.limit.map(|limit| limit.to_string()).unwrap_or_default();
        let mut pairs = self.pairs().to_vec();
        pairs.push(("limit", &limit));
        ui::query(&pairs)
    }

    /// None: by somebody who is not known, who has changed nothing.
    async fn filter(&self, engine: &Engine, view: &View) -> Result<Option<Filter>> {
        let some = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let mut wrong = Vec::new();
        let (after, before) = (
            moment("after", &self.after, &mut wrong),
            moment("before", &self.before, &mut wrong),
        );
        if !wrong.is_empty() {
            return Err(Error::new(Code::BadRequest, "The times cannot be used.").with_fields(wrong));
        }
        let mut filter = Filter {
            resource_kind: some(&self.resource_kind),
            resource_id: some(&self.resource_id),
            user_id: None,
            after,
            before,
        };
        if let Some(user) = some(&self.user) {
            filter.user_id = match user.parse::<UserId>() {
                Ok(id) => Some(id),
                Err(_) => engine.audited_user(view.caller(), &user).await?,
            };
            if filter.user_id.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(filter))
    }
}

/// A time as browsers send it (taken as UTC), or as the API takes it.
fn moment(name: &str, text: &str, wrong: &mut Vec<FieldError>) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let found = text.parse().or_else(|_| format!("{text}Z").parse());
    match found {
        Ok(at) => Some(at),
        Err(_) => {
            wrong.push(FieldError::new(name, "must be a time, such as 2026-11-22T10:00"));
            None
        }
    }
}

async fn list(view: View, engine: web::Data<Engine>, asked: Query<Asked>) -> Result<HttpResponse> {
    let asked = asked.0;
    match found(&view, &engine, &asked).await {
        Ok(rows) => Ok(view.page(HERE, "Audit", &whole(&view, &asked, &Wrong::default(), &rows))),
        Err(error) => view.again(error, HERE, "Audit", |wrong| whole(&view, &asked, wrong, &html! {})),
    }
}

fn whole(view: &View, asked: &Asked, wrong: &Wrong, rows: &Markup) -> Markup {
    html! {
        (ui::head(view, WAY, "Audit", &html! {}))
        (filters(view, asked, wrong))
        (rows)
    }
}

async fn found(view: &View, engine: &Engine, asked: &Asked) -> Result<Markup> {
    let page = page::page(asked.limit, asked.cursor.clone())?;
    let caller = view.caller();
    caller.require(Right::AuditRead)?;
    let (items, next) = match asked.filter(engine, view).await? {
        Some(filter) => {
            let paged = engine.audit_log(caller, filter, page).await?;
            (paged.items, paged.next_cursor)
        }
        None => (Vec::new(), None),
    };
    let users = items.iter().filter_map(|row| row.user_id);
    let names = engine.names().users(caller, users).await?;
    let rows: Vec<Markup> = items.iter().map(|row| line(view, row, &names)).collect();
    Ok(html! {
        @if rows.is_empty() {
            (ui::empty("No change was found", "Every change of what is stored is written down here, with who made it. \
                      With these filters there is none.", &ui::link_button(view, "/audit", "All changes")))
        } @else {
            (ui::table("Changes, newest first", &["When", "Who", "Action", "What", "Its id"], &rows))
        }
        (ui::pager(view, "/audit", &asked.query(), asked.cursor.as_deref(), next.as_deref()))
    })
}

fn filters(view: &View, asked: &Asked, wrong: &Wrong) -> Markup {
    let values: serde_json::Map<String, serde_json::Value> = asked
        .pairs()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let values = serde_json::Value::Object(values);
    let entry = Entry {
        values: &values,
        wrong,
        locked: false,
    };
    html! {
        (wrong.summary())
        form .filters method="get" action=(view.url("/audit")) {
            (Input::text("resourceKind", "Kind of thing").placeholder("call_api").show(&entry))
            (Input::text("resourceId", "Its id").show(&entry))
            (Input::text("user", "Who").placeholder("username or id").show(&entry))
            (Input::line("datetime-local", "after", "From (UTC)").show(&entry))
            (Input::line("datetime-local", "before", "Until (UTC)").show(&entry))
            button type="submit" { "Show" }
            @if !asked.query().is_empty() { a href=(view.url("/audit")) { "All changes" } }
        }
    }
}

/// What changed has a line of its own below, as wide as the table.
fn line(view: &View, row: &Recorded, names: &HashMap<UserId, String>) -> Markup {
    let found = difference::between(row.before.as_ref(), row.after.as_ref());
    html! {
        tr .event {
            td { (ui::time(row.at)) }
            td { (who(view, row, names)) }
            td { code { (row.action) } }
            td {
                @if let Some(path) = path_of(row) { a href=(view.url(&path)) { (row.resource_kind) } } @else { (row.resource_kind) }
            }
            td { @if let Some(id) = &row.resource_id { (all_of_it(view, &row.resource_kind, id)) } @else { (ui::dash()) } }
        }
        @if !found.shown.is_empty() {
            tr .change {
                td colspan="5" {
                    details .more id={ "change-" (row.id) } {
                        summary { (difference::summary(&found)) }
                        (difference::table(&found))
                        @if let Some(request) = &row.request_id { p .quiet { "Request " code { (request) } } }
                    }
                }
            }
        }
    }
}

fn all_of_it(view: &View, kind: &str, id: &str) -> Markup {
    let path = format!(
        "/audit?resourceKind={}&resourceId={}",
        ui::encoded(kind),
        ui::encoded(id)
    );
    html! { a .id href=(view.url(&path)) title="All changes of it" { (id) } }
}

fn who(view: &View, row: &Recorded, names: &HashMap<UserId, String>) -> Markup {
    html! {
        @match row.user_id {
            None => span .quiet { "the engine" },
            Some(id) => {
                @let name = names.get(&id).cloned().unwrap_or_else(|| id.to_string());
                a href=(view.url(&format!("/audit?user={id}"))) title="All changes by them" { (name) }
            }
        }
    }
}

/// The page of what was changed, where there is one page for it.
fn path_of(row: &Recorded) -> Option<String> {
    let place = match row.resource_kind.as_str() {
        "call_api" => "/call-apis",
        "transaction" => "/transactions",
        "client" => "/clients",
        "connection" => "/connections",
        "user" => "/users",
        "group" => "/groups",
        "background" => "/background",
        "script" => "/scripts",
        "webhook_subscription" => "/webhooks",
        "actor" => "/actors",
        _ => return None,
    };
    // What is deleted has no page any more.
    let id = row
        .resource_id
        .as_ref()
        .filter(|_| row.after.is_some() || row.before.is_none())?;
    Some(format!("{place}/{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_from_browsers_and_from_the_api() {
        let mut wrong = Vec::new();
        let at = |text: &str, wrong: &mut Vec<FieldError>| moment("after", text, wrong).map(|at| at.to_string());
        assert_eq!(
            at("2026-11-22T10:00", &mut wrong).as_deref(),
            Some("2026-11-22T10:00:00Z")
        );
        assert_eq!(
            at("2026-11-22T10:00:00+01:00", &mut wrong).as_deref(),
            Some("2026-11-22T09:00:00Z")
        );
        assert_eq!(at(" ", &mut wrong), None);
        assert!(wrong.is_empty());
        assert_eq!(at("yesterday", &mut wrong), None);
        assert_eq!(wrong.len(), 1);
    }
}

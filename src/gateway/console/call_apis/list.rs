//! The overview of all call APIs.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::{
    EVENTS, HERE, View, outcome_badge, page, path, status_badge,
    ui::{self, Tone},
};
use crate::{
    domain::{call_api::UrlKind, rights::Right},
    engine::{
        Engine,
        call_apis::{CallApiOverview, CallStatus},
    },
    error::{Code, Error, Result},
    gateway::{dto::call_apis::ListQuery, json::Query},
};

const HEADINGS: &[&str] = &[
    "Name",
    "Active",
    "Frequency",
    "Method",
    "URL",
    "Last execution",
    "Status",
    "Actions",
];
/// What can be asked for, and how it is said.
const STATUSES: &[(&str, &str)] = &[
    ("", "All"),
    ("idle", "Idle (active)"),
    ("running", "Running"),
    ("inactive", "Inactive"),
    ("deactivated", "Deactivated after an error"),
];
/// Longest address that a row shows, characters.
const URL_CHARACTERS_MAX: usize = 90;

/// The query; a form sends fields that are empty.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default)]
    name: String,
    #[serde(default)]
    status: String,
    limit: Option<u64>,
    cursor: Option<String>,
}

impl Asked {
    fn is_filtered(&self) -> bool {
        !self.name.is_empty() || !self.status.is_empty()
    }

    /// As it stands in the query string.
    fn filter(&self) -> String {
        ui::query(&[("name", &self.name), ("status", &self.status)])
    }

    fn query(&self) -> Result<ListQuery> {
        Ok(ListQuery {
            status: self.status()?,
            name: Some(self.name.clone()),
            limit: self.limit,
            cursor: self.cursor.clone(),
        })
    }

    fn status(&self) -> Result<Option<CallStatus>> {
        if self.status.is_empty() {
            return Ok(None);
        }
        serde_json::from_value(Value::String(self.status.clone()))
            .map(Some)
            .map_err(|_| Error::new(Code::BadRequest, format!("There is no status {:?}.", self.status)))
    }
}

pub(super) async fn list(view: View, engine: web::Data<Engine>, query: Query<Asked>) -> Result<HttpResponse> {
    let asked = query.0;
    let (filter, page) = asked.query()?.parts()?;
    let calls = engine.call_apis().list(view.caller(), filter, page).await?;
    let rows: Vec<Markup> = calls.items.iter().map(|call| row(&view, call)).collect();
    let next = calls.next_cursor.as_deref();
    let content = html! {
        @if rows.is_empty() {
            (nothing(&view, &asked))
        } @else {
            (ui::table("Call APIs", HEADINGS, &rows))
        }
        (ui::pager(&view, "/call-apis", &asked.filter(), asked.cursor.as_deref(), next))
    };
    let new = html! { @if view.may(Right::CallsManage) { (ui::main_button(&view, "/call-apis/new", "New API Call")) } };
    let whole = html! {
        (ui::head(&view, super::ABOVE, "Call APIs", &new))
        @if !rows.is_empty() || asked.is_filtered() { (filters(&view, &asked)) }
        div #ran data-into-target aria-live="polite" {}
        (ui::live("calls", EVENTS, &content))
    };
    Ok(view.page(HERE, "Call APIs", &whole))
}

fn filters(view: &View, asked: &Asked) -> Markup {
    html! {
        form .filters method="get" action=(view.url("/call-apis")) role="search" aria-label="Call APIs" {
            div { label for="by-name" { "Name has" } input #by-name type="search" name="name" value=(asked.name); }
            div {
                label for="by-status" { "Status" }
                select #by-status name="status" {
                    @for (value, words) in STATUSES { option value=(value) selected[*value == asked.status] { (words) } }
                }
            }
            button type="submit" { "Filter" }
            @if asked.is_filtered() { a href=(view.url("/call-apis")) { "Show all" } }
        }
    }
}

fn nothing(view: &View, asked: &Asked) -> Markup {
    if asked.is_filtered() || asked.cursor.is_some() {
        let all = ui::link_button(view, "/call-apis", "Show all");
        return ui::empty("No call API is like that.", "Ask for another name or status.", &all);
    }
    let hint = "A call API asks another system at an interval or by a calendar rule, and its script makes transactions of the answer.";
    let create = html! {
        @if view.may(Right::CallsManage) { (ui::main_button(view, "/call-apis/new", "Create the first call API")) }
    };
    ui::empty("There are no call APIs yet.", hint, &create)
}

fn row(view: &View, call: &CallApiOverview) -> Markup {
    let (tone, word) = status_badge(call.status);
    html! {
        tr {
            th scope="row" { a href=(view.url(&path(call.id))) { (call.name) } }
            td { @if call.active { (ui::badge(Tone::Good, "active")) } @else { (ui::badge(Tone::Quiet, "inactive")) } }
            td .nowrap {
                (frequency(call))
                // Here, and not in a column of its own: the list fits a window of 1280 pixels.
                @if let Some(at) = call.next_due_at { br; span .quiet { "next " (ui::time(at)) } }
            }
            td { code { (call.method) } }
            td .address { (address(call)) }
            td .nowrap {
                @if let Some(run) = &call.last_run {
                    (ui::time(run.at)) br;
                    @match run.run_id {
                        Some(id) => a href=(view.url(&format!("{}/runs/{id}", path(call.id)))) aria-label={ "Last run of " (call.name) } {
                            (outcome_badge(run.outcome))
                        },
                        None => (outcome_badge(run.outcome)),
                    }
                } @else { (ui::dash()) }
            }
            td { (ui::badge(tone, word)) @if let Some(reason) = &call.status_reason { p .reason { (reason) } } }
            td .actions-cell { (actions(view, call)) }
        }
    }
}

fn frequency(call: &CallApiOverview) -> Markup {
    html! {
        @match (&call.schedule, call.frequency_seconds) {
            (Some(rule), _) => { code { (rule.cron) } br; span .quiet { (rule.time_zone) } },
            (None, Some(seconds)) => { (seconds) " s" },
            (None, None) => (ui::dash()),
        }
    }
}

fn address(call: &CallApiOverview) -> Markup {
    let value = &call.url.value;
    let shown = ui::shortened(value, URL_CHARACTERS_MAX);
    html! {
        @if call.url.kind == UrlKind::Script { (ui::badge(Tone::Quiet, "script")) " " }
        code { (shown) }
    }
}

/// One form for all buttons of a row; each has an id, so that the focus finds it again when the list is made anew.
fn actions(view: &View, call: &CallApiOverview) -> Markup {
    let path = path(call.id);
    let to = |what: &str| view.url(&format!("{path}/{what}"));
    let (id, name) = (call.id, &call.name);
    html! {
        form .act .row-actions method="post" action=(to("run")) {
            (ui::token(view))
            @if view.may(Right::CallsManage) && !call.active {
                a .button href=(view.url(&path)) aria-label={ "Edit " (name) } { "Edit" }
            } @else {
                a .button href=(view.url(&path)) aria-label={ "Show " (name) } { "Show" }
            }
            @if view.may(Right::CallsRun) {
                button type="submit" id={ "run-" (id) } data-into="#ran" aria-label={ "Run " (name) " now" } { "Run now" }
            }
            @if view.may(Right::CallsManage) {
                @if call.active {
                    button type="submit" id={ "deactivate-" (id) } formaction=(to("deactivate")) name=(page::BACK) value="list"
                        aria-label={ "Deactivate " (name) } { "Deactivate" }
                } @else {
                    button type="submit" id={ "activate-" (id) } formaction=(to("activate")) name=(page::BACK) value="list"
                        aria-label={ "Activate " (name) } { "Activate" }
                    button .danger type="submit" id={ "delete-" (id) } formaction=(to("delete"))
                        data-ask=(page::delete_question(name)) aria-label={ "Delete " (name) } { "Delete" }
                }
            }
        }
    }
}

//! One background request: its states, what it was answered, and who was told.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::{EVENTS, HERE, WAY, badge, content, sender};
use crate::{
    actors::delivery::notify::NotificationState,
    domain::{
        background::{Status, header},
        ids::{BackgroundId, UserId},
        rights::Right,
    },
    engine::{Engine, background::Operation},
    error::Result,
    gateway::{
        console::{ui, view::View, webhooks::deliveries},
        json::PathId,
    },
    store::deliveries::Delivery,
};

pub(super) async fn detail(view: View, engine: web::Data<Engine>, id: PathId<BackgroundId>) -> Result<HttpResponse> {
    let (item, notification) = engine.background().get(view.caller(), id.0).await?;
    let names = engine.names().users(view.caller(), item.user_id).await?;
    let sent = match notification.is_some() && view.may(Right::SettingsManage) {
        true => engine.background().deliveries(view.caller(), id.0).await?,
        false => Vec::new(),
    };
    let answer = match item.status.is_end() {
        true => content::shown(&view, &engine, &item).await?,
        false => html! { p .quiet { "There is an answer once it has ended." } },
    };
    let title = format!("{} {}", item.method, item.original_uri);
    let live = html! {
        @if let Some(error) = &item.error { p .note { (error) } }
        (facts(&item, &names))
        (states(&item))
        h2 { "Answer" }
        @if let Some(headers) = item.response_headers.as_ref().filter(|headers| !headers.is_empty()) {
            details #headers .more {
                summary { "Headers" }
                (ui::table("Headers of the answer", &["Name", "Value"], &headers.iter()
                    .map(|(name, value)| html! { tr { td { code { (name) } } td .long { code { (value) } } } }).collect::<Vec<_>>()))
            }
        }
        (answer)
        h2 { "Notification" }
        (told(&view, &item, notification.as_ref(), &sent))
        @if !item.status.is_end() { span data-live-clock {} }
    };
    let content = html! {
        (ui::head(&view, WAY, &title, &ui::live_actions(EVENTS, &cancel(&view, &item))))
        (ui::live("request", EVENTS, &live))
    };
    Ok(view.page(HERE, &title, &content))
}

fn cancel(view: &View, item: &Operation) -> Markup {
    let question = match item.status {
        Status::Queued => "Cancel this request before it begins?",
        Status::Started => "Stop waiting for this request? The endpoint may do what was asked all the same.",
        Status::Finished | Status::Failed | Status::Cancelled => return html! {},
    };
    ui::act_asking(
        view,
        &format!("/background/{}/cancel", item.id),
        "Cancel",
        question,
        "danger",
    )
}

fn facts(item: &Operation, names: &HashMap<UserId, String>) -> Markup {
    let yes = |is: bool| html! { @if is { "yes" } @else { "no" } };
    ui::facts(&[
        ("Status", badge(item)),
        ("Sent by", sender(item.user_id, names)),
        (
            "Reference",
            html! { @match &item.reference { Some(text) => (text), None => (ui::dash()) } },
        ),
        ("Attempts", html! { (item.attempts) }),
        ("The request had a body", yes(item.has_request)),
        ("The answer has a body", yes(item.has_response)),
        ("Id", html! { code { (item.id) } }),
    ])
}

/// Where it has been, and when.
fn states(item: &Operation) -> Markup {
    let step = |name: &str, at: Option<jiff::Timestamp>, what: &str| {
        html! { tr { th scope="row" { (name) } td { (ui::time_or_dash(at)) } td { (what) } } }
    };
    let begun = if item.attempts > 1 { "of the last attempt" } else { "" };
    let ended = match item.status {
        Status::Queued | Status::Started => "",
        Status::Finished if item.status_code < 400 => "answered",
        Status::Finished => "answered with a refusal",
        Status::Failed => "no answer could be got",
        Status::Cancelled => "cancelled",
    };
    let rows = [
        step("Received", Some(item.received_at), ""),
        step("Begun", item.started_at, begun),
        step("Ended", item.finished_at, ended),
    ];
    ui::table("States", &["State", "When", "How"], &rows)
}

fn told(view: &View, item: &Operation, state: Option<&NotificationState>, sent: &[Delivery]) -> Markup {
    if item.webhook_address.eq_ignore_ascii_case(header::NONE) {
        return html! { p .quiet { "Nobody is told of its end: its sender wanted no notification." } };
    }
    let Some(state) = state else {
        let text = if item.status.is_end() {
            "Nobody was told: no subscription wanted it."
        } else {
            "Sent once it has ended, to: "
        };
        return html! { p .quiet { (text) @if !item.status.is_end() { (item.webhook_address) } } };
    };
    html! {
        (ui::facts(&[
            ("State", deliveries::badge(state.state)),
            ("To", html! { (item.webhook_address) }),
            ("Attempts", html! { (state.attempts) }),
            ("Last answer", html! { @match state.last_status { Some(status) => { "HTTP " (status) } None => (ui::dash()) } }),
            ("Next attempt", ui::time_or_dash(state.next_at)),
            ("Delivered", ui::time_or_dash(state.delivered_at)),
        ]))
        @if let Some(error) = &state.last_error { p .note { (error) } }
        @if !sent.is_empty() { (deliveries::table(view, sent, false, Some(&format!("/background/{}/replay", item.id)))) }
    }
}

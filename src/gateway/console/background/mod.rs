//! Data → Background requests: what was taken with the header `erp-api-background`. `list` has them, `detail` shows one with its
//! states, notification and what was answered, `content` reads the answer for the page and gives it out as a file.

use std::collections::HashMap;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};

use super::{
    ROOT,
    form::Form,
    shell::Here,
    ui::{self, Tone},
    view::View,
};
use crate::{
    domain::{
        background::Status,
        ids::{BackgroundId, DeliveryId, UserId},
    },
    engine::{Engine, background::Operation},
    error::{Code, Error, Result},
    gateway::{background::links, json::PathId},
};

mod content;
mod detail;
mod list;

const HERE: Here = Here::Background;
/// The way to the list.
const ABOVE: &[(&str, &str)] = &[("Data", "")];
/// The way to what the list holds.
const WAY: &[(&str, &str)] = &[("Data", ""), ("Background requests", "/background")];
/// What makes them look different.
const EVENTS: &str = "background.finished background.cancelled webhook.delivered webhook.failed webhook.retried";

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/background").route(web::get().to(list::list)))
        .service(web::resource("/background/{id}").route(web::get().to(detail::detail)))
        .service(web::resource("/background/{id}/content").route(web::get().to(content::download)))
        .service(web::resource("/background/{id}/cancel").route(web::post().to(cancel)))
        .service(web::resource("/background/{id}/replay").route(web::post().to(replay)));
}

async fn cancel(
    view: View,
    engine: web::Data<Engine>,
    request: HttpRequest,
    id: PathId<BackgroundId>,
) -> Result<HttpResponse> {
    let base = view.url("");
    let mount = base.strip_suffix(ROOT.path).unwrap_or_default();
    let base_url = links::base_url(&engine, &request, mount);
    let done = engine.background().cancel(view.caller(), id.0, &base_url).await;
    said(&view, id.0, done.map(|()| "The request is cancelled.".to_owned()))
}

/// Sends a notification once more.
async fn replay(view: View, engine: web::Data<Engine>, id: PathId<BackgroundId>, form: Form) -> Result<HttpResponse> {
    let given = form.text("delivery");
    let delivery: DeliveryId = given.parse().map_err(|_| Error::not_found("delivery", given))?;
    let done = engine.webhooks().replay_one(view.caller(), delivery).await;
    said(
        &view,
        id.0,
        done.map(|_| "The notification is sent once more, under its old id.".to_owned()),
    )
}

/// Back to the request; also where it has moved on meanwhile.
fn said(view: &View, id: BackgroundId, done: Result<String>) -> Result<HttpResponse> {
    let path = format!("/background/{id}");
    match done {
        Ok(text) => Ok(view.redirect_saying(&path, &text)),
        Err(error) if error.code == Code::WrongState => Ok(view.redirect_saying(&path, &error.message)),
        Err(error) => Err(error),
    }
}

/// Where it is; of one that was answered, with what.
fn badge(operation: &Operation) -> Markup {
    let tone = match operation.status {
        Status::Queued => Tone::Quiet,
        Status::Started => Tone::Busy,
        Status::Finished if operation.status_code < 400 => Tone::Good,
        Status::Finished => Tone::Warn,
        Status::Failed => Tone::Bad,
        Status::Cancelled => Tone::Quiet,
    };
    html! {
        (ui::badge(tone, operation.status.as_str()))
        @if operation.status_code > 0 { " HTTP " (operation.status_code) }
    }
}

fn sender(id: Option<UserId>, names: &HashMap<UserId, String>) -> Markup {
    match id {
        None => html! { span .quiet { "a program" } },
        Some(id) => match names.get(&id) {
            Some(name) => html! { (name) },
            None => html! { span .quiet title=(id) { "a user who is not of this tenant (any more)" } },
        },
    }
}

//! A connection: how it stands, its members, checking it, and the buttons that switch and delete it.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};

use super::{EVENTS, HERE, Of, Tab, edit, refusal, state, switch};
use crate::{
    domain::ids::ConnectionId,
    engine::{Engine, connections::Connection},
    error::{Code, Error, Result},
    gateway::{
        console::{json_field, ui, view::View},
        json::PathId,
    },
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/connections/{id}/enable").route(web::post().to(enable)))
        .service(web::resource("/connections/{id}/disable").route(web::post().to(disable)))
        .service(web::resource("/connections/{id}/check").route(web::post().to(check)))
        .service(web::resource("/connections/{id}/delete").route(web::post().to(delete)));
}

pub(super) async fn show(view: View, engine: web::Data<Engine>, id: PathId<ConnectionId>) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, id.0).await?;
    let content = html! {
        (of.tabbed(&view, Tab::Overview, &actions(&view, &of)))
        div #checked data-into-target aria-live="polite" {}
        (ui::live("standing", EVENTS, &html! {
            (of.standing(&view))
            div .card { (facts(&of.connection)) }
        }))
        div .card { h2 { "Credentials" } (secrets(&of.connection)) }
        @if let Some(text) = &of.connection.profile.supporting_fields {
            div .card { h2 { "Supporting fields" } (ui::code(&json_field::pretty(text))) }
        }
    };
    Ok(view.page(HERE, &of.name, &content))
}

fn actions(view: &View, of: &Of) -> Markup {
    let question = format!(
        "Delete the connection {}? Its partner functions, object mappings and automations are deleted with it, and with them the links \
         of records to {}. The records stay.",
        of.name, of.connection.provider
    );
    html! {
        form .act method="post" action=(view.url(&of.path("/check"))) {
            (ui::token(view))
            button type="submit" data-into="#checked" { "Check connection" }
        }
        (ui::link_button(view, &of.path("/edit"), "Edit"))
        (switch(view, &of.path(""), of.connection.enabled))
        (ui::act_asking(view, &of.path("/delete"), "Delete", &question, "danger"))
    }
}

fn facts(connection: &Connection) -> Markup {
    let profile = &connection.profile;
    let text = |text: &Option<String>| match text {
        Some(text) => html! { (text) },
        None => ui::dash(),
    };
    let health = &connection.state;
    ui::facts(&[
        ("Provider", html! { (connection.provider) }),
        ("State", state(connection)),
        ("Since", ui::time_or_dash(health.since)),
        ("Account", text(&profile.remote_instance_id)),
        ("Name at the provider", text(&profile.remote_instance_name)),
        ("Code", text(&profile.remote_instance_code)),
        ("Company", text(&profile.company_name)),
        ("Company file", text(&profile.company_file)),
        ("API address", text(&profile.api_domain)),
        ("Account server", text(&profile.account_server)),
        ("Made", ui::time(connection.created_at)),
        ("Changed", ui::time(connection.updated_at)),
    ])
}

fn secrets(connection: &Connection) -> Markup {
    let profile = &connection.profile;
    let set = |stored: &str| match edit::fingerprint(connection, stored) {
        Some(fingerprint) => html! { "set, " code { (fingerprint) } },
        None => ui::dash(),
    };
    let text = |text: &Option<String>| match text {
        Some(text) => html! { (text) },
        None => ui::dash(),
    };
    let carried = if profile.authenticates() { "yes" } else { "no" };
    ui::facts(&[
        ("Requests carry credentials", html! { (carried) }),
        ("Client id", text(&profile.client_id)),
        ("Client secret", set("client_secret")),
        ("Refresh token", set("refresh_token")),
        ("Access token", set("access_token")),
        ("Access token ends", text(&profile.expires_in)),
        ("User name", text(&profile.user_name)),
        ("Password", set("user_password")),
    ])
}

async fn enable(view: View, engine: web::Data<Engine>, id: PathId<ConnectionId>) -> Result<HttpResponse> {
    turn(&view, &engine, id.0, true).await
}

async fn disable(view: View, engine: web::Data<Engine>, id: PathId<ConnectionId>) -> Result<HttpResponse> {
    turn(&view, &engine, id.0, false).await
}

async fn turn(view: &View, engine: &Engine, id: ConnectionId, enabled: bool) -> Result<HttpResponse> {
    engine
        .connections()
        .set_enabled(view.caller(), id, None, enabled)
        .await?;
    let said = if enabled {
        "The connection is enabled. Its automations go on."
    } else {
        "The connection is disabled. What runs may finish; nothing else of it begins."
    };
    Ok(view.redirect_saying(&format!("/connections/{id}"), said))
}

async fn delete(view: View, engine: web::Data<Engine>, id: PathId<ConnectionId>) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, id.0).await?;
    engine.connections().delete(view.caller(), id.0, None).await?;
    Ok(view.redirect_saying("/connections", &format!("The connection {} is deleted.", of.name)))
}

async fn check(view: View, engine: web::Data<Engine>, id: PathId<ConnectionId>) -> Result<HttpResponse> {
    let checked = match engine.connections().check(view.caller(), id.0).await {
        Ok(checked) => html! { p .said role="status" { (checked.message) } },
        Err(error) => failed(error)?,
    };
    Ok(view.part(HERE, "Check connection", &checked))
}

/// What a person can do something about, with the provider's own answer.
fn failed(error: Error) -> Result<Markup> {
    if !matches!(error.code, Code::TestFailed | Code::WrongState | Code::Unavailable) {
        return Err(error);
    }
    let backend = error.details.as_ref().and_then(|details| details.get("backend"));
    Ok(html! {
        (refusal(&error.message))
        @if let Some(step) = error.step { p { "It failed at: " (step) "." } }
        @if let Some(backend) = backend {
            @if let Some(status) = backend.get("status") { p { "The provider answered with status " (status) ":" } }
            @if let Some(body) = backend.get("body").and_then(serde_json::Value::as_str) { (ui::code(&json_field::pretty(body))) }
        }
    })
}

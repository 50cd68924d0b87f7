//! Settings → Clients: credentials and limits for outbound requests, and trying them.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::{
    form::{self, Form},
    shell::Here,
    ui::{self, Entry, Input, Tone, Wrong},
    view::View,
};
use crate::{
    domain::{ids::ClientId, rights::Right},
    engine::{Engine, clients::Client},
    error::Result,
    gateway::{
        dto::clients::ClientBody,
        json::{PathId, Query},
        page::PageQuery,
    },
    http::{Check, Merge},
};

mod choices;
mod fields;

pub(super) use choices::choices;

const HERE: Here = Here::Clients;
/// The way to the list.
const ABOVE: &[(&str, &str)] = &[("Settings", "")];
/// The way to what the list holds.
const WAY: &[(&str, &str)] = &[("Settings", ""), ("Clients", "/clients")];
/// The limits of a client, with their words.
const LIMITS: &[(&str, &str)] = &[
    ("perSecond", "per second"),
    ("perMinute", "per minute"),
    ("perDay", "per day"),
    ("concurrent", "at the same time"),
];

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/clients")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(web::resource("/clients/new").route(web::get().to(new)))
        .service(
            web::resource("/clients/{id}")
                .route(web::get().to(edit))
                .route(web::post().to(update)),
        )
        .service(web::resource("/clients/{id}/check").route(web::post().to(check)))
        .service(web::resource("/clients/{id}/delete").route(web::post().to(delete)));
}

async fn list(view: View, engine: web::Data<Engine>, query: Query<PageQuery>) -> Result<HttpResponse> {
    let page = query.0.page()?;
    let cursor = page.cursor.clone();
    let clients = engine.clients().list(view.caller(), page).await?;
    let rows: Vec<Markup> = clients.items.iter().map(|client| row(&view, client)).collect();
    let add = html! {
        @if view.may(Right::ClientsManage) { (ui::main_button(&view, "/clients/new", "New client")) }
    };
    let content = html! {
        (ui::head(&view, ABOVE, "Clients", &add))
        @if rows.is_empty() && cursor.is_none() {
            (ui::empty("No clients yet",
                "A client holds the credentials with which calls and integrations sign in elsewhere, and how many requests may be sent.",
                &add))
        } @else {
            (ui::table("Clients", &["Name", "Sign-in", "Requests at most", "Changed"], &rows))
        }
        (ui::pager(&view, "/clients", "", cursor.as_deref(), clients.next_cursor.as_deref()))
    };
    Ok(view.page(HERE, "Clients", &content))
}

fn row(view: &View, client: &Client) -> Markup {
    let kind = client
        .auth_public
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let limits = limits_in_words(client);
    html! {
        tr {
            td .long { a href=(view.url(&path_of(client))) { (client.name) } }
            td { (fields::words(kind)) }
            td { @if limits.is_empty() { "no limit" } @else { (limits) } }
            td { (ui::time(client.updated_at)) }
        }
    }
}

fn limits_in_words(client: &Client) -> String {
    let limits = client.limits.as_ref();
    let given = LIMITS.iter().filter_map(|(name, words)| {
        let most = limits?.get(name)?.as_u64()?;
        Some(format!("{most} {words}"))
    });
    given.collect::<Vec<_>>().join(", ")
}

async fn new(view: View) -> HttpResponse {
    let content = page(&view, None, None, &json!({}), &Wrong::default());
    view.page(HERE, "New client", &content)
}

async fn create(view: View, engine: web::Data<Engine>, form: Form) -> Result<HttpResponse> {
    let made = async {
        let body: ClientBody = form::body(&body_of(&form))?;
        engine.clients().create(view.caller(), body.into()).await
    };
    match made.await {
        Ok(client) => {
            let said = format!("The client {} is made. Check whether it works.", client.name);
            Ok(view.redirect_saying(&path_of(&client), &said))
        }
        Err(error) => {
            let error = fields::as_in_form(error, form.text(fields::KIND));
            let values = fields::entered(&form);
            view.again(error, HERE, "New client", |wrong| {
                page(&view, None, Some(&form), &values, wrong)
            })
        }
    }
}

async fn edit(view: View, engine: web::Data<Engine>, id: PathId<ClientId>) -> Result<HttpResponse> {
    let client = engine.clients().get(view.caller(), id.0).await?;
    let content = page(&view, Some(&client), None, &fields::shown(&client), &Wrong::default());
    Ok(view.page(HERE, &client.name, &content))
}

async fn update(view: View, engine: web::Data<Engine>, id: PathId<ClientId>, form: Form) -> Result<HttpResponse> {
    let client = engine.clients().get(view.caller(), id.0).await?;
    let changed = async {
        let body: ClientBody = form::body(&body_of(&form))?;
        let clients = engine.clients();
        clients
            .update(view.caller(), id.0, form.version(), Merge::Replace, body.into())
            .await
    };
    match changed.await {
        Ok(client) => Ok(view.redirect_saying(&path_of(&client), &format!("The client {} is saved.", client.name))),
        Err(error) => {
            let error = fields::as_in_form(error, form.text(fields::KIND));
            let values = fields::entered(&form);
            view.again(error, HERE, &client.name, |wrong| {
                page(&view, Some(&client), Some(&form), &values, wrong)
            })
        }
    }
}

async fn delete(view: View, engine: web::Data<Engine>, id: PathId<ClientId>) -> Result<HttpResponse> {
    let client = engine.clients().get(view.caller(), id.0).await?;
    match engine.clients().delete(view.caller(), id.0, None).await {
        Ok(()) => Ok(view.redirect_saying("/clients", &format!("The client {} is deleted.", client.name))),
        Err(error) => view.again(error, HERE, &client.name, |wrong| {
            page(&view, Some(&client), None, &fields::shown(&client), wrong)
        }),
    }
}

async fn check(view: View, engine: web::Data<Engine>, id: PathId<ClientId>) -> Result<HttpResponse> {
    let check = engine.clients().check(view.caller(), id.0).await?;
    Ok(view.part(HERE, "Check of the client", &outcome(&check)))
}

fn outcome(check: &Check) -> Markup {
    html! {
        p {
            @if check.ok { (ui::badge(Tone::Good, "works")) } @else { (ui::badge(Tone::Bad, "does not work")) }
            " " (check.detail)
            @if let Some(step) = check.step { ". It failed at: " (step.as_str()) "." }
        }
        @if let Some(at) = check.expires_at { p { "The token ends at " (ui::time(at)) "." } }
    }
}

fn path_of(client: &Client) -> String {
    format!("/clients/{}", client.id)
}

/// What an API client would send.
fn body_of(form: &Form) -> Value {
    let limits = LIMITS.iter().map(|(name, _)| {
        let text = form.text(&format!("limits.{name}"));
        ((*name).to_owned(), form::number(text))
    });
    let limits: serde_json::Map<String, Value> = limits.filter(|(_, value)| !value.is_null()).collect();
    let limits = if limits.is_empty() {
        Value::Null
    } else {
        Value::Object(limits)
    };
    json!({ "name": form.text("name"), "auth": fields::auth_of(form), "limits": limits })
}

/// The form for a new client or a stored one; `sent` is the form that was refused.
fn page(view: &View, client: Option<&Client>, sent: Option<&Form>, values: &Value, wrong: &Wrong) -> Markup {
    let title = client.map_or("New client", |client| &client.name);
    let path = client.map_or_else(|| "/clients".to_owned(), path_of);
    let may = view.may(Right::ClientsManage);
    let entry = Entry {
        values,
        wrong,
        locked: !may,
    };
    let delete = html! {
        @if let Some(client) = client.filter(|_| may) {
            (ui::act_asking(view, &format!("{path}/delete"), "Delete",
                &format!("Delete the client {}? Its credentials are gone for good.", client.name), "danger"))
        }
    };
    html! {
        (ui::head(view, WAY, title, &delete))
        (wrong.summary())
        form .card.form.client method="post" action=(view.url(&path)) autocomplete="off" {
            (ui::token(view))
            (ui::version(client.map(|client| client.version)))
            (Input::text("name", "Name").required().show(&entry))
            (Input::choice(fields::KIND, "Sign-in", fields::KINDS).show(&entry))
            (fields::parts(&entry, client, sent))
            fieldset .form.limits {
                legend { "Requests at most" }
                @for (name, words) in LIMITS {
                    (Input::line("number", &format!("limits.{name}"), &sentence(words)).show(&entry))
                }
                p .help.wide { "One budget for all that use the client. Empty means no limit." }
            }
            @if may {
                div .buttons {
                    button .primary type="submit" { "Save" }
                    a href=(view.url("/clients")) { "Cancel" }
                }
            }
        }
        @if client.is_some() && may { (check_card(view, &path)) }
    }
}

fn check_card(view: &View, path: &str) -> Markup {
    html! {
        section .card aria-labelledby="check-heading" {
            h2 #check-heading { "Check" }
            p { "Tries what is saved: gets a token where the kind has one." }
            form .act method="post" action=(view.url(&format!("{path}/check"))) {
                (ui::token(view))
                button type="submit" data-into="#check" { "Check now" }
            }
            div #check .answer-room role="status" data-into-target {}
        }
    }
}

fn sentence(words: &str) -> String {
    let mut rest = words.chars();
    rest.next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

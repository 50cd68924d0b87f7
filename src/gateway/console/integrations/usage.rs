//! What this tenant makes of an integration: whether it uses it, by which schedule and connection, and the consent that it needs.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::{
    choices, flag, inside, listed, moment, number, one,
    parts::{self},
    text,
};
use crate::{
    domain::odata::{Entity, EntitySet},
    engine::Engine,
    error::{Error, Result},
    gateway::console::{
        form::{self, Form},
        shell::Here,
        ui::{self, Entry, Input, Tone, Wrong},
        view::View,
    },
};

/// Events after which the card is made anew.
const KINDS: &str =
    "integration.run.finished integration.disabled consent.needed consent.granted consent.refused consent.revoked";

/// The client integration of this tenant, if it has one.
async fn found(view: &View, engine: &Engine, integration: i64) -> Result<Option<Entity>> {
    let options = [
        ("$filter", format!("IntegrationId eq {integration}")),
        ("$expand", "Consent".to_owned()),
    ];
    let mut found = listed(view, engine, EntitySet::ClientIntegrations, &options, 1).await?;
    Ok(found.entities.pop())
}

/// The card on an integration's page.
pub(super) async fn card(view: &View, engine: &Engine, integration: &Entity) -> Result<Markup> {
    let id = number(integration, "IntegrationId").unwrap_or_default();
    let client = found(view, engine, id).await?;
    let schedules = match flag(integration, "AllowScheduleChange") {
        true => Some(choices::entities(view, engine, EntitySet::Schedules).await?),
        false => None,
    };
    let connections = choices::connections(view, engine).await?;
    let values = client.as_ref().map_or_else(|| json!({}), super::values);
    let wrong = Wrong::default();
    let entry = Entry {
        values: &values,
        wrong: &wrong,
        locked: false,
    };
    let path = format!("/integrations/definitions/{id}/use");
    let consent = client.as_ref().and_then(|client| inside(client, "Consent"));
    let content = html! {
        section .card aria-labelledby="use" {
            h2 #use { "Use in this tenant" }
            (state(client.as_ref(), consent))
            form .form method="post" action=(view.url(&path)) {
                (ui::token(view))
                (Input::tick("Enabled", "Enabled").help(html! { "Rows are looked for and items are processed." }).show(&entry))
                @if let Some(schedules) = &schedules {
                    (Input::choice("ScheduleId", "Own schedule", &with_none(schedules, "the integration's")).show(&entry))
                }
                (Input::choice("ConnectionUuid", "Connection", &with_none(&connections, "none"))
                    .help(html! { "Whose credentials and partner functions are used." }).show(&entry))
                div .buttons { button .primary type="submit" { "Save the use" } }
            }
            @if let Some(consent) = consent { (consent_part(view, id, consent)) }
            @if let Some(client) = &client {
                @let number = number(client, "ClientIntegrationId").unwrap_or_default();
                p {
                    a href=(view.url(&format!("/queue?client={number}"))) { "Its queue" } " · "
                    a href=(view.url(&format!("/integrations/logs?client={number}"))) { "Its runs" }
                }
                (ui::act_asking(view, &format!("/integrations/definitions/{id}/leave"), "Stop using it",
                    "Stop using this integration? Its queue, its consent and its runs are deleted with it.", "danger"))
            }
        }
    };
    Ok(ui::live("usage", KINDS, &content))
}

fn with_none<'a>(all: &'a [choices::Choice], none: &'a str) -> Vec<(&'a str, &'a str)> {
    let each = all.iter().map(|(value, words)| (value.as_str(), words.as_str()));
    std::iter::once(("", none)).chain(each).collect()
}

fn state(client: Option<&Entity>, consent: Option<&Entity>) -> Markup {
    let Some(client) = client else {
        return html! { p { "It is not used here yet." } };
    };
    let waits = consent.is_some_and(|consent| text(consent, "State") != "Granted");
    let (tone, word) = match (flag(client, "Enabled"), waits) {
        (false, _) => (Tone::Quiet, "disabled"),
        (true, true) => (Tone::Warn, "waits for consent"),
        (true, false) => (Tone::Good, "enabled"),
    };
    html! {
        p {
            (ui::badge(tone, word))
            @if !text(client, "DisabledReason").is_empty() { " " (text(client, "DisabledReason")) }
        }
        (ui::facts(&[
            ("Next run", ui::time_or_dash(moment(client, "NextDueAt"))),
            ("Last run", ui::time_or_dash(moment(client, "LastRunAt"))),
            ("Last outcome", html! { (text(client, "LastOutcome")) }),
        ]))
    }
}

fn consent_part(view: &View, integration: i64, consent: &Entity) -> Markup {
    let id = number(consent, "ConsentId").unwrap_or_default();
    let state = text(consent, "State");
    let kind = text(consent, "ConsentTypeId");
    let act = |action: &str, name: &str, question: &str, class: &str| {
        let path = format!("/integrations/consents/{id}/{action}?integration={integration}");
        ui::act_asking(view, &path, name, question, class)
    };
    let tone = match state {
        "Granted" => Tone::Good,
        "Pending" => Tone::Warn,
        _ => Tone::Bad,
    };
    html! {
        h3 { "Consent" }
        p { (ui::badge(tone, state)) " " (text(consent, "Detail")) }
        @match (kind, state) {
            ("OAuth2", "Pending") => p {
                @if !text(consent, "AuthorizeUrl").is_empty() {
                    a .button .primary rel="noreferrer noopener" target="_blank" href=(text(consent, "AuthorizeUrl")) { "Consent at the other system" }
                }
            }
            ("Credentials", "Pending") => (credentials(view, id, integration)),
            ("Manual", "Pending") => p {
                (act("Approve", "Approve", "", "primary")) " "
                (act("Refuse", "Refuse", "Refuse the consent? The integration does not run.", "danger"))
            }
            _ => {}
        }
        p {
            @if state == "Granted" { (act("Revoke", "Revoke", "Take the consent back? The integration stops until it is given again.", "danger")) }
            @else { (act("Begin", "Ask again", "", "")) }
        }
    }
}

fn credentials(view: &View, id: i64, integration: i64) -> Markup {
    let (values, wrong) = (json!({}), Wrong::default());
    let entry = Entry {
        values: &values,
        wrong: &wrong,
        locked: false,
    };
    let path = format!("/integrations/consents/{id}/Submit?integration={integration}");
    html! {
        form .form method="post" action=(view.url(&path)) {
            (ui::token(view))
            (Input::text("Username", "Username").show(&entry))
            (Input::secret("Password", "Password").show(&entry))
            (Input::secret("Token", "or a token").show(&entry))
            (Input::secret("ApiKey", "or an API key").show(&entry))
            (Input::text("ApiKeyName", "Name of the key's header or parameter").show(&entry))
            (Input::choice("ApiKeyIn", "The key goes in", &[("", "–"), ("header", "a header"), ("query", "the query string")]).show(&entry))
            div .buttons { button type="submit" { "Give these credentials" } }
        }
    }
}

pub(super) async fn save(
    view: View,
    engine: web::Data<Engine>,
    id: web::Path<i64>,
    form: Form,
) -> Result<HttpResponse> {
    let id = id.into_inner();
    let integration = one(&view, &engine, EntitySet::Integrations, id, "").await?;
    let client = found(&view, &engine, id).await?;
    let mut body = Map::new();
    body.insert("Enabled".to_owned(), Value::Bool(form.has("Enabled")));
    body.insert("ConnectionUuid".to_owned(), form::optional(form.text("ConnectionUuid")));
    if flag(&integration, "AllowScheduleChange") {
        body.insert("ScheduleId".to_owned(), form::number(form.text("ScheduleId")));
    }
    let integrations = engine.integrations();
    let set = EntitySet::ClientIntegrations;
    match client.as_ref().and_then(|client| number(client, "ClientIntegrationId")) {
        Some(client) => {
            integrations
                .patch(view.caller(), set, client, None, &Value::Object(body))
                .await?
        }
        None => {
            body.insert("IntegrationId".to_owned(), Value::from(id));
            integrations.create(view.caller(), set, &Value::Object(body)).await?;
        }
    }
    Ok(view.redirect_saying(
        &format!("/integrations/definitions/{id}"),
        "The use in this tenant is saved.",
    ))
}

pub(super) async fn leave(view: View, engine: web::Data<Engine>, id: web::Path<i64>) -> Result<HttpResponse> {
    let id = id.into_inner();
    let client = found(&view, &engine, id).await?;
    let client = client.as_ref().and_then(|client| number(client, "ClientIntegrationId"));
    let client = client.ok_or_else(|| Error::not_found("client integration of the integration", id))?;
    let integrations = engine.integrations();
    integrations
        .delete(view.caller(), EntitySet::ClientIntegrations, client, None)
        .await?;
    Ok(view.redirect_saying(
        &format!("/integrations/definitions/{id}"),
        "This tenant does not use it any more.",
    ))
}

/// A bound action of a consent.
pub(super) async fn consent(
    view: View,
    engine: web::Data<Engine>,
    path: web::Path<(i64, String)>,
    back: web::Query<parts::Back>,
    form: Form,
) -> Result<HttpResponse> {
    let (id, action) = path.into_inner();
    let mut body = Map::new();
    for name in ["Username", "Password", "Token", "ApiKey", "ApiKeyName", "ApiKeyIn"] {
        if !form.text(name).is_empty() {
            body.insert(name.to_owned(), Value::from(form.text(name)));
        }
    }
    let page = format!("/integrations/definitions/{}", back.integration);
    let integrations = engine.integrations();
    let done = integrations
        .act(view.caller(), EntitySet::Consents, id, &action, &Value::Object(body))
        .await;
    match done {
        Ok(_) => Ok(view.redirect_saying(&page, "The consent is changed.")),
        Err(error) => {
            let title = "Consent";
            view.again(error, Here::Integrations, title, |wrong| {
                html! {
                    (ui::head(&view, &[("Exchange", ""), ("Integrations", "/integrations")], title, &html! {}))
                    (wrong.summary())
                    p { (ui::link_button(&view, &page, "Back to the integration")) }
                }
            })
        }
    }
}

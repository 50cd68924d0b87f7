//! Making a webhook subscription, and changing one.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::{HERE, WAY, masked, path, secret_once};
use crate::{
    domain::{delivery::EVENTS, ids::SubscriptionId},
    engine::{Engine, webhooks::WebhookSubscription},
    error::Result,
    gateway::{
        console::{
            form::{self, Form},
            ui::{self, Entry, Input, Wrong},
            view::View,
        },
        dto::webhooks::SubscriptionBody,
        json::PathId,
    },
};

pub(super) async fn new(view: View) -> HttpResponse {
    let values = json!({ "events": EVENTS, "enabled": true });
    view.page(HERE, "New subscription", &page(&view, None, &values, &Wrong::default()))
}

pub(super) async fn create(view: View, engine: web::Data<Engine>, form: Form) -> Result<HttpResponse> {
    let entered = entered(&form);
    let made = async {
        let body: SubscriptionBody = form::body(&entered)?;
        engine.webhooks().create(view.caller(), body.into()).await
    };
    match made.await {
        // Not a redirect: the secret is nowhere but in this answer.
        Ok(made) => Ok(view.page(
            HERE,
            "New subscription",
            &shown_once(&view, &made.thing, made.secret.as_ref().map(|secret| secret.expose())),
        )),
        Err(error) => view.again(error, HERE, "New subscription", |wrong| {
            page(&view, None, &shown(&entered), wrong)
        }),
    }
}

fn shown_once(view: &View, subscription: &WebhookSubscription, secret: Option<&str>) -> Markup {
    html! {
        (ui::head(view, WAY, "The subscription is made", &html! {}))
        @if let Some(secret) = secret { (secret_once(secret, &subscription.url)) }
        p { (ui::link_button(view, &path(subscription.id), "To the subscription")) }
    }
}

pub(super) async fn edit(view: View, engine: web::Data<Engine>, id: PathId<SubscriptionId>) -> Result<HttpResponse> {
    let found = engine.webhooks().get(view.caller(), id.0).await?;
    let values = json!({
        "url": found.url, "events": found.events, "description": found.description, "enabled": found.enabled,
    });
    Ok(view.page(HERE, &found.url, &page(&view, Some(&found), &values, &Wrong::default())))
}

pub(super) async fn save(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<SubscriptionId>,
    form: Form,
) -> Result<HttpResponse> {
    let found = engine.webhooks().get(view.caller(), id.0).await?;
    let entered = entered(&form);
    let changed = async {
        let body: SubscriptionBody = form::body(&entered)?;
        engine
            .webhooks()
            .update(view.caller(), id.0, form.version(), true, body.into())
            .await
    };
    match changed.await {
        Ok(changed) => Ok(view.redirect_saying(&path(changed.id), "The subscription is saved.")),
        Err(error) => view.again(error, HERE, &found.url, |wrong| {
            page(&view, Some(&found), &shown(&entered), wrong)
        }),
    }
}

/// What an API client would send; an empty secret keeps what is stored, or lets one be made.
fn entered(form: &Form) -> Value {
    let mut body = json!({
        "url": form.text("url").trim(),
        "events": form.all("events").collect::<Vec<_>>(),
        "description": form::optional(form.text("description")),
        "enabled": form.has("enabled"),
    });
    let secret = form.text("secret").trim();
    if let Some(members) = body.as_object_mut().filter(|_| !secret.is_empty()) {
        members.insert("secret".to_owned(), secret.into());
    }
    body
}

/// The same without the secret, which is never sent back.
fn shown(entered: &Value) -> Value {
    let mut shown = entered.clone();
    if let Some(members) = shown.as_object_mut() {
        members.remove("secret");
    }
    shown
}

fn page(view: &View, found: Option<&WebhookSubscription>, values: &Value, wrong: &Wrong) -> Markup {
    let title = found.map_or("New subscription", |_| "Edit the subscription");
    let (action, back) = match found {
        Some(found) => (format!("{}/edit", path(found.id)), path(found.id)),
        None => ("/webhooks".to_owned(), "/webhooks".to_owned()),
    };
    let entry = Entry {
        values,
        wrong,
        locked: false,
    };
    let secret_help = html! {
        @match found {
            Some(found) => { "It is " (masked(view, &found.secret)) ". Empty keeps it; with another one, the one before signs too for a while." }
            None => "Empty lets one be made, which is shown once. Else whsec_ and base64 of 24 to 64 bytes.",
        }
    };
    html! {
        (ui::head(view, WAY, title, &html! {}))
        (wrong.summary())
        form .card .form method="post" action=(view.url(&action)) {
            (ui::token(view))
            (ui::version(found.map(|found| found.version)))
            (Input::line("url", "url", "URL").required().placeholder("https://example.com/hooks").help(html! { "Notifications are posted there." }).show(&entry))
            (Input::text("description", "Description").show(&entry))
            (ui::ticks("events", "Events", &EVENTS, &entry))
            (Input::secret("secret", "Secret").help(secret_help).show(&entry))
            (Input::tick("enabled", "Enabled").show(&entry))
            div .buttons {
                button .primary type="submit" { @if found.is_some() { "Save" } @else { "Make" } }
                a href=(view.url(&back)) { "Cancel" }
            }
        }
    }
}

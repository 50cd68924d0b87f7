//! Settings → Webhooks: who is told of what, with which secret, and what was delivered. `list` has the subscriptions and the
//! tenant's own secret, `edit` makes and changes one, `detail` shows one with its deliveries, `deliveries` how these look.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};

use super::{
    form::Form,
    shell::Here,
    ui::{self, Tone},
    view::View,
};
use crate::{
    domain::ids::SubscriptionId,
    engine::{
        Engine,
        webhooks::{SubscriptionInput, WebhookSubscription},
    },
    error::Result,
    gateway::json::PathId,
    store::webhooks::SealedSecret,
};

pub(super) mod deliveries;
mod detail;
mod edit;
mod list;

const HERE: Here = Here::Webhooks;
/// The way to the list.
const ABOVE: &[(&str, &str)] = &[("Settings", "")];
/// The way to what the list holds.
const WAY: &[(&str, &str)] = &[("Settings", ""), ("Webhooks", "/webhooks")];

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/webhooks")
                .route(web::get().to(list::list))
                .route(web::post().to(edit::create)),
        )
        // Before the ids, of which these are none.
        .service(web::resource("/webhooks/new").route(web::get().to(edit::new)))
        .service(web::resource("/webhooks/secret/rotate").route(web::post().to(list::rotate_own)))
        .service(web::resource("/webhooks/{id}").route(web::get().to(detail::detail)))
        .service(
            web::resource("/webhooks/{id}/edit")
                .route(web::get().to(edit::edit))
                .route(web::post().to(edit::save)),
        )
        .service(web::resource("/webhooks/{id}/enable").route(web::post().to(enable)))
        .service(web::resource("/webhooks/{id}/disable").route(web::post().to(disable)))
        .service(web::resource("/webhooks/{id}/delete").route(web::post().to(delete)))
        .service(web::resource("/webhooks/{id}/rotate").route(web::post().to(detail::rotate)))
        .service(web::resource("/webhooks/{id}/replay").route(web::post().to(detail::replay)));
}

async fn enable(view: View, engine: web::Data<Engine>, id: PathId<SubscriptionId>) -> Result<HttpResponse> {
    set_enabled(&view, &engine, id.0, true).await?;
    Ok(view.redirect_saying(&path(id.0), "It is enabled: what happens from now on is sent."))
}

async fn disable(view: View, engine: web::Data<Engine>, id: PathId<SubscriptionId>) -> Result<HttpResponse> {
    set_enabled(&view, &engine, id.0, false).await?;
    Ok(view.redirect_saying(&path(id.0), "It is disabled: nothing is sent to it."))
}

async fn set_enabled(view: &View, engine: &Engine, id: SubscriptionId, enabled: bool) -> Result<()> {
    let input = SubscriptionInput {
        enabled: Some(enabled),
        ..SubscriptionInput::default()
    };
    engine.webhooks().update(view.caller(), id, None, false, input).await?;
    Ok(())
}

async fn delete(view: View, engine: web::Data<Engine>, id: PathId<SubscriptionId>, form: Form) -> Result<HttpResponse> {
    engine.webhooks().delete(view.caller(), id.0, form.version()).await?;
    Ok(view.redirect_saying("/webhooks", "The webhook subscription is deleted."))
}

fn path(id: SubscriptionId) -> String {
    format!("/webhooks/{id}")
}

/// Whether notifications are sent, and who said no.
fn state(subscription: &WebhookSubscription) -> Markup {
    match (subscription.enabled, &subscription.disabled_reason) {
        (true, _) => ui::badge(Tone::Good, "enabled"),
        (false, None) => ui::badge(Tone::Quiet, "disabled"),
        (false, Some(_)) => ui::badge(Tone::Bad, "disabled by the engine"),
    }
}

/// What is shown of a secret that is set.
fn masked(view: &View, secret: &SealedSecret) -> Markup {
    html! {
        "set, " code { (secret.fingerprint) } ", since " (ui::time(secret.created_at))
        @if let Some((_, until)) = &secret.previous {
            @if *until > view.now() { "; the one before signs too until " (ui::time(*until)) }
        }
    }
}

/// A secret that is shown this once.
fn secret_once(secret: &str, of: &str) -> Markup {
    html! {
        div .note role="status" tabindex="-1" data-focus {
            p { strong { "The secret of " (of) } " is shown this once. Copy it now to whoever checks the signatures; afterwards only its fingerprint can be seen." }
            p .secret-once {
                code #secret { (secret) }
                button type="button" data-copy="#secret" { "Copy" }
            }
        }
    }
}

//! The subscriptions of the tenant, and its own secret, with which notifications to plain URLs are signed.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::{ABOVE, HERE, masked, path, secret_once, state};
use crate::{
    domain::rights::Right,
    engine::{Engine, webhooks::WebhookSubscription},
    error::Result,
    gateway::{
        console::{ui, view::View},
        json::Query,
        page::PageQuery,
    },
    store::webhooks::SealedSecret,
};

pub(super) async fn list(view: View, engine: web::Data<Engine>, query: Query<PageQuery>) -> Result<HttpResponse> {
    let own = engine.webhooks().own_secret(view.caller()).await?;
    listed(&view, &engine, query.0, &own, None).await
}

pub(super) async fn rotate_own(view: View, engine: web::Data<Engine>) -> Result<HttpResponse> {
    let rotated = engine.webhooks().rotate_own_secret(view.caller()).await?;
    let secret = rotated
        .secret
        .as_ref()
        .map(|secret| secret_once(secret.expose(), "this tenant"));
    listed(&view, &engine, PageQuery::default(), &rotated.thing, secret).await
}

async fn listed(
    view: &View,
    engine: &Engine,
    query: PageQuery,
    own: &SealedSecret,
    secret: Option<Markup>,
) -> Result<HttpResponse> {
    let page = query.page()?;
    let cursor = page.cursor.clone();
    let found = engine.webhooks().list(view.caller(), page).await?;
    let rows: Vec<Markup> = found.items.iter().map(|subscription| row(view, subscription)).collect();
    let may_change = view.may(Right::SettingsManage);
    let new = html! { @if may_change { (ui::main_button(view, "/webhooks/new", "New subscription")) } };
    let content = html! {
        (ui::head(view, ABOVE, "Webhooks", &new))
        @if let Some(secret) = &secret { (secret) }
        @if rows.is_empty() {
            (ui::empty("There are no webhook subscriptions yet",
                "A subscription names a URL that is told when requests in the background end. Requests whose header erp-api-background is \"subscription\" tell all of them.",
                &html! { @if may_change { (ui::link_button(view, "/webhooks/new", "New subscription")) } }))
        } @else {
            (ui::live("subscriptions", "webhook.disabled",
                &ui::table("Webhook subscriptions", &["URL", "State", "Events", "Description", "Changed"], &rows)))
        }
        (ui::pager(view, "/webhooks", "", cursor.as_deref(), found.next_cursor.as_deref()))
        section .card {
            h2 { "Secret of this tenant" }
            p { "Notifications to a URL that a request itself names are signed with it." }
            p { (masked(view, own)) }
            @if may_change {
                (ui::act_asking(view, "/webhooks/secret/rotate", "Give it another secret",
                    "Give this tenant another signing secret? Receivers must learn it; the one before signs too for a while.", "danger"))
            }
        }
    };
    Ok(view.page(HERE, "Webhooks", &content))
}

fn row(view: &View, subscription: &WebhookSubscription) -> Markup {
    html! {
        tr {
            td .long { a href=(view.url(&path(subscription.id))) { (subscription.url) } }
            td { (state(subscription)) }
            td { (subscription.events.join(", ")) }
            td .long { @match &subscription.description { Some(text) => (text), None => (ui::dash()) } }
            td { (ui::time(subscription.updated_at)) }
        }
    }
}

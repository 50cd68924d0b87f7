//! One webhook subscription with its deliveries; another secret; sending deliveries once more.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::{HERE, WAY, deliveries, masked, path, secret_once, state};
use crate::{
    domain::{
        ids::{DeliveryId, SubscriptionId},
        rights::Right,
    },
    engine::{
        Engine,
        webhooks::{ReplayFilter, WebhookSubscription},
    },
    error::{Code, Error, Result},
    gateway::{
        console::{form::Form, ui, view::View},
        json::{PathId, Query},
        page::PageQuery,
    },
};

/// Requests that one click sends to the engine for all that failed; each replays up to 1,000.
const ROUNDS_MAX: usize = 20;

pub(super) async fn detail(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<SubscriptionId>,
    query: Query<PageQuery>,
) -> Result<HttpResponse> {
    let found = engine.webhooks().get(view.caller(), id.0).await?;
    shown(&view, &engine, &found, query.0, None).await
}

/// Shown in the answer itself: the secret is nowhere else.
pub(super) async fn rotate(view: View, engine: web::Data<Engine>, id: PathId<SubscriptionId>) -> Result<HttpResponse> {
    let rotated = engine.webhooks().rotate(view.caller(), id.0, None).await?;
    let secret = rotated
        .secret
        .as_ref()
        .map(|secret| secret_once(secret.expose(), &rotated.thing.url));
    shown(&view, &engine, &rotated.thing, PageQuery::default(), secret).await
}

/// One delivery, where the form names it; else all that failed.
pub(super) async fn replay(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<SubscriptionId>,
    form: Form,
) -> Result<HttpResponse> {
    let back = path(id.0);
    let given = form.text("delivery");
    let done = match given.is_empty() {
        false => one(&view, &engine, given).await,
        true => all_failed(&view, &engine, id.0).await,
    };
    match done {
        Ok(said) => Ok(view.redirect_saying(&back, &said)),
        Err(error) if error.code == Code::WrongState => Ok(view.redirect_saying(&back, &error.message)),
        Err(error) => Err(error),
    }
}

/// Sends one delivery once more; what there is to be said of it.
async fn one(view: &View, engine: &Engine, delivery: &str) -> Result<String> {
    let id: DeliveryId = delivery.parse().map_err(|_| Error::not_found("delivery", delivery))?;
    engine.webhooks().replay_one(view.caller(), id).await?;
    Ok("The delivery is sent once more, under its old id.".to_owned())
}

async fn all_failed(view: &View, engine: &Engine, id: SubscriptionId) -> Result<String> {
    let (mut count, mut after) = (0, None);
    for _ in 0..ROUNDS_MAX {
        let filter = ReplayFilter {
            after,
            ..ReplayFilter::default()
        };
        let replayed = engine.webhooks().replay(view.caller(), id, filter).await?;
        count += replayed.ids.len();
        after = replayed.next;
        if after.is_none() {
            break;
        }
    }
    Ok(match (count, after) {
        (0, _) => "No delivery has failed, so nothing is sent.".to_owned(),
        (1, _) => "1 delivery that failed is sent once more.".to_owned(),
        (_, None) => format!("{count} deliveries that failed are sent once more."),
        (_, Some(_)) => format!("{count} deliveries that failed are sent once more; there are more of them."),
    })
}

async fn shown(
    view: &View,
    engine: &Engine,
    found: &WebhookSubscription,
    query: PageQuery,
    secret: Option<Markup>,
) -> Result<HttpResponse> {
    let names = engine.names().users(view.caller(), found.created_by).await?;
    let made_by = found.created_by.and_then(|id| names.get(&id).cloned());
    let deliveries = match view.may(Right::SettingsManage) {
        true => Some(delivered(view, engine, found, query).await?),
        false => None,
    };
    let live = html! {
        @if let Some(reason) = &found.disabled_reason { p .note { "The engine disabled it: " (reason) } }
        (ui::facts(&[
            ("State", state(found)),
            ("Events", html! { (found.events.join(", ")) }),
            ("Description", html! { @match &found.description { Some(text) => (text), None => (ui::dash()) } }),
            ("Secret", masked(view, &found.secret)),
            ("Made", ui::time(found.created_at)),
            ("Made by", html! { @match &made_by { Some(name) => (name), None => (ui::dash()) } }),
            ("Changed", ui::time(found.updated_at)),
        ]))
        @if let Some(deliveries) = &deliveries { (deliveries) }
    };
    let kinds =
        "webhook.delivered webhook.failed webhook.retried webhook.disabled background.finished background.cancelled";
    let content = html! {
        (ui::head(view, WAY, &found.url, &ui::live_actions(kinds, &actions(view, found))))
        @if let Some(secret) = &secret { (secret) }
        (ui::live("subscription", kinds, &live))
    };
    Ok(view.page(HERE, &found.url, &content))
}

async fn delivered(view: &View, engine: &Engine, found: &WebhookSubscription, query: PageQuery) -> Result<Markup> {
    let page = query.page()?;
    let cursor = page.cursor.clone();
    let list = engine.webhooks().deliveries(view.caller(), found.id, page).await?;
    let to = format!("{}/replay", path(found.id));
    Ok(html! {
        div .head {
            h2 { "Deliveries" }
            @if !list.items.is_empty() && found.enabled {
                (ui::act_asking(view, &to, "Replay all that failed",
                    &format!("Send all failed deliveries to {} once more, under their old ids?", found.url), ""))
            }
        }
        @if list.items.is_empty() {
            (ui::empty("Nothing was delivered yet", "A delivery is made when a request in the background ends whose header erp-api-background is \"subscription\".", &html! {}))
        } @else {
            (deliveries::table(view, &list.items, true, found.enabled.then_some(to.as_str())))
        }
        (ui::pager(view, &path(found.id), "", cursor.as_deref(), list.next_cursor.as_deref()))
    })
}

fn actions(view: &View, found: &WebhookSubscription) -> Markup {
    if !view.may(Right::SettingsManage) {
        return html! {};
    }
    let path = path(found.id);
    html! {
        (ui::link_button(view, &format!("{path}/edit"), "Edit"))
        @if found.enabled {
            (ui::act_asking(view, &format!("{path}/disable"), "Disable",
                &format!("Disable the subscription of {}? It is told of nothing any more until it is enabled.", found.url), ""))
        } @else {
            (ui::act(view, &format!("{path}/enable"), "Enable"))
        }
        (ui::act_asking(view, &format!("{path}/rotate"), "New secret",
            &format!("Give the subscription of {} another secret? Its receiver must learn it; the one before signs too for a while.", found.url), ""))
        form .act method="post" action=(view.url(&format!("{path}/delete"))) {
            (ui::token(view))
            (ui::version(Some(found.version)))
            button .danger type="submit" data-ask=(format!("Delete the subscription of {}? What waits for its receiver is not sent any more.", found.url)) { "Delete" }
        }
    }
}

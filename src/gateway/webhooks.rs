//! `/api/v1/webhook-subscriptions` and `/api/v1/webhook-secret`: who is told, what signs, what was delivered.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};

use super::{
    dto::webhooks::{
        DeliveryAnswer, OwnSecretAnswer, ReplayBody, ReplayOneBody, ReplayedAnswer, RotateBody, SubscriptionAnswer,
        SubscriptionBody, SubscriptionPatch,
    },
    etag::{self, IfMatch},
    json::{Json, PathId, Query, Replacement},
    page::{List, PageQuery},
};
use crate::{
    domain::ids::SubscriptionId,
    engine::{Engine, caller::Caller, webhooks::Shown},
    error::Result,
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/webhook-subscriptions")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        // Before the ids, of which it is none.
        .service(web::resource("/webhook-subscriptions/replay").route(web::post().to(replay_one)))
        .service(
            web::resource("/webhook-subscriptions/{id}")
                .route(web::get().to(get))
                .route(web::put().to(replace))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        )
        .service(web::resource("/webhook-subscriptions/{id}/rotate-secret").route(web::post().to(rotate_secret)))
        .service(web::resource("/webhook-subscriptions/{id}/deliveries").route(web::get().to(deliveries)))
        .service(web::resource("/webhook-subscriptions/{id}/replay").route(web::post().to(replay)))
        .service(web::resource("/webhook-secret").route(web::get().to(own_secret)))
        .service(web::resource("/webhook-secret/rotate").route(web::post().to(rotate_own_secret)));
}

/// The webhook subscriptions of the tenant.
#[utoipa::path(get, path = "/api/v1/webhook-subscriptions", tag = "webhooks", params(PageQuery), responses((status = 200, body = List<SubscriptionAnswer>)))]
pub(super) async fn list(caller: Caller, engine: web::Data<Engine>, query: Query<PageQuery>) -> Result<HttpResponse> {
    let paged = engine.webhooks().list(&caller, query.0.page()?).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, SubscriptionAnswer::from)))
}

/// Makes a webhook subscription; its `secret` is shown this once.
#[utoipa::path(post, path = "/api/v1/webhook-subscriptions", tag = "webhooks", request_body = SubscriptionBody, responses((status = 201, body = SubscriptionAnswer)))]
pub(super) async fn create(
    caller: Caller,
    engine: web::Data<Engine>,
    body: Json<SubscriptionBody>,
) -> Result<HttpResponse> {
    let created = engine.webhooks().create(&caller, body.0.into()).await?;
    let location = format!("/api/v1/webhook-subscriptions/{}", created.thing.id);
    let version = created.thing.version;
    Ok(etag::created(&location, version, &SubscriptionAnswer::from(created)))
}

/// One webhook subscription.
#[utoipa::path(get, path = "/api/v1/webhook-subscriptions/{id}", tag = "webhooks", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = SubscriptionAnswer)))]
pub(super) async fn get(caller: Caller, engine: web::Data<Engine>, id: PathId<SubscriptionId>) -> Result<HttpResponse> {
    let found = engine.webhooks().get(&caller, id.0).await?;
    Ok(etag::ok(found.version, &SubscriptionAnswer::from(found)))
}

/// Replaces a webhook subscription.
#[utoipa::path(put, path = "/api/v1/webhook-subscriptions/{id}", tag = "webhooks", params(("id" = uuid::Uuid, Path)), request_body = SubscriptionBody, responses((status = 200, body = SubscriptionAnswer)))]
pub(super) async fn replace(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<SubscriptionId>,
    version: IfMatch,
    body: Replacement<SubscriptionBody>,
) -> Result<HttpResponse> {
    let changed = engine
        .webhooks()
        .update(&caller, id.0, version.0, true, body.0.into())
        .await?;
    Ok(etag::ok(changed.version, &SubscriptionAnswer::from(changed)))
}

/// Changes a part of a webhook subscription.
#[utoipa::path(patch, path = "/api/v1/webhook-subscriptions/{id}", tag = "webhooks", params(("id" = uuid::Uuid, Path)), request_body = SubscriptionPatch, responses((status = 200, body = SubscriptionAnswer)))]
pub(super) async fn patch(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<SubscriptionId>,
    version: IfMatch,
    body: Json<SubscriptionPatch>,
) -> Result<HttpResponse> {
    let changed = engine
        .webhooks()
        .update(&caller, id.0, version.0, false, body.0.into())
        .await?;
    Ok(etag::ok(changed.version, &SubscriptionAnswer::from(changed)))
}

/// Deletes a webhook subscription; what waits for its receiver is not sent any more.
#[utoipa::path(delete, path = "/api/v1/webhook-subscriptions/{id}", tag = "webhooks", params(("id" = uuid::Uuid, Path)), responses((status = 204)))]
pub(super) async fn delete(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<SubscriptionId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine.webhooks().delete(&caller, id.0, version.0).await?;
    Ok(etag::no_content())
}

/// Gives a webhook subscription another secret, which is shown this once; the one before signs too for a while.
#[utoipa::path(post, path = "/api/v1/webhook-subscriptions/{id}/rotate-secret", tag = "webhooks", params(("id" = uuid::Uuid, Path)), request_body = RotateBody, responses((status = 200, body = SubscriptionAnswer)))]
pub(super) async fn rotate_secret(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<SubscriptionId>,
    body: Json<RotateBody>,
) -> Result<HttpResponse> {
    let rotated = engine.webhooks().rotate(&caller, id.0, body.0.into_secret()).await?;
    let version = rotated.thing.version;
    Ok(etag::ok(version, &SubscriptionAnswer::from(rotated)))
}

/// The deliveries of a webhook subscription, newest first, with their attempts.
#[utoipa::path(get, path = "/api/v1/webhook-subscriptions/{id}/deliveries", tag = "webhooks", params(("id" = uuid::Uuid, Path), PageQuery), responses((status = 200, body = List<DeliveryAnswer>)))]
pub(super) async fn deliveries(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<SubscriptionId>,
    query: Query<PageQuery>,
) -> Result<HttpResponse> {
    let paged = engine.webhooks().deliveries(&caller, id.0, query.0.page()?).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, DeliveryAnswer::from)))
}

/// Sends deliveries of a webhook subscription once more, under their old ids.
#[utoipa::path(post, path = "/api/v1/webhook-subscriptions/{id}/replay", tag = "webhooks", params(("id" = uuid::Uuid, Path)), request_body = ReplayBody, responses((status = 200, body = ReplayedAnswer)))]
pub(super) async fn replay(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<SubscriptionId>,
    body: Json<ReplayBody>,
) -> Result<HttpResponse> {
    let replayed = engine.webhooks().replay(&caller, id.0, body.0.into()).await?;
    Ok(HttpResponse::Ok().json(ReplayedAnswer::from(replayed)))
}

/// Sends one delivery once more, under its old id; also one to a plain URL.
#[utoipa::path(post, path = "/api/v1/webhook-subscriptions/replay", tag = "webhooks", request_body = ReplayOneBody, responses((status = 200, body = ReplayedAnswer)))]
pub(super) async fn replay_one(
    caller: Caller,
    engine: web::Data<Engine>,
    body: Json<ReplayOneBody>,
) -> Result<HttpResponse> {
    let replayed = engine.webhooks().replay_one(&caller, body.0.delivery_id).await?;
    Ok(HttpResponse::Ok().json(ReplayedAnswer::from(replayed)))
}

/// What is shown of the tenant's own signing secret, with which notifications to plain URLs are signed.
#[utoipa::path(get, path = "/api/v1/webhook-secret", tag = "webhooks", responses((status = 200, body = OwnSecretAnswer)))]
pub(super) async fn own_secret(caller: Caller, engine: web::Data<Engine>) -> Result<HttpResponse> {
    let thing = engine.webhooks().own_secret(&caller).await?;
    Ok(HttpResponse::Ok().json(OwnSecretAnswer::from(Shown { thing, secret: None })))
}

/// Gives the tenant another signing secret, which is shown this once; the one before signs too for a while.
#[utoipa::path(post, path = "/api/v1/webhook-secret/rotate", tag = "webhooks", responses((status = 200, body = OwnSecretAnswer)))]
pub(super) async fn rotate_own_secret(caller: Caller, engine: web::Data<Engine>) -> Result<HttpResponse> {
    let rotated = engine.webhooks().rotate_own_secret(&caller).await?;
    Ok(HttpResponse::Ok().json(OwnSecretAnswer::from(rotated)))
}

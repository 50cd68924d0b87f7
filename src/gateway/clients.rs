//! `/api/v1/clients`: credentials and limits for outbound requests.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};

use super::{
    dto::clients::{CheckAnswer, ClientAnswer, ClientBody, ClientPatch},
    etag::{self, IfMatch},
    json::{Json, PathId, Query, Replacement},
    page::{List, PageQuery},
};
use crate::{
    domain::ids::ClientId,
    engine::{Engine, caller::Caller},
    error::Result,
    http::Merge,
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/clients")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(
            web::resource("/clients/{id}")
                .route(web::get().to(get))
                .route(web::put().to(replace))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        )
        .service(web::resource("/clients/{id}/check").route(web::post().to(check)));
}

/// The clients of the tenant.
#[utoipa::path(get, path = "/api/v1/clients", tag = "clients", params(PageQuery), responses((status = 200, body = List<ClientAnswer>)))]
pub(super) async fn list(caller: Caller, engine: web::Data<Engine>, query: Query<PageQuery>) -> Result<HttpResponse> {
    let paged = engine.clients().list(&caller, query.0.page()?).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, ClientAnswer::from)))
}

/// Makes a client.
#[utoipa::path(post, path = "/api/v1/clients", tag = "clients", request_body = ClientBody, responses((status = 201, body = ClientAnswer)))]
pub(super) async fn create(caller: Caller, engine: web::Data<Engine>, body: Json<ClientBody>) -> Result<HttpResponse> {
    let created = engine.clients().create(&caller, body.0.into()).await?;
    let location = format!("/api/v1/clients/{}", created.id);
    Ok(etag::created(&location, created.version, &ClientAnswer::from(created)))
}

/// One client.
#[utoipa::path(get, path = "/api/v1/clients/{id}", tag = "clients", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = ClientAnswer)))]
pub(super) async fn get(caller: Caller, engine: web::Data<Engine>, id: PathId<ClientId>) -> Result<HttpResponse> {
    let found = engine.clients().get(&caller, id.0).await?;
    Ok(etag::ok(found.version, &ClientAnswer::from(found)))
}

/// Replaces a client.
#[utoipa::path(put, path = "/api/v1/clients/{id}", tag = "clients", params(("id" = uuid::Uuid, Path)), request_body = ClientBody, responses((status = 200, body = ClientAnswer)))]
pub(super) async fn replace(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ClientId>,
    version: IfMatch,
    body: Replacement<ClientBody>,
) -> Result<HttpResponse> {
    let changed = engine
        .clients()
        .update(&caller, id.0, version.0, Merge::Replace, body.0.into())
        .await?;
    Ok(etag::ok(changed.version, &ClientAnswer::from(changed)))
}

/// Changes a part of a client.
#[utoipa::path(patch, path = "/api/v1/clients/{id}", tag = "clients", params(("id" = uuid::Uuid, Path)), request_body = ClientPatch, responses((status = 200, body = ClientAnswer)))]
pub(super) async fn patch(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ClientId>,
    version: IfMatch,
    body: Json<ClientPatch>,
) -> Result<HttpResponse> {
    let changed = engine
        .clients()
        .update(&caller, id.0, version.0, Merge::Patch, body.0.into())
        .await?;
    Ok(etag::ok(changed.version, &ClientAnswer::from(changed)))
}

/// Deletes a client.
#[utoipa::path(delete, path = "/api/v1/clients/{id}", tag = "clients", params(("id" = uuid::Uuid, Path)), responses((status = 204)))]
pub(super) async fn delete(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ClientId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine.clients().delete(&caller, id.0, version.0).await?;
    Ok(etag::no_content())
}

/// Tries the credentials: gets a token if the kind has one.
#[utoipa::path(post, path = "/api/v1/clients/{id}/check", tag = "clients", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = CheckAnswer)))]
pub(super) async fn check(caller: Caller, engine: web::Data<Engine>, id: PathId<ClientId>) -> Result<HttpResponse> {
    let check = engine.clients().check(&caller, id.0).await?;
    Ok(HttpResponse::Ok().json(CheckAnswer::from(check)))
}

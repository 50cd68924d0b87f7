//! `/api/v1/tenants`: companies whose things no other company sees.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};

use super::{
    dto::identity::{TenantAnswer, TenantBody, TenantPatch},
    etag::{self, IfMatch},
    json::{Json, PathId, Query, Replacement},
    page::{List, PageQuery},
};
use crate::{
    domain::ids::TenantId,
    engine::{Engine, caller::Caller},
    error::Result,
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/tenants")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(
            web::resource("/tenants/{id}")
                .route(web::get().to(get))
                .route(web::put().to(replace))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        );
}

/// The tenants that the caller reaches.
#[utoipa::path(get, path = "/api/v1/tenants", tag = "tenants", params(PageQuery), responses((status = 200, body = List<TenantAnswer>)))]
pub(super) async fn list(caller: Caller, engine: web::Data<Engine>, query: Query<PageQuery>) -> Result<HttpResponse> {
    let paged = engine.tenants().list(&caller, query.0.page()?).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, TenantAnswer::from)))
}

/// Makes a tenant.
#[utoipa::path(post, path = "/api/v1/tenants", tag = "tenants", request_body = TenantBody, responses((status = 201, body = TenantAnswer)))]
pub(super) async fn create(caller: Caller, engine: web::Data<Engine>, body: Json<TenantBody>) -> Result<HttpResponse> {
    let created = engine.tenants().create(&caller, body.0.into()).await?;
    let location = format!("/api/v1/tenants/{}", created.id);
    Ok(etag::created(&location, created.version, &TenantAnswer::from(created)))
}

/// One tenant.
#[utoipa::path(get, path = "/api/v1/tenants/{id}", tag = "tenants", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = TenantAnswer)))]
pub(super) async fn get(caller: Caller, engine: web::Data<Engine>, id: PathId<TenantId>) -> Result<HttpResponse> {
    let found = engine.tenants().get(&caller, id.0).await?;
    Ok(etag::ok(found.version, &TenantAnswer::from(found)))
}

/// Replaces a tenant.
#[utoipa::path(put, path = "/api/v1/tenants/{id}", tag = "tenants", params(("id" = uuid::Uuid, Path)), request_body = TenantBody, responses((status = 200, body = TenantAnswer)))]
pub(super) async fn replace(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<TenantId>,
    version: IfMatch,
    body: Replacement<TenantBody>,
) -> Result<HttpResponse> {
    let changed = engine.tenants().update(&caller, id.0, version.0, body.0.into()).await?;
    Ok(etag::ok(changed.version, &TenantAnswer::from(changed)))
}

/// Changes a part of a tenant.
#[utoipa::path(patch, path = "/api/v1/tenants/{id}", tag = "tenants", params(("id" = uuid::Uuid, Path)), request_body = TenantPatch, responses((status = 200, body = TenantAnswer)))]
pub(super) async fn patch(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<TenantId>,
    version: IfMatch,
    body: Json<TenantPatch>,
) -> Result<HttpResponse> {
    let changed = engine.tenants().update(&caller, id.0, version.0, body.0.into()).await?;
    Ok(etag::ok(changed.version, &TenantAnswer::from(changed)))
}

/// Deletes a tenant.
#[utoipa::path(delete, path = "/api/v1/tenants/{id}", tag = "tenants", params(("id" = uuid::Uuid, Path)), responses((status = 204)))]
pub(super) async fn delete(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<TenantId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine.tenants().delete(&caller, id.0, version.0).await?;
    Ok(etag::no_content())
}

//! `/api/v1/groups`: rights of their members in one tenant.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};

use super::{
    dto::identity::{GroupAnswer, GroupBody, GroupPatch},
    etag::{self, IfMatch},
    json::{Json, PathId, Query, Replacement},
    page::{List, PageQuery},
};
use crate::{
    domain::ids::GroupId,
    engine::{Engine, caller::Caller},
    error::Result,
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/groups")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(
            web::resource("/groups/{id}")
                .route(web::get().to(get))
                .route(web::put().to(replace))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        );
}

/// The groups of the tenant.
#[utoipa::path(get, path = "/api/v1/groups", tag = "groups", params(PageQuery), responses((status = 200, body = List<GroupAnswer>)))]
pub(super) async fn list(caller: Caller, engine: web::Data<Engine>, query: Query<PageQuery>) -> Result<HttpResponse> {
    let paged = engine.groups().list(&caller, query.0.page()?).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, GroupAnswer::from)))
}

/// Makes a group.
#[utoipa::path(post, path = "/api/v1/groups", tag = "groups", request_body = GroupBody, responses((status = 201, body = GroupAnswer)))]
pub(super) async fn create(caller: Caller, engine: web::Data<Engine>, body: Json<GroupBody>) -> Result<HttpResponse> {
    let tenant_id = body.0.tenant_id;
    let created = engine.groups().create(&caller, tenant_id, body.0.into()).await?;
    let location = format!("/api/v1/groups/{}", created.id);
    Ok(etag::created(&location, created.version, &GroupAnswer::from(created)))
}

/// One group.
#[utoipa::path(get, path = "/api/v1/groups/{id}", tag = "groups", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = GroupAnswer)))]
pub(super) async fn get(caller: Caller, engine: web::Data<Engine>, id: PathId<GroupId>) -> Result<HttpResponse> {
    let found = engine.groups().get(&caller, id.0).await?;
    Ok(etag::ok(found.version, &GroupAnswer::from(found)))
}

/// Replaces a group.
#[utoipa::path(put, path = "/api/v1/groups/{id}", tag = "groups", params(("id" = uuid::Uuid, Path)), request_body = GroupBody, responses((status = 200, body = GroupAnswer)))]
pub(super) async fn replace(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<GroupId>,
    version: IfMatch,
    body: Replacement<GroupBody>,
) -> Result<HttpResponse> {
    let changed = engine.groups().update(&caller, id.0, version.0, body.0.into()).await?;
    Ok(etag::ok(changed.version, &GroupAnswer::from(changed)))
}

/// Changes a part of a group.
#[utoipa::path(patch, path = "/api/v1/groups/{id}", tag = "groups", params(("id" = uuid::Uuid, Path)), request_body = GroupPatch, responses((status = 200, body = GroupAnswer)))]
pub(super) async fn patch(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<GroupId>,
    version: IfMatch,
    body: Json<GroupPatch>,
) -> Result<HttpResponse> {
    let changed = engine.groups().update(&caller, id.0, version.0, body.0.into()).await?;
    Ok(etag::ok(changed.version, &GroupAnswer::from(changed)))
}

/// Deletes a group.
#[utoipa::path(delete, path = "/api/v1/groups/{id}", tag = "groups", params(("id" = uuid::Uuid, Path)), responses((status = 204)))]
pub(super) async fn delete(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<GroupId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine.groups().delete(&caller, id.0, version.0).await?;
    Ok(etag::no_content())
}

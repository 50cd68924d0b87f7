//! `/api/v1/users`: people and programs that sign in.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};

use super::{
    dto::identity::{UserAnswer, UserBody, UserPatch},
    etag::{self, IfMatch},
    json::{Json, PathId, Query, Replacement},
    page::{List, PageQuery},
};
use crate::{
    domain::ids::UserId,
    engine::{Engine, caller::Caller},
    error::Result,
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/users")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(
            web::resource("/users/{id}")
                .route(web::get().to(get))
                .route(web::put().to(replace))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        );
}

/// Users made in the tenant, and members of its groups.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", params(PageQuery), responses((status = 200, body = List<UserAnswer>)))]
pub(super) async fn list(caller: Caller, engine: web::Data<Engine>, query: Query<PageQuery>) -> Result<HttpResponse> {
    let paged = engine.users().list(&caller, query.0.page()?).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, UserAnswer::from)))
}

/// Makes a user.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = UserBody, responses((status = 201, body = UserAnswer)))]
pub(super) async fn create(caller: Caller, engine: web::Data<Engine>, body: Json<UserBody>) -> Result<HttpResponse> {
    let created = engine.users().create(&caller, body.0.into()).await?;
    let location = format!("/api/v1/users/{}", created.id);
    Ok(etag::created(&location, created.version, &UserAnswer::from(created)))
}

/// One user.
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "users", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = UserAnswer)))]
pub(super) async fn get(caller: Caller, engine: web::Data<Engine>, id: PathId<UserId>) -> Result<HttpResponse> {
    let found = engine.users().get(&caller, id.0).await?;
    Ok(etag::ok(found.version, &UserAnswer::from(found)))
}

/// Replaces a user.
#[utoipa::path(put, path = "/api/v1/users/{id}", tag = "users", params(("id" = uuid::Uuid, Path)), request_body = UserBody, responses((status = 200, body = UserAnswer)))]
pub(super) async fn replace(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<UserId>,
    version: IfMatch,
    body: Replacement<UserBody>,
) -> Result<HttpResponse> {
    let changed = engine.users().update(&caller, id.0, version.0, body.0.into()).await?;
    Ok(etag::ok(changed.version, &UserAnswer::from(changed)))
}

/// Changes a part of a user.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", params(("id" = uuid::Uuid, Path)), request_body = UserPatch, responses((status = 200, body = UserAnswer)))]
pub(super) async fn patch(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<UserId>,
    version: IfMatch,
    body: Json<UserPatch>,
) -> Result<HttpResponse> {
    let changed = engine.users().update(&caller, id.0, version.0, body.0.into()).await?;
    Ok(etag::ok(changed.version, &UserAnswer::from(changed)))
}

/// Deletes a user.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "users", params(("id" = uuid::Uuid, Path)), responses((status = 204)))]
pub(super) async fn delete(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<UserId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine.users().delete(&caller, id.0, version.0).await?;
    Ok(etag::no_content())
}

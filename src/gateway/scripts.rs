//! `/api/v1/scripts`: named scripts for partner functions and mappings, with every version of their sources.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, ServiceConfig},
};

use super::{
    dto::scripts::{ScriptAnswer, ScriptBody, ScriptPatch, ScriptRow, VersionAnswer, VersionRow},
    etag::{self, IfMatch},
    json::{Json, PathId, Query, Replacement},
    page::{List, PageQuery},
};
use crate::{
    domain::ids::ScriptId,
    engine::{Engine, caller::Caller},
    error::{Code, Error, Result},
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/scripts")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(
            web::resource("/scripts/{id}")
                .route(web::get().to(get))
                .route(web::put().to(replace))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        )
        .service(web::resource("/scripts/{id}/versions").route(web::get().to(versions)))
        .service(web::resource("/scripts/{id}/versions/{version}").route(web::get().to(version)));
}

/// The scripts of the tenant, without their sources.
#[utoipa::path(get, path = "/api/v1/scripts", tag = "scripts", params(PageQuery), responses((status = 200, body = List<ScriptRow>)))]
pub(super) async fn list(caller: Caller, engine: web::Data<Engine>, query: Query<PageQuery>) -> Result<HttpResponse> {
    let paged = engine.named_scripts().list(&caller, query.0.page()?).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, ScriptRow::from)))
}

/// Makes a script.
#[utoipa::path(post, path = "/api/v1/scripts", tag = "scripts", request_body = ScriptBody, responses((status = 201, body = ScriptAnswer)))]
pub(super) async fn create(caller: Caller, engine: web::Data<Engine>, body: Json<ScriptBody>) -> Result<HttpResponse> {
    let created = engine.named_scripts().create(&caller, body.0.into()).await?;
    let location = format!("/api/v1/scripts/{}", created.script.id);
    let version = created.script.version;
    Ok(etag::created(&location, version, &ScriptAnswer::from(created)))
}

/// One script with its source.
#[utoipa::path(get, path = "/api/v1/scripts/{id}", tag = "scripts", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = ScriptAnswer)))]
pub(super) async fn get(caller: Caller, engine: web::Data<Engine>, id: PathId<ScriptId>) -> Result<HttpResponse> {
    let found = engine.named_scripts().get(&caller, id.0).await?;
    Ok(etag::ok(found.script.version, &ScriptAnswer::from(found)))
}

/// Replaces a script.
#[utoipa::path(put, path = "/api/v1/scripts/{id}", tag = "scripts", params(("id" = uuid::Uuid, Path)), request_body = ScriptBody, responses((status = 200, body = ScriptAnswer)))]
pub(super) async fn replace(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ScriptId>,
    version: IfMatch,
    body: Replacement<ScriptBody>,
) -> Result<HttpResponse> {
    let scripts = engine.named_scripts();
    let changed = scripts.update(&caller, id.0, version.0, body.0.into()).await?;
    Ok(etag::ok(changed.script.version, &ScriptAnswer::from(changed)))
}

/// Changes a part of a script. Another source becomes a new version.
#[utoipa::path(patch, path = "/api/v1/scripts/{id}", tag = "scripts", params(("id" = uuid::Uuid, Path)), request_body = ScriptPatch, responses((status = 200, body = ScriptAnswer)))]
pub(super) async fn patch(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ScriptId>,
    version: IfMatch,
    body: Json<ScriptPatch>,
) -> Result<HttpResponse> {
    let scripts = engine.named_scripts();
    let changed = scripts.update(&caller, id.0, version.0, body.0.into()).await?;
    Ok(etag::ok(changed.script.version, &ScriptAnswer::from(changed)))
}

/// Deletes a script that nothing uses.
#[utoipa::path(delete, path = "/api/v1/scripts/{id}", tag = "scripts", params(("id" = uuid::Uuid, Path)), responses((status = 204)))]
pub(super) async fn delete(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ScriptId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine.named_scripts().delete(&caller, id.0, version.0).await?;
    Ok(etag::no_content())
}

/// The versions of a script's source, newest first.
#[utoipa::path(get, path = "/api/v1/scripts/{id}/versions", tag = "scripts", params(("id" = uuid::Uuid, Path), PageQuery), responses((status = 200, body = List<VersionRow>)))]
pub(super) async fn versions(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ScriptId>,
    query: Query<PageQuery>,
) -> Result<HttpResponse> {
    let scripts = engine.named_scripts();
    let paged = scripts.versions(&caller, id.0, query.0.page()?).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, VersionRow::from)))
}

/// One version of a script's source.
#[utoipa::path(get, path = "/api/v1/scripts/{id}/versions/{version}", tag = "scripts", params(("id" = uuid::Uuid, Path), ("version" = i64, Path)), responses((status = 200, body = VersionAnswer)))]
pub(super) async fn version(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ScriptId>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let text = request.match_info().get("version").unwrap_or_default();
    let wanted = text.parse().map_err(|_| {
        Error::new(
            Code::NotFound,
            format!("There is no version {text:?}: versions are whole numbers."),
        )
    })?;
    let found = engine.named_scripts().version(&caller, id.0, wanted).await?;
    Ok(HttpResponse::Ok().json(VersionAnswer::from(found)))
}

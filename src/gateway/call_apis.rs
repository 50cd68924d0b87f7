//! `/api/v1/call-apis`: the overview, definitions, activation, running once.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use serde_json::{Value, json};

use super::{
    dto::{
        call_api_schema::{CallApiInputSchema, CallApiSchema, DueTimesSchema, OverviewSchema},
        call_apis::{ListQuery, PreviewBody, RunAnswer},
    },
    etag::{self, IfMatch},
    json::{Json, PathId, Query},
    page::List,
};
use crate::{
    domain::ids::CallApiId,
    engine::{
        Engine,
        call_apis::{CallApi, CallApiInput},
        caller::Caller,
    },
    error::Result,
};

/// The routes that are more than a resource by its id come first: `test` is no id.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/call-apis")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(web::resource("/call-apis/preview-schedule").route(web::post().to(preview_schedule)))
        .configure(super::test_call::routes)
        .service(
            web::resource("/call-apis/{id}")
                .route(web::get().to(get))
                .route(web::put().to(replace))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        )
        .service(web::resource("/call-apis/{id}/activate").route(web::post().to(activate)))
        .service(web::resource("/call-apis/{id}/deactivate").route(web::post().to(deactivate)))
        .service(web::resource("/call-apis/{id}/run").route(web::post().to(run)));
}

/// The overview, by name.
#[utoipa::path(get, path = "/api/v1/call-apis", tag = "call APIs", params(ListQuery), responses((status = 200, body = List<OverviewSchema>)))]
pub(super) async fn list(caller: Caller, engine: web::Data<Engine>, query: Query<ListQuery>) -> Result<HttpResponse> {
    let (filter, page) = query.0.parts()?;
    let paged = engine.call_apis().list(&caller, filter, page).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, |line| line)))
}

/// Makes a call API; with `active` it is checked first, and nothing is made if a check fails.
#[utoipa::path(post, path = "/api/v1/call-apis", tag = "call APIs", request_body = CallApiInputSchema, responses((status = 201, body = CallApiSchema)))]
pub(super) async fn create(caller: Caller, engine: web::Data<Engine>, body: Json<Value>) -> Result<HttpResponse> {
    let input = CallApiInput::from_json(body.0)?;
    let created = engine.call_apis().create(&caller, input).await?;
    let location = format!("/api/v1/call-apis/{}", created.id);
    Ok(etag::created(&location, created.version, &created))
}

/// When a call with this schedule would be due.
#[utoipa::path(post, path = "/api/v1/call-apis/preview-schedule", tag = "call APIs", request_body = PreviewBody, responses((status = 200, body = DueTimesSchema)))]
pub(super) async fn preview_schedule(
    caller: Caller,
    engine: web::Data<Engine>,
    body: Json<PreviewBody>,
) -> Result<HttpResponse> {
    let due_times = engine.call_apis().preview_schedule(&caller, &body.0.preview())?;
    Ok(HttpResponse::Ok().json(json!({ "dueTimes": due_times })))
}

/// One call API.
#[utoipa::path(get, path = "/api/v1/call-apis/{id}", tag = "call APIs", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = CallApiSchema)))]
pub(super) async fn get(caller: Caller, engine: web::Data<Engine>, id: PathId<CallApiId>) -> Result<HttpResponse> {
    Ok(shown(&engine.call_apis().get(&caller, id.0).await?))
}

/// Replaces a call API that is not active.
#[utoipa::path(put, path = "/api/v1/call-apis/{id}", tag = "call APIs", params(("id" = uuid::Uuid, Path)), request_body = CallApiInputSchema, responses((status = 200, body = CallApiSchema)))]
pub(super) async fn replace(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    version: IfMatch,
    body: Json<Value>,
) -> Result<HttpResponse> {
    let input = CallApiInput::from_shown_json(body.0)?;
    Ok(shown(
        &engine.call_apis().replace(&caller, id.0, version.0, input).await?,
    ))
}

/// Applies a merge patch to a call API that is not active.
#[utoipa::path(patch, path = "/api/v1/call-apis/{id}", tag = "call APIs", params(("id" = uuid::Uuid, Path)), request_body(content = Object, description = "Any members of CallApiInput"), responses((status = 200, body = CallApiSchema)))]
pub(super) async fn patch(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    version: IfMatch,
    body: Json<Value>,
) -> Result<HttpResponse> {
    Ok(shown(
        &engine.call_apis().patch(&caller, id.0, version.0, body.0).await?,
    ))
}

/// Deletes a call API that is not active; its transactions stay.
#[utoipa::path(delete, path = "/api/v1/call-apis/{id}", tag = "call APIs", params(("id" = uuid::Uuid, Path)), responses((status = 204)))]
pub(super) async fn delete(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine.call_apis().delete(&caller, id.0, version.0).await?;
    Ok(etag::no_content())
}

/// Checks everything, then lets it run by itself: at once, or with a calendar rule at its next time.
#[utoipa::path(post, path = "/api/v1/call-apis/{id}/activate", tag = "call APIs", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = CallApiSchema)))]
pub(super) async fn activate(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    Ok(shown(&engine.call_apis().activate(&caller, id.0, version.0).await?))
}

/// Lets it run no more by itself.
#[utoipa::path(post, path = "/api/v1/call-apis/{id}/deactivate", tag = "call APIs", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = CallApiSchema)))]
pub(super) async fn deactivate(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    Ok(shown(&engine.call_apis().deactivate(&caller, id.0, version.0).await?))
}

/// Runs it once, now, also when it is inactive; answers at the end.
#[utoipa::path(post, path = "/api/v1/call-apis/{id}/run", tag = "call APIs", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = RunAnswer)))]
pub(super) async fn run(caller: Caller, engine: web::Data<Engine>, id: PathId<CallApiId>) -> Result<HttpResponse> {
    let ended = engine.call_apis().run(&caller, id.0).await?;
    Ok(HttpResponse::Ok().json(RunAnswer::from(ended)))
}

fn shown(call: &CallApi) -> HttpResponse {
    etag::ok(call.version, call)
}

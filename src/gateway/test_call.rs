//! Test URL and Run response, for saved call APIs and for definitions that are not saved.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use serde_json::Value;

use super::{
    dto::{
        call_api_schema::CallApiInputSchema,
        call_apis::{SavedResponseBody, UnsavedResponseBody},
        run_schema::{InterpretedSchema, TestedSchema},
    },
    json::{Json, PathId},
};
use crate::{
    domain::ids::CallApiId,
    engine::{Engine, call_apis::CallApiInput, caller::Caller},
    error::{Error, Result},
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/call-apis/test").route(web::post().to(test_unsaved)))
        .service(web::resource("/call-apis/test/response").route(web::post().to(run_response_unsaved)))
        .service(web::resource("/call-apis/{id}/test").route(web::post().to(test)))
        .service(web::resource("/call-apis/{id}/test/response").route(web::post().to(run_response)));
}

/// Test URL: sends the request once and shows what came back. A failure is a problem with `step`.
#[utoipa::path(post, path = "/api/v1/call-apis/{id}/test", tag = "call APIs", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = TestedSchema)))]
pub(super) async fn test(caller: Caller, engine: web::Data<Engine>, id: PathId<CallApiId>) -> Result<HttpResponse> {
    let tested = engine.call_apis().test(&caller, id.0).await?;
    Ok(HttpResponse::Ok().json(tested))
}

/// Test URL of a definition that is not saved.
#[utoipa::path(post, path = "/api/v1/call-apis/test", tag = "call APIs", request_body = CallApiInputSchema, responses((status = 200, body = TestedSchema)))]
pub(super) async fn test_unsaved(caller: Caller, engine: web::Data<Engine>, body: Json<Value>) -> Result<HttpResponse> {
    let input = CallApiInput::from_shown_json(body.0)?;
    let tested = engine.call_apis().test_definition(&caller, input.definition).await?;
    Ok(HttpResponse::Ok().json(tested))
}

/// Run response: runs the response script, or another in its place, on a response. Creates nothing.
#[utoipa::path(post, path = "/api/v1/call-apis/{id}/test/response", tag = "call APIs", params(("id" = uuid::Uuid, Path)), request_body = SavedResponseBody, responses((status = 200, body = InterpretedSchema)))]
pub(super) async fn run_response(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    body: Json<SavedResponseBody>,
) -> Result<HttpResponse> {
    let SavedResponseBody {
        response,
        response_script,
    } = body.0;
    let given = response.given()?;
    let done = engine
        .call_apis()
        .run_response(&caller, id.0, response_script, given)
        .await?;
    Ok(HttpResponse::Ok().json(done))
}

/// Run response of a definition that is not saved.
#[utoipa::path(post, path = "/api/v1/call-apis/test/response", tag = "call APIs", request_body = UnsavedResponseBody, responses((status = 200, body = InterpretedSchema)))]
pub(super) async fn run_response_unsaved(
    caller: Caller,
    engine: web::Data<Engine>,
    body: Json<UnsavedResponseBody>,
) -> Result<HttpResponse> {
    let UnsavedResponseBody { definition, response } = body.0;
    let given = response.given()?;
    let input = CallApiInput::from_shown_json(definition).map_err(within_definition)?;
    let done = engine
        .call_apis()
        .run_response_of(&caller, input.definition, given)
        .await;
    Ok(HttpResponse::Ok().json(done.map_err(within_definition)?))
}

/// The paths as the caller sees them.
fn within_definition(mut error: Error) -> Error {
    for field in &mut error.fields {
        field.field = format!("definition.{}", field.field);
    }
    error
}

//! `/api/v1/background`: states and contents of requests that are executed in the background, and their cancelling.
//! `intercept` takes such requests, `links` says where we are for their callers, `content` shows what was stored,
//! `openapi` documents the header.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, ServiceConfig},
};

use super::{
    dto::background::{ListQuery, StateAnswer},
    etag,
    json::{PathId, Query},
    page::{self, List},
};
use crate::{
    domain::ids::BackgroundId,
    engine::{Engine, background::Operation, caller::Caller},
    error::Result,
};

pub(super) mod content;
mod intercept;
pub(super) mod links;
mod openapi;

pub(super) use intercept::{intercept, refuse};
pub(super) use openapi::describe;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/background").route(web::get().to(list)))
        .service(
            web::resource("/background/{id}")
                .route(web::get().to(get))
                .route(web::delete().to(cancel)),
        )
        .service(web::resource("/background/{id}/content").route(web::get().to(content::content)));
}

/// The caller's own background requests, newest first; for an API token, what was sent with it.
#[utoipa::path(get, path = "/api/v1/background", tag = "background", params(ListQuery), responses((status = 200, body = List<StateAnswer>)))]
pub(super) async fn list(
    caller: Caller,
    engine: web::Data<Engine>,
    request: HttpRequest,
    query: Query<ListQuery>,
) -> Result<HttpResponse> {
    let ListQuery {
        status,
        from,
        limit,
        cursor,
    } = query.0;
    let page = page::page(limit, cursor)?;
    let found = engine.background().list(&caller, status, from, page).await?;
    let base_url = links::base_url_of_states(&engine, &request);
    Ok(HttpResponse::Ok().json(List::of(found, |operation| answer(operation, &base_url))))
}

/// The state of a background request. Its sender sees it, signed in or with the API token that sent it; and administrators of
/// the tenant who are signed in, without `responseHeaders` if an administrator of all tenants sent it.
#[utoipa::path(get, path = "/api/v1/background/{id}", tag = "background", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = StateAnswer)))]
pub(super) async fn get(
    caller: Caller,
    engine: web::Data<Engine>,
    request: HttpRequest,
    id: PathId<BackgroundId>,
) -> Result<HttpResponse> {
    let (operation, notification) = engine.background().get(&caller, id.0).await?;
    let base_url = links::base_url_of_states(&engine, &request);
    Ok(HttpResponse::Ok().json(answer(operation, &base_url).with(notification)))
}

/// Cancels a background request that is queued, and stops waiting for one that runs.
#[utoipa::path(delete, path = "/api/v1/background/{id}", tag = "background", params(("id" = uuid::Uuid, Path)), responses((status = 204)))]
pub(super) async fn cancel(
    caller: Caller,
    engine: web::Data<Engine>,
    request: HttpRequest,
    id: PathId<BackgroundId>,
) -> Result<HttpResponse> {
    let base_url = links::base_url_of_states(&engine, &request);
    engine.background().cancel(&caller, id.0, &base_url).await?;
    Ok(etag::no_content())
}

fn answer(operation: Operation, base_url: &str) -> StateAnswer {
    let content_location = links::content(base_url, operation.id);
    StateAnswer::new(operation, content_location)
}

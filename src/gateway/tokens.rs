//! `/api/v1/tokens`: the caller's own API tokens.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};

use super::{
    dto::tokens::{TOKEN_VERSION, TokenAnswer, TokenBody},
    etag::{self, IfMatch},
    json::{Json, PathId, Query},
    page::{List, PageQuery},
};
use crate::{
    domain::ids::ApiTokenId,
    engine::{Engine, caller::Caller},
    error::Result,
    store,
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/tokens")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(web::resource("/tokens/{id}").route(web::delete().to(delete)));
}

/// The caller's own tokens.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", params(PageQuery), responses((status = 200, body = List<TokenAnswer>)))]
pub(super) async fn list(caller: Caller, engine: web::Data<Engine>, query: Query<PageQuery>) -> Result<HttpResponse> {
    let paged = engine.tokens().list(&caller, query.0.page()?).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, TokenAnswer::from)))
}

/// Makes a token; the member `token` of the answer is shown this once.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = TokenBody, responses((status = 201, body = TokenAnswer)))]
pub(super) async fn create(caller: Caller, engine: web::Data<Engine>, body: Json<TokenBody>) -> Result<HttpResponse> {
    let created = engine.tokens().create(&caller, body.0.into()).await?;
    let answer = TokenAnswer::from(created);
    let location = format!("/api/v1/tokens/{}", answer.id());
    Ok(etag::created(&location, TOKEN_VERSION, &answer))
}

/// Ends a token of the caller, also a sign-in.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = uuid::Uuid, Path)), responses((status = 204)))]
pub(super) async fn delete(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ApiTokenId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    if version.0.is_some_and(|seen| seen != TOKEN_VERSION) {
        return Err(store::Error::Stale { current: TOKEN_VERSION }.into());
    }
    engine.tokens().delete(&caller, id.0).await?;
    Ok(etag::no_content())
}

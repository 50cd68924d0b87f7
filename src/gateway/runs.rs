//! `/api/v1/call-apis/{id}/runs` and `/api/v1/runs/{runId}`: history.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};

use super::{
    dto::run_schema::{RunDetailsSchema, RunSchema},
    json::{PathId, Query},
    page::{List, PageQuery},
};
use crate::{
    domain::ids::{CallApiId, RunId},
    engine::{Engine, caller::Caller},
    error::Result,
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/call-apis/{id}/runs").route(web::get().to(list)))
        .service(web::resource("/runs/{id}").route(web::get().to(get)));
}

/// The runs of a call API, newest first.
#[utoipa::path(get, path = "/api/v1/call-apis/{id}/runs", tag = "runs", params(("id" = uuid::Uuid, Path), PageQuery), responses((status = 200, body = List<RunSchema>)))]
pub(super) async fn list(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    query: Query<PageQuery>,
) -> Result<HttpResponse> {
    let page = query.0.page()?;
    let paged = engine.runs().list(&caller, id.0, page).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, |run| run)))
}

/// One run with logs, error, and samples of request and response.
#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = RunDetailsSchema)))]
pub(super) async fn get(caller: Caller, engine: web::Data<Engine>, id: PathId<RunId>) -> Result<HttpResponse> {
    Ok(HttpResponse::Ok().json(engine.runs().get(&caller, id.0).await?))
}

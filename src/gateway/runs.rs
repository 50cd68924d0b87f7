//! `/api/v1/call-apis/{id}/runs` and `/api/v1/runs/{runId}`: history.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};

use super::{
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

async fn list(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    query: Query<PageQuery>,
) -> Result<HttpResponse> {
    let page = query.0.page()?;
    let paged = engine.runs().list(&caller, id.0, page).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, |run| run)))
}

async fn get(caller: Caller, engine: web::Data<Engine>, id: PathId<RunId>) -> Result<HttpResponse> {
    Ok(HttpResponse::Ok().json(engine.runs().get(&caller, id.0).await?))
}

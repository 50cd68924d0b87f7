//! `/api/v1/actors`: what lives, what it does now, what it did last.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    json::Query,
    page::{self, List},
};
use crate::{
    engine::{Engine, caller::Caller},
    error::{Error, Result},
};

/// The query of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `call_api` or `registry`.
    pub kind: Option<String>,
    /// `idle`, `waiting`, `running`, `stopping`.
    pub phase: Option<String>,
    /// Items at most, 1 to 200 (50).
    pub limit: Option<u64>,
    /// `nextCursor` of the answer before.
    pub cursor: Option<String>,
}

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/actors").route(web::get().to(list)))
        .service(web::resource("/actors/summary").route(web::get().to(summary)))
        .service(web::resource("/actors/{kind}/{id}").route(web::get().to(get)))
        .service(web::resource("/actors/{kind}/{id}/restart").route(web::post().to(restart)));
}

async fn list(caller: Caller, engine: web::Data<Engine>, query: Query<ListQuery>) -> Result<HttpResponse> {
    let query = query.0;
    let page = page::page(query.limit, query.cursor)?;
    let paged = engine.actors().list(&caller, query.kind, query.phase, page).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, |actor| actor)))
}

async fn summary(caller: Caller, engine: web::Data<Engine>) -> Result<HttpResponse> {
    Ok(HttpResponse::Ok().json(engine.actors().summary(&caller).await?))
}

async fn get(caller: Caller, engine: web::Data<Engine>, path: web::Path<(String, String)>) -> Result<HttpResponse> {
    let (kind, id) = which(path)?;
    Ok(HttpResponse::Ok().json(engine.actors().get(&caller, &kind, id).await?))
}

async fn restart(caller: Caller, engine: web::Data<Engine>, path: web::Path<(String, String)>) -> Result<HttpResponse> {
    let (kind, id) = which(path)?;
    engine.actors().restart(&caller, &kind, id).await?;
    Ok(HttpResponse::Accepted().finish())
}

fn which(path: web::Path<(String, String)>) -> Result<(String, Uuid)> {
    let (kind, id) = path.into_inner();
    match id.parse() {
        Ok(uuid) => Ok((kind, uuid)),
        Err(_) => Err(Error::not_found("actor", format!("{kind}/{id}"))),
    }
}

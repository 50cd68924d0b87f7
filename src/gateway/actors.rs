//! `/api/v1/actors`: what lives, what it does now, what it did last.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    dto::run_schema::ActorSchema,
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
    /// `call_api`, `connection`, `automation`, `client_integration`, `registry`, `background` or `delivery`.
    pub kind: Option<String>,
    /// `idle`, `waiting`, `running`, `stopping`; automations also `suspended` and `paused`; connections `active`, `held`,
    /// `needs_reauthorisation` and `error`.
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

/// The actors of the tenant, and those that work for all.
#[utoipa::path(get, path = "/api/v1/actors", tag = "inspection", params(ListQuery), responses((status = 200, body = List<ActorSchema>)))]
pub(super) async fn list(caller: Caller, engine: web::Data<Engine>, query: Query<ListQuery>) -> Result<HttpResponse> {
    let query = query.0;
    let page = page::page(query.limit, query.cursor)?;
    let paged = engine.actors().list(&caller, query.kind, query.phase, page).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, |actor| actor)))
}

/// Counts by kind and phase.
#[utoipa::path(get, path = "/api/v1/actors/summary", tag = "inspection", responses((status = 200, body = Object)))]
pub(super) async fn summary(caller: Caller, engine: web::Data<Engine>) -> Result<HttpResponse> {
    Ok(HttpResponse::Ok().json(engine.actors().summary(&caller).await?))
}

/// One actor.
#[utoipa::path(get, path = "/api/v1/actors/{kind}/{id}", tag = "inspection", params(("kind" = String, Path), ("id" = uuid::Uuid, Path)), responses((status = 200, body = ActorSchema)))]
pub(super) async fn get(
    caller: Caller,
    engine: web::Data<Engine>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse> {
    let (kind, id) = which(path)?;
    Ok(HttpResponse::Ok().json(engine.actors().get(&caller, &kind, id).await?))
}

/// Ends an actor, after the run that is going, and starts it anew from its row.
#[utoipa::path(post, path = "/api/v1/actors/{kind}/{id}/restart", tag = "inspection", params(("kind" = String, Path), ("id" = uuid::Uuid, Path)), responses((status = 202)))]
pub(super) async fn restart(
    caller: Caller,
    engine: web::Data<Engine>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse> {
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

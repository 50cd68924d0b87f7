//! `/api/v1/audit`: who changed what.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};

use super::{
    dto::tokens::{AuditAnswer, AuditQuery},
    json::Query,
    page::{self, List},
};
use crate::{
    engine::{Engine, caller::Caller},
    error::Result,
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/audit").route(web::get().to(list)));
}

/// Changes in the tenant, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(AuditQuery), responses((status = 200, body = List<AuditAnswer>)))]
pub(super) async fn list(caller: Caller, engine: web::Data<Engine>, query: Query<AuditQuery>) -> Result<HttpResponse> {
    let filter = query.0.filter();
    let page = page::page(query.0.limit, query.0.cursor)?;
    let paged = engine.audit_log(&caller, filter, page).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, AuditAnswer::from)))
}

//! `/api/v1/me`: who the caller is.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};

use super::dto::identity::MeAnswer;
use crate::{
    engine::{Engine, caller::Caller},
    error::Result,
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/me").route(web::get().to(me)));
}

/// The user, the tenant of the request, the tenants within reach, and the rights here.
#[utoipa::path(get, path = "/api/v1/me", tag = "sign-in", responses((status = 200, body = MeAnswer)))]
pub(super) async fn me(caller: Caller, engine: web::Data<Engine>) -> Result<HttpResponse> {
    Ok(HttpResponse::Ok().json(MeAnswer::from(engine.me(&caller).await?)))
}

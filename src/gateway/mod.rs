//! Inbound HTTP: which path leads where, and the layers that every request passes.
//!
//! A resource is one file with `pub(super) fn routes(config: &mut ServiceConfig)`, listed in [`RESOURCES`]. Its handlers take
//! `Caller` first, then `Engine` as `web::Data<Engine>`, the ids as [`json::PathId`], the query as [`json::Query`], the body as
//! [`json::Json`] and `If-Match` as [`etag::IfMatch`], and answer `Result<HttpResponse>`; every error becomes a problem
//! document in the outer layer.

use actix_web::{
    HttpResponse,
    dev::HttpServiceFactory,
    middleware::from_fn,
    web::{self, ServiceConfig},
};
use tracing_actix_web::TracingLogger;

use crate::{
    engine::Engine,
    error::{Code, Error, Result},
};

mod actors;
mod auth;
mod call_apis;
pub mod dto;
pub mod etag;
mod events;
mod headers;
pub mod json;
mod outer;
pub mod page;
pub mod problem;
pub mod request_id;
mod test_call;
mod transactions;

/// The resources under `/api/v1`, which all need a token.
const RESOURCES: &[fn(&mut ServiceConfig)] = &[actors::routes, call_apis::routes, events::routes, transactions::routes];

/// Mounts the gateway in an actix app, under whatever scope the host chose. What is mounted here belongs to this engine only.
pub fn configure(config: &mut ServiceConfig, engine: &Engine) {
    config.service(resources(engine));
}

fn resources(engine: &Engine) -> impl HttpServiceFactory + use<> {
    let mut scope = web::scope("/api/v1").app_data(web::Data::new(engine.clone()));
    for routes in RESOURCES {
        scope = scope.configure(routes);
    }
    scope
        .default_service(web::to(nothing_here))
        .wrap(from_fn(outer::outer))
        .wrap(TracingLogger::<outer::RequestSpan>::new())
}

async fn nothing_here() -> Result<HttpResponse> {
    Err(Error::new(Code::NotFound, "There is nothing at this path."))
}

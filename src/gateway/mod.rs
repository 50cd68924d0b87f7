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
mod audit;
pub mod auth;
mod background;
mod call_apis;
mod clients;
mod connections;
mod consent_callback;
mod console;
mod docs;
pub mod dto;
pub mod etag;
mod events;
mod groups;
mod headers;
mod health;
pub mod idempotency;
pub mod json;
mod local;
mod me;
mod metrics;
mod odata;
mod openapi;
mod outer;
pub mod page;
pub mod problem;
mod rate;
mod records;
pub mod request_id;
mod roots;
mod runs;
mod scripts;
mod serve;
mod sign_in;
mod tenants;
mod test_call;
mod tokens;
mod transactions;
mod upstreams;
mod users;
mod webhooks;
mod whole;

pub(crate) use local::own_resources;
use roots::Root;
pub use serve::{listen, serve};

/// The resources under `/api/v1`, which all need a token.
const RESOURCES: &[fn(&mut ServiceConfig)] = &[
    actors::routes,
    audit::routes,
    background::routes,
    call_apis::routes,
    clients::routes,
    events::routes,
    groups::routes,
    me::routes,
    records::routes,
    runs::routes,
    scripts::routes,
    tenants::routes,
    tokens::routes,
    transactions::routes,
    users::routes,
    webhooks::routes,
];

/// Mounts the gateway in an actix app, under whatever scope the host chose. What is mounted here belongs to this engine only.
pub fn configure(config: &mut ServiceConfig, engine: &Engine) {
    for upstream in engine.services().upstreams.all() {
        config.service(upstreams::routes(engine, upstream));
    }
    config.service(resources(engine, roots::V1, RESOURCES));
    // Before the rest of /OData, which needs a token.
    mount(config, engine, consent_callback::PATH, consent_callback::routes);
    config.service(resources(engine, roots::ODATA, odata::RESOURCES));
    for root in roots::INTEGRATION {
        config.service(resources(engine, root, connections::RESOURCES));
    }
    mount(config, engine, "/api/authentication", sign_in::routes);
    mount(config, engine, "/health", health::routes);
    if engine.settings().gateway.console {
        console::mount(config, engine);
    }
    mount(config, engine, "/metrics", |config| {
        config.service(web::resource("").route(web::get().to(metrics::metrics)));
    });
    if engine.settings().gateway.docs {
        let document = web::Data::new(openapi::document());
        mount(config, engine, "/openapi.json", |config| {
            config
                .app_data(document)
                .service(web::resource("").route(web::get().to(openapi::openapi)));
        });
        mount(config, engine, "/docs", docs::routes);
    }
}

/// Mounts routes of a host's own that need no token under this engine's layers: request ids, problem documents, metrics.
pub fn mount(
    config: &mut ServiceConfig,
    engine: &Engine,
    path: &str,
    routes: impl FnOnce(&mut ServiceConfig) + 'static,
) {
    config.service(open(engine, path, routes));
}

/// What needs a token.
fn resources(engine: &Engine, root: Root, resources: &[fn(&mut ServiceConfig)]) -> impl HttpServiceFactory + use<> {
    let mut scope = web::scope(root.path)
        .app_data(web::Data::new(engine.clone()))
        .app_data(root);
    for routes in resources {
        scope = scope.configure(routes);
    }
    scope
        .default_service(web::to(nothing_here))
        .wrap(from_fn(idempotency::once))
        .wrap(from_fn(background::intercept))
        .wrap(from_fn(auth::admit))
        .wrap(from_fn(whole::whole))
        .wrap(from_fn(outer::outer))
        .wrap(TracingLogger::<outer::RequestSpan>::new())
}

/// What needs none.
fn open<F: FnOnce(&mut ServiceConfig)>(engine: &Engine, path: &str, routes: F) -> impl HttpServiceFactory + use<F> {
    web::scope(path)
        .app_data(web::Data::new(engine.clone()))
        .configure(routes)
        .default_service(web::to(nothing_here))
        .wrap(from_fn(background::refuse))
        .wrap(from_fn(whole::whole))
        .wrap(from_fn(outer::outer))
        .wrap(TracingLogger::<outer::RequestSpan>::new())
}

async fn nothing_here() -> Result<HttpResponse> {
    Err(Error::new(Code::NotFound, "There is nothing at this path."))
}

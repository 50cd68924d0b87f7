//! `/console`: pages for people, made by the server, with the same engine functions and rights as the API.
//!
//! A page is one file (or folder) with `pub(super) fn routes(config: &mut ServiceConfig)`, listed in [`PAGES`]. Its handlers
//! take [`View`] first (who looks, and how a page is wrapped), then the engine, ids, query and [`form::Form`]. A POST answers
//! with `view.redirect_saying(…)`, or with its form again and what is wrong with it (`view.again(…)`). Nothing in a page runs
//! in the browser but the modules in `assets/`: the policy allows no inline script and no inline style.

use actix_web::{
    dev::HttpServiceFactory,
    middleware::from_fn,
    web::{self, ServiceConfig},
};
use tracing_actix_web::TracingLogger;

use super::{events, nothing_here, outer, problem::Form, roots::Root, whole};
use crate::engine::Engine;

mod actors;
mod admit;
mod assets;
mod audit;
mod background;
mod call_apis;
mod clients;
mod connections;
mod form;
mod groups;
mod integrations;
mod json_field;
mod kinds;
mod moment;
mod overview;
pub(super) mod problem_page;
mod records;
mod scripts;
mod session;
mod shell;
mod sign_in;
mod tenants;
mod tokens;
mod transactions;
mod ui;
mod users;
mod view;
mod webhooks;

/// Where the console is, and how its errors look.
pub(super) const ROOT: Root = Root {
    path: "/console",
    form: Form::Page,
};

/// The pages, which all need a sign-in.
const PAGES: &[fn(&mut ServiceConfig)] = &[
    actors::routes,
    audit::routes,
    background::routes,
    call_apis::routes,
    clients::routes,
    connections::routes,
    groups::routes,
    integrations::routes,
    overview::routes,
    records::routes,
    scripts::routes,
    sign_in::leaving,
    tenants::routes,
    tokens::routes,
    transactions::routes,
    users::routes,
    webhooks::routes,
];

/// Mounts the console; what needs no sign-in comes first.
pub(super) fn mount(config: &mut ServiceConfig, engine: &Engine) {
    config
        .service(open(engine, "/console/assets", assets::routes))
        .service(open(engine, "/console/sign-in", sign_in::routes))
        .service(pages(engine));
}

fn open(engine: &Engine, path: &str, routes: fn(&mut ServiceConfig)) -> impl HttpServiceFactory + use<> {
    web::scope(path)
        .app_data(web::Data::new(engine.clone()))
        .app_data(ROOT)
        .configure(routes)
        .default_service(web::to(nothing_here))
        .wrap(from_fn(whole::whole))
        .wrap(from_fn(outer::outer))
        .wrap(TracingLogger::<outer::RequestSpan>::new())
}

fn pages(engine: &Engine) -> impl HttpServiceFactory + use<> {
    let mut scope = web::scope(ROOT.path)
        .app_data(web::Data::new(engine.clone()))
        .app_data(ROOT);
    for routes in PAGES {
        scope = scope.configure(routes);
    }
    scope
        .configure(events::routes)
        .default_service(web::to(nothing_here))
        .wrap(from_fn(admit::admit))
        .wrap(from_fn(whole::whole))
        .wrap(from_fn(outer::outer))
        .wrap(TracingLogger::<outer::RequestSpan>::new())
}

/// The path that all links of the console begin with: a host app may have mounted the gateway below a path of its own.
fn base_of(path: &str) -> &str {
    let is_whole = |at: usize| {
        let rest = path.get(at + ROOT.path.len()..).unwrap_or_default();
        rest.is_empty() || rest.starts_with('/')
    };
    let found = path.match_indices(ROOT.path).map(|(at, _)| at).find(|at| is_whole(*at));
    // A path that is written otherwise (`/%63onsole`) leads to the usual place, never to the host's own.
    found
        .and_then(|at| path.get(..at + ROOT.path.len()))
        .unwrap_or(ROOT.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_begin_where_the_console_is_mounted() {
        for (path, base) in [
            ("/console", "/console"),
            ("/console/call-apis", "/console"),
            ("/tools/console/actors", "/tools/console"),
            ("/console-tools/console/actors", "/console-tools/console"),
            ("/%63onsole/actors", "/console"),
        ] {
            assert_eq!(base_of(path), base, "{path}");
        }
    }
}

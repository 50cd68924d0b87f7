//! The integration API: connections, partner functions, automations and object mappings, in snake_case and under the paths that
//! its clients know (`gateway/roots.rs`).

use actix_web::web::ServiceConfig;

pub(super) mod automation;
pub(super) mod connection;
mod list;
pub(super) mod mapping;
pub(super) mod partner_function;
mod path;

pub use list::Pagination;

/// What is under each of the roots of the integration API.
pub(super) const RESOURCES: &[fn(&mut ServiceConfig)] = &[
    automation::routes,
    connection::routes,
    mapping::routes,
    partner_function::routes,
];

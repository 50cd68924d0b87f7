//! Bodies, queries and answers of the HTTP API, one file a resource.

pub mod call_apis;
pub mod transactions;

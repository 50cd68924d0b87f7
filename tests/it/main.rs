//! One integration-test binary: fewer links, one set of support code.
#![cfg(test)]
#![allow(missing_docs)]

mod commands;
mod http;
mod http_auth;
mod http_redirect;
mod http_refresh;
mod readme;
mod script;
mod store;
mod support;
mod tidy;

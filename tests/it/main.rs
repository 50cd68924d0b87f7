//! One integration-test binary: fewer links, one set of support code.
#![cfg(test)]
#![allow(missing_docs)]

mod automations;
mod background;
mod background_run;
mod call_apis;
mod clients;
mod commands;
mod connection_actor;
mod connections;
mod console;
mod crash;
mod engine;
mod gateway;
mod hostile;
mod http;
mod http_auth;
mod http_redirect;
mod http_refresh;
mod identity;
mod inspection;
mod integration_actions;
mod integration_consents;
mod integration_runs;
mod integrations;
mod named_scripts;
mod odata;
mod provider_netsuite;
mod provider_quickbooks;
mod provider_rest;
mod provider_xero;
mod proxy;
mod readme;
mod records;
mod schedules;
mod script;
mod store;
mod supervision;
mod support;
mod tidy;
mod transactions;
mod webhooks;

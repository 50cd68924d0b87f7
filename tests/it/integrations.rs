//! Definitions of integrations and what clients make of them: every rule of the seed's text, on the service and over OData.

mod clients;
mod definitions;
mod fixture;
mod managed;
mod over_http;
mod references;
mod rules;
mod secrets;

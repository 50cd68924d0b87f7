//! The console: who gets in, what forms need, and that people can use it, in a real browser.

mod access;
mod automation_pages;
mod background_pages;
mod call_apis;
mod call_apis_pages;
mod connections;
mod connections_pages;
mod data;
mod frame;
mod integrations;
mod live;
mod overview;
mod overview_pages;
mod records_pages;
mod settings;
mod settings_pages;
mod transactions_pages;
mod webhooks_pages;

//! Support: engines under test, fake upstreams, waits.

pub mod api;
pub mod browser;
pub mod driven;
pub mod engine;
pub mod fake_netsuite;
pub mod fake_oauth;
pub mod fake_quickbooks;
pub mod fake_rest;
pub mod fake_tokens;
pub mod fake_xero;
pub mod outbound;
pub mod pages;
pub mod postgres;
pub mod process;
pub mod raw;
pub mod scene;
pub mod slow;
pub mod upstream;
pub mod upstream_tls;

/// Longest real wait for something that has to happen: on a machine that does many other things at once, too.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);

//! Orrery's tables as SeaORM entities: one table a file, no logic. Times are microseconds since 1970 UTC.

pub mod api_token;
pub mod audit_log;
pub mod background_body;
pub mod background_key;
pub mod background_request;
pub mod call_api;
pub mod call_api_state;
pub mod client;
pub mod client_token;
pub mod delivery_attempt;
pub mod group;
pub mod idempotency_key;
pub mod run;
pub mod run_body;
pub mod secret_key;
pub mod shard_lease;
pub mod tenant;
pub mod transaction;
pub mod transaction_change;
pub mod user;
pub mod user_group;
pub mod webhook_delivery;
pub mod webhook_secret;
pub mod webhook_subscription;

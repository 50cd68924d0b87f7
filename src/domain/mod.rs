//! The rules of Orrery as pure code: no actors, no database, no I/O, no reading of the clock. Time is an argument.

pub mod automation;
pub mod background;
pub mod call_api;
pub mod call_state;
pub mod circuit;
pub mod connection;
pub mod cron;
pub mod delivery;
pub mod filter;
pub mod identifier;
pub mod ids;
pub mod json_patch;
pub mod lenient;
pub mod mapping;
pub mod moment;
pub mod outcome;
pub mod partner_function;
pub mod record;
pub mod retry;
pub mod rights;
pub mod schedule;
pub mod settle;
pub mod transaction;
pub mod validate;

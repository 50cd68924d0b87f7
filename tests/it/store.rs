//! The store on SQLite and on PostgreSQL.

mod background;
mod boot;
mod fixture;
mod key;
mod lease;
mod ledger;
mod purge;
mod vault;

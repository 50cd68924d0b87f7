//! The store on SQLite and on PostgreSQL.

mod automations;
mod background;
mod boot;
mod connections;
mod fixture;
mod key;
mod lease;
mod ledger;
mod overview;
mod purge;
mod records;
mod selection;
mod statements;
mod vault;

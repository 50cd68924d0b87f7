//! The store on SQLite and on PostgreSQL.

mod fixture;
mod ledger;

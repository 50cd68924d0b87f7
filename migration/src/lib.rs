//! Orrery's schema. Each migration runs on SQLite and on PostgreSQL.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod m20261122_000001_create_tenant_user;
mod m20261122_000002_create_client;
mod m20261122_000003_create_call_api;
mod m20261122_000004_create_transaction;
mod m20261122_000005_create_background;
mod m20261122_000006_create_webhook;
mod m20261122_000007_create_connection;
mod m20261122_000008_create_record;
mod m20261122_000009_create_integration;
mod m20261122_000010_index_overview;
mod table;

/// All migrations in their order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_create_tenant_user::Migration),
            Box::new(m20261122_000002_create_client::Migration),
            Box::new(m20261122_000003_create_call_api::Migration),
            Box::new(m20261122_000004_create_transaction::Migration),
            Box::new(m20261122_000005_create_background::Migration),
            Box::new(m20261122_000006_create_webhook::Migration),
            Box::new(m20261122_000007_create_connection::Migration),
            Box::new(m20261122_000008_create_record::Migration),
            Box::new(m20261122_000009_create_integration::Migration),
            Box::new(m20261122_000010_index_overview::Migration),
        ]
    }
}

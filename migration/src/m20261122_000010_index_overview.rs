//! Indexes for the overview: what failed, and what the engine has deactivated, are few rows among very many.

use sea_orm_migration::prelude::*;

/// See the module.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// Name, table, columns, condition. None of them names a column that a good run changes, so what runs costs as much as before.
const INDEXES: [(&str, &str, &str, &str); 6] = [
    (
        "run_failed",
        "run",
        "tenant_id, id",
        "outcome IN ('http_error', 'transport_error', 'script_error', 'interrupted')",
    ),
    (
        "call_api_state_deactivated",
        "call_api_state",
        "tenant_id, deactivated_at",
        "deactivated_at IS NOT NULL",
    ),
    (
        "automation_run_failed",
        "automation_run",
        "tenant_id, id",
        "outcome IN ('partial', 'failed', 'script_error', 'not_found', 'paused')",
    ),
    (
        "automation_disabled",
        "automation",
        "tenant_id, updated_at",
        "disabled_reason IS NOT NULL",
    ),
    (
        "action_log_failed",
        "action_log",
        "tenant_id, id",
        "outcome IN ('Partial', 'Failed', 'Interrupted')",
    ),
    (
        "client_integration_disabled",
        "client_integration",
        "tenant_id, updated_at",
        "disabled_reason IS NOT NULL",
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table, columns, condition) in INDEXES {
            let create = format!("CREATE INDEX {name} ON {table} ({columns}) WHERE {condition}");
            manager.get_connection().execute_unprepared(&create).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, ..) in INDEXES {
            let drop = format!("DROP INDEX {name}");
            manager.get_connection().execute_unprepared(&drop).await?;
        }
        Ok(())
    }
}

//! Creates calls, their state and their runs.

use sea_orm_migration::prelude::*;

use crate::table::{self, Kind};

/// See the module.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for create in [call_api(), call_api_state(), run(), run_body()] {
            create.run(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["run_body", "run", "call_api_state", "call_api"] {
            table::drop(manager, name).await?;
        }
        Ok(())
    }
}

fn call_api() -> table::Create {
    table::Create::new("call_api")
        .key("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("shard", Kind::SmallInt)
        .required("name", Kind::Text)
        .required("active", Kind::Bool)
        .required("definition", Kind::Text)
        .optional("secret_headers", Kind::Blob)
        .optional("frequency_seconds", Kind::Int)
        .optional("cron", Kind::Text)
        .optional("time_zone", Kind::Text)
        .required("misfire", Kind::Text)
        .required("overlap", Kind::Text)
        .required("anchor_at", Kind::BigInt)
        .optional("client_id", Kind::Uuid)
        .required("run_as_user_id", Kind::Uuid)
        .optional("created_by", Kind::Uuid)
        .required("version", Kind::BigInt)
        .required("created_at", Kind::BigInt)
        .required("updated_at", Kind::BigInt)
        .unique_index(&["tenant_id", "name"])
        .index(&["client_id"])
        .index(&["run_as_user_id"])
        // All that the start needs of 100,000 calls, without touching their definitions.
        .partial_index(
            "active",
            &[
                "id",
                "active",
                "tenant_id",
                "shard",
                "version",
                "name",
                "frequency_seconds",
                "cron",
                "time_zone",
                "misfire",
                "overlap",
                "anchor_at",
            ],
            "active",
        )
}

fn call_api_state() -> table::Create {
    table::Create::new("call_api_state")
        .key("call_api_id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .optional("next_due_at", Kind::BigInt)
        .required("run_count", Kind::BigInt)
        .required("failures", Kind::Int)
        .optional("last_run_id", Kind::Uuid)
        .optional("last_run_at", Kind::BigInt)
        .optional("last_outcome", Kind::Text)
        .optional("last_http_status", Kind::Int)
        .optional("last_created", Kind::Int)
        .optional("last_duration_ms", Kind::BigInt)
        .optional("last_error", Kind::Text)
        .optional("script_state", Kind::Text)
        .optional("deactivated_at", Kind::BigInt)
        .optional("status_reason", Kind::Text)
        .required("updated_at", Kind::BigInt)
        .clustered()
}

/// The key makes a run happen once; history is read along it, and single runs and purges go by the id.
fn run() -> table::Create {
    table::Create::new("run")
        .key("owner_id", Kind::Uuid)
        .key("due_at", Kind::BigInt)
        .unique("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("trigger", Kind::Text)
        .required("started_at", Kind::BigInt)
        .optional("finished_at", Kind::BigInt)
        .optional("outcome", Kind::Text)
        .optional("http_status", Kind::Int)
        .required("created", Kind::Int)
        .required("duplicates", Kind::Int)
        .required("skipped", Kind::BigInt)
        .optional("duration_ms", Kind::BigInt)
        .optional("error", Kind::Text)
        // Runs that a crash cut are looked for at each start: few rows, found without reading the history.
        .partial_index("running", &["owner_id", "due_at"], "finished_at IS NULL")
        .clustered()
}

fn run_body() -> table::Create {
    table::Create::new("run_body")
        .key("run_id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .optional("request", Kind::Text)
        .optional("response", Kind::Text)
        .optional("logs", Kind::Text)
}

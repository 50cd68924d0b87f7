//! Creates connections, partner functions, object mappings, scripts, automations, their states and runs.

use sea_orm_migration::prelude::*;

use crate::table::{self, Kind};

/// See the module.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for create in [
            connection(),
            connection_state(),
            partner_function(),
            object_mapping(),
            script(),
            script_version(),
            automation(),
            automation_state(),
            automation_run(),
        ] {
            create.run(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in [
            "automation_run",
            "automation_state",
            "automation",
            "script_version",
            "script",
            "object_mapping",
            "partner_function",
            "connection_state",
            "connection",
        ] {
            table::drop(manager, name).await?;
        }
        Ok(())
    }
}

fn connection() -> table::Create {
    table::Create::new("connection")
        .key("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("provider", Kind::Text)
        // For lists and actors: what the profile calls it.
        .required("name", Kind::Text)
        .required("profile", Kind::Text)
        .required("secrets_public", Kind::Text)
        .required("secrets", Kind::Blob)
        .required("enabled", Kind::Bool)
        .required("shard", Kind::SmallInt)
        .optional("created_by", Kind::Uuid)
        .required("version", Kind::BigInt)
        .required("created_at", Kind::BigInt)
        .required("updated_at", Kind::BigInt)
        .index(&["tenant_id", "id"])
}

/// Apart from the definition, since the connection's actor writes it.
fn connection_state() -> table::Create {
    table::Create::new("connection_state")
        .key("connection_id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("version", Kind::BigInt)
        .required("health", Kind::Text)
        .optional("detail", Kind::Text)
        .required("since", Kind::BigInt)
        .clustered()
}

fn partner_function() -> table::Create {
    table::Create::new("partner_function")
        .key("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("connection_id", Kind::Uuid)
        .required("name", Kind::Text)
        .required("definition", Kind::Text)
        .required("direction", Kind::Text)
        .optional("pre_run_script_id", Kind::Uuid)
        .optional("post_run_script_id", Kind::Uuid)
        .required("enabled", Kind::Bool)
        .optional("created_by", Kind::Uuid)
        .required("version", Kind::BigInt)
        .required("created_at", Kind::BigInt)
        .required("updated_at", Kind::BigInt)
        .unique_index(&["connection_id", "name"])
        .index(&["tenant_id", "id"])
}

fn object_mapping() -> table::Create {
    table::Create::new("object_mapping")
        .key("connection_id", Kind::Uuid)
        .key("name", Kind::Text)
        .unique("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("definition", Kind::Text)
        .optional("script_id", Kind::Uuid)
        .required("version", Kind::BigInt)
        .required("updated_at", Kind::BigInt)
        .index(&["tenant_id"])
}

fn script() -> table::Create {
    table::Create::new("script")
        .key("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("name", Kind::Text)
        .optional("description", Kind::Text)
        .optional("created_by", Kind::Uuid)
        .required("version", Kind::BigInt)
        .required("created_at", Kind::BigInt)
        .required("updated_at", Kind::BigInt)
        .unique_index(&["tenant_id", "name"])
}

/// The sources; the highest version is the one in force.
fn script_version() -> table::Create {
    table::Create::new("script_version")
        .key("script_id", Kind::Uuid)
        .key("version", Kind::BigInt)
        .required("tenant_id", Kind::Uuid)
        .required("source", Kind::Text)
        .optional("created_by", Kind::Uuid)
        .required("created_at", Kind::BigInt)
        .clustered()
}

fn automation() -> table::Create {
    table::Create::new("automation")
        .key("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("connection_id", Kind::Uuid)
        .required("name", Kind::Text)
        .required("definition", Kind::Text)
        .required("enabled", Kind::Bool)
        .optional("disabled_reason", Kind::Text)
        .required("anchor_at", Kind::BigInt)
        .optional("event_entity", Kind::Text)
        .required("direction", Kind::Text)
        .required("shard", Kind::SmallInt)
        .optional("created_by", Kind::Uuid)
        .required("version", Kind::BigInt)
        .required("created_at", Kind::BigInt)
        .required("updated_at", Kind::BigInt)
        .unique_index(&["connection_id", "name"])
        .index(&["tenant_id", "id"])
        // Each change of a record asks who wants to know of it.
        .partial_index(
            "by_event",
            &["tenant_id", "event_entity"],
            "event_entity IS NOT NULL AND enabled",
        )
}

fn automation_state() -> table::Create {
    table::Create::new("automation_state")
        .key("automation_id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .optional("next_due_at", Kind::BigInt)
        .optional("cursor_at", Kind::BigInt)
        .optional("requested_by", Kind::Uuid)
        .required("run_count", Kind::BigInt)
        .required("failures", Kind::Int)
        .optional("last_run_at", Kind::BigInt)
        .optional("last_outcome", Kind::Text)
        .required("updated_at", Kind::BigInt)
        .clustered()
}

fn automation_run() -> table::Create {
    table::Create::new("automation_run")
        .key("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("automation_id", Kind::Uuid)
        .required("trigger", Kind::Text)
        .required("started_at", Kind::BigInt)
        .optional("finished_at", Kind::BigInt)
        .optional("outcome", Kind::Text)
        // Why it ended, or why it waits.
        .optional("detail", Kind::Text)
        .optional("since_at", Kind::BigInt)
        .optional("place", Kind::Text)
        .required("pages", Kind::BigInt)
        .optional("resume_at", Kind::BigInt)
        .required("seen", Kind::BigInt)
        .required("matched", Kind::BigInt)
        .required("created", Kind::BigInt)
        .required("updated", Kind::BigInt)
        .required("unchanged", Kind::BigInt)
        .required("skipped_newer", Kind::BigInt)
        .required("failed", Kind::BigInt)
        .required("errors", Kind::Text)
        .required("errors_total", Kind::BigInt)
        .index(&["automation_id", "id"])
        .partial_index("open", &["automation_id"], "finished_at IS NULL")
}

//! Creates integrations (definitions with their systems, schedules and actions), what clients make of them (enablement, consents,
//! state), the queue of items and the logs of runs.

use sea_orm_migration::prelude::*;

use crate::table::{self, Kind};

/// See the module.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for create in [
            number_series(),
            integration_system(),
            integration_schedule(),
            integration_action(),
            integration(),
            client_integration(),
            client_integration_state(),
            integration_consent(),
            integration_queue(),
            action_log(),
        ] {
            create.run(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in [
            "action_log",
            "integration_queue",
            "integration_consent",
            "client_integration_state",
            "client_integration",
            "integration",
            "integration_action",
            "integration_schedule",
            "integration_system",
            "number_series",
        ] {
            table::drop(manager, name).await?;
        }
        Ok(())
    }
}

/// The last number given out in each series: ids of OData entities are numbers, the same in both databases.
fn number_series() -> table::Create {
    table::Create::new("number_series")
        .key("name", Kind::Text)
        .required("last", Kind::BigInt)
        .clustered()
}

fn integration_system() -> table::Create {
    stamped(
        table::Create::new("integration_system")
            .key("id", Kind::BigInt)
            .required("tenant_id", Kind::Uuid)
            .required("name", Kind::Text)
            .optional("comment", Kind::Text)
            // Where people of a client give their consent, for the type OAuth2.
            .optional("authorize_url", Kind::Text)
            .optional("token_url", Kind::Text)
            .optional("oauth_client_id", Kind::Text)
            .optional("oauth_client_secret", Kind::Blob)
            .optional("oauth_scope", Kind::Text),
    )
    .unique_index(&["tenant_id", "name"])
}

fn integration_schedule() -> table::Create {
    stamped(
        table::Create::new("integration_schedule")
            .key("id", Kind::BigInt)
            .required("tenant_id", Kind::Uuid)
            .required("name", Kind::Text)
            .required("kind", Kind::Text)
            .optional("interval_seconds", Kind::BigInt)
            .optional("cron", Kind::Text)
            .optional("day_of_week", Kind::Text)
            .optional("time_of_day", Kind::Text)
            .required("time_zone", Kind::Text),
    )
    .unique_index(&["tenant_id", "name"])
}

fn integration_action() -> table::Create {
    stamped(
        table::Create::new("integration_action")
            .key("id", Kind::BigInt)
            .required("tenant_id", Kind::Uuid)
            .required("name", Kind::Text)
            .required("kind", Kind::Text)
            .optional("method", Kind::Text)
            .optional("url", Kind::Text)
            // As they are answered: values that are secret are masked; those are in the other column.
            .optional("headers", Kind::Text)
            .optional("headers_secret", Kind::Blob)
            .optional("body", Kind::Text)
            .optional("body_script", Kind::Text)
            .optional("result_script", Kind::Text)
            .optional("client_id", Kind::Uuid)
            .optional("partner_function_id", Kind::Uuid),
    )
    .unique_index(&["tenant_id", "name"])
}

fn integration() -> table::Create {
    stamped(
        table::Create::new("integration")
            .key("id", Kind::BigInt)
            .required("tenant_id", Kind::Uuid)
            .required("name", Kind::Text)
            .required("entity_id", Kind::Text)
            .required("direction_id", Kind::Text)
            .required("system_id", Kind::BigInt)
            .optional("action_id", Kind::BigInt)
            .optional("element_id", Kind::Text)
            .optional("comment", Kind::Text)
            .optional("filter", Kind::Text)
            .required("schedule_id", Kind::BigInt)
            .required("max_attempts", Kind::BigInt)
            .required("batch_size", Kind::BigInt)
            .required("execute_in_parallel", Kind::Bool)
            .required("include_update", Kind::Bool)
            .required("continuous", Kind::Bool)
            .required("managed", Kind::Bool)
            .required("allow_schedule_change", Kind::Bool)
            .required("consent_type_id", Kind::Text)
            .required("active", Kind::Bool),
    )
    .unique_index(&["tenant_id", "name"])
    .partial_index("managed", &["id"], "managed")
    .index(&["schedule_id"])
    .index(&["system_id"])
    .index(&["action_id"])
}

/// What a client makes of an integration. The actor is known by the UUID.
fn client_integration() -> table::Create {
    stamped(
        table::Create::new("client_integration")
            .key("id", Kind::BigInt)
            .unique("uuid", Kind::Uuid)
            .required("tenant_id", Kind::Uuid)
            .required("integration_id", Kind::BigInt)
            .required("enabled", Kind::Bool)
            .optional("disabled_reason", Kind::Text)
            .optional("schedule_id", Kind::BigInt)
            .optional("connection_id", Kind::Uuid)
            .optional("consent_id", Kind::BigInt)
            // Intervals are counted from here.
            .required("anchor_at", Kind::BigInt)
            .required("shard", Kind::SmallInt),
    )
    .unique_index(&["tenant_id", "integration_id"])
    .index(&["integration_id"])
}

/// Apart from the definition, since the actor writes it.
fn client_integration_state() -> table::Create {
    table::Create::new("client_integration_state")
        .key("client_integration_id", Kind::BigInt)
        .required("tenant_id", Kind::Uuid)
        .optional("next_due_at", Kind::BigInt)
        // The selection that is going on: after which row, and of which due time.
        .optional("selection", Kind::Text)
        // What the next due time was counted by; where that changes, it is counted anew.
        .optional("schedule_key", Kind::Text)
        .required("run_count", Kind::BigInt)
        .optional("last_run_at", Kind::BigInt)
        .optional("last_outcome", Kind::Text)
        .required("updated_at", Kind::BigInt)
        .clustered()
}

fn integration_consent() -> table::Create {
    stamped(
        table::Create::new("integration_consent")
            .key("id", Kind::BigInt)
            .unique("uuid", Kind::Uuid)
            .required("tenant_id", Kind::Uuid)
            .required("client_integration_id", Kind::BigInt)
            .required("consent_type_id", Kind::Text)
            .required("state", Kind::Text)
            .optional("authorize_url", Kind::Text)
            // SHA-256 of the OAuth2 `state`, by which the callback finds its consent.
            .optional("state_hash", Kind::Text)
            // Verifier of PKCE, credentials, tokens.
            .optional("secrets", Kind::Blob)
            .optional("granted_by", Kind::Uuid)
            .optional("granted_at", Kind::BigInt)
            .optional("expires_at", Kind::BigInt)
            .optional("detail", Kind::Text),
    )
    .unique_index(&["client_integration_id"])
    .unique_index(&["state_hash"])
}

fn integration_queue() -> table::Create {
    table::Create::new("integration_queue")
        .key("id", Kind::BigInt)
        .required("tenant_id", Kind::Uuid)
        .required("integration_id", Kind::BigInt)
        .required("client_integration_id", Kind::BigInt)
        .required("item_id", Kind::Text)
        .required("item_name", Kind::Text)
        .required("item_version", Kind::BigInt)
        .required("item_updated_on", Kind::BigInt)
        .required("attempt", Kind::BigInt)
        // Grows when what was completed is to be processed once more.
        .required("round", Kind::BigInt)
        .required("state", Kind::Text)
        .optional("action_log_id", Kind::BigInt)
        .optional("result", Kind::Text)
        // When it may be processed next.
        .required("due_at", Kind::BigInt)
        // Its time is over, and it is kept without its result only so that its row is not sent again.
        .required("bare", Kind::Bool)
        .required("created_at", Kind::BigInt)
        .required("updated_at", Kind::BigInt)
        // One item for each version of a row; the flags say which versions become items.
        .unique_index(&["client_integration_id", "item_id", "item_version"])
        .partial_index(
            "due",
            &["client_integration_id", "due_at", "id"],
            "state IN ('Pending', 'Failed')",
        )
        .partial_index("going", &["client_integration_id", "id"], "state = 'Processing'")
        .index(&["tenant_id", "id"])
        // Of those that are managed, every tenant has items.
        .index(&["integration_id", "tenant_id", "id"])
        .index(&["client_integration_id", "id"])
        .partial_index("of_run", &["action_log_id", "id"], "action_log_id IS NOT NULL")
        .partial_index(
            "old",
            &["updated_at"],
            "NOT bare AND state IN ('Completed', 'Cancelled', 'Abandoned')",
        )
}

/// A run of a client integration.
fn action_log() -> table::Create {
    table::Create::new("action_log")
        .key("id", Kind::BigInt)
        .required("tenant_id", Kind::Uuid)
        .required("integration_id", Kind::BigInt)
        .required("client_integration_id", Kind::BigInt)
        .optional("action_id", Kind::BigInt)
        .required("trigger", Kind::Text)
        .required("started_at", Kind::BigInt)
        .optional("finished_at", Kind::BigInt)
        .optional("outcome", Kind::Text)
        .optional("message", Kind::Text)
        .required("selected", Kind::BigInt)
        .required("completed", Kind::BigInt)
        .required("failed", Kind::BigInt)
        .required("abandoned", Kind::BigInt)
        .index(&["tenant_id", "id"])
        .index(&["client_integration_id", "id"])
        .index(&["integration_id", "tenant_id", "id"])
        .index(&["action_id", "tenant_id", "id"])
        .partial_index("open", &["client_integration_id"], "finished_at IS NULL")
        .index(&["started_at"])
}

fn stamped(table: table::Create) -> table::Create {
    table
        .optional("created_by", Kind::Uuid)
        .required("version", Kind::BigInt)
        .required("created_at", Kind::BigInt)
        .required("updated_at", Kind::BigInt)
}

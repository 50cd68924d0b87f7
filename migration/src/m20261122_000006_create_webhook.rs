//! Creates webhook subscriptions, the tenants' own signing secrets, deliveries and their attempts.

use sea_orm_migration::prelude::*;

use crate::table::{self, Kind};

/// See the module.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for create in [
            webhook_subscription(),
            webhook_secret(),
            webhook_delivery(),
            delivery_attempt(),
        ] {
            create.run(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in [
            "delivery_attempt",
            "webhook_delivery",
            "webhook_secret",
            "webhook_subscription",
        ] {
            table::drop(manager, name).await?;
        }
        Ok(())
    }
}

fn webhook_subscription() -> table::Create {
    table::Create::new("webhook_subscription")
        .key("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("url", Kind::Text)
        .required("events", Kind::Text)
        .optional("description", Kind::Text)
        .required("enabled", Kind::Bool)
        .optional("disabled_reason", Kind::Text)
        .required("secret", Kind::Blob)
        .required("secret_fingerprint", Kind::Text)
        .required("secret_created_at", Kind::BigInt)
        .optional("previous_secret", Kind::Blob)
        .optional("previous_until", Kind::BigInt)
        .optional("created_by", Kind::Uuid)
        .required("version", Kind::BigInt)
        .required("created_at", Kind::BigInt)
        .required("updated_at", Kind::BigInt)
        .index(&["tenant_id", "id"])
}

fn webhook_secret() -> table::Create {
    table::Create::new("webhook_secret")
        .key("tenant_id", Kind::Uuid)
        .required("secret", Kind::Blob)
        .required("fingerprint", Kind::Text)
        .required("created_at", Kind::BigInt)
        .optional("previous_secret", Kind::Blob)
        .optional("previous_until", Kind::BigInt)
        .required("version", Kind::BigInt)
}

fn webhook_delivery() -> table::Create {
    // `lane` is a number made of tenant and host: whoever sends looks for one lane after the other, so that the thousands
    // that wait for a dead receiver are never read in search of the one that waits for a live one.
    table::Create::new("webhook_delivery")
        .key("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .optional("subscription_id", Kind::Uuid)
        .optional("background_id", Kind::Uuid)
        .required("event", Kind::Text)
        .required("url", Kind::Text)
        .required("lane", Kind::BigInt)
        .optional("headers", Kind::Text)
        .required("payload", Kind::Text)
        .required("state", Kind::SmallInt)
        .required("attempts", Kind::Int)
        .required("attempts_before", Kind::Int)
        .required("created_at", Kind::BigInt)
        .required("next_at", Kind::BigInt)
        .optional("ended_at", Kind::BigInt)
        .optional("last_status", Kind::Int)
        .optional("last_error", Kind::Text)
        .partial_index("pending", &["lane", "next_at", "created_at"], "state = 0")
        .partial_index(
            "by_subscription",
            &["subscription_id", "id"],
            "subscription_id IS NOT NULL",
        )
        .partial_index("by_background", &["background_id"], "background_id IS NOT NULL")
        .clustered()
}

fn delivery_attempt() -> table::Create {
    table::Create::new("delivery_attempt")
        .key("delivery_id", Kind::Uuid)
        .key("number", Kind::Int)
        .required("tenant_id", Kind::Uuid)
        .required("at", Kind::BigInt)
        .required("duration_ms", Kind::BigInt)
        .optional("status", Kind::Int)
        .optional("error", Kind::Text)
        .optional("response", Kind::Text)
        .clustered()
}

//! Creates requests that are executed in the background, the parts of their bodies, and their idempotency keys.

use sea_orm_migration::prelude::*;

use crate::table::{self, Kind};

/// See the module.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for create in [background_request(), background_body(), background_key()] {
            create.run(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["background_key", "background_body", "background_request"] {
            table::drop(manager, name).await?;
        }
        Ok(())
    }
}

/// Not clustered, and what may be long comes last: lists read the beginning of a row only.
fn background_request() -> table::Create {
    table::Create::new("background_request")
        .key("tenant_id", Kind::Uuid)
        .key("id", Kind::Uuid)
        .optional("user_id", Kind::Uuid)
        .optional("token_id", Kind::Uuid)
        .required("status", Kind::SmallInt)
        .required("order_key", Kind::BigInt)
        .required("received_at", Kind::BigInt)
        .optional("started_at", Kind::BigInt)
        .optional("finished_at", Kind::BigInt)
        .optional("erased_at", Kind::BigInt)
        .required("attempts", Kind::Int)
        .required("epoch", Kind::BigInt)
        .required("status_code", Kind::Int)
        .required("has_request", Kind::Bool)
        .required("request_chunks", Kind::Int)
        .required("has_response", Kind::Bool)
        .required("response_chunks", Kind::Int)
        .required("method", Kind::Text)
        .optional("upstream", Kind::Text)
        .required("original_uri", Kind::Text)
        .required("webhook_address", Kind::Text)
        .optional("notify_pairs", Kind::Text)
        .optional("reference", Kind::Text)
        .optional("content_type", Kind::Text)
        .optional("error", Kind::Text)
        .optional("response_headers", Kind::Text)
        .optional("follow", Kind::Blob)
        .optional("request", Kind::Blob)
        .optional("response", Kind::Blob)
        // A user's own list.
        .partial_index("own", &["tenant_id", "user_id", "id"], "erased_at IS NULL")
        // What waits or runs: few rows, looked for at each start.
        .partial_index("open", &["status", "id"], "status < 2")
        // What failed or was cancelled is rare: a list of it does not read through all that finished.
        .partial_index("failed", &["tenant_id", "id"], "status > 2")
        // For the purge: first what ended long ago, then what was erased long ago.
        .partial_index("ended", &["erased_at", "finished_at"], "finished_at IS NOT NULL")
}

/// The request's id comes first: the purge walks along the ids, which grow with time, whatever the tenant.
fn background_body() -> table::Create {
    table::Create::new("background_body")
        .key("request_id", Kind::Uuid)
        .key("tenant_id", Kind::Uuid)
        .key("kind", Kind::SmallInt)
        .key("seq", Kind::Int)
        .required("bytes", Kind::Blob)
}

fn background_key() -> table::Create {
    table::Create::new("background_key")
        .key("tenant_id", Kind::Uuid)
        .key("user_id", Kind::Uuid)
        .key("key", Kind::Text)
        .required("request_hash", Kind::Blob)
        .required("background_id", Kind::Uuid)
        .required("received_at", Kind::BigInt)
        .index(&["received_at"])
        .clustered()
}

//! Creates tenants, users, groups, tokens, audit, keys, leases.

use sea_orm_migration::prelude::*;

use crate::table::{self, Kind};

/// See the module.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for create in [
            tenant(),
            app_user(),
            app_group(),
            user_group(),
            api_token(),
            audit_log(),
            secret_key(),
            idempotency_key(),
            shard_lease(),
        ] {
            create.run(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in [
            "shard_lease",
            "idempotency_key",
            "secret_key",
            "audit_log",
            "api_token",
            "user_group",
            "app_group",
            "app_user",
            "tenant",
        ] {
            table::drop(manager, name).await?;
        }
        Ok(())
    }
}

fn tenant() -> table::Create {
    table::Create::new("tenant")
        .key("id", Kind::Uuid)
        .unique("company_id", Kind::Text)
        .required("name", Kind::Text)
        .required("version", Kind::BigInt)
        .required("created_at", Kind::BigInt)
        .required("updated_at", Kind::BigInt)
}

fn app_user() -> table::Create {
    table::Create::new("app_user")
        .key("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .unique("username", Kind::Text)
        .required("password_hash", Kind::Text)
        .optional("display_name", Kind::Text)
        .optional("email", Kind::Text)
        .required("active", Kind::Bool)
        .required("failed_sign_ins", Kind::Int)
        .optional("locked_until", Kind::BigInt)
        .required("version", Kind::BigInt)
        .required("created_at", Kind::BigInt)
        .required("updated_at", Kind::BigInt)
        .index(&["tenant_id", "id"])
}

fn app_group() -> table::Create {
    table::Create::new("app_group")
        .key("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("name", Kind::Text)
        .required("rights", Kind::Text)
        .required("all_tenants", Kind::Bool)
        .required("version", Kind::BigInt)
        .required("created_at", Kind::BigInt)
        .required("updated_at", Kind::BigInt)
        .unique_index(&["tenant_id", "name"])
}

fn user_group() -> table::Create {
    table::Create::new("user_group")
        .key("user_id", Kind::Uuid)
        .key("group_id", Kind::Uuid)
        .index(&["group_id"])
}

fn api_token() -> table::Create {
    table::Create::new("api_token")
        .key("id", Kind::Uuid)
        .optional("tenant_id", Kind::Uuid)
        .required("user_id", Kind::Uuid)
        .required("name", Kind::Text)
        .required("kind", Kind::Text)
        .unique("token_hash", Kind::Blob)
        .optional("rights", Kind::Text)
        .optional("expires_at", Kind::BigInt)
        .optional("last_used_at", Kind::BigInt)
        .required("created_at", Kind::BigInt)
        .index(&["user_id"])
}

fn audit_log() -> table::Create {
    table::Create::new("audit_log")
        .key("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("at", Kind::BigInt)
        .optional("user_id", Kind::Uuid)
        .optional("token_id", Kind::Uuid)
        .required("action", Kind::Text)
        .required("resource_kind", Kind::Text)
        .optional("resource_id", Kind::Text)
        .optional("before", Kind::Text)
        .optional("after", Kind::Text)
        .optional("request_id", Kind::Text)
        .index(&["tenant_id", "id"])
}

fn secret_key() -> table::Create {
    table::Create::new("secret_key")
        .key("id", Kind::Text)
        .required("sealed_check", Kind::Blob)
        .required("created_at", Kind::BigInt)
}

fn idempotency_key() -> table::Create {
    table::Create::new("idempotency_key")
        .key("tenant_id", Kind::Uuid)
        .key("user_id", Kind::Uuid)
        .key("key", Kind::Text)
        .required("request_hash", Kind::Blob)
        .optional("status", Kind::Int)
        .optional("headers", Kind::Text)
        .optional("body", Kind::Blob)
        .required("created_at", Kind::BigInt)
        .index(&["created_at"])
}

fn shard_lease() -> table::Create {
    table::Create::new("shard_lease")
        .key("shard", Kind::SmallInt)
        .required("owner_id", Kind::Uuid)
        .required("epoch", Kind::BigInt)
        .required("expires_at", Kind::BigInt)
}

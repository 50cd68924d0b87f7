//! Creates clients and their tokens.

use sea_orm_migration::prelude::*;

use crate::table::{self, Kind};

/// See the module.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for create in [client(), client_token()] {
            create.run(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["client_token", "client"] {
            table::drop(manager, name).await?;
        }
        Ok(())
    }
}

fn client() -> table::Create {
    table::Create::new("client")
        .key("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("name", Kind::Text)
        .required("auth_public", Kind::Text)
        .required("auth_sealed", Kind::Blob)
        .optional("limits", Kind::Text)
        .optional("created_by", Kind::Uuid)
        .required("version", Kind::BigInt)
        .required("created_at", Kind::BigInt)
        .required("updated_at", Kind::BigInt)
        .unique_index(&["tenant_id", "name"])
}

fn client_token() -> table::Create {
    table::Create::new("client_token")
        .key("client_id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("client_version", Kind::BigInt)
        .optional("sealed", Kind::Blob)
        .optional("expires_at", Kind::BigInt)
        .required("state", Kind::Text)
        .optional("detail", Kind::Text)
        .required("updated_at", Kind::BigInt)
}

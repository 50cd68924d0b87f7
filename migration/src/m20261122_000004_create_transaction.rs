//! Creates transactions and their changes.

use sea_orm_migration::prelude::*;

use crate::table::{self, Kind};

/// See the module.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for create in [transactions(), transaction_change()] {
            create.run(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["transaction_change", "transactions"] {
            table::drop(manager, name).await?;
        }
        Ok(())
    }
}

fn transactions() -> table::Create {
    // Every look-up names its tenant and lists are by id, so one key serves both; not clustered, because of the data.
    table::Create::new("transactions")
        .key("tenant_id", Kind::Uuid)
        .key("id", Kind::Uuid)
        .required("owner_id", Kind::Uuid)
        .required("identifier", Kind::Text)
        .required("status", Kind::SmallInt)
        .optional("data", Kind::Text)
        .optional("call_api_id", Kind::Uuid)
        .optional("run_id", Kind::Uuid)
        .optional("created_by", Kind::Uuid)
        .required("created_at", Kind::BigInt)
        .optional("committed_by", Kind::Uuid)
        .optional("committed_at", Kind::BigInt)
        .required("version", Kind::BigInt)
        .unique_index(&["owner_id", "identifier"])
}

fn transaction_change() -> table::Create {
    table::Create::new("transaction_change")
        .key("id", Kind::Uuid)
        .required("tenant_id", Kind::Uuid)
        .required("transaction_id", Kind::Uuid)
        .required("at", Kind::BigInt)
        .optional("user_id", Kind::Uuid)
        .required("kind", Kind::Text)
        .optional("before", Kind::Text)
        .optional("after", Kind::Text)
        .index(&["transaction_id", "id"])
}

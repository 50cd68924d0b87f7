//! Creates local records, their links to other systems, and the inbox of event-based automations.

use sea_orm_migration::prelude::*;

use crate::table::{self, Kind};

/// See the module.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for create in [record(), record_link(), automation_event()] {
            create.run(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["automation_event", "record_link", "record"] {
            table::drop(manager, name).await?;
        }
        Ok(())
    }
}

fn record() -> table::Create {
    table::Create::new("record")
        .key("tenant_id", Kind::Uuid)
        .key("entity", Kind::Text)
        .key("key", Kind::Text)
        .required("data", Kind::Text)
        .required("version", Kind::BigInt)
        .required("changed_at", Kind::BigInt)
        .required("created_at", Kind::BigInt)
        .required("updated_at", Kind::BigInt)
        .optional("origin", Kind::Uuid)
}

/// Outlives its record: the version of a record that is made again goes on from here, and its counterpart is found again.
///
/// Its indexes begin with what tells rows apart, the key and the remote id: a planner without statistics would else take
/// one for the other, and read all links of a tenant for each record.
fn record_link() -> table::Create {
    table::Create::new("record_link")
        .key("key", Kind::Text)
        .key("entity", Kind::Text)
        .key("tenant_id", Kind::Uuid)
        .key("connection_id", Kind::Uuid)
        .key("object", Kind::Text)
        .optional("remote_id", Kind::Text)
        .optional("remote_version", Kind::Text)
        .optional("remote_updated_at", Kind::BigInt)
        .required("record_version", Kind::BigInt)
        .optional("pending", Kind::Text)
        // With the entity: one of Xero's contacts may be a customer and a supplier.
        .unique_index(&["remote_id", "entity", "tenant_id", "connection_id", "object"])
        .partial_index("pending", &["connection_id", "key"], "pending IS NOT NULL")
        .clustered()
}

/// One row for each automation and key: changes of a record that were not looked at yet become one.
fn automation_event() -> table::Create {
    table::Create::new("automation_event")
        .key("automation_id", Kind::Uuid)
        .key("key", Kind::Text)
        .required("tenant_id", Kind::Uuid)
        .required("entity", Kind::Text)
        .required("kind", Kind::Text)
        .required("record_version", Kind::BigInt)
        .optional("changed", Kind::Text)
        .required("at", Kind::BigInt)
        .clustered()
}

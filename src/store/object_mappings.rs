//! Owns object mappings: by a name within a connection, how the members of one side's objects become those of the other's.

use jiff::Timestamp;
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Error, Result, Store,
    audit::{self, Entry},
    connections::changes::lock as lock_connection,
    expect_version,
    listing::{self, Listed, OrderBy, Window},
    tenants::timestamp,
};
use crate::domain::ids::{ConnectionId, ScriptId, TenantId};
use entity::object_mapping::{ActiveModel, Column, Entity, Model};

/// An object mapping as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectMapping {
    /// Id.
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: TenantId,
    /// Connection.
    pub connection_id: ConnectionId,
    /// Unique in the connection.
    pub name: String,
    /// Pairs, or a script, as the domain reads them.
    pub definition: Value,
    /// The stored script that the definition names.
    pub script_id: Option<ScriptId>,
    /// Goes up with each change.
    pub version: i64,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// A mapping that is to be stored under its name.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMapping {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Connection.
    pub connection_id: ConnectionId,
    /// Unique in the connection.
    pub name: String,
    /// Pairs, or a script.
    pub definition: Value,
    /// The stored script that the definition names.
    pub script_id: Option<ScriptId>,
}

impl Store {
    /// The mapping of this name.
    pub async fn object_mapping(
        &self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        name: &str,
    ) -> Result<Option<ObjectMapping>> {
        let this = is(tenant_id, connection_id, name);
        self.read(move |db| async move {
            let row = Entity::find().filter(this).one(&db).await?;
            row.map(mapping).transpose()
        })
        .await
    }

    /// The mappings of a connection, by name where nothing else is asked for.
    pub async fn object_mappings(
        &self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        window: Window,
    ) -> Result<Listed<ObjectMapping>> {
        self.read(move |db| async move {
            let column = match window.order_by {
                OrderBy::Updated => Column::UpdatedAt,
                OrderBy::Created | OrderBy::Name | OrderBy::Kind | OrderBy::Enabled => Column::Name,
            };
            let query = Entity::find().filter(of(tenant_id, connection_id));
            let listed = listing::part(&db, query, window, column, Column::Id).await?;
            listed.try_map(mapping)
        })
        .await
    }

    /// Stores a mapping under its name, over the one that is there; answers it, and whether it is new. With `version` only
    /// over that version.
    ///
    /// # Errors
    /// [`Error::NotFound`]: there is no such connection, or, with a version, no such mapping; [`Error::Stale`].
    pub async fn put_object_mapping(
        &self,
        new: NewMapping,
        version: Option<i64>,
        entry: Entry,
    ) -> Result<(ObjectMapping, bool)> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                // Who holds the connection's row is the only one who adds mappings to it.
                lock_connection(transaction, new.tenant_id, new.connection_id).await?;
                let this = is(new.tenant_id, new.connection_id, &new.name);
                let before = Entity::find().filter(this.clone()).one(transaction).await?;
                match &before {
                    Some(before) => expect_version(version, before.version)?,
                    None if version.is_some() => return Err(Error::NotFound),
                    None => {}
                }
                let stored = ObjectMapping {
                    id: before.as_ref().map_or_else(|| clock.new_id(), |row| row.id),
                    tenant_id: new.tenant_id,
                    connection_id: new.connection_id,
                    name: new.name,
                    definition: new.definition,
                    script_id: new.script_id,
                    version: before.as_ref().map_or(0, |row| row.version) + 1,
                    updated_at: clock.now(),
                };
                let row = row(&stored);
                if before.is_some() {
                    Entity::update_many().set(row).filter(this).exec(transaction).await?;
                } else {
                    Entity::insert(row).exec_without_returning(transaction).await?;
                }
                audit::record(transaction, &clock, entry).await?;
                Ok((stored, before.is_none()))
            })
        })
        .await
    }

    /// Removes a mapping; partner functions that name it leave data as it is from then on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Stale`].
    pub async fn delete_object_mapping(
        &self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        name: &str,
        version: Option<i64>,
        entry: Entry,
    ) -> Result<()> {
        let clock = self.clock().clone();
        let this = is(tenant_id, connection_id, name);
        self.write(move |transaction| {
            Box::pin(async move {
                let found = Entity::find().filter(this.clone()).lock_exclusive();
                let found = found.one(transaction).await?.ok_or(Error::NotFound)?;
                expect_version(version, found.version)?;
                Entity::delete_many().filter(this).exec(transaction).await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }
}

fn of(tenant_id: TenantId, connection_id: ConnectionId) -> Condition {
    Condition::all()
        .add(Column::TenantId.eq(tenant_id.uuid()))
        .add(Column::ConnectionId.eq(connection_id.uuid()))
}

fn is(tenant_id: TenantId, connection_id: ConnectionId, name: &str) -> Condition {
    of(tenant_id, connection_id).add(Column::Name.eq(name))
}

fn row(mapping: &ObjectMapping) -> ActiveModel {
    ActiveModel {
        connection_id: Set(mapping.connection_id.uuid()),
        name: Set(mapping.name.clone()),
        id: Set(mapping.id),
        tenant_id: Set(mapping.tenant_id.uuid()),
        definition: Set(mapping.definition.to_string()),
        script_id: Set(mapping.script_id.map(ScriptId::uuid)),
        version: Set(mapping.version),
        updated_at: Set(mapping.updated_at.as_microsecond()),
    }
}

fn mapping(row: Model) -> Result<ObjectMapping> {
    Ok(ObjectMapping {
        definition: listing::read("object mapping", row.id, &row.definition)?,
        id: row.id,
        tenant_id: row.tenant_id.into(),
        connection_id: row.connection_id.into(),
        name: row.name,
        script_id: row.script_id.map(ScriptId::from),
        version: row.version,
        updated_at: timestamp(row.updated_at)?,
    })
}

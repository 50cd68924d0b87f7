//! Owns partner functions: what a connection does with one kind of object.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::{
    Error, Result, Store,
    audit::{self, Entry},
    connections::changes::lock as lock_connection,
    expect_version,
    listing::{self, Listed, OrderBy, Window},
    tenants::{timestamp, unchanged},
};
use crate::domain::{
    ids::{ConnectionId, PartnerFunctionId, ScriptId, TenantId, UserId},
    partner_function::PartnerFunction,
};
use entity::partner_function::{ActiveModel, Column, Entity, Model};

/// A partner function as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPartnerFunction {
    /// Id.
    pub id: PartnerFunctionId,
    /// Tenant.
    pub tenant_id: TenantId,
    /// Connection.
    pub connection_id: ConnectionId,
    /// What it does.
    pub definition: PartnerFunction,
    /// Whether automations may use it.
    pub enabled: bool,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// Goes up with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Store {
    /// Partner functions of a connection.
    pub async fn partner_functions(
        &self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        window: Window,
    ) -> Result<Listed<StoredPartnerFunction>> {
        self.read(move |db| async move {
            let column = match window.order_by {
                OrderBy::Created => Column::CreatedAt,
                OrderBy::Updated => Column::UpdatedAt,
                OrderBy::Name => Column::Name,
                OrderBy::Kind => Column::Direction,
                OrderBy::Enabled => Column::Enabled,
            };
            let query = Entity::find().filter(of(tenant_id, connection_id));
            let listed = listing::part(&db, query, window, column, Column::Id).await?;
            listed.try_map(stored)
        })
        .await
    }

    /// One partner function of a connection.
    pub async fn partner_function(
        &self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        id: PartnerFunctionId,
    ) -> Result<Option<StoredPartnerFunction>> {
        self.read(move |db| async move {
            let row = Entity::find().filter(is(tenant_id, connection_id, id)).one(&db).await?;
            row.map(stored).transpose()
        })
        .await
    }

    /// One partner function of whatever connection of the tenant.
    pub async fn partner_function_of(
        &self,
        tenant_id: TenantId,
        id: PartnerFunctionId,
    ) -> Result<Option<StoredPartnerFunction>> {
        self.read(move |db| async move {
            let row = Entity::find_by_id(id.uuid())
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .one(&db)
                .await?;
            row.map(stored).transpose()
        })
        .await
    }

    /// The partner function of a connection that has this id or else this name.
    pub async fn partner_function_named(
        &self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        id_or_name: &str,
    ) -> Result<Option<StoredPartnerFunction>> {
        let text = id_or_name.trim().to_owned();
        self.read(move |db| async move {
            let id = text.parse::<Uuid>().ok();
            let mut wanted = Condition::any().add(Column::Name.eq(text));
            if let Some(id) = id {
                wanted = wanted.add(Column::Id.eq(id));
            }
            let rows = Entity::find()
                .filter(of(tenant_id, connection_id))
                .filter(wanted)
                .all(&db)
                .await?;
            let by_id = rows.iter().position(|row| Some(row.id) == id).unwrap_or_default();
            rows.into_iter().nth(by_id).map(stored).transpose()
        })
        .await
    }

    /// Adds a partner function to a connection.
    ///
    /// # Errors
    /// [`Error::Unique`]: the connection has one of this name. [`Error::NotFound`]: there is no such connection.
    pub async fn create_partner_function(&self, new: StoredPartnerFunction, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        let (tenant_id, connection_id) = (new.tenant_id, new.connection_id);
        let row = ActiveModel {
            id: Set(new.id.uuid()),
            tenant_id: Set(tenant_id.uuid()),
            connection_id: Set(connection_id.uuid()),
            created_by: Set(new.created_by.map(UserId::uuid)),
            created_at: Set(new.created_at.as_microsecond()),
            ..changeable(new)?
        };
        self.write(move |transaction| {
            Box::pin(async move {
                lock_connection(transaction, tenant_id, connection_id).await?;
                Entity::insert(row).exec_without_returning(transaction).await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Writes a partner function over its version before.
    ///
    /// # Errors
    /// [`Error::Unique`], [`Error::Stale`], [`Error::NotFound`].
    pub async fn update_partner_function(&self, changed: StoredPartnerFunction, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        let this = is(changed.tenant_id, changed.connection_id, changed.id);
        let version = changed.version;
        let row = changeable(changed)?;
        self.write(move |transaction| {
            Box::pin(async move {
                let written = Entity::update_many()
                    .set(row)
                    .filter(this.clone())
                    .filter(Column::Version.eq(version - 1))
                    .exec(transaction)
                    .await?;
                if written.rows_affected == 0 {
                    let found = Entity::find().filter(this).one(transaction).await?;
                    return Err(unchanged(found.map(|row| row.version)));
                }
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Enables or disables a partner function; answers its new version.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`].
    pub async fn set_partner_function_enabled(
        &self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        id: PartnerFunctionId,
        version: Option<i64>,
        enabled: bool,
        entry: Entry,
    ) -> Result<i64> {
        let clock = self.clock().clone();
        let this = is(tenant_id, connection_id, id);
        self.write(move |transaction| {
            Box::pin(async move {
                let found = lock(transaction, this.clone(), version).await?;
                Entity::update_many()
                    .col_expr(Column::Enabled, Expr::value(enabled))
                    .col_expr(Column::Version, Expr::col(Column::Version).add(1_i64))
                    .col_expr(Column::UpdatedAt, Expr::value(clock.now_us()))
                    .filter(this)
                    .exec(transaction)
                    .await?;
                audit::record(transaction, &clock, entry).await?;
                Ok(found.version + 1)
            })
        })
        .await
    }

    /// Removes a partner function. Automations that name it fail at their next run, and say so.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`].
    pub async fn delete_partner_function(
        &self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        id: PartnerFunctionId,
        version: Option<i64>,
        entry: Entry,
    ) -> Result<()> {
        let clock = self.clock().clone();
        let this = is(tenant_id, connection_id, id);
        self.write(move |transaction| {
            Box::pin(async move {
                lock(transaction, this.clone(), version).await?;
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

fn is(tenant_id: TenantId, connection_id: ConnectionId, id: PartnerFunctionId) -> Condition {
    of(tenant_id, connection_id).add(Column::Id.eq(id.uuid()))
}

/// Takes the row, in this version if one is named.
async fn lock(transaction: &DatabaseTransaction, this: Condition, version: Option<i64>) -> Result<Model> {
    let found = Entity::find().filter(this).lock_exclusive().one(transaction).await?;
    let found = found.ok_or(Error::NotFound)?;
    expect_version(version, found.version)?;
    Ok(found)
}

/// The columns that an update may write.
fn changeable(function: StoredPartnerFunction) -> Result<ActiveModel> {
    let definition = function.definition;
    Ok(ActiveModel {
        definition: Set(listing::written(&definition)?),
        direction: Set(definition.direction.as_str().to_owned()),
        pre_run_script_id: Set(definition.pre_run_script_id.map(ScriptId::uuid)),
        post_run_script_id: Set(definition.post_run_script_id.map(ScriptId::uuid)),
        name: Set(definition.name),
        enabled: Set(function.enabled),
        version: Set(function.version),
        updated_at: Set(function.updated_at.as_microsecond()),
        ..Default::default()
    })
}

fn stored(row: Model) -> Result<StoredPartnerFunction> {
    Ok(StoredPartnerFunction {
        id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        connection_id: row.connection_id.into(),
        definition: listing::read("partner function", row.id, &row.definition)?,
        enabled: row.enabled,
        created_by: row.created_by.map(UserId::from),
        version: row.version,
        created_at: timestamp(row.created_at)?,
        updated_at: timestamp(row.updated_at)?,
    })
}

//! Every change of connections.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use super::{Connection, is};
use crate::{
    domain::{
        automation::run::RunOutcome,
        connection::Health,
        ids::{AutomationId, ConnectionId, TenantId, UserId},
    },
    store::{
        Error, Result, Store,
        audit::{self, Entry},
        call_apis::shard_of,
        expect_version, ledger, listing,
        tenants::unchanged,
    },
};
use entity::{
    automation, automation_event, automation_run, automation_state, client_token,
    connection::{ActiveModel, Column, Entity, Model},
    connection_state, object_mapping, partner_function, record_link,
};

/// Ids in one statement; databases take some ten thousand values.
const IDS_AT_ONCE: usize = 1_000;

/// How a version of a connection fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenHealth {
    /// Of this version.
    pub version: i64,
    /// In a word.
    pub health: Health,
    /// Why, in words, without secrets.
    pub detail: Option<String>,
    /// Since when.
    pub at: Timestamp,
}

impl Store {
    /// Adds a connection.
    pub async fn create_connection(&self, new: Connection, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        let row = ActiveModel {
            id: Set(new.id.uuid()),
            tenant_id: Set(new.tenant_id.uuid()),
            shard: Set(shard_of(new.id.uuid())),
            created_by: Set(new.created_by.map(UserId::uuid)),
            created_at: Set(new.created_at.as_microsecond()),
            ..changeable(new)?
        };
        self.write(move |transaction| {
            Box::pin(async move {
                Entity::insert(row).exec_without_returning(transaction).await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Writes a connection over its version before; how it fares is forgotten with that version.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`].
    pub async fn update_connection(&self, changed: Connection, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        let (tenant_id, id, version) = (changed.tenant_id, changed.id, changed.version);
        let row = changeable(changed)?;
        self.write(move |transaction| {
            Box::pin(async move {
                let written = Entity::update_many()
                    .set(row)
                    .filter(is(tenant_id, id))
                    .filter(Column::Version.eq(version - 1))
                    .exec(transaction)
                    .await?;
                if written.rows_affected == 0 {
                    return Err(unchanged(version_of(transaction, tenant_id, id).await?));
                }
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Enables or disables a connection; answers its new version. Also one that is so already gets a new version, and with it
    /// another try.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`].
    pub async fn set_connection_enabled(
        &self,
        tenant_id: TenantId,
        id: ConnectionId,
        version: Option<i64>,
        enabled: bool,
        entry: Entry,
    ) -> Result<i64> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let found = lock(transaction, tenant_id, id).await?;
                expect_version(version, found.version)?;
                Entity::update_many()
                    .col_expr(Column::Enabled, Expr::value(enabled))
                    .col_expr(Column::Version, Expr::col(Column::Version).add(1_i64))
                    .col_expr(Column::UpdatedAt, Expr::value(clock.now_us()))
                    .filter(is(tenant_id, id))
                    .exec(transaction)
                    .await?;
                audit::record(transaction, &clock, entry).await?;
                Ok(found.version + 1)
            })
        })
        .await
    }

    /// Removes a connection with all that belongs to it: partner functions, mappings, automations, links, tokens. Records
    /// stay, and so do finished runs until they are purged. Answers which automations went.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`].
    pub async fn delete_connection(
        &self,
        tenant_id: TenantId,
        id: ConnectionId,
        version: Option<i64>,
        entry: Entry,
    ) -> Result<Vec<AutomationId>> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let found = lock(transaction, tenant_id, id).await?;
                expect_version(version, found.version)?;
                let automations = delete_automations(transaction, tenant_id, id, clock.now_us()).await?;
                partner_function::Entity::delete_many()
                    .filter(partner_function::Column::TenantId.eq(tenant_id.uuid()))
                    .filter(partner_function::Column::ConnectionId.eq(id.uuid()))
                    .exec(transaction)
                    .await?;
                object_mapping::Entity::delete_many()
                    .filter(object_mapping::Column::TenantId.eq(tenant_id.uuid()))
                    .filter(object_mapping::Column::ConnectionId.eq(id.uuid()))
                    .exec(transaction)
                    .await?;
                record_link::Entity::delete_many()
                    .filter(record_link::Column::TenantId.eq(tenant_id.uuid()))
                    .filter(record_link::Column::ConnectionId.eq(id.uuid()))
                    .exec(transaction)
                    .await?;
                client_token::Entity::delete_by_id(id.uuid()).exec(transaction).await?;
                connection_state::Entity::delete_by_id(id.uuid())
                    .exec(transaction)
                    .await?;
                Entity::delete_many()
                    .filter(is(tenant_id, id))
                    .exec(transaction)
                    .await?;
                audit::record(transaction, &clock, entry).await?;
                Ok(automations)
            })
        })
        .await
    }

    /// Writes how a version of a connection fares; `epoch` is that of the lease.
    ///
    /// # Errors
    /// [`Error::Lease`]: the shard belongs to another process. [`Error::Stale`], [`Error::NotFound`]: that version is not the
    /// one in force any more. Nothing is written then.
    pub async fn set_health(&self, tenant_id: TenantId, id: ConnectionId, seen: SeenHealth, epoch: i64) -> Result<()> {
        self.write(move |transaction| {
            Box::pin(async move {
                ledger::hold_shard_of(transaction, id.uuid(), epoch).await?;
                let found = lock(transaction, tenant_id, id).await?;
                expect_version(Some(seen.version), found.version)?;
                let row = connection_state::ActiveModel {
                    connection_id: Set(id.uuid()),
                    tenant_id: Set(tenant_id.uuid()),
                    version: Set(seen.version),
                    health: Set(seen.health.as_str().to_owned()),
                    detail: Set(seen.detail),
                    since: Set(seen.at.as_microsecond()),
                };
                let mut replace = OnConflict::column(connection_state::Column::ConnectionId);
                replace.update_columns([
                    connection_state::Column::Version,
                    connection_state::Column::Health,
                    connection_state::Column::Detail,
                    connection_state::Column::Since,
                ]);
                connection_state::Entity::insert(row)
                    .on_conflict(replace)
                    .exec_without_returning(transaction)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}

/// Takes the connection's row until the transaction ends, so that nothing is added to one that is being deleted.
///
/// # Errors
/// [`Error::NotFound`].
pub(in crate::store) async fn lock(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    id: ConnectionId,
) -> Result<Model> {
    let found = Entity::find().filter(is(tenant_id, id)).lock_exclusive();
    found.one(transaction).await?.ok_or(Error::NotFound)
}

async fn delete_automations(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    id: ConnectionId,
    now: i64,
) -> Result<Vec<AutomationId>> {
    // All of them before anything of theirs, in the order in which runs take rows.
    let ids: Vec<Uuid> = automation::Entity::find()
        .select_only()
        .column(automation::Column::Id)
        .filter(automation::Column::TenantId.eq(tenant_id.uuid()))
        .filter(automation::Column::ConnectionId.eq(id.uuid()))
        .order_by_asc(automation::Column::Id)
        .lock_exclusive()
        .into_tuple()
        .all(transaction)
        .await?;
    for some in ids.chunks(IDS_AT_ONCE) {
        forget_automations(transaction, tenant_id, some, now).await?;
    }
    Ok(ids.into_iter().map(AutomationId::from).collect())
}

/// Removes automations, their states and what they have not looked at yet, and ends their open runs. The runs first: whoever
/// stores a page holds the run before it touches anything else.
pub(in crate::store) async fn forget_automations(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    ids: &[Uuid],
    now: i64,
) -> Result<()> {
    let of_tenant = tenant_id.uuid();
    let cancelled = Expr::value(RunOutcome::Cancelled.as_str());
    automation_run::Entity::update_many()
        .col_expr(automation_run::Column::FinishedAt, Expr::value(now))
        .col_expr(automation_run::Column::Outcome, cancelled)
        .col_expr(automation_run::Column::ResumeAt, Expr::value(None::<i64>))
        .filter(automation_run::Column::TenantId.eq(of_tenant))
        .filter(automation_run::Column::AutomationId.is_in(ids.iter().copied()))
        .filter(automation_run::Column::FinishedAt.is_null())
        .exec(transaction)
        .await?;
    automation_event::Entity::delete_many()
        .filter(automation_event::Column::TenantId.eq(of_tenant))
        .filter(automation_event::Column::AutomationId.is_in(ids.iter().copied()))
        .exec(transaction)
        .await?;
    automation_state::Entity::delete_many()
        .filter(automation_state::Column::TenantId.eq(of_tenant))
        .filter(automation_state::Column::AutomationId.is_in(ids.iter().copied()))
        .exec(transaction)
        .await?;
    automation::Entity::delete_many()
        .filter(automation::Column::TenantId.eq(of_tenant))
        .filter(automation::Column::Id.is_in(ids.iter().copied()))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Empties the inbox of an event-based automation.
pub(in crate::store) async fn forget_events(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    id: Uuid,
) -> Result<()> {
    automation_event::Entity::delete_many()
        .filter(automation_event::Column::TenantId.eq(tenant_id.uuid()))
        .filter(automation_event::Column::AutomationId.eq(id))
        .exec(transaction)
        .await?;
    Ok(())
}

/// The columns that an update may write.
fn changeable(connection: Connection) -> Result<ActiveModel> {
    Ok(ActiveModel {
        provider: Set(connection.provider.as_str().to_owned()),
        name: Set(connection.name()),
        profile: Set(listing::written(&connection.profile)?),
        secrets_public: Set(connection.secrets_public.to_string()),
        secrets: Set(connection.secrets),
        enabled: Set(connection.enabled),
        version: Set(connection.version),
        updated_at: Set(connection.updated_at.as_microsecond()),
        ..Default::default()
    })
}

async fn version_of(transaction: &DatabaseTransaction, tenant_id: TenantId, id: ConnectionId) -> Result<Option<i64>> {
    let row = Entity::find().filter(is(tenant_id, id)).one(transaction).await?;
    Ok(row.map(|row| row.version))
}

//! How far a client integration has come: its next due time, the selection that is going on, its last run.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    Statement, sea_query::OnConflict,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::definitions::seen;
use crate::{
    domain::{
        ids::TenantId,
        integration::{ClientIntegrationId, IntegrationId},
    },
    store::{Error, Result, Store, ledger, listing, tenants::timestamp},
};
use entity::{
    client_integration,
    client_integration_state::{ActiveModel, Column, Entity, Model},
    integration,
};

/// Whose queue and whose runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whose {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Definition.
    pub integration_id: IntegrationId,
    /// Client integration.
    pub id: ClientIntegrationId,
    /// The actor's, whose shard fences what is written.
    pub uuid: Uuid,
}

/// A selection that was begun and has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The due time for which it was begun.
    pub due_at: Timestamp,
    /// What it looks for; of something else, the place means nothing.
    pub what: String,
    /// All rows up to there are in the queue; none: it begins.
    pub place: Option<String>,
}

/// What the runs of a client integration have left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunsLeft {
    /// The next due time.
    pub next_due_at: Option<Timestamp>,
    /// What that was counted by.
    pub schedule_key: Option<String>,
    /// The selection that has not ended.
    pub selection: Option<Selection>,
    /// When the first item that waits may be processed.
    pub next_item_at: Option<Timestamp>,
}

impl Store {
    /// What the runs of a client integration have left.
    pub async fn integration_runs_left(&self, whose: Whose) -> Result<RunsLeft> {
        self.read(move |db| async move { left(&db, whose).await }).await
    }

    /// Writes when a client integration is due next, and what that was counted by.
    ///
    /// # Errors
    /// [`Error::Lease`]: the shard belongs to another process. [`Error::NotFound`]: it is gone.
    pub async fn set_integration_due(
        &self,
        whose: Whose,
        next_due_at: Option<Timestamp>,
        schedule_key: String,
        epoch: i64,
    ) -> Result<()> {
        let now = self.clock().now_us();
        self.write(move |transaction| {
            Box::pin(async move {
                hold(transaction, whose, epoch).await?;
                let changed = ActiveModel {
                    next_due_at: Set(next_due_at.map(Timestamp::as_microsecond)),
                    schedule_key: Set(Some(schedule_key)),
                    ..Default::default()
                };
                write(transaction, whose, changed, now).await
            })
        })
        .await
    }
}

/// Keeps the shard ours and the client integration there until the transaction ends.
///
/// # Errors
/// [`Error::Lease`], [`Error::NotFound`].
pub(in crate::store) async fn hold(transaction: &DatabaseTransaction, whose: Whose, epoch: i64) -> Result<()> {
    ledger::hold_shard_of(transaction, whose.uuid, epoch).await?;
    let found = client_integration::Entity::find_by_id(whose.id.get())
        .filter(client_integration::Column::TenantId.eq(whose.tenant_id.uuid()))
        .lock_shared()
        .one(transaction)
        .await?;
    found.map(drop).ok_or(Error::NotFound)
}

/// As [`hold`], for who writes the client integration; its definition, which is locked first as everywhere, stays as it is.
///
/// # Errors
/// [`Error::Lease`], [`Error::NotFound`].
pub(super) async fn hold_exclusively(
    transaction: &DatabaseTransaction,
    whose: Whose,
    epoch: i64,
) -> Result<(integration::Model, client_integration::Model)> {
    ledger::hold_shard_of(transaction, whose.uuid, epoch).await?;
    let definition = integration::Entity::find_by_id(whose.integration_id.get())
        .filter(seen::integration(whose.tenant_id))
        .lock_shared()
        .one(transaction)
        .await?;
    let client = client_integration::Entity::find_by_id(whose.id.get())
        .filter(client_integration::Column::TenantId.eq(whose.tenant_id.uuid()))
        .lock_exclusive()
        .one(transaction)
        .await?;
    definition.zip(client).ok_or(Error::NotFound)
}

/// What is left, as one sees it.
pub(super) async fn left(db: &impl ConnectionTrait, whose: Whose) -> Result<RunsLeft> {
    let row = Entity::find_by_id(whose.id.get())
        .filter(Column::TenantId.eq(whose.tenant_id.uuid()))
        .one(db)
        .await?;
    let mut left = row.map(|row| stored(row, whose)).transpose()?.unwrap_or_default();
    let first = Statement::from_sql_and_values(
        db.get_database_backend(),
        NEXT_ITEM,
        [whose.id.get().into(), whose.tenant_id.uuid().into()],
    );
    if let Some(row) = db.query_one_raw(first).await? {
        left.next_item_at = Some(timestamp(row.try_get("", "due_at")?)?);
    }
    Ok(left)
}

/// When the first item that waits is due.
pub(in crate::store) const NEXT_ITEM: &str = "SELECT due_at FROM integration_queue \
     WHERE client_integration_id = $1 AND state IN ('Pending', 'Failed') AND tenant_id = $2 ORDER BY due_at, id LIMIT 1";

/// Writes the columns that are set; the row is made where there is none.
pub(super) async fn write(
    transaction: &DatabaseTransaction,
    whose: Whose,
    changed: ActiveModel,
    now: i64,
) -> Result<()> {
    let new = ActiveModel {
        client_integration_id: Set(whose.id.get()),
        tenant_id: Set(whose.tenant_id.uuid()),
        run_count: Set(0),
        updated_at: Set(now),
        ..Default::default()
    };
    Entity::insert(new)
        .on_conflict(
            OnConflict::column(Column::ClientIntegrationId)
                .update_column(Column::UpdatedAt)
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await?;
    Entity::update_many()
        .set(changed)
        .filter(Column::ClientIntegrationId.eq(whose.id.get()))
        .filter(Column::TenantId.eq(whose.tenant_id.uuid()))
        .exec(transaction)
        .await?;
    Ok(())
}

fn stored(row: Model, whose: Whose) -> Result<RunsLeft> {
    Ok(RunsLeft {
        next_due_at: row.next_due_at.map(timestamp).transpose()?,
        schedule_key: row.schedule_key,
        selection: match &row.selection {
            Some(text) => Some(listing::read("selection", whose.uuid, text)?),
            None => None,
        },
        next_item_at: None,
    })
}

//! Every change of call APIs.
//!
//! That an active call cannot be changed is a condition of the UPDATE and DELETE itself, so that no race gets round it.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
};

use super::{Activation, Change, DefinitionRow, shard_of};
use crate::{
    domain::ids::{CallApiId, TenantId, UserId},
    store::{Error, Result, Store, audit, expect_version},
};
use entity::{call_api, call_api_state};

impl Store {
    /// Stores a new call, active at once if `activation` is given.
    ///
    /// # Errors
    /// [`Error::Unique`]: the name is taken.
    pub async fn create_call_api(
        &self,
        tenant: TenantId,
        id: CallApiId,
        row: DefinitionRow,
        created_by: Option<UserId>,
        activation: Option<Activation>,
        entry: audit::Entry,
    ) -> Result<()> {
        let now = self.clock().now_us();
        let model = call_api::ActiveModel {
            id: Set(id.uuid()),
            tenant_id: Set(tenant.uuid()),
            shard: Set(shard_of(id.uuid())),
            active: Set(activation.is_some()),
            anchor_at: Set(activation.map_or(now, |activation| activation.anchor_at.as_microsecond())),
            created_by: Set(created_by.map(|user| user.uuid())),
            version: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
            ..definition_columns(&row)?
        };
        let state = call_api_state::ActiveModel {
            call_api_id: Set(id.uuid()),
            tenant_id: Set(tenant.uuid()),
            next_due_at: Set(next_due_us(activation)),
            run_count: Set(0),
            failures: Set(0),
            updated_at: Set(now),
            ..Default::default()
        };
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                call_api::Entity::insert(model).exec_without_returning(txn).await?;
                call_api_state::Entity::insert(state)
                    .exec_without_returning(txn)
                    .await?;
                audit::record(txn, &clock, entry).await
            })
        })
        .await
    }

    /// Replaces the definition of a call that is not active, and activates it if `activation` is given.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Stale`], [`Error::Unique`].
    pub async fn update_call_api(
        &self,
        tenant: TenantId,
        id: CallApiId,
        row: DefinitionRow,
        version: i64,
        activation: Option<Activation>,
        entry: audit::Entry,
    ) -> Result<Change> {
        let now = self.clock().now_us();
        let columns = definition_columns(&row)?;
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                let found = lock(txn, tenant, id).await?;
                let changed = call_api::Entity::update_many()
                    .set(columns)
                    .col_expr(
                        call_api::Column::Version,
                        Expr::col(call_api::Column::Version).add(1_i64),
                    )
                    .col_expr(call_api::Column::UpdatedAt, Expr::value(now))
                    .filter(
                        this(tenant, id)
                            .add(call_api::Column::Version.eq(version))
                            .add(is_not_active()),
                    )
                    .exec(txn)
                    .await?;
                if changed.rows_affected == 0 {
                    return refused(&found, version);
                }
                if let Some(activation) = activation {
                    // The version has grown already.
                    set_active(txn, tenant, id, Some(activation), 0, now).await?;
                }
                audit::record(txn, &clock, entry).await?;
                Ok(Change::Done)
            })
        })
        .await
    }

    /// Deletes a call that is not active. Its transactions stay, its runs stay until they are purged.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Stale`].
    pub async fn delete_call_api(
        &self,
        tenant: TenantId,
        id: CallApiId,
        version: Option<i64>,
        entry: audit::Entry,
    ) -> Result<Change> {
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                let found = lock(txn, tenant, id).await?;
                let expected = version.unwrap_or(found.version);
                let deleted = call_api::Entity::delete_many()
                    .filter(
                        this(tenant, id)
                            .add(call_api::Column::Version.eq(expected))
                            .add(is_not_active()),
                    )
                    .exec(txn)
                    .await?;
                if deleted.rows_affected == 0 {
                    return refused(&found, expected);
                }
                call_api_state::Entity::delete_by_id(id.uuid()).exec(txn).await?;
                audit::record(txn, &clock, entry).await?;
                Ok(Change::Done)
            })
        })
        .await
    }

    /// Activates a call in the version that was checked.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Stale`].
    pub async fn activate_call_api(
        &self,
        tenant: TenantId,
        id: CallApiId,
        version: i64,
        activation: Activation,
        entry: audit::Entry,
    ) -> Result<()> {
        let now = self.clock().now_us();
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                let found = lock(txn, tenant, id).await?;
                expect_version(Some(version), found.version)?;
                set_active(txn, tenant, id, Some(activation), 1, now).await?;
                audit::record(txn, &clock, entry).await
            })
        })
        .await
    }

    /// Deactivates a call because a person says so; a deactivation by the engine and its reason are cleared with it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Stale`].
    pub async fn deactivate_call_api(
        &self,
        tenant: TenantId,
        id: CallApiId,
        version: Option<i64>,
        entry: audit::Entry,
    ) -> Result<()> {
        let now = self.clock().now_us();
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                let found = lock(txn, tenant, id).await?;
                expect_version(version, found.version)?;
                set_active(txn, tenant, id, None, 1, now).await?;
                audit::record(txn, &clock, entry).await
            })
        })
        .await
    }
}

fn this(tenant: TenantId, id: CallApiId) -> Condition {
    Condition::all()
        .add(call_api::Column::TenantId.eq(tenant.uuid()))
        .add(call_api::Column::Id.eq(id.uuid()))
}

/// Not asked to be active, or deactivated by the engine since.
fn is_not_active() -> Condition {
    let deactivated = Query::select()
        .expr(Expr::value(1))
        .from(call_api_state::Entity)
        .and_where(
            Expr::col((call_api_state::Entity, call_api_state::Column::CallApiId))
                .equals((call_api::Entity, call_api::Column::Id)),
        )
        .and_where(call_api_state::Column::DeactivatedAt.is_not_null())
        .take();
    Condition::any()
        .add(call_api::Column::Active.eq(false))
        .add(Expr::exists(deactivated))
}

/// Takes the row's lock before anything is decided: without it PostgreSQL would look at the state as it was before a
/// transaction that it had to wait for. (SQLite has one writer.)
async fn lock(txn: &DatabaseTransaction, tenant: TenantId, id: CallApiId) -> Result<call_api::Model> {
    call_api::Entity::find()
        .filter(this(tenant, id))
        .lock_exclusive()
        .one(txn)
        .await?
        .ok_or(Error::NotFound)
}

/// Why a change met no row, given the locked row.
fn refused(found: &call_api::Model, expected: i64) -> Result<Change> {
    if found.version == expected {
        Ok(Change::Active)
    } else {
        Err(Error::Stale { current: found.version })
    }
}

/// Activates (with `activation`) or deactivates; the version grows by `steps`.
async fn set_active(
    txn: &DatabaseTransaction,
    tenant: TenantId,
    id: CallApiId,
    activation: Option<Activation>,
    steps: i64,
    now: i64,
) -> Result<()> {
    let version = call_api::Column::Version;
    let mut update = call_api::Entity::update_many()
        .col_expr(call_api::Column::Active, Expr::value(activation.is_some()))
        .col_expr(version, Expr::col(version).add(steps))
        .col_expr(call_api::Column::UpdatedAt, Expr::value(now));
    if let Some(activation) = activation {
        let anchor_at = Expr::value(activation.anchor_at.as_microsecond());
        update = update.col_expr(call_api::Column::AnchorAt, anchor_at);
    }
    update.filter(this(tenant, id)).exec(txn).await?;
    set_state(txn, tenant, id, next_due_us(activation), now).await
}

async fn set_state(
    txn: &DatabaseTransaction,
    tenant: TenantId,
    id: CallApiId,
    next_due_at: Option<i64>,
    now: i64,
) -> Result<()> {
    call_api_state::Entity::update_many()
        .col_expr(call_api_state::Column::NextDueAt, Expr::value(next_due_at))
        .col_expr(call_api_state::Column::Failures, Expr::value(0))
        .col_expr(call_api_state::Column::DeactivatedAt, Expr::value(None::<i64>))
        .col_expr(call_api_state::Column::StatusReason, Expr::value(None::<String>))
        .col_expr(call_api_state::Column::UpdatedAt, Expr::value(now))
        .filter(call_api_state::Column::TenantId.eq(tenant.uuid()))
        .filter(call_api_state::Column::CallApiId.eq(id.uuid()))
        .exec(txn)
        .await?;
    Ok(())
}

fn next_due_us(activation: Option<Activation>) -> Option<i64> {
    activation?.next_due_at.map(Timestamp::as_microsecond)
}

/// The columns that follow from a definition.
fn definition_columns(row: &DefinitionRow) -> Result<call_api::ActiveModel> {
    let definition = &row.definition;
    let text = serde_json::to_string(definition).map_err(|error| Error::Content(error.to_string()))?;
    let frequency = definition
        .frequency_seconds
        .and_then(|seconds| i32::try_from(seconds).ok());
    let rule = definition.schedule.as_ref();
    Ok(call_api::ActiveModel {
        name: Set(definition.name.clone()),
        definition: Set(text),
        secret_headers: Set(row.secret_headers.clone()),
        frequency_seconds: Set(frequency.filter(|_| rule.is_none())),
        cron: Set(rule.map(|rule| rule.cron.clone())),
        time_zone: Set(rule.map(|rule| rule.time_zone.clone())),
        misfire: Set(word(&definition.misfire)?),
        overlap: Set(word(&definition.overlap)?),
        client_id: Set(definition.client_id.map(|id| id.uuid())),
        run_as_user_id: Set(definition.run_as_user_id.uuid()),
        ..Default::default()
    })
}

/// The word that an enum has in JSON.
fn word(value: &impl serde::Serialize) -> Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        other => Err(Error::Content(format!("a word was expected, not {other:?}"))),
    }
}

//! Owns what the runs of an automation have left: when it is due, from where it looks on, who asked for a run.

use std::collections::HashMap;

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::changes::lock_automation;
use crate::{
    domain::{
        automation::run::RunOutcome,
        ids::{AutomationId, RunId, TenantId},
    },
    store::{Error, Result, Store, ledger, tenants::timestamp},
};
use entity::automation_state::{Column, Entity, Model};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutomationState {
    /// When it runs next; none: to be found from its anchor.
    pub next_due_at: Option<Timestamp>,
    /// Start of the last run that stored all its pages: what changed before it, less an overlap, is not asked for again.
    pub cursor_at: Option<Timestamp>,
    /// The run of another automation that asks for a run of this one.
    pub requested_by: Option<RunId>,
    /// Finished runs.
    pub run_count: u64,
    /// Failed runs in a row.
    pub failures: u32,
    /// Start of the last finished run.
    pub last_run_at: Option<Timestamp>,
    /// How it ended.
    pub last_outcome: Option<RunOutcome>,
}

impl Store {
    /// What the runs of an automation have left.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn automation_state(&self, tenant_id: TenantId, id: AutomationId) -> Result<AutomationState> {
        self.read(move |db| async move {
            let row = Entity::find_by_id(id.uuid())
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .one(&db)
                .await?;
            state(row.ok_or(Error::NotFound)?)
        })
        .await
    }

    /// What the runs of these automations have left.
    pub async fn automation_states(
        &self,
        tenant_id: TenantId,
        ids: Vec<AutomationId>,
    ) -> Result<HashMap<AutomationId, AutomationState>> {
        self.read(move |db| async move {
            let rows = Entity::find()
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .filter(Column::AutomationId.is_in(ids.into_iter().map(AutomationId::uuid)))
                .all(&db)
                .await?;
            rows.into_iter()
                .map(|row| Ok((row.automation_id.into(), state(row)?)))
                .collect()
        })
        .await
    }

    /// Writes when an automation runs next, where no run does that: at its start, and where a run is left out. Answers whether
    /// it is written: not where its due times are no longer counted from `anchor_at`.
    ///
    /// # Errors
    /// [`Error::Lease`]: the shard belongs to another process. [`Error::NotFound`].
    pub async fn set_automation_due(
        &self,
        tenant_id: TenantId,
        id: AutomationId,
        anchor_at: Timestamp,
        next_due_at: Option<Timestamp>,
        epoch: i64,
    ) -> Result<bool> {
        let now = self.clock().now_us();
        self.write(move |transaction| {
            Box::pin(async move {
                ledger::hold_shard_of(transaction, id.uuid(), epoch).await?;
                let found = lock_automation(transaction, tenant_id, id).await?;
                if found.anchor_at != anchor_at.as_microsecond() {
                    return Ok(false);
                }
                let written = Entity::update_many()
                    .col_expr(
                        Column::NextDueAt,
                        Expr::value(next_due_at.map(Timestamp::as_microsecond)),
                    )
                    .col_expr(Column::UpdatedAt, Expr::value(now))
                    .filter(Column::TenantId.eq(tenant_id.uuid()))
                    .filter(Column::AutomationId.eq(id.uuid()))
                    .exec(transaction)
                    .await?;
                match written.rows_affected {
                    0 => Err(Error::NotFound),
                    _ => Ok(true),
                }
            })
        })
        .await
    }
}

/// Reads a row.
pub(super) fn state(row: Model) -> Result<AutomationState> {
    Ok(AutomationState {
        next_due_at: row.next_due_at.map(timestamp).transpose()?,
        cursor_at: row.cursor_at.map(timestamp).transpose()?,
        requested_by: row.requested_by.map(RunId::from),
        run_count: u64::try_from(row.run_count).unwrap_or_default(),
        failures: u32::try_from(row.failures).unwrap_or_default(),
        last_run_at: row.last_run_at.map(timestamp).transpose()?,
        last_outcome: row.last_outcome.as_deref().and_then(RunOutcome::parse),
    })
}

//! Owns the end of a run of an automation, and what follows from it.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use serde_json::json;

use super::{
    changes::lock_automation,
    runs::{open, outcome_columns},
};
use crate::{
    clock::Clock,
    domain::{
        automation::run::{RunCounts, RunErrors, RunOutcome},
        ids::{AutomationId, RunId, TenantId},
    },
    store::{
        Error, Result, Store,
        audit::{self, Entry},
        ledger,
    },
};
use entity::{
    automation,
    automation_run::{ActiveModel, Column, Entity},
    automation_state,
};

/// The end of a run, and what follows for its automation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishRun {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Which automation.
    pub automation_id: AutomationId,
    /// Which run.
    pub run_id: RunId,
    /// The version of the automation that ran.
    pub version: i64,
    /// From where the due times of that version are counted.
    pub anchor_at: Timestamp,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Why, in words, where it was no success.
    pub detail: Option<String>,
    /// When.
    pub finished_at: Timestamp,
    /// What came of its records.
    pub counts: RunCounts,
    /// What went wrong with some of them.
    pub errors: RunErrors,
    /// The start of this run where all its pages are stored; none: the cursor stays.
    pub cursor_at: Option<Timestamp>,
    /// When the automation runs next.
    pub next_due_at: Option<Timestamp>,
    /// Failed runs in a row, this one too.
    pub failures: u32,
    /// Disables the automation, with this reason.
    pub deactivate: Option<String>,
    /// The automation that is to run now; nothing happens where it is disabled or gone.
    pub chain: Option<AutomationId>,
}

/// What the end of a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// The automation to chain is now asked to run.
    pub is_chained: bool,
    /// The automation was changed while it ran: its rows are to be read again.
    pub is_changed: bool,
}

impl Store {
    /// Ends a run and writes what follows: the cursor, the next due time, a deactivation, the run of another automation; all of
    /// it or nothing. Where the automation was changed meanwhile, what follows from its old version is left out: the cursor,
    /// the failures and a deactivation, and the next due time where it is counted from elsewhere now.
    ///
    /// # Errors
    /// [`Error::Lease`]; [`Error::NotFound`]: the run has ended already, or its automation is gone.
    pub async fn finish_run(&self, finish: FinishRun, epoch: i64) -> Result<RunEnd> {
        let (clock, now) = (self.clock().clone(), self.clock().now_us());
        self.write(move |transaction| {
            Box::pin(async move {
                ledger::hold_shard_of(transaction, finish.automation_id.uuid(), epoch).await?;
                let found = lock_automation(transaction, finish.tenant_id, finish.automation_id).await?;
                let is_changed = found.version != finish.version;
                end_run(transaction, &finish).await?;
                leave_state(transaction, &finish, &found, now).await?;
                if let Some(reason) = finish.deactivate.as_ref().filter(|_| !is_changed) {
                    deactivate(transaction, &clock, &finish, reason).await?;
                }
                let is_chained = match finish.chain {
                    Some(next) => request_run(transaction, finish.tenant_id, next, finish.run_id, now).await?,
                    None => false,
                };
                Ok(RunEnd { is_chained, is_changed })
            })
        })
        .await
    }
}

async fn end_run(transaction: &DatabaseTransaction, finish: &FinishRun) -> Result<()> {
    let update = ActiveModel {
        finished_at: Set(Some(finish.finished_at.as_microsecond())),
        outcome: Set(Some(finish.outcome.as_str().to_owned())),
        detail: Set(finish.detail.clone()),
        resume_at: Set(None),
        ..outcome_columns(&finish.counts, &finish.errors)?
    };
    let written = Entity::update_many()
        .set(update)
        .filter(open(finish.tenant_id, finish.automation_id, finish.run_id))
        .exec(transaction)
        .await?;
    match written.rows_affected {
        0 => Err(Error::NotFound),
        _ => Ok(()),
    }
}

async fn leave_state(
    transaction: &DatabaseTransaction,
    finish: &FinishRun,
    found: &automation::Model,
    now: i64,
) -> Result<()> {
    let run = Entity::find_by_id(finish.run_id.uuid())
        .filter(Column::TenantId.eq(finish.tenant_id.uuid()))
        .one(transaction)
        .await?
        .ok_or(Error::NotFound)?;
    // Counted from elsewhere, it is to be found anew.
    let next_due_at = finish
        .next_due_at
        .filter(|_| found.anchor_at == finish.anchor_at.as_microsecond());
    let mut update = automation_state::ActiveModel {
        next_due_at: Set(next_due_at.map(Timestamp::as_microsecond)),
        last_run_at: Set(Some(run.started_at)),
        last_outcome: Set(Some(finish.outcome.as_str().to_owned())),
        updated_at: Set(now),
        ..Default::default()
    };
    if found.version == finish.version {
        update.failures = Set(i32::try_from(finish.failures).unwrap_or(i32::MAX));
        if let Some(cursor_at) = finish.cursor_at {
            update.cursor_at = Set(Some(cursor_at.as_microsecond()));
        }
    }
    let runs = automation_state::Column::RunCount;
    automation_state::Entity::update_many()
        .set(update)
        .col_expr(runs, Expr::col(runs).add(1_i64))
        .filter(automation_state::Column::TenantId.eq(finish.tenant_id.uuid()))
        .filter(automation_state::Column::AutomationId.eq(finish.automation_id.uuid()))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn deactivate(transaction: &DatabaseTransaction, clock: &Clock, finish: &FinishRun, reason: &str) -> Result<()> {
    let version = automation::Column::Version;
    let changed = automation::Entity::update_many()
        .col_expr(automation::Column::Enabled, Expr::value(false))
        .col_expr(automation::Column::DisabledReason, Expr::value(reason))
        .col_expr(version, Expr::col(version).add(1_i64))
        .col_expr(automation::Column::UpdatedAt, Expr::value(clock.now_us()))
        .filter(automation::Column::TenantId.eq(finish.tenant_id.uuid()))
        .filter(automation::Column::Id.eq(finish.automation_id.uuid()))
        .filter(automation::Column::Enabled.eq(true))
        .exec(transaction)
        .await?;
    if changed.rows_affected == 0 {
        return Ok(());
    }
    let entry = Entry::of_engine(
        finish.tenant_id,
        "automation.disable",
        ("automation", finish.automation_id),
        (
            Some(json!({ "enabled": true })),
            Some(json!({ "enabled": false, "reason": reason })),
        ),
    );
    audit::record(transaction, clock, entry).await
}

/// Asks an enabled automation to run; answers whether there is one.
async fn request_run(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    next: AutomationId,
    by: RunId,
    now: i64,
) -> Result<bool> {
    let enabled = automation::Entity::find_by_id(next.uuid())
        .filter(automation::Column::TenantId.eq(tenant_id.uuid()))
        .filter(automation::Column::Enabled.eq(true))
        .count(transaction)
        .await?;
    if enabled == 0 {
        return Ok(false);
    }
    let written = automation_state::Entity::update_many()
        .col_expr(automation_state::Column::RequestedBy, Expr::value(by.uuid()))
        .col_expr(automation_state::Column::UpdatedAt, Expr::value(now))
        .filter(automation_state::Column::TenantId.eq(tenant_id.uuid()))
        .filter(automation_state::Column::AutomationId.eq(next.uuid()))
        .exec(transaction)
        .await?;
    Ok(written.rows_affected > 0)
}

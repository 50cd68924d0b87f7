//! Owns the runs of automations: their begin, their waiting, and the list of them. Their end is in `finish`; their progress is
//! written with what a page stores, by `records`.
//!
//! Whoever writes holds the lease of the automation's shard, and a run that has ended is never written again.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, sea_query::Expr,
};

use super::changes::lock_automation;
use crate::{
    domain::{
        automation::run::{RunCounts, RunErrors, RunOutcome, RunTrigger},
        ids::{AutomationId, RunId, TenantId},
    },
    providers::PagePlace,
    store::{Error, Page, Paged, Result, Store, ledger, listing, tenants::timestamp},
};
use entity::{
    automation_run::{ActiveModel, Column, Entity, Model},
    automation_state,
};

/// A run as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct AutomationRun {
    /// Id.
    pub id: RunId,
    /// Tenant.
    pub tenant_id: TenantId,
    /// Which automation.
    pub automation_id: AutomationId,
    /// Why it began.
    pub trigger: RunTrigger,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; none while it runs or waits.
    pub finished_at: Option<Timestamp>,
    /// How it ended; none while it runs or waits.
    pub outcome: Option<RunOutcome>,
    /// Why it ended, or why it waits.
    pub detail: Option<String>,
    /// Only what changed since then is asked for.
    pub since_at: Option<Timestamp>,
    /// Where the next page begins; none before the first.
    pub place: Option<PagePlace>,
    /// Pages that are stored.
    pub pages: u64,
    /// When it goes on, if it waits for that.
    pub resume_at: Option<Timestamp>,
    /// What came of its records so far.
    pub counts: RunCounts,
    /// What went wrong with some of them.
    pub errors: RunErrors,
}

/// A run that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    /// Id, of the clock.
    pub id: RunId,
    /// Tenant.
    pub tenant_id: TenantId,
    /// Which automation.
    pub automation_id: AutomationId,
    /// Why; [`RunTrigger::Chained`] takes the request for it back.
    pub trigger: RunTrigger,
    /// When.
    pub started_at: Timestamp,
    /// Only what changed since then is asked for.
    pub since_at: Option<Timestamp>,
}

impl Store {
    /// Writes that a run begins; on disk when this returns.
    ///
    /// # Errors
    /// [`Error::Lease`]: the shard belongs to another process. [`Error::NotFound`]: the automation is gone.
    /// [`Error::InUse`]: it has a run that is not finished.
    pub async fn begin_run(&self, run: NewRun, epoch: i64) -> Result<()> {
        let now = self.clock().now_us();
        self.write(move |transaction| {
            Box::pin(async move {
                ledger::hold_shard_of(transaction, run.automation_id.uuid(), epoch).await?;
                lock_automation(transaction, run.tenant_id, run.automation_id).await?;
                let open = Entity::find()
                    .filter(Column::TenantId.eq(run.tenant_id.uuid()))
                    .filter(Column::AutomationId.eq(run.automation_id.uuid()))
                    .filter(Column::FinishedAt.is_null())
                    .count(transaction)
                    .await?;
                if open > 0 {
                    return Err(Error::InUse(format!(
                        "The automation {} has a run that is not finished.",
                        run.automation_id
                    )));
                }
                if run.trigger == RunTrigger::Chained {
                    automation_state::Entity::update_many()
                        .col_expr(automation_state::Column::RequestedBy, Expr::value(None::<uuid::Uuid>))
                        .col_expr(automation_state::Column::UpdatedAt, Expr::value(now))
                        .filter(automation_state::Column::TenantId.eq(run.tenant_id.uuid()))
                        .filter(automation_state::Column::AutomationId.eq(run.automation_id.uuid()))
                        .exec(transaction)
                        .await?;
                }
                Entity::insert(begun(&run)).exec_without_returning(transaction).await?;
                Ok(())
            })
        })
        .await
    }

    /// Writes that a run waits: until `resume_at`, or, without it, for something else; `detail` says for what.
    ///
    /// # Errors
    /// [`Error::Lease`]; [`Error::NotFound`]: it has ended.
    pub async fn suspend_run(
        &self,
        tenant_id: TenantId,
        automation_id: AutomationId,
        run_id: RunId,
        resume_at: Option<Timestamp>,
        detail: String,
        epoch: i64,
    ) -> Result<()> {
        let waits = (resume_at.map(Timestamp::as_microsecond), Some(detail));
        self.set_waiting(open(tenant_id, automation_id, run_id), automation_id, waits, epoch)
            .await
    }

    /// Writes that a run which waited goes on.
    ///
    /// # Errors
    /// As [`Store::suspend_run`].
    pub async fn continue_run(
        &self,
        tenant_id: TenantId,
        automation_id: AutomationId,
        run_id: RunId,
        epoch: i64,
    ) -> Result<()> {
        self.set_waiting(
            open(tenant_id, automation_id, run_id),
            automation_id,
            (None, None),
            epoch,
        )
        .await
    }

    async fn set_waiting(
        &self,
        run: Condition,
        automation_id: AutomationId,
        (resume_at, detail): (Option<i64>, Option<String>),
        epoch: i64,
    ) -> Result<()> {
        self.write(move |transaction| {
            Box::pin(async move {
                ledger::hold_shard_of(transaction, automation_id.uuid(), epoch).await?;
                let written = Entity::update_many()
                    .col_expr(Column::ResumeAt, Expr::value(resume_at))
                    .col_expr(Column::Detail, Expr::value(detail))
                    .filter(run)
                    .exec(transaction)
                    .await?;
                match written.rows_affected {
                    0 => Err(Error::NotFound),
                    _ => Ok(()),
                }
            })
        })
        .await
    }

    /// The runs of an automation, newest first.
    ///
    /// # Errors
    /// [`Error::Cursor`].
    pub async fn automation_runs(
        &self,
        tenant_id: TenantId,
        automation_id: AutomationId,
        page: Page,
    ) -> Result<Paged<AutomationRun>> {
        self.read(move |db| async move {
            let rows = Entity::find()
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .filter(Column::AutomationId.eq(automation_id.uuid()))
                .apply_if(page.after_id()?, |query, id| query.filter(Column::Id.lt(id)))
                .order_by_desc(Column::Id)
                .limit(page.fetch())
                .all(&db)
                .await?;
            Paged::new(rows, &page, |row| row.id).try_map(stored)
        })
        .await
    }

    /// One run.
    pub async fn automation_run(&self, tenant_id: TenantId, id: RunId) -> Result<Option<AutomationRun>> {
        self.read(move |db| async move {
            let row = Entity::find_by_id(id.uuid())
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .one(&db)
                .await?;
            row.map(stored).transpose()
        })
        .await
    }
}

pub(super) fn open(tenant_id: TenantId, automation_id: AutomationId, run_id: RunId) -> Condition {
    Condition::all()
        .add(Column::TenantId.eq(tenant_id.uuid()))
        .add(Column::AutomationId.eq(automation_id.uuid()))
        .add(Column::Id.eq(run_id.uuid()))
        .add(Column::FinishedAt.is_null())
}

fn begun(run: &NewRun) -> ActiveModel {
    ActiveModel {
        id: Set(run.id.uuid()),
        tenant_id: Set(run.tenant_id.uuid()),
        automation_id: Set(run.automation_id.uuid()),
        trigger: Set(run.trigger.as_str().to_owned()),
        started_at: Set(run.started_at.as_microsecond()),
        since_at: Set(run.since_at.map(Timestamp::as_microsecond)),
        pages: Set(0),
        seen: Set(0),
        matched: Set(0),
        created: Set(0),
        updated: Set(0),
        unchanged: Set(0),
        skipped_newer: Set(0),
        failed: Set(0),
        errors: Set("[]".to_owned()),
        errors_total: Set(0),
        ..Default::default()
    }
}

/// The columns of what came of the records of a run; [`counts_of`] and [`errors_of`] read them back.
pub(in crate::store) fn outcome_columns(counts: &RunCounts, errors: &RunErrors) -> Result<ActiveModel> {
    Ok(ActiveModel {
        seen: Set(whole(counts.seen)),
        matched: Set(whole(counts.matched)),
        created: Set(whole(counts.created)),
        updated: Set(whole(counts.updated)),
        unchanged: Set(whole(counts.unchanged)),
        skipped_newer: Set(whole(counts.skipped_newer)),
        failed: Set(whole(counts.failed)),
        errors: Set(listing::written(&errors.kept)?),
        errors_total: Set(whole(errors.total)),
        ..Default::default()
    })
}

/// What was counted, of a row.
pub(in crate::store) fn counts_of(row: &Model) -> RunCounts {
    RunCounts {
        seen: count(row.seen),
        matched: count(row.matched),
        created: count(row.created),
        updated: count(row.updated),
        unchanged: count(row.unchanged),
        skipped_newer: count(row.skipped_newer),
        failed: count(row.failed),
    }
}

/// What went wrong, of a row.
pub(in crate::store) fn errors_of(row: &Model) -> Result<RunErrors> {
    Ok(RunErrors {
        kept: listing::read("errors of the run", row.id, &row.errors)?,
        total: count(row.errors_total),
    })
}

/// A count as it is stored.
pub(in crate::store) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count that was stored.
pub(in crate::store) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Reads a row.
pub(super) fn stored(row: Model) -> Result<AutomationRun> {
    let wrong = |what: &str| Error::Content(format!("{what} of the run {}", row.id));
    let outcome = match &row.outcome {
        Some(word) => Some(RunOutcome::parse(word).ok_or_else(|| wrong("outcome"))?),
        None => None,
    };
    Ok(AutomationRun {
        id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        automation_id: row.automation_id.into(),
        trigger: RunTrigger::parse(&row.trigger).ok_or_else(|| wrong("trigger"))?,
        started_at: timestamp(row.started_at)?,
        finished_at: row.finished_at.map(timestamp).transpose()?,
        outcome,
        since_at: row.since_at.map(timestamp).transpose()?,
        pages: count(row.pages),
        resume_at: row.resume_at.map(timestamp).transpose()?,
        counts: counts_of(&row),
        errors: errors_of(&row)?,
        detail: row.detail,
        place: row.place.map(PagePlace),
    })
}

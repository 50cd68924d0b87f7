//! How far a run of an automation has got, moved on in the transaction of what it stores.

use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};

use crate::{
    domain::{
        automation::run::{RecordError, RunCounts, RunErrors},
        ids::{AutomationId, RunId, TenantId},
    },
    store::{
        Error, Result, Store,
        automations::runs::{count, counts_of, errors_of, outcome_columns, whole},
        ledger,
    },
};
use entity::automation_run as row;

/// A step of a run: what is added to what its row has.
#[derive(Clone, Debug)]
pub struct RunStep {
    /// Whose run.
    pub automation_id: AutomationId,
    /// Which.
    pub run_id: RunId,
    /// Of the ownership of the shards.
    pub epoch: i64,
    /// It ends a page.
    pub page: Option<PageStep>,
    /// To be added: what whoever asks has counted itself.
    pub counts: RunCounts,
    /// To be added.
    pub errors: Vec<RecordError>,
    /// Errors that are kept of the whole run.
    pub errors_kept_max: usize,
}

/// The end of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageStep {
    /// Pages that were stored before this one: a page that is stored already is not stored again.
    pub number: u64,
    /// Where the next one begins; none: this was the last.
    pub next: Option<String>,
}

/// How far a run has got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunProgress {
    /// Pages that are stored.
    pub pages: u64,
    /// Where the next one begins.
    pub place: Option<String>,
    /// What was counted.
    pub counts: RunCounts,
    /// What went wrong.
    pub errors: RunErrors,
}

/// A run's row, locked.
pub(super) struct Open(row::Model);

impl Store {
    /// Moves a run on that stored nothing else.
    ///
    /// # Errors
    /// [`Error::Lease`]; [`Error::NotFound`], [`Error::AlreadyRecorded`]: the run is gone, or has ended.
    pub async fn advance_run(&self, tenant: TenantId, step: RunStep) -> Result<RunProgress> {
        self.write(move |txn| {
            Box::pin(async move {
                let open = Open::lock(txn, tenant, &step).await?;
                match open.stored_before(&step) {
                    true => open.progress(),
                    false => open.advance(txn, step).await,
                }
            })
        })
        .await
    }
}

impl Open {
    pub(super) async fn lock(txn: &DatabaseTransaction, tenant: TenantId, step: &RunStep) -> Result<Self> {
        ledger::hold_shard_of(txn, step.automation_id.uuid(), step.epoch).await?;
        let found = row::Entity::find()
            .filter(this(tenant, step.run_id))
            .filter(row::Column::AutomationId.eq(step.automation_id.uuid()))
            .lock_exclusive()
            .one(txn)
            .await?
            .ok_or(Error::NotFound)?;
        match found.finished_at {
            None => Ok(Self(found)),
            Some(_) => Err(Error::AlreadyRecorded),
        }
    }

    /// Whether the page of this step is stored already: its answer got lost.
    pub(super) fn stored_before(&self, step: &RunStep) -> bool {
        step.page.as_ref().is_some_and(|page| page.number < count(self.0.pages))
    }

    /// As the row has it.
    pub(super) fn progress(&self) -> Result<RunProgress> {
        let row = &self.0;
        Ok(RunProgress {
            pages: count(row.pages),
            place: row.place.clone(),
            counts: counts_of(row),
            errors: errors_of(row)?,
        })
    }

    /// Writes the row with the step added.
    pub(super) async fn advance(self, txn: &DatabaseTransaction, step: RunStep) -> Result<RunProgress> {
        let mut progress = self.progress()?;
        add(&mut progress.counts, &step.counts);
        for error in step.errors {
            progress.errors.add(step.errors_kept_max, error);
        }
        if let Some(page) = step.page {
            progress.pages = page.number + 1;
            progress.place = page.next;
        }
        row::Entity::update_many()
            .set(row::ActiveModel {
                pages: Set(whole(progress.pages)),
                place: Set(progress.place.clone()),
                // It goes on, whatever it waited for.
                resume_at: Set(None),
                detail: Set(None),
                ..outcome_columns(&progress.counts, &progress.errors)?
            })
            .filter(this(self.0.tenant_id.into(), self.0.id.into()))
            .exec(txn)
            .await?;
        Ok(progress)
    }
}

fn this(tenant: TenantId, run: RunId) -> Condition {
    Condition::all()
        .add(row::Column::TenantId.eq(tenant.uuid()))
        .add(row::Column::Id.eq(run.uuid()))
}

fn add(counts: &mut RunCounts, more: &RunCounts) {
    counts.seen += more.seen;
    counts.matched += more.matched;
    counts.created += more.created;
    counts.updated += more.updated;
    counts.unchanged += more.unchanged;
    counts.skipped_newer += more.skipped_newer;
    counts.failed += more.failed;
}

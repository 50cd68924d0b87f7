//! Runs of client integrations: their begin, what they have done so far, their end.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};

use super::{
    numbers::{Series, next_numbers},
    state::{self, RunsLeft, Selection, Whose},
};
use crate::{
    domain::integration::{ActionId, ActionLogId, RunCounts, RunOutcome, RunTrigger},
    store::{Error, Result, Store, listing},
};
use entity::{
    action_log::{ActiveModel, Column, Entity},
    client_integration_state,
};

/// A run that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeginRun {
    /// Whose.
    pub whose: Whose,
    /// What is done to items.
    pub action_id: Option<ActionId>,
    /// What began it.
    pub trigger: RunTrigger,
    /// When.
    pub started_at: Timestamp,
    /// Of a run that its schedule began: the selection that begins with it, and the next due time.
    pub scheduled: Option<(Selection, Option<Timestamp>)>,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndRun {
    /// Whose.
    pub whose: Whose,
    /// Which.
    pub id: ActionLogId,
    /// How.
    pub outcome: RunOutcome,
    /// Why, for people.
    pub message: Option<String>,
    /// When.
    pub finished_at: Timestamp,
    /// The selection cannot be made: it is not gone on with.
    pub drop_selection: bool,
    /// It is disabled for its client with this end, and why.
    pub disable: Option<String>,
}

impl Store {
    /// Writes that a run begins; on disk when this returns.
    ///
    /// # Errors
    /// [`Error::Lease`]: the shard belongs to another process. [`Error::NotFound`]: the client integration is gone.
    pub async fn begin_integration_run(&self, begin: BeginRun, epoch: i64) -> Result<ActionLogId> {
        self.write(move |transaction| {
            Box::pin(async move {
                let (whose, now) = (begin.whose, begin.started_at.as_microsecond());
                state::hold(transaction, whose, epoch).await?;
                let id = next_numbers(transaction, Series::ActionLog, 1).await?;
                if let Some((selection, next_due_at)) = begin.scheduled {
                    let changed = client_integration_state::ActiveModel {
                        selection: Set(Some(listing::written(&selection)?)),
                        next_due_at: Set(next_due_at.map(Timestamp::as_microsecond)),
                        ..Default::default()
                    };
                    state::write(transaction, whose, changed, now).await?;
                }
                let row = ActiveModel {
                    id: Set(id),
                    tenant_id: Set(whose.tenant_id.uuid()),
                    integration_id: Set(whose.integration_id.get()),
                    client_integration_id: Set(whose.id.get()),
                    action_id: Set(begin.action_id.map(ActionId::get)),
                    trigger: Set(begin.trigger.as_str().to_owned()),
                    started_at: Set(now),
                    selected: Set(0),
                    completed: Set(0),
                    failed: Set(0),
                    abandoned: Set(0),
                    ..Default::default()
                };
                Entity::insert(row).exec_without_returning(transaction).await?;
                Ok(id.into())
            })
        })
        .await
    }

    /// Writes that a run has ended; what its client integration does next.
    ///
    /// # Errors
    /// As [`Store::begin_integration_run`]; [`Error::NotFound`] also where it has ended already.
    pub async fn end_integration_run(&self, end: EndRun, epoch: i64) -> Result<RunsLeft> {
        self.write(move |transaction| {
            Box::pin(async move {
                let (whose, now) = (end.whose, end.finished_at.as_microsecond());
                state::hold(transaction, whose, epoch).await?;
                let written = Entity::update_many()
                    .col_expr(Column::FinishedAt, Expr::value(now))
                    .col_expr(Column::Outcome, Expr::value(end.outcome.as_str()))
                    .col_expr(Column::Message, Expr::value(end.message))
                    .filter(Column::Id.eq(end.id.get()))
                    .filter(Column::TenantId.eq(whose.tenant_id.uuid()))
                    .filter(Column::FinishedAt.is_null())
                    .exec(transaction)
                    .await?;
                if written.rows_affected == 0 {
                    return Err(Error::NotFound);
                }
                let mut changed = client_integration_state::ActiveModel {
                    last_run_at: Set(Some(now)),
                    last_outcome: Set(Some(end.outcome.as_str().to_owned())),
                    ..Default::default()
                };
                if end.drop_selection {
                    changed.selection = Set(None);
                }
                state::write(transaction, whose, changed, now).await?;
                count_run(transaction, whose).await?;
                if let Some(why) = end.disable {
                    disable(transaction, whose, why, now).await?;
                }
                state::left(transaction, whose).await
            })
        })
        .await
    }
}

/// As a person would, but with the reason.
async fn disable(transaction: &DatabaseTransaction, whose: Whose, why: String, now: i64) -> Result<()> {
    use entity::client_integration::{Column, Entity};
    Entity::update_many()
        .col_expr(Column::Enabled, Expr::value(false))
        .col_expr(Column::DisabledReason, Expr::value(why))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1_i64))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(whose.id.get()))
        .filter(Column::TenantId.eq(whose.tenant_id.uuid()))
        // A person's own words stay.
        .filter(Column::Enabled.eq(true))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn count_run(transaction: &DatabaseTransaction, whose: Whose) -> Result<()> {
    use client_integration_state::{Column, Entity};
    Entity::update_many()
        .col_expr(Column::RunCount, Expr::col(Column::RunCount).add(1_i64))
        .filter(Column::ClientIntegrationId.eq(whose.id.get()))
        .filter(Column::TenantId.eq(whose.tenant_id.uuid()))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Adds to what a run has done.
pub(super) async fn count(
    transaction: &DatabaseTransaction,
    whose: Whose,
    id: ActionLogId,
    more: RunCounts,
) -> Result<()> {
    if more == RunCounts::default() {
        return Ok(());
    }
    let plus = |column: Column, more: u64| Expr::col(column).add(i64::try_from(more).unwrap_or(i64::MAX));
    Entity::update_many()
        .col_expr(Column::Selected, plus(Column::Selected, more.selected))
        .col_expr(Column::Completed, plus(Column::Completed, more.completed))
        .col_expr(Column::Failed, plus(Column::Failed, more.failed))
        .col_expr(Column::Abandoned, plus(Column::Abandoned, more.abandoned))
        .filter(Column::Id.eq(id.get()))
        .filter(Column::TenantId.eq(whose.tenant_id.uuid()))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Ends the runs that the end of the engine cut off.
pub(super) async fn interrupt(transaction: &DatabaseTransaction, whose: Whose, now: i64) -> Result<()> {
    let message = "The engine ended while this run was going. The next run goes on with what it left.";
    Entity::update_many()
        .col_expr(Column::FinishedAt, Expr::value(now))
        .col_expr(Column::Outcome, Expr::value(RunOutcome::Interrupted.as_str()))
        .col_expr(Column::Message, Expr::value(message))
        .filter(Column::ClientIntegrationId.eq(whose.id.get()))
        .filter(Column::TenantId.eq(whose.tenant_id.uuid()))
        .filter(Column::FinishedAt.is_null())
        .exec(transaction)
        .await?;
    Ok(())
}

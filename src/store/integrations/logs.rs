//! Runs of client integrations: their begin, what they have done so far, their end.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use serde_json::json;

use super::{
    numbers::{Series, next_numbers},
    state::{self, RunsLeft, Selection, Whose},
};
use crate::{
    clock::Clock,
    domain::integration::{ActionId, ActionLogId, RunCounts, RunOutcome, RunTrigger},
    store::{
        Error, Result, Store,
        audit::{self, Entry},
        listing,
    },
};
use entity::{
    action_log::{ActiveModel, Column, Entity, Model},
    client_integration, client_integration_state, integration, integration_action,
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
    /// It is disabled for its client with this end, if its action is still the one that broke.
    pub disable: Option<Disable>,
}

/// What disables a client integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disable {
    /// Why, for people.
    pub why: String,
    /// The action that broke, and its version then.
    pub action: (ActionId, i64),
}

/// What the end of a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunEnded {
    /// What its client integration does next.
    pub left: RunsLeft,
    /// It is disabled for its client from now on.
    pub is_disabled: bool,
}

impl Store {
    /// Writes that a run begins; on disk when this returns. One before it that has no end never told that it had begun: it is ended.
    ///
    /// # Errors
    /// [`Error::Lease`]: the shard belongs to another process. [`Error::NotFound`]: the client integration is gone.
    pub async fn begin_integration_run(&self, begin: BeginRun, epoch: i64) -> Result<ActionLogId> {
        self.write(move |transaction| {
            Box::pin(async move {
                let (whose, now) = (begin.whose, begin.started_at.as_microsecond());
                state::hold(transaction, whose, epoch).await?;
                interrupt(transaction, whose, now).await?;
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

    /// Writes that a run has ended; what follows. Where the answer of a try is lost, the same end may be written again.
    ///
    /// # Errors
    /// As [`Store::begin_integration_run`]; [`Error::NotFound`] also where something else has ended it.
    pub async fn end_integration_run(&self, end: EndRun, epoch: i64) -> Result<RunEnded> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let (whose, now) = (end.whose, end.finished_at.as_microsecond());
                // Whoever writes the client integration locks it for that at once: of two who share it first, neither could go on.
                let held = match &end.disable {
                    None => state::hold(transaction, whose, epoch).await.map(|()| None)?,
                    Some(disable) => Some((disable, state::hold_exclusively(transaction, whose, epoch).await?)),
                };
                let is_first = write_end(transaction, &end, now).await?;
                let is_disabled = match held {
                    None => false,
                    Some((disable, held)) if is_first => {
                        disable_client(transaction, &clock, &held, disable, now).await?
                    }
                    Some((disable, (_, client))) => client.disabled_reason.as_ref() == Some(&disable.why),
                };
                if is_first {
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
                }
                let left = state::left(transaction, whose).await?;
                Ok(RunEnded { left, is_disabled })
            })
        })
        .await
    }
}

/// Whether this is written now; not where a try before wrote it, whose answer was lost.
async fn write_end(transaction: &DatabaseTransaction, end: &EndRun, now: i64) -> Result<bool> {
    let this = Condition::all()
        .add(Column::Id.eq(end.id.get()))
        .add(Column::TenantId.eq(end.whose.tenant_id.uuid()));
    let written = Entity::update_many()
        .col_expr(Column::FinishedAt, Expr::value(now))
        .col_expr(Column::Outcome, Expr::value(end.outcome.as_str()))
        .col_expr(Column::Message, Expr::value(end.message.clone()))
        .filter(this.clone())
        .filter(Column::FinishedAt.is_null())
        .exec(transaction)
        .await?;
    if written.rows_affected > 0 {
        return Ok(true);
    }
    let found = Entity::find().filter(this).one(transaction).await?;
    let is_ours = |log: &Model| log.finished_at == Some(now) && log.outcome.as_deref() == Some(end.outcome.as_str());
    found.filter(is_ours).map(|_| false).ok_or(Error::NotFound)
}

/// As a person would, but with the reason; whether it is done. Not where the action that broke is not in force any more, or was
/// changed since: it may be mended. What a person disabled keeps that person's words.
async fn disable_client(
    transaction: &DatabaseTransaction,
    clock: &Clock,
    (definition, client): &(integration::Model, client_integration::Model),
    disable: &Disable,
    now: i64,
) -> Result<bool> {
    use client_integration::{Column, Entity};
    let (action, version) = disable.action;
    let is_same = integration_action::Entity::find_by_id(action.get())
        .filter(integration_action::Column::TenantId.eq(definition.tenant_id))
        .filter(integration_action::Column::Version.eq(version))
        .lock_shared()
        .one(transaction)
        .await?
        .is_some();
    if !client.enabled || !is_same || definition.action_id != Some(action.get()) {
        return Ok(false);
    }
    Entity::update_many()
        .col_expr(Column::Enabled, Expr::value(false))
        .col_expr(Column::DisabledReason, Expr::value(disable.why.as_str()))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1_i64))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(client.id))
        .filter(Column::TenantId.eq(client.tenant_id))
        .exec(transaction)
        .await?;
    let entry = Entry::of_engine(
        client.tenant_id.into(),
        "client_integration.disable",
        ("client_integration", client.id),
        (
            Some(json!({ "Enabled": true })),
            Some(json!({ "Enabled": false, "DisabledReason": disable.why })),
        ),
    );
    audit::record(transaction, clock, entry).await?;
    Ok(true)
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

/// Keeps a run open until the transaction ends: what an actor that is gone has left on its way may come late, after another run has
/// begun, and must not undo what that does.
///
/// # Errors
/// [`Error::NotFound`]: it has ended.
pub(super) async fn hold(transaction: &DatabaseTransaction, whose: Whose, id: ActionLogId) -> Result<()> {
    let open = Entity::find_by_id(id.get())
        .filter(Column::TenantId.eq(whose.tenant_id.uuid()))
        .filter(Column::FinishedAt.is_null())
        .lock_exclusive()
        .one(transaction)
        .await?;
    open.map(drop).ok_or(Error::NotFound)
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

/// Ends the runs that were cut off.
pub(super) async fn interrupt(transaction: &DatabaseTransaction, whose: Whose, now: i64) -> Result<()> {
    let message = "This run was cut off: the engine ended, or the database did not answer. The next run goes on with what it left.";
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

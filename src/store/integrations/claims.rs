//! Items on their way: claimed for an attempt, settled after it, found again after a crash or where the answer of a claim was lost.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter, Statement,
    Value,
    sea_query::{Expr, ExprTrait},
};

use super::{
    logs,
    queue::item,
    state::{self, Whose},
};
use crate::{
    domain::integration::{ActionLogId, QueueItem, QueueItemId, QueueState, RunCounts, settle::Settled},
    store::{Result, Store},
};
use entity::integration_queue::{ActiveModel, Column, Entity, Model};

/// What a run writes between two looks at its items: those that have ended, and those that begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Whose queue.
    pub whose: Whose,
    /// The run.
    pub run: ActionLogId,
    /// Now.
    pub now: Timestamp,
    /// Items that are on their way and stay so: what is marked like them beside them was never begun.
    pub going: Vec<QueueItemId>,
    /// Items that were on their way.
    pub settled: Vec<EndedAttempt>,
    /// Items to begin before others, due or not.
    pub asked: Vec<QueueItemId>,
    /// Items to begin at most, the asked ones included.
    pub claim: u32,
}

/// The end of an attempt. Nothing is written of it where it is written already, or another run has taken the item up since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedAttempt {
    /// Which item.
    pub item: QueueItemId,
    /// The run that claimed it.
    pub run: Option<ActionLogId>,
    /// Which of its attempts that was.
    pub attempt: u32,
    /// What is written.
    pub settled: Settled,
}

impl EndedAttempt {
    /// Of an item as it was claimed.
    #[must_use]
    pub const fn of(item: &QueueItem, settled: Settled) -> Self {
        Self {
            item: item.id,
            run: item.action_log_id,
            attempt: item.attempt,
            settled,
        }
    }
}

/// The columns that a claim gives back are those of the table.
pub(in crate::store) const CLAIM: &str = "UPDATE integration_queue \
     SET state = 'Processing', attempt = attempt + 1, action_log_id = $1, updated_at = $2 \
     WHERE id IN (SELECT id FROM integration_queue \
        WHERE client_integration_id = $3 AND state IN ('Pending', 'Failed') AND due_at <= $2 AND tenant_id = $4 \
        ORDER BY due_at, id LIMIT $5) \
     AND state IN ('Pending', 'Failed') RETURNING *";

/// Due or not; from now on it was.
const CLAIM_ONE: &str = "UPDATE integration_queue \
     SET state = 'Processing', attempt = attempt + 1, action_log_id = $1, updated_at = $2, \
     due_at = CASE WHEN due_at > $2 THEN $2 ELSE due_at END \
     WHERE client_integration_id = $3 AND tenant_id = $4 AND id = $5 AND state IN ('Pending', 'Failed') RETURNING *";

/// Items that are marked as being on their way.
pub(in crate::store) const GOING: &str = "SELECT id FROM integration_queue \
     WHERE client_integration_id = $1 AND state = 'Processing' AND tenant_id = $2";

/// One whose last attempt was cut off, and one more after that, is given up: it may be what ends the engine.
pub(in crate::store) const GIVE_UP: &str = "UPDATE integration_queue SET state = 'Abandoned', updated_at = $1, \
     result = 'The engine ended during its last attempts, so nothing is known of them. Look at the other system, then retry it.' \
     WHERE client_integration_id = $2 AND state = 'Processing' AND tenant_id = $3 AND attempt > $4";

pub(in crate::store) const RECOVER: &str = "UPDATE integration_queue SET state = 'Pending', updated_at = $1 \
     WHERE client_integration_id = $2 AND state = 'Processing' AND tenant_id = $3";

impl Store {
    /// Settles items that were on their way and claims others, all or nothing; the claimed ones in their order. Where the answer of a
    /// try is lost, the same turn may be taken again: nothing is counted twice, and what that try claimed is claimed anew.
    ///
    /// # Errors
    /// [`crate::store::Error::Lease`]: the shard belongs to another process. [`crate::store::Error::NotFound`]: the client integration
    /// is gone, or another run has followed this one.
    pub async fn take_turn(&self, turn: Turn, epoch: i64) -> Result<Vec<QueueItem>> {
        self.write(move |transaction| {
            Box::pin(async move {
                state::hold(transaction, turn.whose, epoch).await?;
                logs::hold(transaction, turn.whose, turn.run).await?;
                settle(transaction, turn.whose, &turn.settled, turn.now).await?;
                release(transaction, &turn).await?;
                claim(transaction, &turn).await
            })
        })
        .await
    }

    /// What the end of an engine cut off may be processed again; attempts that were begun count. To be called before the first run.
    ///
    /// # Errors
    /// As [`Store::take_turn`], but for the run.
    pub async fn recover_integration(&self, whose: Whose, max_attempts: u32, now: Timestamp, epoch: i64) -> Result<()> {
        self.write(move |transaction| {
            Box::pin(async move {
                state::hold(transaction, whose, epoch).await?;
                let now = now.as_microsecond();
                let mut values: Vec<Value> = vec![now.into(), whose.id.get().into(), whose.tenant_id.uuid().into()];
                let backend = transaction.get_database_backend();
                let recover = Statement::from_sql_and_values(backend, RECOVER, values.clone());
                values.push(i64::from(max_attempts).into());
                let give_up = Statement::from_sql_and_values(backend, GIVE_UP, values);
                transaction.execute_raw(give_up).await?;
                transaction.execute_raw(recover).await?;
                logs::interrupt(transaction, whose, now).await
            })
        })
        .await
    }
}

/// The rows that a run has claimed and nobody has settled or taken up since.
pub(super) fn is_still(whose: Whose, item: QueueItemId, run: Option<ActionLogId>, attempt: u32) -> Condition {
    Condition::all()
        .add(Column::Id.eq(item.get()))
        .add(Column::TenantId.eq(whose.tenant_id.uuid()))
        .add(Column::State.eq(QueueState::Processing.as_str()))
        .add(Column::ActionLogId.eq(run.map(ActionLogId::get)))
        .add(Column::Attempt.eq(i64::from(attempt)))
}

/// Settles items of one run and counts them in its log; how many of them were still on their way.
pub(in crate::store) async fn settle(
    transaction: &DatabaseTransaction,
    whose: Whose,
    ended: &[EndedAttempt],
    now: Timestamp,
) -> Result<usize> {
    let (mut counts, mut written) = (RunCounts::default(), 0);
    for ended in ended {
        let settled = &ended.settled;
        let changed = ActiveModel {
            state: Set(settled.state.as_str().to_owned()),
            attempt: Set(settled.attempt.into()),
            due_at: Set(settled.due_at.as_microsecond()),
            result: Set(settled.result.clone()),
            updated_at: Set(now.as_microsecond()),
            ..Default::default()
        };
        let changed = Entity::update_many()
            .set(changed)
            .filter(is_still(whose, ended.item, ended.run, ended.attempt))
            .exec(transaction)
            .await?;
        if changed.rows_affected == 0 {
            continue;
        }
        written += 1;
        match settled.state {
            QueueState::Completed => counts.completed += 1,
            QueueState::Failed => counts.failed += 1,
            QueueState::Abandoned => counts.abandoned += 1,
            QueueState::Pending | QueueState::Processing | QueueState::Cancelled => {}
        }
    }
    if let Some(run) = ended.first().and_then(|ended| ended.run) {
        logs::count(transaction, whose, run, counts).await?;
    }
    Ok(written)
}

/// What is marked as being on its way and is not was claimed by a turn whose answer was lost: nobody began it.
async fn release(transaction: &DatabaseTransaction, turn: &Turn) -> Result<()> {
    let values = [turn.whose.id.get().into(), turn.whose.tenant_id.uuid().into()];
    let marked = Statement::from_sql_and_values(transaction.get_database_backend(), GOING, values);
    let mut lost: Vec<i64> = Vec::new();
    for row in transaction.query_all_raw(marked).await? {
        let id: i64 = row.try_get("", "id")?;
        if !turn.going.contains(&QueueItemId::from(id)) {
            lost.push(id);
        }
    }
    if lost.is_empty() {
        return Ok(());
    }
    Entity::update_many()
        .col_expr(Column::State, Expr::value(QueueState::Pending.as_str()))
        .col_expr(Column::Attempt, Expr::col(Column::Attempt).sub(1_i64))
        .col_expr(Column::UpdatedAt, Expr::value(turn.now.as_microsecond()))
        .filter(Column::Id.is_in(lost))
        .filter(Column::TenantId.eq(turn.whose.tenant_id.uuid()))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn claim(transaction: &DatabaseTransaction, turn: &Turn) -> Result<Vec<QueueItem>> {
    let backend = transaction.get_database_backend();
    let limit = usize::try_from(turn.claim).unwrap_or(usize::MAX);
    let values = |last: i64| -> [Value; 5] {
        [
            turn.run.get().into(),
            turn.now.as_microsecond().into(),
            turn.whose.id.get().into(),
            turn.whose.tenant_id.uuid().into(),
            last.into(),
        ]
    };
    let mut claimed = Vec::new();
    for id in turn.asked.iter().take(limit) {
        let one = Statement::from_sql_and_values(backend, CLAIM_ONE, values(id.get()));
        if let Some(row) = transaction.query_one_raw(one).await? {
            claimed.push(item(Model::from_query_result(&row, "")?)?);
        }
    }
    let room = limit - claimed.len();
    if room == 0 {
        return Ok(claimed);
    }
    let due = Statement::from_sql_and_values(backend, CLAIM, values(i64::try_from(room).unwrap_or(i64::MAX)));
    let rows = transaction.query_all_raw(due).await?;
    let rows = rows.iter().map(|row| item(Model::from_query_result(row, "")?));
    let mut due = rows.collect::<Result<Vec<_>>>()?;
    // What is given back is in no order.
    due.sort_by_key(|item| (item.due_at, item.id));
    claimed.append(&mut due);
    Ok(claimed)
}

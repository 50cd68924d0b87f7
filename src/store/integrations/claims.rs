//! Items on their way: claimed for an attempt, settled after it, found again after a crash.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter,
    Statement, Value,
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
    /// Items that were on their way.
    pub settled: Vec<(QueueItemId, Settled)>,
    /// Items to begin before others, due or not.
    pub asked: Vec<QueueItemId>,
    /// Items to begin at most, the asked ones included.
    pub claim: u32,
}

/// The columns that a claim gives back are those of the table.
pub(in crate::store) const CLAIM: &str = "UPDATE integration_queue \
     SET state = 'Processing', attempt = attempt + 1, action_log_id = $1, updated_at = $2 \
     WHERE id IN (SELECT id FROM integration_queue \
        WHERE client_integration_id = $3 AND state IN ('Pending', 'Failed') AND due_at <= $2 AND tenant_id = $4 \
        ORDER BY due_at, id LIMIT $5) \
     AND state IN ('Pending', 'Failed') RETURNING *";

const CLAIM_ONE: &str = "UPDATE integration_queue \
     SET state = 'Processing', attempt = attempt + 1, action_log_id = $1, updated_at = $2 \
     WHERE client_integration_id = $3 AND tenant_id = $4 AND id = $5 AND state IN ('Pending', 'Failed') RETURNING *";

/// One whose last attempt was cut off, and one more after that, is given up: it may be what ends the engine.
pub(in crate::store) const GIVE_UP: &str = "UPDATE integration_queue SET state = 'Abandoned', updated_at = $1, \
     result = 'The engine ended during its last attempts, so nothing is known of them. Look at the other system, then retry it.' \
     WHERE client_integration_id = $2 AND state = 'Processing' AND tenant_id = $3 AND attempt > $4";

pub(in crate::store) const RECOVER: &str = "UPDATE integration_queue SET state = 'Pending', updated_at = $1 \
     WHERE client_integration_id = $2 AND state = 'Processing' AND tenant_id = $3";

impl Store {
    /// Settles items that were on their way and claims others, all or nothing; the claimed ones in their order.
    ///
    /// # Errors
    /// [`crate::store::Error::Lease`]: the shard belongs to another process. [`crate::store::Error::NotFound`]: the client integration
    /// is gone.
    pub async fn take_turn(&self, turn: Turn, epoch: i64) -> Result<Vec<QueueItem>> {
        self.write(move |transaction| {
            Box::pin(async move {
                state::hold(transaction, turn.whose, epoch).await?;
                settle(transaction, &turn).await?;
                claim(transaction, &turn).await
            })
        })
        .await
    }

    /// What the end of an engine cut off may be processed again; attempts that were begun count. To be called before the first run.
    ///
    /// # Errors
    /// As [`Store::take_turn`].
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

async fn settle(transaction: &DatabaseTransaction, turn: &Turn) -> Result<()> {
    let mut counts = RunCounts::default();
    for (id, settled) in &turn.settled {
        let changed = ActiveModel {
            state: Set(settled.state.as_str().to_owned()),
            attempt: Set(settled.attempt.into()),
            due_at: Set(settled.due_at.as_microsecond()),
            result: Set(settled.result.clone()),
            updated_at: Set(turn.now.as_microsecond()),
            ..Default::default()
        };
        Entity::update_many()
            .set(changed)
            .filter(Column::Id.eq(id.get()))
            .filter(Column::TenantId.eq(turn.whose.tenant_id.uuid()))
            .filter(Column::State.eq(QueueState::Processing.as_str()))
            .exec(transaction)
            .await?;
        match settled.state {
            QueueState::Completed => counts.completed += 1,
            QueueState::Failed => counts.failed += 1,
            QueueState::Abandoned => counts.abandoned += 1,
            QueueState::Pending | QueueState::Processing | QueueState::Cancelled => {}
        }
    }
    logs::count(transaction, turn.whose, turn.run, counts).await
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

//! The queue: how rows that meet a filter become items, and how an item is read.

use std::collections::HashMap;

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, Statement, UpdateMany,
    Value,
    sea_query::{Expr, ExprTrait},
};

use super::{
    logs,
    numbers::{Series, next_numbers},
    state::{self, Selection, Whose},
};
use crate::{
    domain::integration::{
        ActionLogId, QueueItem, QueueState, RunCounts,
        admit::{Again, Candidate, Queued, admit},
    },
    store::{Error, Result, Store, listing, tenants::timestamp},
};
use entity::{
    client_integration_state,
    integration_queue::{ActiveModel, Column, Entity, Model},
};

/// A page of rows that meet a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuePage {
    /// Whose queue.
    pub whose: Whose,
    /// The run that selects.
    pub run: ActionLogId,
    /// Which versions of a row become items.
    pub again: Again,
    /// In the order in which they are to be processed; at most 1,000.
    pub candidates: Vec<Candidate>,
    /// Where the selection goes on; none: that was all.
    pub goes_on: Option<Selection>,
    /// Now.
    pub now: Timestamp,
}

/// Two halves, each as one of the indexes has it.
pub(in crate::store) const UNFINISHED: &str = "SELECT id FROM integration_queue \
     WHERE client_integration_id = $1 AND tenant_id = $2 AND state IN ('Pending', 'Failed') \
     UNION ALL SELECT id FROM integration_queue \
     WHERE client_integration_id = $1 AND tenant_id = $2 AND state = 'Processing' LIMIT 1";

impl Store {
    /// Makes items of a page of rows and writes how far the selection is, all or nothing; how many are to be processed now that were
    /// not before.
    ///
    /// # Errors
    /// [`Error::Lease`]: the shard belongs to another process. [`Error::NotFound`]: the client integration is gone, or another run
    /// has followed this one.
    pub async fn queue_page(&self, page: QueuePage, epoch: i64) -> Result<u64> {
        self.write(move |transaction| {
            Box::pin(async move {
                let (whose, now) = (page.whose, page.now.as_microsecond());
                state::hold(transaction, whose, epoch).await?;
                logs::hold(transaction, whose, page.run).await?;
                let selected = queue(transaction, &page, now).await?;
                let changed = client_integration_state::ActiveModel {
                    selection: Set(page.goes_on.as_ref().map(listing::written).transpose()?),
                    ..Default::default()
                };
                state::write(transaction, whose, changed, now).await?;
                let counts = RunCounts {
                    selected,
                    ..RunCounts::default()
                };
                logs::count(transaction, whose, page.run, counts).await?;
                Ok(selected)
            })
        })
        .await
    }

    /// Whether a client integration has an item that is not finished.
    pub async fn has_unfinished_item(&self, whose: Whose) -> Result<bool> {
        self.read(move |db| async move {
            let values = [Value::from(whose.id.get()), whose.tenant_id.uuid().into()];
            let unfinished = Statement::from_sql_and_values(db.get_database_backend(), UNFINISHED, values);
            Ok(db.query_one_raw(unfinished).await?.is_some())
        })
        .await
    }
}

async fn queue(transaction: &DatabaseTransaction, page: &QueuePage, now: i64) -> Result<u64> {
    if page.candidates.is_empty() {
        return Ok(0);
    }
    let queued = queued(transaction, page).await?;
    let (mut add, mut cancel, mut open_again) = (Vec::new(), HashMap::new(), Vec::new());
    for candidate in &page.candidates {
        let known = queued.get(&candidate.item_id).map_or(&[][..], Vec::as_slice);
        let admitted = admit(page.again, candidate.item_version, known);
        for id in admitted.cancel {
            cancel.insert(id.get(), candidate.item_version);
        }
        open_again.extend(admitted.open_again.map(i64::from));
        if admitted.add {
            add.push(candidate);
        }
    }
    let count = add.len() + open_again.len();
    forget_bare(transaction, page, &add).await?;
    insert(transaction, page, add, now).await?;
    for (id, version) in cancel {
        let result = format!("Superseded by version {version} of its row.");
        Entity::update_many()
            .col_expr(Column::State, Expr::value(QueueState::Cancelled.as_str()))
            .col_expr(Column::Result, Expr::value(result))
            .col_expr(Column::UpdatedAt, Expr::value(now))
            .filter(Column::Id.eq(id))
            .filter(Column::State.is_in([QueueState::Pending, QueueState::Failed].map(QueueState::as_str)))
            .exec(transaction)
            .await?;
    }
    if !open_again.is_empty() {
        open_again_where(now)
            .filter(Column::Id.is_in(open_again))
            .filter(Column::TenantId.eq(page.whose.tenant_id.uuid()))
            .filter(Column::State.is_in([QueueState::Completed, QueueState::Abandoned].map(QueueState::as_str)))
            .exec(transaction)
            .await?;
    }
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Opens finished items again. One that was completed begins another round: under the key of the round before, the other side would
/// take it for the same. Nobody knows what became of the attempts of another: it keeps its key.
pub(super) fn open_again_where(now: i64) -> UpdateMany<Entity> {
    let is_done = Expr::col(Column::State).eq(QueueState::Completed.as_str());
    let next = Expr::case(is_done, Expr::col(Column::Round).add(1_i64)).finally(Expr::col(Column::Round));
    Entity::update_many()
        .set(opened(now))
        .col_expr(Column::Round, next.into())
}

/// What an item is that is to be processed from the first attempt on.
pub(super) fn opened(now: i64) -> ActiveModel {
    ActiveModel {
        state: Set(QueueState::Pending.as_str().to_owned()),
        attempt: Set(0),
        due_at: Set(now),
        bare: Set(false),
        updated_at: Set(now),
        ..Default::default()
    }
}

/// All that the queue has of the rows of a page, by their ids.
async fn queued(transaction: &DatabaseTransaction, page: &QueuePage) -> Result<HashMap<String, Vec<Queued>>> {
    let ids = page.candidates.iter().map(|candidate| candidate.item_id.as_str());
    let rows: Vec<(i64, String, i64, String)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::ItemId, Column::ItemVersion, Column::State])
        .filter(Column::ClientIntegrationId.eq(page.whose.id.get()))
        .filter(Column::TenantId.eq(page.whose.tenant_id.uuid()))
        .filter(Column::ItemId.is_in(ids))
        .into_tuple()
        .all(transaction)
        .await?;
    let mut queued: HashMap<String, Vec<Queued>> = HashMap::new();
    for (id, item_id, item_version, state) in rows {
        queued.entry(item_id).or_default().push(Queued {
            id: id.into(),
            item_version,
            state: word(id, &state)?,
        });
    }
    Ok(queued)
}

/// Items of earlier versions that were kept only so that their row is not sent again: from now on the new one says that.
async fn forget_bare(transaction: &DatabaseTransaction, page: &QueuePage, add: &[&Candidate]) -> Result<()> {
    if add.is_empty() || page.again == Again::Never {
        return Ok(());
    }
    let ids = add.iter().map(|candidate| candidate.item_id.as_str());
    Entity::delete_many()
        .filter(Column::ClientIntegrationId.eq(page.whose.id.get()))
        .filter(Column::TenantId.eq(page.whose.tenant_id.uuid()))
        .filter(Column::ItemId.is_in(ids))
        .filter(Column::Bare.eq(true))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn insert(transaction: &DatabaseTransaction, page: &QueuePage, add: Vec<&Candidate>, now: i64) -> Result<()> {
    let Some(count) = u32::try_from(add.len()).ok().filter(|count| *count > 0) else {
        return Ok(());
    };
    let first = next_numbers(transaction, Series::QueueItem, count).await?;
    let rows = add.into_iter().zip(first..).map(|(candidate, id)| ActiveModel {
        id: Set(id),
        tenant_id: Set(page.whose.tenant_id.uuid()),
        integration_id: Set(page.whose.integration_id.get()),
        client_integration_id: Set(page.whose.id.get()),
        item_id: Set(candidate.item_id.clone()),
        item_name: Set(candidate.item_name.clone()),
        item_version: Set(candidate.item_version),
        item_updated_on: Set(candidate.item_updated_on.as_microsecond()),
        attempt: Set(0),
        round: Set(1),
        state: Set(QueueState::Pending.as_str().to_owned()),
        action_log_id: Set(None),
        result: Set(None),
        due_at: Set(now),
        bare: Set(false),
        created_at: Set(now),
        updated_at: Set(now),
    });
    Entity::insert_many(rows).exec_without_returning(transaction).await?;
    Ok(())
}

fn word(id: i64, state: &str) -> Result<QueueState> {
    state
        .parse()
        .map_err(|error| Error::Content(format!("the state of the queue item {id}: {error}")))
}

/// Reads a row.
pub(super) fn item(row: Model) -> Result<QueueItem> {
    Ok(QueueItem {
        id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        integration_id: row.integration_id.into(),
        client_integration_id: row.client_integration_id.into(),
        item_version: row.item_version,
        item_updated_on: timestamp(row.item_updated_on)?,
        attempt: u32::try_from(row.attempt).unwrap_or(u32::MAX),
        round: u32::try_from(row.round).unwrap_or(u32::MAX),
        state: word(row.id, &row.state)?,
        action_log_id: row.action_log_id.map(ActionLogId::from),
        due_at: timestamp(row.due_at)?,
        created_at: timestamp(row.created_at)?,
        updated_at: timestamp(row.updated_at)?,
        item_id: row.item_id,
        item_name: row.item_name,
        result: row.result,
    })
}

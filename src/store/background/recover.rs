//! What waits, and what a crash cut: requests that say they run, although whoever ran them is gone.

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseTransaction, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::{BodyKind, Claimed, QueuedRequest, bodies, count, time};
use crate::{
    domain::ids::{ApiTokenId, BackgroundId, TenantId, UserId},
    store::{Error, Result, Store, ledger},
};

/// Which of the requests that say they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphans {
    /// All. Right while nothing runs, before the first claim: one process owns all shards, so whatever says it runs was cut.
    All,
    /// Those that were claimed under an earlier epoch. With SQLite there is one epoch only, so there are none.
    Before(i64),
}

/// A request that says it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The request.
    pub id: BackgroundId,
    /// Whose.
    pub tenant_id: TenantId,
    /// GET and so on.
    pub method: String,
    /// Who sent it.
    pub user_id: Option<UserId>,
    /// Prefix of the upstream; none: a resource of our own.
    pub upstream: Option<String>,
    /// See [`crate::domain::background::order_key`].
    pub order_key: i64,
    /// When it came.
    pub received_at: Timestamp,
    /// How often it was claimed.
    pub attempts: u32,
    /// Of its claim.
    pub epoch: i64,
    /// Whether it only waits for an end that is asked for elsewhere, see [`Store::save_follow`].
    pub is_followed: bool,
}

#[derive(FromQueryResult)]
struct QueuedRow {
    id: Uuid,
    tenant_id: Uuid,
    user_id: Option<Uuid>,
    upstream: Option<String>,
    method: String,
    order_key: i64,
    received_at: i64,
}

#[derive(FromQueryResult)]
struct OrphanRow {
    id: Uuid,
    tenant_id: Uuid,
    method: String,
    user_id: Option<Uuid>,
    upstream: Option<String>,
    order_key: i64,
    received_at: i64,
    attempts: i32,
    epoch: i64,
    is_followed: bool,
}

/// What a claim answers; the columns are those of [`CLAIMED`].
#[derive(FromQueryResult)]
pub(in crate::store) struct ClaimedRow {
    id: Uuid,
    tenant_id: Uuid,
    user_id: Option<Uuid>,
    token_id: Option<Uuid>,
    method: String,
    original_uri: String,
    upstream: Option<String>,
    request: Option<Vec<u8>>,
    request_chunks: i32,
    has_request: bool,
    webhook_address: String,
    notify_pairs: Option<String>,
    reference: Option<String>,
    received_at: i64,
    started_at: Option<i64>,
    attempts: i32,
    follow: Option<Vec<u8>>,
}

/// The columns that whoever executes a request needs, as the end of a statement.
macro_rules! claimed {
    () => {
        " RETURNING id, tenant_id, user_id, token_id, method, original_uri, upstream, request, request_chunks, has_request, \
         webhook_address, notify_pairs, reference, received_at, started_at, attempts, follow"
    };
}
pub(in crate::store) use claimed;

/// In the words of the partial index background_request_open, as is the next.
pub(in crate::store) const QUEUED: &str = "SELECT id, tenant_id, user_id, upstream, method, order_key, received_at \
     FROM background_request WHERE status = 0 AND status < 2 AND id > $1 ORDER BY id LIMIT $2";
pub(in crate::store) const ORPHANED: &str = "SELECT id, tenant_id, method, user_id, upstream, order_key, received_at, \
     attempts, epoch, follow IS NOT NULL AS is_followed \
     FROM background_request WHERE status = 1 AND status < 2 AND id > $1 AND epoch < $2 ORDER BY id LIMIT $3";
const REQUEUE: &str = "UPDATE background_request SET status = 0, started_at = NULL, follow = NULL, epoch = $3 \
     WHERE tenant_id = $1 AND id = $2 AND status = 1 AND epoch <= $3";
const READOPT: &str = concat!(
    "UPDATE background_request SET epoch = $3 WHERE tenant_id = $1 AND id = $2 AND status = 1 AND epoch <= $3",
    claimed!()
);
const FOLLOW: &str = "UPDATE background_request SET follow = $4 \
     WHERE tenant_id = $1 AND id = $2 AND status = 1 AND epoch = $3";

impl Store {
    /// Queued requests of all tenants in the order of their ids, `limit` after `after`.
    pub async fn queued_background(&self, after: Option<BackgroundId>, limit: u64) -> Result<Vec<QueuedRequest>> {
        let values = [after_id(after), rows(limit)];
        self.read(move |db| async move {
            let statement = Statement::from_sql_and_values(db.get_database_backend(), QUEUED, values);
            let rows = QueuedRow::find_by_statement(statement).all(&db).await?;
            rows.into_iter().map(queued).collect()
        })
        .await
    }

    /// Requests of all tenants that say they run, in the order of their ids, `limit` after `after`.
    pub async fn orphaned_background(
        &self,
        which: Orphans,
        after: Option<BackgroundId>,
        limit: u64,
    ) -> Result<Vec<Orphan>> {
        let epoch = match which {
            Orphans::All => i64::MAX,
            Orphans::Before(epoch) => epoch,
        };
        let values = [after_id(after), epoch.into(), rows(limit)];
        self.read(move |db| async move {
            let statement = Statement::from_sql_and_values(db.get_database_backend(), ORPHANED, values);
            let rows = OrphanRow::find_by_statement(statement).all(&db).await?;
            rows.into_iter().map(orphan).collect()
        })
        .await
    }

    /// Puts a request that was cut back into the queue, without what was kept of its answer. Answers whether it did: it may
    /// have ended, or be someone else's.
    ///
    /// # Errors
    /// [`Error::Lease`]: the shard belongs to another process.
    pub async fn requeue_background(&self, tenant_id: TenantId, id: BackgroundId, epoch: i64) -> Result<bool> {
        self.write(move |transaction| {
            Box::pin(async move {
                ledger::hold(transaction, id, epoch).await?;
                let statement = statement(transaction, REQUEUE, tenant_id, id, epoch, None);
                let is_queued = transaction.execute_raw(statement).await?.rows_affected() == 1;
                if is_queued {
                    bodies::remove(transaction, tenant_id, id, BodyKind::Response).await?;
                }
                Ok(is_queued)
            })
        })
        .await
    }

    /// Takes over a request that was cut while it waited for its end elsewhere, with what is needed to go on asking, and
    /// without what was kept of its answer; none where it has ended.
    ///
    /// # Errors
    /// [`Error::Lease`]: the shard belongs to another process.
    pub async fn readopt_background(
        &self,
        tenant_id: TenantId,
        id: BackgroundId,
        epoch: i64,
    ) -> Result<Option<Claimed>> {
        self.write(move |transaction| {
            Box::pin(async move {
                ledger::hold(transaction, id, epoch).await?;
                let statement = statement(transaction, READOPT, tenant_id, id, epoch, None);
                let Some(row) = ClaimedRow::find_by_statement(statement).one(transaction).await? else {
                    return Ok(None);
                };
                bodies::remove(transaction, tenant_id, id, BodyKind::Response).await?;
                claimed_of(row).map(Some)
            })
        })
        .await
    }

    /// Notes where the true end of a request is asked for, sealed, so that it is not sent again after a crash; none removes
    /// the note. Answers whether the request is still ours.
    ///
    /// # Errors
    /// [`Error::Lease`]: the shard belongs to another process.
    pub async fn save_follow(
        &self,
        tenant_id: TenantId,
        id: BackgroundId,
        epoch: i64,
        follow: Option<Vec<u8>>,
    ) -> Result<bool> {
        self.write(move |transaction| {
            Box::pin(async move {
                ledger::hold(transaction, id, epoch).await?;
                let statement = statement(transaction, FOLLOW, tenant_id, id, epoch, Some(follow.into()));
                Ok(transaction.execute_raw(statement).await?.rows_affected() == 1)
            })
        })
        .await
    }
}

fn statement(
    transaction: &DatabaseTransaction,
    sql: &'static str,
    tenant_id: TenantId,
    id: BackgroundId,
    epoch: i64,
    more: Option<Value>,
) -> Statement {
    let values = [Value::from(tenant_id.uuid()), id.uuid().into(), epoch.into()];
    Statement::from_sql_and_values(transaction.get_database_backend(), sql, values.into_iter().chain(more))
}

/// The nil UUID is below every id of ours.
fn after_id(after: Option<BackgroundId>) -> Value {
    after.map_or(Uuid::nil(), BackgroundId::uuid).into()
}

fn rows(limit: u64) -> Value {
    i64::try_from(limit).unwrap_or(i64::MAX).into()
}

fn queued(row: QueuedRow) -> Result<QueuedRequest> {
    Ok(QueuedRequest {
        id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        user_id: row.user_id.map(UserId::from),
        upstream: row.upstream,
        method: row.method,
        order_key: row.order_key,
        received_at: time(row.received_at)?,
    })
}

fn orphan(row: OrphanRow) -> Result<Orphan> {
    Ok(Orphan {
        id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        method: row.method,
        user_id: row.user_id.map(UserId::from),
        upstream: row.upstream,
        order_key: row.order_key,
        received_at: time(row.received_at)?,
        attempts: count(row.attempts),
        epoch: row.epoch,
        is_followed: row.is_followed,
    })
}

pub(in crate::store) fn claimed_of(row: ClaimedRow) -> Result<Claimed> {
    let started_at = row
        .started_at
        .ok_or_else(|| Error::Content(format!("the request {} has no start", row.id)))?;
    Ok(Claimed {
        id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        user_id: row.user_id.map(UserId::from),
        token_id: row.token_id.map(ApiTokenId::from),
        method: row.method,
        original_uri: row.original_uri,
        upstream: row.upstream,
        // One without it fails where it is opened, as any other that is damaged.
        request: row.request.unwrap_or_default(),
        request_chunks: count(row.request_chunks),
        has_request: row.has_request,
        webhook_address: row.webhook_address,
        notify_pairs: row.notify_pairs,
        reference: row.reference,
        received_at: time(row.received_at)?,
        started_at: time(started_at)?,
        attempts: count(row.attempts),
        follow: row.follow,
    })
}

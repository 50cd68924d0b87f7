//! The lease in PostgreSQL.
//!
//! A session lock on a connection of its own tells that the owner lives: the server drops it with the connection, so a
//! process that was killed is succeeded at once. Only an owner that is alive but hangs (stopped, or cut off without the
//! server noticing) keeps the lock; it is disconnected when its lease has run out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement, TransactionTrait,
    Value,
};
use tokio::sync::watch;
use uuid::Uuid;

use super::{FENCE_LOCK, LEASE_SECONDS, OWNER_LOCK, RENEW_SECONDS, refused};
use crate::{
    clock::Clock,
    settings,
    store::{
        Error, Result,
        connect::{cannot_open, postgres_options},
    },
};

/// How long to wait for the lock of an owner that may just be ending, as PostgreSQL writes it.
const OWNER_WAIT: &str = "SET LOCAL lock_timeout = '10s'";
/// How long to wait for batches of the owner before, as PostgreSQL writes it.
const FENCE_WAIT: &str = "SET LOCAL lock_timeout = '30s'";
/// PostgreSQL's word for a lock that was not to be had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// A lease that was taken.
pub(super) struct Held {
    connection: DatabaseConnection,
    node_id: Uuid,
    epoch: i64,
    /// Which session has the lock: another one does not have it.
    session: AtomicI32,
}

/// Takes all shards, or says who has them.
pub(super) async fn take(settings: &settings::Database, node_id: Uuid) -> Result<Held> {
    let mut options = postgres_options(settings, "orrery lease", 1, &[]);
    options
        .min_connections(1)
        .max_lifetime(None::<Duration>)
        .idle_timeout(None::<Duration>);
    let connection = Database::connect(options)
        .await
        .map_err(|error| cannot_open(settings, &error))?;
    if !lock_owner(&connection).await? {
        let left_s: i64 = number(&connection, SECONDS_LEFT, []).await?;
        if left_s > 0 {
            return Err(refused(format!(
                "The database is in use by another Orrery, whose lease has {left_s} more seconds and is renewed while it \
                 lives. Stop that one first, or give this one another database.url."
            )));
        }
        number::<i64>(&connection, DISCONNECT, []).await?;
        if !lock_owner(&connection).await? {
            return Err(refused(
                "The database is in use by another Orrery that no longer answers and could not be disconnected. Stop it, \
                 then start again."
                    .to_owned(),
            ));
        }
    }
    let epoch = raise_epoch(&connection, node_id).await?;
    let session = number(&connection, "SELECT pg_backend_pid() AS value", []).await?;
    Ok(Held {
        connection,
        node_id,
        epoch,
        session: AtomicI32::new(session),
    })
}

/// Renews the lease until it is lost; then tells why.
pub(super) async fn renew(held: Arc<Held>, clock: Clock, tell: watch::Sender<Option<String>>) {
    loop {
        clock.sleep(Duration::from_secs(RENEW_SECONDS)).await;
        let renewed = match held.renew_once().await {
            // A broken connection is replaced when it is used again.
            Err(_) => held.renew_once().await,
            renewed => renewed,
        };
        match renewed {
            Ok(true) => {}
            Ok(false) => break,
            // The database may come back; until then the ledger cannot write anyway.
            Err(error) => tracing::warn!(error = ?error, "the lease could not be renewed; it is tried again"),
        }
    }
    let why =
        "Another Orrery has taken over the shards, because this one was too long without contact to the database. \
               It stops; nothing was written late."
            .to_owned();
    tell.send_replace(Some(why));
}

const SECONDS_LEFT: &str = "SELECT coalesce(max(expires_at) / 1000000 - floor(extract(epoch FROM clock_timestamp()))::bigint, 0) \
                            AS value FROM shard_lease";

/// Ends the session that has the owner's lock, and those of the same program that could still write.
const DISCONNECT: &str = "SELECT count(pg_terminate_backend(pid)) AS value FROM pg_locks \
     WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid() \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
     AND classid::bigint = 1869771365 AND objid::bigint IN (1920532481, 1920532482)";

impl Held {
    pub(super) fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Prolongs the lease; answers whether it still is ours.
    async fn renew_once(&self) -> Result<bool> {
        let session: i32 = number(&self.connection, "SELECT pg_backend_pid() AS value", []).await?;
        if session != self.session.load(Ordering::Relaxed) {
            // The connection broke, and the lock with it: whoever took it meanwhile is the owner now.
            if !lock_owner(&self.connection).await? {
                return Ok(false);
            }
            self.session.store(session, Ordering::Relaxed);
        }
        self.expire_in(LEASE_SECONDS).await
    }

    /// Ends the lease now.
    pub(super) async fn release(&self) -> Result<()> {
        self.expire_in(0).await?;
        Ok(self.connection.clone().close().await?)
    }

    async fn expire_in(&self, seconds: u64) -> Result<bool> {
        let update = statement(
            "UPDATE shard_lease SET expires_at = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $3 \
             WHERE owner_id = $1 AND epoch = $2",
            [self.node_id.into(), self.epoch.into(), microseconds(seconds).into()],
        );
        Ok(self.connection.execute_raw(update).await?.rows_affected() > 0)
    }
}

/// Takes the lock that the owner keeps; answers whether it was to be had.
async fn lock_owner(connection: &DatabaseConnection) -> Result<bool> {
    let transaction = connection.begin().await?;
    transaction.execute_unprepared(OWNER_WAIT).await?;
    // A session's lock: it stays when the transaction ends.
    match transaction
        .execute_raw(lock("SELECT pg_advisory_lock($1)", OWNER_LOCK))
        .await
    {
        Ok(_) => {
            transaction.commit().await?;
            Ok(true)
        }
        Err(error) if is_not_available(&error) => {
            transaction.rollback().await?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes the lease under a new epoch, once no batch of the owner before is under way.
async fn raise_epoch(connection: &DatabaseConnection, node_id: Uuid) -> Result<i64> {
    let transaction: DatabaseTransaction = connection.begin().await?;
    transaction.execute_unprepared(FENCE_WAIT).await?;
    transaction
        .execute_raw(lock("SELECT pg_advisory_xact_lock($1)", FENCE_LOCK))
        .await?;
    let epoch: i64 = number(
        &transaction,
        "SELECT coalesce(max(epoch), 0) + 1 AS value FROM shard_lease",
        [],
    )
    .await?;
    let write = statement(
        "INSERT INTO shard_lease (shard, owner_id, epoch, expires_at) \
         SELECT shard, $1, $2, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $3 \
         FROM generate_series(0, 255) AS shard \
         ON CONFLICT (shard) DO UPDATE SET owner_id = excluded.owner_id, epoch = excluded.epoch, \
         expires_at = excluded.expires_at",
        [node_id.into(), epoch.into(), microseconds(LEASE_SECONDS).into()],
    );
    transaction.execute_raw(write).await?;
    transaction.commit().await?;
    Ok(epoch)
}

fn lock(sql: &str, key: i64) -> Statement {
    statement(sql, [key.into()])
}

fn statement<const N: usize>(sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

async fn number<T: sea_orm::TryGetable>(connection: &impl ConnectionTrait, sql: &str, values: [Value; 0]) -> Result<T> {
    let row = connection.query_one_raw(statement(sql, values)).await?;
    let row = row.ok_or_else(|| Error::Content("a query for one number gave none".to_owned()))?;
    Ok(row.try_get("", "value")?)
}

fn microseconds(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX)
}

fn is_not_available(error: &DbErr) -> bool {
    match error {
        DbErr::Exec(sea_orm::RuntimeErr::SqlxError(error)) | DbErr::Query(sea_orm::RuntimeErr::SqlxError(error)) => {
            error
                .as_database_error()
                .and_then(|error| error.code())
                .is_some_and(|code| code == LOCK_NOT_AVAILABLE)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locks_are_those_that_are_disconnected() {
        assert_eq!(FENCE_LOCK >> 32, 1_869_771_365);
        assert_eq!(FENCE_LOCK & 0xffff_ffff, 1_920_532_481);
        assert_eq!(OWNER_LOCK & 0xffff_ffff, 1_920_532_482);
    }
}

//! Keeps a process that lost its shards from writing late (PostgreSQL; with SQLite the lock on the file does that).
//!
//! Who takes shards over waits for an exclusive lock that every batch holds shared: so between the check here and the
//! commit no shard changes hands.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement};

use crate::store::{Result, lease};

/// A shard and the epoch under which something is to be written.
pub(super) type Claim = (u8, i64);

/// The claims that do not hold, under a lock that keeps the others true until the transaction ends.
pub(super) async fn broken(transaction: &DatabaseTransaction, claims: &HashSet<Claim>) -> Result<HashSet<Claim>> {
    let backend = transaction.get_database_backend();
    if backend == DbBackend::Sqlite || claims.is_empty() {
        return Ok(HashSet::new());
    }
    let lock = Statement::from_sql_and_values(
        backend,
        "SELECT pg_advisory_xact_lock_shared($1)",
        [lease::FENCE_LOCK.into()],
    );
    transaction.execute_raw(lock).await?;
    let epochs: HashSet<i64> = claims.iter().map(|claim| claim.1).collect();
    if let [epoch] = Vec::from_iter(&epochs)[..] {
        // The usual case: one owner of everything.
        let shards: Vec<String> = claims.iter().map(|claim| claim.0.to_string()).collect();
        let count = Statement::from_sql_and_values(
            backend,
            "SELECT count(*) AS held FROM shard_lease \
             WHERE epoch = $1 AND shard = ANY (string_to_array($2, ',')::smallint[])",
            [(*epoch).into(), shards.join(",").into()],
        );
        let held: i64 = match transaction.query_one_raw(count).await? {
            Some(row) => row.try_get("", "held")?,
            None => 0,
        };
        if held == i64::try_from(claims.len()).unwrap_or(i64::MAX) {
            return Ok(HashSet::new());
        }
    }
    let all = Statement::from_string(backend, "SELECT shard, epoch FROM shard_lease");
    let mut held: HashMap<i16, i64> = HashMap::new();
    for row in transaction.query_all_raw(all).await? {
        held.insert(row.try_get("", "shard")?, row.try_get("", "epoch")?);
    }
    Ok(claims
        .iter()
        .filter(|(shard, epoch)| held.get(&i16::from(*shard)) != Some(epoch))
        .copied()
        .collect())
}

//! Retention: what is old goes, in small batches that are each a transaction of their own, so that nothing waits long
//! behind it. Identifiers of transactions never go: they are what prevents duplicates.

use std::time::Duration;

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use uuid::Uuid;

use super::{Error, Result, Store, integrations::IntegrationsPurged};
use crate::settings::Settings;

const HOUR: Duration = Duration::from_secs(3_600);
/// Answers to requests with an `Idempotency-Key` are kept so long.
const IDEMPOTENCY_KEYS_KEPT: Duration = Duration::from_secs(24 * 3_600);
/// Expired tokens are kept so long, for their owners to see why they no longer work.
const EXPIRED_TOKENS_KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Transactions looked at by one query.
const WINDOW_ROWS: usize = 5_000;
/// Pages that SQLite gives back at once.
const VACUUM_PAGES: u32 = 1_000;

/// How long what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeRules {
    /// Runs and what was kept of them.
    pub runs: Duration,
    /// Data of ready and discarded transactions; none: for ever.
    pub transactions: Option<Duration>,
    /// Audit rows.
    pub audit: Duration,
    /// Answers to repeated requests.
    pub idempotency_keys: Duration,
    /// Tokens after their end.
    pub expired_tokens: Duration,
    /// Answers to requests in the background, after their end.
    pub background: Duration,
    /// That there was such a request, after its answer is erased.
    pub background_gone: Duration,
    /// Notifications after their end.
    pub deliveries: Duration,
    /// Items and runs of integrations after their end.
    pub integrations: Duration,
    /// Rows of one transaction.
    pub batch_rows: u64,
}

/// What a purge has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Runs.
    pub runs: u64,
    /// Samples and logs of runs.
    pub bodies: u64,
    /// Runs of automations.
    pub automation_runs: u64,
    /// Transactions whose data was erased.
    pub transactions_erased: u64,
    /// Audit rows.
    pub audit: u64,
    /// Answers to repeated requests.
    pub idempotency_keys: u64,
    /// Expired tokens.
    pub tokens: u64,
    /// Of requests in the background.
    pub background: BackgroundPurged,
    /// Notifications.
    pub deliveries: u64,
    /// Of integrations.
    pub integrations: IntegrationsPurged,
}

/// What a purge has removed of requests in the background.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackgroundPurged {
    /// Answers.
    pub erased: u64,
    /// What was left of requests after their answers.
    pub removed: u64,
    /// Parts of long bodies.
    pub parts: u64,
    /// Idempotency keys.
    pub keys: u64,
}

impl PurgeRules {
    /// The rules of the settings.
    #[must_use]
    pub fn from_settings(settings: &Settings) -> Self {
        let hours = |hours: u64| HOUR.saturating_mul(u32::try_from(hours).unwrap_or(u32::MAX));
        let days = |days: u64| hours(days.saturating_mul(24));
        Self {
            runs: hours(settings.runs.retention_hours),
            transactions: Some(settings.transactions.retention_days)
                .filter(|kept| *kept > 0)
                .map(days),
            audit: days(settings.audit.retention_days),
            idempotency_keys: IDEMPOTENCY_KEYS_KEPT,
            expired_tokens: EXPIRED_TOKENS_KEPT,
            background: hours(settings.background.retention_hours),
            background_gone: hours(settings.background.gone_hours),
            deliveries: hours(settings.webhooks.retention_hours),
            integrations: days(settings.integrations.retention_days),
            batch_rows: settings.purge.batch_rows,
        }
    }
}

impl Store {
    /// Removes what is over its time at `now`. It may run beside a serving engine, and be cut off at any moment.
    ///
    /// # Errors
    /// The database's; what was removed until then stays removed.
    pub async fn purge(&self, rules: &PurgeRules, now: Timestamp) -> Result<Purged> {
        let before = |kept: Duration| now.checked_sub(kept).unwrap_or(Timestamp::MIN);
        let rows = i64::try_from(rules.batch_rows.max(1)).unwrap_or(i64::MAX);
        let mut purged = Purged {
            bodies: self
                .repeat(BODIES, vec![first_id_at(before(rules.runs)).into()], rows)
                .await?,
            runs: self
                .repeat(RUNS, vec![first_id_at(before(rules.runs)).into()], rows)
                .await?,
            automation_runs: self
                .repeat(AUTOMATION_RUNS, vec![first_id_at(before(rules.runs)).into()], rows)
                .await?,
            audit: self
                .repeat(AUDIT, vec![first_id_at(before(rules.audit)).into()], rows)
                .await?,
            ..Purged::default()
        };
        if let Some(kept) = rules.transactions {
            purged.transactions_erased = self.erase_transactions(before(kept), rows).await?;
        }
        let keys_before = before(rules.idempotency_keys).as_microsecond();
        purged.idempotency_keys = self.repeat(IDEMPOTENCY_KEYS, vec![keys_before.into()], rows).await?;
        let tokens_before = before(rules.expired_tokens).as_microsecond();
        purged.tokens = self.repeat(TOKENS, vec![tokens_before.into()], rows).await?;
        purged.background = self.purge_background(rules, now, rows).await?;
        let ended_before = before(rules.deliveries);
        purged.deliveries = self
            .purge_deliveries(first_id_at(ended_before), ended_before, rows)
            .await?;
        purged.integrations = self.purge_integrations(rules.integrations, now, rows).await?;
        if self.is_sqlite() && purged != Purged::default() {
            self.give_pages_back().await?;
        }
        Ok(purged)
    }

    /// Repeats a statement, whose last value is the number of rows, until it finds less than a whole batch.
    pub(super) async fn repeat(&self, sql: &'static str, mut values: Vec<Value>, rows: i64) -> Result<u64> {
        values.push(rows.into());
        let mut total = 0;
        loop {
            let values = values.clone();
            let changed = self
                .write(move |transaction| {
                    Box::pin(async move {
                        let backend = transaction.get_database_backend();
                        let statement = Statement::from_sql_and_values(backend, sql, values);
                        Ok(transaction.execute_raw(statement).await?.rows_affected())
                    })
                })
                .await?;
            total += changed;
            if i64::try_from(changed).unwrap_or(i64::MAX) < rows {
                return Ok(total);
            }
        }
    }

    async fn erase_transactions(&self, before: Timestamp, rows: i64) -> Result<u64> {
        let mut total = 0;
        let batch = usize::try_from(rows).unwrap_or(usize::MAX).min(WINDOW_ROWS);
        for tenant_id in self.tenant_ids().await? {
            let mut after = Uuid::nil();
            loop {
                let (due, last) = self.window(tenant_id, after, before).await?;
                for ids in due.chunks(batch) {
                    total += self.erase(tenant_id, ids.to_vec()).await?;
                }
                let Some(last) = last else { break };
                after = last;
            }
        }
        Ok(total)
    }

    async fn tenant_ids(&self) -> Result<Vec<Uuid>> {
        self.read(|db| async move {
            let all = Statement::from_string(db.get_database_backend(), "SELECT id FROM tenant");
            let rows = db.query_all_raw(all).await?;
            rows.into_iter().map(|row| Ok(row.try_get("", "id")?)).collect()
        })
        .await
    }

    /// Of the next transactions after `after`: those to erase, and the last one if there may be more. A reader looks for
    /// them, window by window, so that the writer is free meanwhile.
    async fn window(&self, tenant_id: Uuid, after: Uuid, before: Timestamp) -> Result<(Vec<Uuid>, Option<Uuid>)> {
        self.read(move |db| async move {
            let values: [Value; 5] = [
                tenant_id.into(),
                after.into(),
                first_id_at(before).into(),
                before.as_microsecond().into(),
                i64::try_from(WINDOW_ROWS).unwrap_or(i64::MAX).into(),
            ];
            let statement = Statement::from_sql_and_values(db.get_database_backend(), WINDOW, values);
            let rows = db.query_all_raw(statement).await?;
            let mut due = Vec::new();
            let mut last = None;
            for row in &rows {
                let id = row.try_get("", "id")?;
                if row.try_get::<i32>("", "due")? == 1 {
                    due.push(id);
                }
                last = Some(id);
            }
            Ok((due, last.filter(|_| rows.len() == WINDOW_ROWS)))
        })
        .await
    }

    async fn erase(&self, tenant_id: Uuid, ids: Vec<Uuid>) -> Result<u64> {
        self.write(move |transaction| {
            Box::pin(async move {
                let backend = transaction.get_database_backend();
                let marks: Vec<String> = (2..ids.len() + 2).map(|number| format!("${number}")).collect();
                let marks = marks.join(",");
                let values: Vec<Value> = std::iter::once(tenant_id.into())
                    .chain(ids.into_iter().map(Value::from))
                    .collect();
                let changes = format!(
                    "UPDATE transaction_change SET before = NULL, after = NULL \
                     WHERE tenant_id = $1 AND transaction_id IN ({marks})"
                );
                let changes = Statement::from_sql_and_values(backend, changes, values.clone());
                transaction.execute_raw(changes).await?;
                let data = format!(
                    "UPDATE transactions SET data = NULL WHERE tenant_id = $1 AND id IN ({marks}) AND status <> 0"
                );
                let data = Statement::from_sql_and_values(backend, data, values);
                Ok(transaction.execute_raw(data).await?.rows_affected())
            })
        })
        .await
    }

    /// Makes the file of SQLite smaller by the pages that are free.
    async fn give_pages_back(&self) -> Result<()> {
        let mut left = i64::MAX;
        loop {
            let free = self
                .on_store(|inner| async move {
                    let sqlite = |sql: String| Statement::from_string(DbBackend::Sqlite, sql);
                    let vacuum = sqlite(format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"));
                    inner.write.query_all_raw(vacuum).await?;
                    let count = inner.write.query_one_raw(sqlite("PRAGMA freelist_count".to_owned()));
                    let row = count.await?.ok_or(Error::NotFound)?;
                    Ok(row.try_get_by_index::<i64>(0)?)
                })
                .await?;
            // Not a page less: another process is just as busy freeing them.
            if free == 0 || free >= left {
                return Ok(());
            }
            left = free;
        }
    }
}

/// The lowest UUID v7 of a time: what is below was made before it.
pub(super) fn first_id_at(at: Timestamp) -> Uuid {
    let milliseconds = u128::try_from(at.as_millisecond()).unwrap_or_default();
    Uuid::from_u128(milliseconds << 80)
}

pub(super) const RUNS: &str = "DELETE FROM run WHERE id IN \
     (SELECT id FROM run WHERE id < $1 AND finished_at IS NOT NULL ORDER BY id LIMIT $2)";
pub(super) const BODIES: &str = "DELETE FROM run_body WHERE run_id IN \
     (SELECT run_id FROM run_body WHERE run_id < $1 ORDER BY run_id LIMIT $2)";
/// By their begin; one that has not ended stays.
pub(super) const AUTOMATION_RUNS: &str = "DELETE FROM automation_run WHERE id IN \
     (SELECT id FROM automation_run WHERE id < $1 AND finished_at IS NOT NULL ORDER BY id LIMIT $2)";
pub(super) const AUDIT: &str =
    "DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE id < $1 ORDER BY id LIMIT $2)";
/// The age is asked twice: a key that is taken over while PostgreSQL deletes is young again, and only a condition on the row
/// itself, not one in a subquery, is looked at anew.
pub(super) const IDEMPOTENCY_KEYS: &str = "DELETE FROM idempotency_key WHERE (tenant_id, user_id, \"key\") IN \
     (SELECT tenant_id, user_id, \"key\" FROM idempotency_key WHERE created_at < $1 ORDER BY created_at LIMIT $2) \
     AND created_at < $1";
const TOKENS: &str = "DELETE FROM api_token WHERE id IN (SELECT id FROM api_token WHERE expires_at < $1 LIMIT $2)";
/// One that was committed or discarded is as old as that.
pub(super) const WINDOW: &str = "SELECT id, CASE WHEN data IS NOT NULL AND status <> 0 AND COALESCE(committed_at, created_at) < $4 \
     THEN 1 ELSE 0 END AS due \
     FROM transactions WHERE tenant_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $5";

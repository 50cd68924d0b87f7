//! The engine's database, before and after: calls are put into it as the service writes them, and what the engine wrote is counted.

use std::collections::HashMap;

use anyhow::{Context, Result};
use entity::{call_api, call_api_state};
use jiff::{SignedDuration, Timestamp};
use orrery::{
    clock::Clock,
    domain::{
        call_api::CallApiDefinition,
        ids::{CallApiId, TenantId, UserId},
    },
    settings::Settings,
    store::{
        Store,
        audit::Entry,
        call_apis::{Activation, DefinitionRow, shard_of},
    },
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, Database, DatabaseConnection, DbBackend, EntityTrait, IntoActiveModel, QueryFilter,
    QueryResult, Statement, TransactionTrait,
};
use serde_json::json;
use uuid::Uuid;

use crate::{table::Integrity, upstream::ITEMS};

/// Rows of one statement; SQLite takes 32,766 values.
const ROWS_AT_ONCE: usize = 500;

/// Maps all items of an answer.
const RESPONSE_SCRIPT: &str = "return response.json.items.map(item => ({
  identifier: item.id,
  customerName: item.customer,
  currency: item.currency,
  amount: item.amount,
  lineCount: item.lines,
  orderedAt: item.createdAt,
  ourReference: item.reference,
}));";

/// Which calls there are to be.
pub struct Seed {
    pub calls: u32,
    pub interval_seconds: u32,
    /// The first due time of the first call.
    pub first_due_at: Timestamp,
    /// The first due times are spread evenly over so long.
    pub spread: SignedDuration,
}

const HOUR_SECONDS: u32 = 3_600;
/// No call of [`Seed::idle`] is due before.
const LEAD: SignedDuration = SignedDuration::from_mins(20);

impl Seed {
    /// So many calls with T = 1 h, none of them due while something else is measured.
    pub fn idle(calls: u32) -> Result<Self> {
        Ok(Self {
            calls,
            interval_seconds: HOUR_SECONDS,
            first_due_at: Timestamp::now().checked_add(LEAD)?,
            spread: SignedDuration::from_secs(i64::from(HOUR_SECONDS)),
        })
    }
}

/// What the engine has written about the due times from `from` to before `to`.
#[derive(Debug, Default)]
pub struct Written {
    /// Of each run that was done, how long after its due time it began; sorted, microseconds.
    pub late_us: Vec<i64>,
    /// Runs that ended between the two times.
    pub ended: u64,
    /// Due times (of all the time) that are not on anchor + n * interval.
    pub drifted: u64,
    /// Rows by outcome (of all the time).
    pub outcomes: Vec<(String, i64)>,
}

/// Writes the calls, and answers their ids in order: one is made by the store's own function, the others are like it.
pub async fn seed(url: &str, seed: &Seed, url_of: impl Fn(u32) -> String) -> Result<Vec<Uuid>> {
    let clock = Clock::system();
    let db = connect(url).await?;
    let user = entity::user::Entity::find()
        .one(&db)
        .await?
        .context("the engine has made no user")?;
    let definition: CallApiDefinition = serde_json::from_value(json!({
        "name": "call 0",
        "runAsUserId": user.id,
        "frequencySeconds": seed.interval_seconds,
        "method": "GET",
        "url": { "kind": "text", "value": url_of(0) },
        "responseScript": RESPONSE_SCRIPT,
    }))?;
    let first = create(
        url,
        &clock,
        TenantId::from(user.tenant_id),
        UserId::from(user.id),
        &definition,
        seed,
    )
    .await?;
    let call = call_api::Entity::find_by_id(first)
        .one(&db)
        .await?
        .context("the first call")?;
    let state = call_api_state::Entity::find_by_id(first)
        .one(&db)
        .await?
        .context("its state")?;
    let step = seed.spread.checked_div(i32::try_from(seed.calls)?).unwrap_or_default();
    let mut ids = vec![first];
    let transaction = db.begin().await?;
    let numbers: Vec<u32> = (1..seed.calls).collect();
    for numbers in numbers.chunks(ROWS_AT_ONCE) {
        let (mut calls, mut states) = (Vec::new(), Vec::new());
        for number in numbers {
            let id = clock.new_id();
            let due_at = seed
                .first_due_at
                .checked_add(step.checked_mul(i32::try_from(*number)?).unwrap_or_default())?;
            let mut definition = definition.clone();
            definition.name = format!("call {number}");
            definition.url.value = url_of(*number);
            ids.push(id);
            calls.push(whole(call_api::Model {
                id,
                shard: shard_of(id),
                name: definition.name.clone(),
                definition: serde_json::to_string(&definition)?,
                anchor_at: due_at.as_microsecond(),
                ..call.clone()
            }));
            states.push(whole(call_api_state::Model {
                call_api_id: id,
                next_due_at: Some(due_at.as_microsecond()),
                ..state.clone()
            }));
        }
        call_api::Entity::insert_many(calls)
            .exec_without_returning(&transaction)
            .await?;
        call_api_state::Entity::insert_many(states)
            .exec_without_returning(&transaction)
            .await?;
    }
    transaction.commit().await?;
    db.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    db.close().await?;
    Ok(ids)
}

async fn create(
    url: &str,
    clock: &Clock,
    tenant: TenantId,
    user: UserId,
    definition: &CallApiDefinition,
    seed: &Seed,
) -> Result<Uuid> {
    let mut settings = Settings::base()?;
    settings.database.url = url.to_owned();
    let store = Store::open(&settings.database, clock.clone()).await?;
    let id = clock.new_id();
    let row = DefinitionRow {
        definition: definition.clone(),
        secret_headers: None,
    };
    let activation = Activation {
        anchor_at: seed.first_due_at,
        next_due_at: Some(seed.first_due_at),
    };
    let entry = Entry {
        tenant_id: tenant,
        user_id: Some(user),
        token_id: None,
        action: "call_api.create",
        resource_kind: "call_api",
        resource_id: Some(id.to_string()),
        before: None,
        after: None,
        request_id: None,
    };
    store
        .create_call_api(tenant, CallApiId::from(id), row, Some(user), Some(activation), entry)
        .await?;
    store.close().await?;
    Ok(id)
}

/// All columns of a row, to be inserted.
fn whole<M: IntoActiveModel<A>, A: sea_orm::ActiveModelTrait>(model: M) -> A {
    model.into_active_model().reset_all()
}

/// Reads what an engine that has ended wrote.
pub async fn written(url: &str, from: Timestamp, to: Timestamp) -> Result<Written> {
    let db = connect(url).await?;
    let (from, to) = (from.as_microsecond(), to.as_microsecond());
    let late = format!(
        "SELECT started_at - due_at AS late FROM run WHERE due_at >= {from} AND due_at < {to} \
         AND \"trigger\" = 'schedule' AND outcome IN ('created', 'nothing_new')"
    );
    let mut late_us = rows(&db, &late)
        .await?
        .iter()
        .map(|row| row.try_get("", "late"))
        .collect::<Result<Vec<i64>, _>>()?;
    late_us.sort_unstable();
    let ended = format!(
        "SELECT count(*) AS count FROM run WHERE finished_at >= {from} AND finished_at < {to} \
         AND outcome IN ('created', 'nothing_new')"
    );
    let drifted = "SELECT count(*) AS count FROM run JOIN call_api ON call_api.id = run.owner_id \
                   WHERE \"trigger\" = 'schedule' AND (due_at - anchor_at) % (frequency_seconds * 1000000) <> 0";
    let mut outcomes = Vec::new();
    for row in rows(
        &db,
        "SELECT coalesce(outcome, 'running') AS word, count(*) AS count FROM run GROUP BY 1 ORDER BY 2 DESC",
    )
    .await?
    {
        outcomes.push((row.try_get("", "word")?, row.try_get("", "count")?));
    }
    let written = Written {
        late_us,
        ended: count(&db, &ended).await?,
        drifted: count(&db, drifted).await?,
        outcomes,
    };
    db.close().await?;
    Ok(written)
}

/// Compares what was served with what was written. Lost: items that were served and are in no transaction, and answers of
/// which no run tells. Duplicates: transactions or runs beyond one for a key, and items that were never served.
pub async fn integrity(url: &str, ids: &[Uuid], served: &[u32]) -> Result<Integrity> {
    let db = connect(url).await?;
    let mut items: HashMap<Uuid, (i64, i64)> = HashMap::new();
    let of_items =
        "SELECT owner_id, count(*) AS all_rows, count(DISTINCT identifier) AS keys FROM transactions GROUP BY owner_id";
    for row in rows(&db, of_items).await? {
        items.insert(
            row.try_get("", "owner_id")?,
            (row.try_get("", "all_rows")?, row.try_get("", "keys")?),
        );
    }
    let mut runs: HashMap<Uuid, (i64, i64, i64)> = HashMap::new();
    let of_runs = "SELECT owner_id, count(*) AS all_rows, count(DISTINCT due_at) AS keys, \
                   sum(coalesce(outcome, '') NOT LIKE 'skipped%') AS begun FROM run GROUP BY owner_id";
    for row in rows(&db, of_runs).await? {
        let counts = (
            row.try_get("", "all_rows")?,
            row.try_get("", "keys")?,
            row.try_get("", "begun")?,
        );
        runs.insert(row.try_get("", "owner_id")?, counts);
    }
    db.close().await?;
    let mut integrity = Integrity::default();
    for (id, served) in ids.iter().zip(served) {
        let expected = if *served == 0 {
            0
        } else {
            i64::from(*served + ITEMS - 1)
        };
        let (item_rows, item_keys) = items.get(id).copied().unwrap_or_default();
        let (run_rows, run_keys, begun) = runs.get(id).copied().unwrap_or_default();
        let beyond = |more: i64, than: i64| u64::try_from(more - than).unwrap_or(0);
        integrity.lost += beyond(expected, item_keys) + beyond(i64::from(*served), begun);
        integrity.duplicates += beyond(item_rows, item_keys) + beyond(item_keys, expected) + beyond(run_rows, run_keys);
    }
    Ok(integrity)
}

/// How many calls are active.
pub async fn active_calls(url: &str) -> Result<u64> {
    let db = connect(url).await?;
    let active = call_api::Entity::find().filter(call_api::Column::Active.eq(true));
    let count = sea_orm::PaginatorTrait::count(active, &db).await?;
    db.close().await?;
    Ok(count)
}

async fn connect(url: &str) -> Result<DatabaseConnection> {
    let mut options = sea_orm::ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Ok(Database::connect(options).await?)
}

async fn rows(db: &DatabaseConnection, text: &str) -> Result<Vec<QueryResult>> {
    Ok(db
        .query_all_raw(Statement::from_string(DbBackend::Sqlite, text))
        .await?)
}

async fn count(db: &DatabaseConnection, text: &str) -> Result<u64> {
    let rows = rows(db, text).await?;
    let row = rows.first().context("a count has one row")?;
    Ok(u64::try_from(row.try_get::<i64>("", "count")?)?)
}

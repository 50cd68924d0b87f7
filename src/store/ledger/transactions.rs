//! The transactions of runs: what exists is sifted out by one look-up, what is left is inserted.
//!
//! Most of what a run finds was found before. Looking up its key costs a fraction of carrying the whole row to an insert
//! that the unique key then refuses; the unique key still decides: see [`insert`].

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Value};

use super::{
    RunCommit,
    rows::{Part, Shape, Texts, parts},
};
use crate::{
    domain::transaction::{NewTransaction, TransactionStatus},
    store::{Error, Result},
};

pub(super) const FIND_SQLITE: Shape = Shape {
    name: "find transactions",
    before: "SELECT group_concat(v.column1) AS numbers FROM (VALUES ",
    columns: 2,
    numbered: true,
    types: &[],
    // CROSS JOIN keeps the order: the rows first, then the index for each.
    after: ") AS v CROSS JOIN transactions AS t ON t.owner_id = v.column2 AND t.identifier = v.column3",
    repeatable: true,
};

const FIND_POSTGRES: Shape = Shape {
    name: "find transactions",
    before: "SELECT string_agg(v.column1::text, ',') AS numbers FROM (VALUES ",
    columns: 2,
    numbered: true,
    types: &["uuid", "text"],
    // LIMIT keeps the planner from reading the whole table instead of using the index for each row.
    after: ") AS v CROSS JOIN LATERAL (SELECT 1 FROM transactions AS t \
            WHERE t.owner_id = v.column2 AND t.identifier = v.column3 LIMIT 1) AS found",
    repeatable: true,
};

const INSERT: Shape = Shape {
    name: "insert transactions",
    before: "INSERT INTO transactions (id, tenant_id, owner_id, identifier, status, data, call_api_id, run_id, \
             created_by, created_at, version) VALUES ",
    columns: 11,
    numbered: false,
    types: &[],
    after: " ON CONFLICT (owner_id, identifier) DO NOTHING",
    repeatable: true,
};

/// What is left of a run's transactions.
#[derive(Default)]
pub(super) struct Sifted<'a> {
    /// Those that do not exist, in their order.
    pub fresh: Vec<&'a NewTransaction>,
    /// How many exist, or came twice.
    pub duplicates: u32,
}

/// Sifts the transactions of runs of different calls; the answers are in the order of the runs.
pub(super) async fn sift<'a>(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    commits: &[&'a RunCommit],
) -> Result<Vec<Sifted<'a>>> {
    let mut sifted: Vec<Sifted<'a>> = Vec::with_capacity(commits.len());
    let mut candidates: Vec<(usize, &'a NewTransaction)> = Vec::new();
    let mut keys: Vec<Value> = Vec::new();
    for (index, commit) in commits.iter().enumerate() {
        let mut seen: HashSet<&str> = HashSet::with_capacity(commit.transactions.len());
        let mut twice = 0;
        for new in &commit.transactions {
            if seen.insert(&new.identifier) {
                candidates.push((index, new));
                keys.push(commit.call_api_id.uuid().into());
                keys.push(new.identifier.as_str().into());
            } else {
                twice += 1;
            }
        }
        sifted.push(Sifted {
            fresh: Vec::new(),
            duplicates: twice,
        });
    }
    let exists = existing(transaction, texts, candidates.len(), keys).await?;
    for ((index, new), exists) in candidates.into_iter().zip(exists) {
        let Some(sifted) = sifted.get_mut(index) else { continue };
        if exists {
            sifted.duplicates += 1;
        } else {
            sifted.fresh.push(new);
        }
    }
    Ok(sifted)
}

/// Inserts what was sifted; answers whether all of it was new. If not, someone else inserted meanwhile (only possible
/// with PostgreSQL): the transaction has to be rolled back and repeated.
pub(super) async fn insert(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    commits: &[&RunCommit],
    sifted: &[Sifted<'_>],
) -> Result<bool> {
    let mut values = Vec::new();
    let mut rows = 0;
    for (commit, sifted) in commits.iter().zip(sifted) {
        let status = status_number(TransactionStatus::initial(commit.preparation));
        for new in &sifted.fresh {
            rows += 1;
            values.extend([
                Value::from(new.id.uuid()),
                commit.tenant_id.uuid().into(),
                commit.call_api_id.uuid().into(),
                new.identifier.as_str().into(),
                status.into(),
                new.data.as_str().into(),
                commit.call_api_id.uuid().into(),
                commit.run.id.uuid().into(),
                commit.created_by.uuid().into(),
                commit.run.finished_at.as_microsecond().into(),
                1_i64.into(),
            ]);
        }
    }
    Ok(texts.execute(transaction, &INSERT, values).await? == rows)
}

/// For each key (owner, identifier), whether it exists.
async fn existing(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    count: usize,
    keys: Vec<Value>,
) -> Result<Vec<bool>> {
    let mut exists = vec![false; count];
    let backend = transaction.get_database_backend();
    let shape = match backend {
        DbBackend::Postgres => &FIND_POSTGRES,
        _ => &FIND_SQLITE,
    };
    let mut keys = keys.into_iter();
    for part in parts(count, shape.repeatable) {
        let statement = texts.statement(backend, shape, part, &mut keys);
        let Some(row) = transaction.query_one_raw(statement).await? else {
            continue;
        };
        if let Some(numbers) = row.try_get::<Option<String>>("", "numbers")? {
            mark(&mut exists, part, &numbers)?;
        }
    }
    Ok(exists)
}

fn mark(exists: &mut [bool], part: Part, numbers: &str) -> Result<()> {
    for number in numbers.split(',') {
        let number: usize = number
            .parse()
            .map_err(|_| Error::Content(format!("{number:?} is not the number of a row")))?;
        // Numbers beyond the part's rows are its last row again.
        let number = number.min(part.rows - 1);
        if let Some(exists) = exists.get_mut(part.from + number) {
            *exists = true;
        }
    }
    Ok(())
}

/// The number of a status in the store.
fn status_number(status: TransactionStatus) -> i16 {
    match status {
        TransactionStatus::Preparation => 0,
        TransactionStatus::Ready => 1,
        TransactionStatus::Discarded => 2,
    }
}

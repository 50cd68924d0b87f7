//! The rows of runs. One row for each due time of a call: the key (owner_id, due_at) is what makes a run happen once.

use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement, Value};
use uuid::Uuid;

use super::{
    RunCommit, RunRecord, RunSample, StartedRun, StateCommit,
    rows::{Shape, Texts},
};
use crate::{domain::outcome::Outcome, store::Result};

const COLUMNS: usize = 14;

/// Inserts a row, or ends the `running` row of the same run. A row that has ended already stays as it is.
const FINISH: Shape = Shape {
    name: "finish runs",
    before: INTO,
    columns: COLUMNS,
    numbered: false,
    types: &[],
    after: " ON CONFLICT (owner_id, due_at) DO UPDATE SET finished_at = excluded.finished_at, outcome = excluded.outcome, \
            http_status = excluded.http_status, created = excluded.created, duplicates = excluded.duplicates, \
            skipped = excluded.skipped, duration_ms = excluded.duration_ms, error = excluded.error \
            WHERE run.finished_at IS NULL AND run.id = excluded.id",
    // PostgreSQL refuses to touch a row twice.
    repeatable: false,
};

const NOTE: Shape = Shape {
    name: "note runs",
    before: INTO,
    columns: COLUMNS,
    numbered: false,
    types: &[],
    after: " ON CONFLICT (owner_id, due_at) DO NOTHING",
    repeatable: true,
};

const SAMPLES: Shape = Shape {
    name: "insert run bodies",
    before: "INSERT INTO run_body (run_id, tenant_id, request, response, logs) VALUES ",
    columns: 5,
    numbered: false,
    types: &[],
    after: " ON CONFLICT (run_id) DO NOTHING",
    repeatable: true,
};

const INTO: &str = "INSERT INTO run (id, tenant_id, owner_id, due_at, \"trigger\", started_at, finished_at, outcome, \
                    http_status, created, duplicates, skipped, duration_ms, error) VALUES ";

/// An ended run with what was counted.
pub(super) struct Finished<'a> {
    pub commit: &'a RunCommit,
    pub outcome: Outcome,
    pub created: u32,
    pub duplicates: u32,
}

/// Writes ended runs; answers whether every one of them was recorded by this.
pub(super) async fn finish(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    runs: &[Finished<'_>],
) -> Result<bool> {
    let mut values = Vec::with_capacity(runs.len() * COLUMNS);
    for finished in runs {
        let commit = finished.commit;
        let counts = (finished.outcome, finished.created, finished.duplicates);
        push(
            &mut values,
            commit.tenant_id.uuid(),
            commit.call_api_id.uuid(),
            &commit.run,
            counts,
        );
    }
    Ok(texts.execute(transaction, &FINISH, values).await? == runs.len() as u64)
}

/// Writes `running` rows; answers whether every one of them was recorded by this.
pub(super) async fn start(transaction: &DatabaseTransaction, texts: &mut Texts, runs: &[&StartedRun]) -> Result<bool> {
    let mut values = Vec::with_capacity(runs.len() * COLUMNS);
    for run in runs {
        values.extend([
            Value::from(run.id.uuid()),
            run.tenant_id.uuid().into(),
            run.call_api_id.uuid().into(),
            run.due_at.as_microsecond().into(),
            run.trigger.as_str().into(),
            run.started_at.as_microsecond().into(),
            None::<i64>.into(),
            None::<String>.into(),
            None::<i32>.into(),
            0_i32.into(),
            0_i32.into(),
            0_i64.into(),
            None::<i64>.into(),
            None::<String>.into(),
        ]);
    }
    Ok(texts.execute(transaction, &NOTE, values).await? == runs.len() as u64)
}

/// Writes runs that were left out; one that is recorded already is passed over.
pub(super) async fn note(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    runs: &[&RunCommit],
    states: &[&StateCommit],
) -> Result<()> {
    let mut values = Vec::new();
    let of_states = states.iter().flat_map(|commit| {
        commit
            .skipped_runs
            .iter()
            .map(|run| (commit.tenant_id, commit.call_api_id, run))
    });
    let of_runs = runs
        .iter()
        .filter_map(|commit| Some((commit.tenant_id, commit.call_api_id, commit.skipped_run.as_ref()?)));
    for (tenant_id, call_api_id, run) in of_states.chain(of_runs) {
        push(
            &mut values,
            tenant_id.uuid(),
            call_api_id.uuid(),
            run,
            (run.outcome, 0, 0),
        );
    }
    texts.execute(transaction, &NOTE, values).await?;
    Ok(())
}

/// Writes what is kept of runs for people to look at.
pub(super) async fn samples(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    commits: &[&RunCommit],
) -> Result<()> {
    let mut values = Vec::new();
    for commit in commits {
        if let Some(RunSample {
            request,
            response,
            logs,
        }) = &commit.sample
        {
            values.extend([Value::from(commit.run.id.uuid()), commit.tenant_id.uuid().into()]);
            values.extend([request, response, logs].map(|text| Value::from(text.clone())));
        }
    }
    texts.execute(transaction, &SAMPLES, values).await?;
    Ok(())
}

/// The row of a due time, if there is one: its run's id, and whether it has ended.
pub(super) async fn find(
    transaction: &DatabaseTransaction,
    owner_id: Uuid,
    due_at_us: i64,
) -> Result<Option<(Uuid, bool)>> {
    let statement = Statement::from_sql_and_values(
        transaction.get_database_backend(),
        "SELECT id, finished_at FROM run WHERE owner_id = $1 AND due_at = $2",
        [owner_id.into(), due_at_us.into()],
    );
    let Some(row) = transaction.query_one_raw(statement).await? else {
        return Ok(None);
    };
    let ended = row.try_get::<Option<i64>>("", "finished_at")?.is_some();
    Ok(Some((row.try_get("", "id")?, ended)))
}

fn push(values: &mut Vec<Value>, tenant: Uuid, owner: Uuid, run: &RunRecord, counts: (Outcome, u32, u32)) {
    let (outcome, created, duplicates) = counts;
    values.extend([
        Value::from(run.id.uuid()),
        tenant.into(),
        owner.into(),
        run.due_at.as_microsecond().into(),
        run.trigger.as_str().into(),
        run.started_at.as_microsecond().into(),
        Some(run.finished_at.as_microsecond()).into(),
        Some(outcome.as_str()).into(),
        run.http_status.map(i32::from).into(),
        saturating(created).into(),
        saturating(duplicates).into(),
        i64::try_from(run.skipped).unwrap_or(i64::MAX).into(),
        Some(i64::try_from(run.duration_ms).unwrap_or(i64::MAX)).into(),
        run.error.clone().into(),
    ]);
}

pub(super) fn saturating(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

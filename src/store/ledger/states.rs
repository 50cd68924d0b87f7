//! The state rows of calls. They are made with the call and only updated here: the state of a call that was deleted
//! meanwhile does not come back.

use sea_orm::{DatabaseTransaction, Value};
use serde_json::json;

use super::{
    CallState, StateCommit,
    rows::{Shape, Texts},
    runs::{Finished, saturating},
};
use crate::{
    clock::Clock,
    store::{
        Result,
        audit::{self, Entry},
    },
};

/// Column 5 is null where no run is to be shown as the last one, column 12 where the scripts' state stays.
pub(super) const UPDATE: Shape = Shape {
    name: "update states",
    before: "UPDATE call_api_state SET next_due_at = v.column2, run_count = v.column3, failures = v.column4, \
             last_run_id = COALESCE(v.column5, last_run_id), \
             last_run_at = COALESCE(v.column6, last_run_at), \
             last_outcome = COALESCE(v.column7, last_outcome), \
             last_http_status = CASE WHEN v.column5 IS NULL THEN last_http_status ELSE v.column8 END, \
             last_created = COALESCE(v.column9, last_created), \
             last_duration_ms = COALESCE(v.column10, last_duration_ms), \
             last_error = CASE WHEN v.column5 IS NULL THEN last_error ELSE v.column11 END, \
             script_state = COALESCE(v.column12, script_state), \
             deactivated_at = COALESCE(v.column13, deactivated_at), \
             status_reason = COALESCE(v.column14, status_reason), updated_at = v.column15 \
             FROM (VALUES ",
    columns: 15,
    numbered: false,
    types: &[
        "uuid", "bigint", "bigint", "integer", "uuid", "bigint", "text", "integer", "integer", "bigint", "text",
        "text", "bigint", "text", "bigint",
    ],
    after: ") AS v WHERE call_api_state.call_api_id = v.column1",
    repeatable: true,
};

/// Updates the states of different calls.
pub(super) async fn update(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    runs: &[Finished<'_>],
    commits: &[&StateCommit],
    now_us: i64,
) -> Result<()> {
    let mut values = Vec::with_capacity((runs.len() + commits.len()) * UPDATE.columns);
    for finished in runs {
        let commit = finished.commit;
        let run = Some(finished).filter(|finished| !finished.outcome.is_skipped());
        push(&mut values, commit.call_api_id.uuid(), &commit.state, run, now_us);
    }
    for commit in commits {
        push(&mut values, commit.call_api_id.uuid(), &commit.state, None, now_us);
    }
    texts.execute(transaction, &UPDATE, values).await?;
    Ok(())
}

/// What the engine deactivates is audited like what a person does.
pub(super) async fn audit(transaction: &DatabaseTransaction, runs: &[Finished<'_>], clock: &Clock) -> Result<()> {
    for Finished { commit, .. } in runs {
        let Some(deactivated) = &commit.state.deactivated else {
            continue;
        };
        let entry = Entry::of_engine(
            commit.tenant_id,
            "call_api.deactivate",
            ("call_api", commit.call_api_id),
            (
                Some(json!({ "active": true })),
                Some(json!({ "active": false, "statusReason": deactivated.reason })),
            ),
        );
        audit::record(transaction, clock, entry).await?;
    }
    Ok(())
}

fn push(values: &mut Vec<Value>, call: uuid::Uuid, state: &CallState, last: Option<&Finished<'_>>, now_us: i64) {
    let run = last.map(|finished| &finished.commit.run);
    let deactivated = state.deactivated.as_ref();
    values.extend([
        Value::from(call),
        state.next_due_at.map(|at| at.as_microsecond()).into(),
        i64::try_from(state.run_count).unwrap_or(i64::MAX).into(),
        saturating(state.failures).into(),
        run.map(|run| run.id.uuid()).into(),
        run.map(|run| run.started_at.as_microsecond()).into(),
        last.map(|finished| finished.outcome.as_str()).into(),
        run.and_then(|run| run.http_status).map(i32::from).into(),
        last.map(|finished| saturating(finished.created)).into(),
        run.map(|run| i64::try_from(run.duration_ms).unwrap_or(i64::MAX)).into(),
        run.and_then(|run| run.error.clone()).into(),
        state.script_state.clone().into(),
        deactivated.map(|deactivated| deactivated.at.as_microsecond()).into(),
        deactivated.map(|deactivated| deactivated.reason.clone()).into(),
        now_us.into(),
    ]);
}

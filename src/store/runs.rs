//! History: the runs of a call, newest first, and one run with what was kept of it.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;

use super::{Error, Page, Paged, Result, Store};
use crate::domain::{
    call_state::Trigger,
    ids::{CallApiId, RunId, TenantId},
    outcome::Outcome,
};
use entity::{run, run_body};

/// A run as it is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRun {
    /// Its id.
    pub id: RunId,
    /// The call that ran.
    pub call_api_id: CallApiId,
    /// When it was due.
    pub due_at: Timestamp,
    /// Why it ran.
    pub trigger: Trigger,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; none while it runs.
    pub finished_at: Option<Timestamp>,
    /// How it ended; none while it runs.
    pub outcome: Option<Outcome>,
    /// Status of the answer, where there was one.
    pub http_status: Option<u16>,
    /// Transactions created.
    pub created: u32,
    /// Transactions that existed already.
    pub duplicates: u32,
    /// Due times passed over before it.
    pub skipped: u64,
    /// How long it took, milliseconds.
    pub duration_ms: Option<u64>,
    /// What went wrong.
    pub error: Option<Value>,
}

/// What was kept of a run for people to look at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredSample {
    /// The request, redacted.
    pub request: Option<Value>,
    /// The response, cut.
    pub response: Option<Value>,
    /// What the scripts logged.
    pub logs: Option<Value>,
}

impl Store {
    /// The runs of a call, the latest due time first.
    ///
    /// # Errors
    /// [`Error::Cursor`].
    pub async fn list_runs(&self, tenant_id: TenantId, call: CallApiId, page: Page) -> Result<Paged<StoredRun>> {
        self.read(move |db| async move {
            // Along the key (owner_id, due_at).
            let mut query = run::Entity::find()
                .filter(run::Column::OwnerId.eq(call.uuid()))
                .filter(run::Column::TenantId.eq(tenant_id.uuid()));
            if let Some(due_at) = page.after_text()? {
                let due_at: i64 = due_at.parse().map_err(|_| Error::Cursor)?;
                query = query.filter(run::Column::DueAt.lt(due_at));
            }
            let rows = query
                .order_by_desc(run::Column::DueAt)
                .limit(page.fetch())
                .all(&db)
                .await?;
            Paged::by_text(rows, &page, |row| row.due_at.to_string()).try_map(stored)
        })
        .await
    }

    /// One run, and what was kept of it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_run(&self, tenant_id: TenantId, id: RunId) -> Result<(StoredRun, Option<StoredSample>)> {
        self.read(move |db| async move {
            let row = run::Entity::find_by_id(id.uuid())
                .filter(run::Column::TenantId.eq(tenant_id.uuid()))
                .one(&db)
                .await?
                .ok_or(Error::NotFound)?;
            let body = run_body::Entity::find_by_id(id.uuid())
                .filter(run_body::Column::TenantId.eq(tenant_id.uuid()))
                .one(&db)
                .await?;
            let sample = body.map(|body| StoredSample {
                request: body.request.as_deref().map(json),
                response: body.response.as_deref().map(json),
                logs: body.logs.as_deref().map(json),
            });
            Ok((stored(row)?, sample))
        })
        .await
    }
}

fn stored(row: run::Model) -> Result<StoredRun> {
    let wrong = |what: &str| Error::Content(format!("{what} of the run {}", row.id));
    let outcome = match &row.outcome {
        Some(word) => Some(Outcome::parse(word).ok_or_else(|| wrong("outcome"))?),
        None => None,
    };
    Ok(StoredRun {
        id: row.id.into(),
        call_api_id: row.owner_id.into(),
        due_at: time(row.due_at)?,
        trigger: Trigger::parse(&row.trigger).ok_or_else(|| wrong("trigger"))?,
        started_at: time(row.started_at)?,
        finished_at: row.finished_at.map(time).transpose()?,
        outcome,
        http_status: row.http_status.and_then(|status| u16::try_from(status).ok()),
        created: u32::try_from(row.created).unwrap_or_default(),
        duplicates: u32::try_from(row.duplicates).unwrap_or_default(),
        skipped: u64::try_from(row.skipped).unwrap_or_default(),
        duration_ms: row.duration_ms.and_then(|span| u64::try_from(span).ok()),
        error: row.error.as_deref().map(json),
    })
}

fn time(microseconds: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(microseconds)
        .map_err(|error| Error::Content(format!("{microseconds} is not a time: {error}")))
}

/// JSON of our own writing; should it not be JSON, it is shown as the text that it is.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

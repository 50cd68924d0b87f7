//! What the registry and the actors read: who is active and when it is due, one row, a whole definition, cut runs.

use std::sync::Arc;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QuerySelect, RelationDef, Select, Statement,
};
use uuid::Uuid;

use crate::domain::{
    call_api::CallApiDefinition,
    call_state::Trigger,
    ids::{CallApiId, RunId, TenantId},
    outcome::Outcome,
    schedule::{Misfire, Overlap, Schedule},
};

use super::{Error, Place, Result, Sealer, Store};

use entity::{call_api, call_api_state, run};

/// What an actor keeps of its rows: small, because there may be a million of them.
#[derive(Clone, Debug)]
pub struct ArmedCall {
    /// The call.
    pub id: CallApiId,
    /// Whose.
    pub tenant_id: TenantId,
    /// hash(id) % 256.
    pub shard: u8,
    /// Version of the definition.
    pub version: i64,
    /// Its name.
    pub name: Box<str>,
    /// Whether it runs by itself: asked to, and not deactivated by the engine since.
    pub active: bool,
    /// When it is due.
    pub schedule: Schedule,
    /// Policy.
    pub misfire: Misfire,
    /// Policy.
    pub overlap: Overlap,
    /// The next due time as committed.
    pub next_due_at: Option<Timestamp>,
    /// Runs that have ended.
    pub run_count: u64,
    /// Failures in a row.
    pub failures: u32,
    /// Start and outcome of the last run.
    pub last_run: Option<(Timestamp, Outcome)>,
    /// JSON object that the last successful run left.
    pub script_state: Option<Arc<str>>,
}

/// A whole definition, ready to be used.
pub struct LoadedCall {
    /// The call.
    pub id: CallApiId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Version of the row.
    pub version: i64,
    /// With the secret header values.
    pub definition: CallApiDefinition,
}

/// A run whose row says that it is going, although the process that ran it has ended.
#[derive(Clone, Debug)]
pub struct InterruptedRun {
    /// The run.
    pub run_id: RunId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Of which call.
    pub call_api_id: CallApiId,
    /// When it was due.
    pub due_at: Timestamp,
    /// Why it ran.
    pub trigger: Trigger,
    /// When it began.
    pub started_at: Timestamp,
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    tenant_id: Uuid,
    shard: i16,
    version: i64,
    name: String,
    active: bool,
    frequency_seconds: Option<i32>,
    cron: Option<String>,
    time_zone: Option<String>,
    misfire: String,
    overlap: String,
    anchor_at: i64,
    next_due_at: Option<i64>,
    run_count: Option<i64>,
    failures: Option<i32>,
    last_run_at: Option<i64>,
    last_outcome: Option<String>,
    script_state: Option<String>,
    deactivated_at: Option<i64>,
}

/// In the words of the partial index call_api_active, which has all that is read of call_api here.
pub const ACTIVE_PAGE: &str = "SELECT c.id, c.tenant_id, c.shard, c.version, c.name, TRUE AS active, c.frequency_seconds, c.cron, \
     c.time_zone, c.misfire, c.overlap, c.anchor_at, s.next_due_at, s.run_count, s.failures, s.last_run_at, \
     s.last_outcome, s.script_state, s.deactivated_at \
     FROM call_api AS c LEFT JOIN call_api_state AS s ON s.call_api_id = c.id \
     WHERE c.active AND s.deactivated_at IS NULL AND c.id > $1 ORDER BY c.id LIMIT $2";

impl Store {
    /// Active calls in the order of their ids, `limit` after `after`.
    pub async fn active_calls_page(&self, after: Option<CallApiId>, limit: u64) -> Result<Vec<ArmedCall>> {
        self.read(move |db| async move {
            let backend = db.get_database_backend();
            // The nil UUID is below every id of ours.
            let after = after.map_or(Uuid::nil(), CallApiId::uuid);
            let values = [after.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
            let rows = Row::find_by_statement(Statement::from_sql_and_values(backend, ACTIVE_PAGE, values));
            rows.all(&db).await?.into_iter().map(armed).collect()
        })
        .await
    }

    /// A call that runs by itself; `None`: it does not, or is not in this tenant.
    pub async fn armed_call(&self, tenant_id: TenantId, id: CallApiId) -> Result<Option<ArmedCall>> {
        Ok(self.call_row(tenant_id, id).await?.filter(|call| call.active))
    }

    /// A call, active or not; `None`: not in this tenant.
    pub async fn call_row(&self, tenant_id: TenantId, id: CallApiId) -> Result<Option<ArmedCall>> {
        self.read(move |db| async move {
            let this = selection()
                .filter(call_api::Column::Id.eq(id.uuid()))
                .filter(call_api::Column::TenantId.eq(tenant_id.uuid()));
            this.into_model::<Row>().one(&db).await?.map(armed).transpose()
        })
        .await
    }

    /// The whole definition of a call, secret header values included.
    ///
    /// # Errors
    /// [`Error::NotFound`]: not in this tenant. [`Error::Sealed`]: its secrets do not open.
    pub async fn load_call(&self, tenant_id: TenantId, id: CallApiId, sealer: &Sealer) -> Result<LoadedCall> {
        let row = self
            .read(move |db| async move {
                let found = call_api::Entity::find_by_id(id.uuid())
                    .filter(call_api::Column::TenantId.eq(tenant_id.uuid()))
                    .one(&db)
                    .await?;
                found.ok_or(Error::NotFound)
            })
            .await?;
        let content = |error: serde_json::Error| Error::Content(format!("definition of call {id}: {error}"));
        let mut definition: CallApiDefinition = serde_json::from_str(&row.definition).map_err(content)?;
        if let Some(sealed) = &row.secret_headers {
            let opened = sealer.open(Place::call_api_headers(tenant_id, id), sealed)?;
            let secrets: Vec<_> = serde_json::from_slice(&opened).map_err(content)?;
            definition
                .merge_secret_headers(&secrets)
                .map_err(|_| Error::Content(format!("secret headers of call {id} do not fit its definition")))?;
        }
        Ok(LoadedCall {
            id,
            tenant_id,
            version: row.version,
            definition,
        })
    }

    /// Runs that a crash cut: their rows have no end.
    pub async fn interrupted_runs(&self) -> Result<Vec<InterruptedRun>> {
        self.read(move |db| async move {
            let rows = run::Entity::find()
                .filter(run::Column::FinishedAt.is_null())
                .all(&db)
                .await?;
            rows.into_iter()
                .map(|row| {
                    Ok(InterruptedRun {
                        run_id: RunId::from(row.id),
                        tenant_id: TenantId::from(row.tenant_id),
                        call_api_id: CallApiId::from(row.owner_id),
                        due_at: time(row.due_at)?,
                        trigger: Trigger::parse(&row.trigger).unwrap_or(Trigger::Schedule),
                        started_at: time(row.started_at)?,
                    })
                })
                .collect()
        })
        .await
    }
}

fn selection() -> Select<call_api::Entity> {
    use sea_orm::sea_query::{Alias, Expr};
    let state = |column: &str| Expr::col((Alias::new("call_api_state"), Alias::new(column)));
    call_api::Entity::find()
        .select_only()
        .columns([
            call_api::Column::Id,
            call_api::Column::TenantId,
            call_api::Column::Shard,
            call_api::Column::Version,
            call_api::Column::Name,
            call_api::Column::Active,
            call_api::Column::FrequencySeconds,
            call_api::Column::Cron,
            call_api::Column::TimeZone,
            call_api::Column::Misfire,
            call_api::Column::Overlap,
            call_api::Column::AnchorAt,
        ])
        .expr_as(state("next_due_at"), "next_due_at")
        .expr_as(state("run_count"), "run_count")
        .expr_as(state("failures"), "failures")
        .expr_as(state("last_run_at"), "last_run_at")
        .expr_as(state("last_outcome"), "last_outcome")
        .expr_as(state("script_state"), "script_state")
        .expr_as(state("deactivated_at"), "deactivated_at")
        .join(JoinType::LeftJoin, state_of_call())
}

fn state_of_call() -> RelationDef {
    call_api::Entity::belongs_to(call_api_state::Entity)
        .from(call_api::Column::Id)
        .to(call_api_state::Column::CallApiId)
        .into()
}

fn armed(row: Row) -> Result<ArmedCall> {
    let anchor = time(row.anchor_at)?;
    let wrong = |what: &str| Error::Content(format!("{what} of call {}", row.id));
    let schedule = match (&row.cron, row.frequency_seconds) {
        (Some(cron), _) => Schedule::cron(cron, row.time_zone.as_deref().unwrap_or("UTC")),
        (None, Some(seconds)) => Schedule::every(u32::try_from(seconds).unwrap_or(0), anchor),
        (None, None) => return Err(wrong("schedule")),
    };
    let word = |word: &str| serde_json::Value::from(word.to_owned());
    let last_outcome = row.last_outcome.as_deref().and_then(Outcome::parse);
    Ok(ArmedCall {
        id: CallApiId::from(row.id),
        tenant_id: TenantId::from(row.tenant_id),
        shard: u8::try_from(row.shard).map_err(|_| wrong("shard"))?,
        version: row.version,
        active: row.active && row.deactivated_at.is_none(),
        schedule: schedule.map_err(|error| Error::Content(format!("schedule of call {}: {error}", row.id)))?,
        misfire: serde_json::from_value::<Misfire>(word(&row.misfire)).map_err(|_| wrong("misfire"))?,
        overlap: serde_json::from_value::<Overlap>(word(&row.overlap)).map_err(|_| wrong("overlap"))?,
        next_due_at: row.next_due_at.map(time).transpose()?,
        run_count: u64::try_from(row.run_count.unwrap_or(0)).unwrap_or(0),
        failures: u32::try_from(row.failures.unwrap_or(0)).unwrap_or(0),
        last_run: row.last_run_at.map(time).transpose()?.zip(last_outcome),
        script_state: row.script_state.map(Arc::from),
        name: row.name.into_boxed_str(),
    })
}

fn time(microseconds: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(microseconds).map_err(|error| Error::Content(format!("time {microseconds}: {error}")))
}

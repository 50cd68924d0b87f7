//! Definitions of call APIs: reading them with their state, and the overview. Every change of them is in `changes`.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, LikeExpr, SimpleExpr},
};
use serde::Serialize;
use uuid::Uuid;

use super::{Error, Page, Paged, Result, Store};
use crate::domain::{
    call_api::CallApiDefinition,
    ids::{CallApiId, RunId, TenantId, UserId},
    outcome::Outcome,
};
use entity::{call_api, call_api_state};

mod changes;

/// Number of shards that actors are spread over.
const SHARDS: u8 = u8::MAX;

/// A call API as it is stored: definition with secret headers masked, and its run-time state.
#[derive(Clone, Debug)]
pub struct StoredCallApi {
    /// Id.
    pub id: CallApiId,
    /// What the user said; secret header values are masked.
    pub definition: CallApiDefinition,
    /// The secret header values as JSON, sealed.
    pub secret_headers: Option<Vec<u8>>,
    /// Whether it was asked to be active; see [`StoredCallApi::is_active`].
    pub wanted_active: bool,
    /// Due times are counted from here.
    pub anchor_at: Timestamp,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// Last change of the definition or of `active`.
    pub updated_at: Timestamp,
    /// Grows by one with each change.
    pub version: i64,
    /// Run-time state.
    pub state: CallState,
}

/// What the runs of a call have left.
#[derive(Clone, Debug, Default)]
pub struct CallState {
    /// When it runs next.
    pub next_due_at: Option<Timestamp>,
    /// Finished runs.
    pub run_count: i64,
    /// JSON object that the last successful run left.
    pub script_state: Option<String>,
    /// The last run.
    pub last_run: Option<LastRun>,
    /// Set where the engine deactivated the call.
    pub deactivated_at: Option<Timestamp>,
    /// Why, in words.
    pub status_reason: Option<String>,
}

/// The last run of a call in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastRun {
    /// Its id.
    pub run_id: Option<RunId>,
    /// Its start.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Status of the answer.
    pub http_status: Option<i32>,
    /// Transactions created.
    pub created: Option<i32>,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
    /// What went wrong.
    pub error: Option<serde_json::Value>,
}

/// A definition that is to be stored.
#[derive(Clone, Debug)]
pub struct DefinitionRow {
    /// With secret header values masked.
    pub definition: CallApiDefinition,
    /// The secret header values as JSON, sealed.
    pub secret_headers: Option<Vec<u8>>,
}

/// From when on a call is active.
#[derive(Clone, Copy, Debug)]
pub struct Activation {
    /// Due times are counted from here.
    pub anchor_at: Timestamp,
    /// The first due time; none where the calendar rule has none left.
    pub next_due_at: Option<Timestamp>,
}

/// How a change ended that is only possible while the call is not active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is done.
    Done,
    /// The call is active: nothing was changed.
    Active,
}

/// Which calls a list shows.
#[derive(Clone, Debug, Default)]
pub struct CallApiFilter {
    /// A part of the name, in any case.
    pub name_contains: Option<String>,
    /// How they stand.
    pub standing: Option<Standing>,
    /// Only these.
    pub only: Option<Vec<CallApiId>>,
    /// Not these.
    pub without: Vec<CallApiId>,
}

/// What the rows say about a call; whether it runs just now only its actor knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A person has not activated it, or has deactivated it.
    Inactive,
    /// Active.
    Active,
    /// The engine has deactivated it.
    Deactivated,
}

impl StoredCallApi {
    /// Whether it runs by itself: asked to, and not deactivated by the engine since.
    pub fn is_active(&self) -> bool {
        self.wanted_active && self.state.deactivated_at.is_none()
    }

    /// See [`Standing`].
    pub fn standing(&self) -> Standing {
        match (self.state.deactivated_at, self.wanted_active) {
            (Some(_), _) => Standing::Deactivated,
            (None, true) => Standing::Active,
            (None, false) => Standing::Inactive,
        }
    }
}

/// The shard of an id: its last byte, which is random in UUID v7 and never changes.
pub fn shard_of(id: Uuid) -> i16 {
    let [.., last] = *id.as_bytes();
    i16::from(last & SHARDS)
}

impl Store {
    /// One call.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn call_api(&self, tenant: TenantId, id: CallApiId) -> Result<StoredCallApi> {
        self.read(move |db| async move {
            let row = with_state()
                .filter(call_api::Column::TenantId.eq(tenant.uuid()))
                .filter(call_api::Column::Id.eq(id.uuid()))
                .one(&db)
                .await?;
            stored(row.ok_or(Error::NotFound)?)
        })
        .await
    }

    /// The calls of a tenant by name.
    pub async fn call_apis(&self, tenant: TenantId, filter: CallApiFilter, page: Page) -> Result<Paged<StoredCallApi>> {
        self.read(move |db| async move {
            let mut query = with_state()
                .filter(call_api::Column::TenantId.eq(tenant.uuid()))
                .filter(filter.condition());
            if let Some(name) = page.after_text()? {
                query = query.filter(call_api::Column::Name.gt(name));
            }
            let rows = query
                .order_by_asc(call_api::Column::Name)
                .limit(page.fetch())
                .all(&db)
                .await?;
            Paged::by_text(rows, &page, |row| row.0.name.clone()).try_map(stored)
        })
        .await
    }
}

impl CallApiFilter {
    fn condition(&self) -> Condition {
        let mut all = Condition::all();
        if let Some(part) = &self.name_contains {
            let name = Func::lower(Expr::col((call_api::Entity, call_api::Column::Name)));
            all = all.add(SimpleExpr::from(name).like(LikeExpr::new(containing(part)).escape('\\')));
        }
        let deactivated = call_api_state::Column::DeactivatedAt;
        match self.standing {
            Some(Standing::Deactivated) => all = all.add(deactivated.is_not_null()),
            Some(Standing::Active) => {
                all = all.add(deactivated.is_null()).add(call_api::Column::Active.eq(true));
            }
            Some(Standing::Inactive) => {
                all = all.add(deactivated.is_null()).add(call_api::Column::Active.eq(false));
            }
            None => {}
        }
        if let Some(only) = &self.only {
            all = all.add(call_api::Column::Id.is_in(only.iter().map(|id| id.uuid())));
        }
        if !self.without.is_empty() {
            all = all.add(call_api::Column::Id.is_not_in(self.without.iter().map(|id| id.uuid())));
        }
        all
    }
}

/// A LIKE pattern for texts that contain `part`, whatever characters it has.
fn containing(part: &str) -> String {
    let escaped: String = part
        .to_lowercase()
        .chars()
        .flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c]))
        .collect();
    format!("%{escaped}%")
}

fn with_state() -> sea_orm::SelectTwo<call_api::Entity, call_api_state::Entity> {
    let relation = call_api::Entity::belongs_to(call_api_state::Entity)
        .from(call_api::Column::Id)
        .to(call_api_state::Column::CallApiId)
        .into();
    call_api::Entity::find()
        .join(JoinType::LeftJoin, relation)
        .select_also(call_api_state::Entity)
}

/// Reads a row and its state.
fn stored((row, state): (call_api::Model, Option<call_api_state::Model>)) -> Result<StoredCallApi> {
    let definition = serde_json::from_str(&row.definition).map_err(|error| {
        Error::Content(format!(
            "the definition of the call API {} cannot be read: {error}",
            row.id
        ))
    })?;
    Ok(StoredCallApi {
        id: row.id.into(),
        definition,
        secret_headers: row.secret_headers,
        wanted_active: row.active,
        anchor_at: time(row.anchor_at)?,
        created_by: row.created_by.map(UserId::from),
        created_at: time(row.created_at)?,
        updated_at: time(row.updated_at)?,
        version: row.version,
        state: state.map(call_state).transpose()?.unwrap_or_default(),
    })
}

fn call_state(row: call_api_state::Model) -> Result<CallState> {
    let last_run = match row.last_run_at {
        None => None,
        Some(at) => Some(LastRun {
            run_id: row.last_run_id.map(RunId::from),
            at: time(at)?,
            outcome: row.last_outcome.as_deref().and_then(Outcome::parse),
            http_status: row.last_http_status,
            created: row.last_created,
            duration_ms: row.last_duration_ms,
            error: row.last_error.as_deref().map(json),
        }),
    };
    Ok(CallState {
        next_due_at: row.next_due_at.map(time).transpose()?,
        run_count: row.run_count,
        script_state: row.script_state,
        last_run,
        deactivated_at: row.deactivated_at.map(time).transpose()?,
        status_reason: row.status_reason,
    })
}

/// JSON of our own writing; should it not be JSON, it is shown as the text that it is.
pub(super) fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::from(text))
}

/// A time of the store.
pub(super) fn time(microseconds: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(microseconds)
        .map_err(|error| Error::Content(format!("{microseconds} is not a time: {error}")))
}

#[cfg(test)]
mod tests;

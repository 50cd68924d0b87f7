//! What the overview asks of the database: what failed last, what the engine has deactivated, what has run in the last hour, and
//! the names of things. Each query reads along an index of its own and is bounded, whatever the tables hold.

use std::collections::HashMap;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryResult, QuerySelect, Statement,
    Value,
};
use uuid::Uuid;

use super::{
    Error, Result, Store,
    call_apis::{json, time},
    names::named,
    purge::first_id_at,
};
use crate::domain::ids::{AutomationId, CallApiId, ConnectionId, TenantId};
use entity::{automation, call_api, client_integration, connection, integration};

/// The words are those of the index `run_failed`: a query that says others does not use it.
pub(super) const FAILED_RUNS: &str = "\
SELECT r.owner_id AS thing, c.name AS name, r.id AS run, r.finished_at AS at, r.outcome AS outcome, r.error AS why \
FROM run r JOIN call_api c ON c.id = r.owner_id AND c.tenant_id = r.tenant_id \
WHERE r.tenant_id = $1 AND r.outcome IN ('http_error', 'transport_error', 'script_error', 'interrupted') \
ORDER BY r.id DESC LIMIT $2";
/// As of the index `automation_run_failed`.
pub(super) const FAILED_AUTOMATION_RUNS: &str = "\
SELECT r.automation_id AS thing, a.name AS name, a.connection_id AS connection, r.id AS run, r.finished_at AS at, \
r.outcome AS outcome, r.detail AS why, r.failed AS failed \
FROM automation_run r JOIN automation a ON a.id = r.automation_id AND a.tenant_id = r.tenant_id \
WHERE r.tenant_id = $1 AND r.outcome IN ('partial', 'failed', 'script_error', 'not_found', 'paused') \
ORDER BY r.id DESC LIMIT $2";
/// As of the index `action_log_failed`.
pub(super) const FAILED_ACTIONS: &str = "\
SELECT c.uuid AS thing, i.name AS name, l.integration_id AS integration, l.finished_at AS at, l.outcome AS outcome, \
l.message AS why, l.failed + l.abandoned AS failed \
FROM action_log l JOIN client_integration c ON c.id = l.client_integration_id AND c.tenant_id = l.tenant_id \
JOIN integration i ON i.id = l.integration_id \
WHERE l.tenant_id = $1 AND l.outcome IN ('Partial', 'Failed', 'Interrupted') \
ORDER BY l.id DESC LIMIT $2";
/// As of the index `call_api_state_deactivated`.
pub(super) const DEACTIVATED_CALLS: &str = "\
SELECT s.call_api_id AS thing, c.name AS name, s.deactivated_at AS at, s.status_reason AS why \
FROM call_api_state s JOIN call_api c ON c.id = s.call_api_id AND c.tenant_id = s.tenant_id \
WHERE s.tenant_id = $1 AND s.deactivated_at IS NOT NULL ORDER BY s.deactivated_at DESC LIMIT $2";
/// As of the index `automation_disabled`.
pub(super) const DISABLED_AUTOMATIONS: &str = "\
SELECT id AS thing, name, connection_id AS connection, updated_at AS at, disabled_reason AS why FROM automation \
WHERE tenant_id = $1 AND disabled_reason IS NOT NULL ORDER BY updated_at DESC LIMIT $2";
/// As of the index `client_integration_disabled`.
pub(super) const DISABLED_INTEGRATIONS: &str = "\
SELECT c.uuid AS thing, i.name AS name, c.integration_id AS integration, c.updated_at AS at, c.disabled_reason AS why \
FROM client_integration c JOIN integration i ON i.id = c.integration_id \
WHERE c.tenant_id = $1 AND c.disabled_reason IS NOT NULL ORDER BY c.updated_at DESC LIMIT $2";
/// Ids grow with time: the last hour is the end of their index.
pub(super) const RECENT_RUNS: &str = "\
SELECT tenant_id, \"trigger\" AS word, due_at, started_at, finished_at, outcome FROM run WHERE id > $1 ORDER BY id DESC LIMIT $2";
/// Likewise.
pub(super) const RECENT_AUTOMATION_RUNS: &str = "\
SELECT tenant_id, started_at, finished_at, outcome FROM automation_run WHERE id > $1 ORDER BY id DESC LIMIT $2";
/// By their start, which has an index.
pub(super) const RECENT_ACTIONS: &str = "\
SELECT tenant_id, started_at, finished_at, outcome FROM action_log WHERE started_at > $1 ORDER BY started_at DESC LIMIT $2";

/// Where people see more of something that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A call API.
    Call(CallApiId),
    /// An automation of a connection.
    Automation(ConnectionId, AutomationId),
    /// A connection.
    Connection(ConnectionId),
    /// What a client makes of the integration with this number.
    Integration(i64),
}

/// Something that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub place: Place,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What it happened to: of client integrations the UUID.
    pub id: Uuid,
    /// Its name and place.
    pub thing: Thing,
    /// The run, where it has an id of its own.
    pub run: Option<Uuid>,
    /// When.
    pub at: Timestamp,
    /// The word for how it ended; none of what was deactivated.
    pub outcome: Option<String>,
    /// Why, in words.
    pub why: Option<String>,
}

/// A run of the last hour, for counts by minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentRun {
    /// Whose.
    pub tenant_id: TenantId,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Whether it failed.
    pub failed: bool,
    /// How long after its due time it began, microseconds; of scheduled runs of calls.
    pub late_us: Option<i64>,
}

/// The runs of the last hour, as far as they were read.
#[derive(Clone, Debug, Default)]
pub struct RecentRuns {
    /// In no order.
    pub runs: Vec<RecentRun>,
    /// There are more, which began before this.
    pub cut_at: Option<Timestamp>,
}

/// Which runs are wanted: those of calls, of automations, of integrations.
#[derive(Clone, Copy, Debug)]
pub struct Kinds {
    /// Call APIs.
    pub calls: bool,
    /// Automations.
    pub automations: bool,
    /// Client integrations.
    pub integrations: bool,
}

impl Store {
    /// The last failed runs, at most `limit` of each kind, newest first.
    pub async fn failed_runs(&self, tenant_id: TenantId, kinds: Kinds, limit: u64) -> Result<Vec<Trouble>> {
        let sources = [
            (kinds.calls, FAILED_RUNS),
            (kinds.automations, FAILED_AUTOMATION_RUNS),
            (kinds.integrations, FAILED_ACTIONS),
        ];
        self.troubles(tenant_id, sources, limit).await
    }

    /// What the engine has deactivated and nobody has activated since, at most `limit` of each kind, newest first.
    pub async fn deactivated(&self, tenant_id: TenantId, kinds: Kinds, limit: u64) -> Result<Vec<Trouble>> {
        let sources = [
            (kinds.calls, DEACTIVATED_CALLS),
            (kinds.automations, DISABLED_AUTOMATIONS),
            (kinds.integrations, DISABLED_INTEGRATIONS),
        ];
        self.troubles(tenant_id, sources, limit).await
    }

    async fn troubles(
        &self,
        tenant_id: TenantId,
        sources: [(bool, &'static str); 3],
        limit: u64,
    ) -> Result<Vec<Trouble>> {
        self.read(move |db| async move {
            let mut found = Vec::new();
            for (_, sql) in sources.into_iter().filter(|(wanted, _)| *wanted) {
                let values = [tenant_id.uuid().into(), number(limit)];
                for row in rows(&db, sql, values).await? {
                    found.push(trouble(&row)?);
                }
            }
            found.sort_by_key(|trouble: &Trouble| std::cmp::Reverse(trouble.at));
            Ok(found)
        })
        .await
    }

    /// The runs of all tenants that began after `since` and have ended, the last `limit` of each kind.
    pub async fn recent_runs(&self, since: Timestamp, limit: u64) -> Result<RecentRuns> {
        self.read(move |db| async move {
            let (id, at): (Value, Value) = (first_id_at(since).into(), since.as_microsecond().into());
            let sources = [
                (RECENT_RUNS, id.clone()),
                (RECENT_AUTOMATION_RUNS, id),
                (RECENT_ACTIONS, at),
            ];
            let mut recent = RecentRuns::default();
            for (sql, first) in sources {
                let found = rows(&db, sql, [first, number(limit)]).await?;
                if let Some(last) = found.last().filter(|_| found.len() as u64 >= limit) {
                    let began = time(last.try_get("", "started_at")?)?;
                    recent.cut_at = recent.cut_at.max(Some(began));
                }
                for row in &found {
                    recent.runs.extend(recent_run(row, sql == RECENT_RUNS)?);
                }
            }
            Ok(recent)
        })
        .await
    }

    /// The names and places of things of a tenant by the ids of their actors: call APIs, connections, automations, client
    /// integrations. What is gone is not among them.
    pub async fn things(&self, tenant_id: TenantId, ids: Vec<Uuid>) -> Result<HashMap<Uuid, Thing>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        self.read(move |db| async move { things(&db, tenant_id.uuid(), &ids).await })
            .await
    }
}

async fn things(db: &DatabaseConnection, tenant: Uuid, ids: &[Uuid]) -> Result<HashMap<Uuid, Thing>> {
    let mut found = HashMap::new();
    let columns = [call_api::Column::Id, call_api::Column::Name, call_api::Column::TenantId];
    for (id, name) in named::<call_api::Entity>(db, columns, tenant, ids.to_vec()).await? {
        let place = Place::Call(id.into());
        found.insert(id, Thing { name, place });
    }
    let columns = [
        connection::Column::Id,
        connection::Column::Name,
        connection::Column::TenantId,
    ];
    for (id, name) in named::<connection::Entity>(db, columns, tenant, ids.to_vec()).await? {
        let place = Place::Connection(id.into());
        found.insert(id, Thing { name, place });
    }
    let ids = || ids.iter().copied();
    let automations = automation::Entity::find()
        .select_only()
        .columns([
            automation::Column::Id,
            automation::Column::Name,
            automation::Column::ConnectionId,
        ])
        .filter(automation::Column::TenantId.eq(tenant))
        .filter(automation::Column::Id.is_in(ids()));
    for (id, name, of) in automations.into_tuple::<(Uuid, String, Uuid)>().all(db).await? {
        let place = Place::Automation(of.into(), id.into());
        found.insert(id, Thing { name, place });
    }
    let clients = client_integration::Entity::find()
        .select_only()
        .columns([
            client_integration::Column::Uuid,
            client_integration::Column::IntegrationId,
        ])
        .filter(client_integration::Column::TenantId.eq(tenant))
        .filter(client_integration::Column::Uuid.is_in(ids()));
    let clients = clients.into_tuple::<(Uuid, i64)>().all(db).await?;
    if clients.is_empty() {
        return Ok(found);
    }
    // A managed integration is another tenant's; that a client of this tenant names it makes its name this tenant's to see.
    let names = integration::Entity::find()
        .select_only()
        .columns([integration::Column::Id, integration::Column::Name])
        .filter(integration::Column::Id.is_in(clients.iter().map(|(_, number)| *number)));
    let names: HashMap<i64, String> = names.into_tuple::<(i64, String)>().all(db).await?.into_iter().collect();
    for (uuid, number) in clients {
        let name = names.get(&number).cloned().unwrap_or_default();
        let place = Place::Integration(number);
        found.insert(uuid, Thing { name, place });
    }
    Ok(found)
}

async fn rows<const N: usize>(db: &DatabaseConnection, sql: &str, values: [Value; N]) -> Result<Vec<QueryResult>> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Ok(db.query_all_raw(statement).await?)
}

fn number(limit: u64) -> Value {
    i64::try_from(limit).unwrap_or(i64::MAX).into()
}

/// Columns that only one of the queries has are none in the others.
fn trouble(row: &QueryResult) -> Result<Trouble> {
    let id: Uuid = row.try_get("", "thing")?;
    let place = if let Ok(connection) = row.try_get::<Uuid>("", "connection") {
        Place::Automation(connection.into(), id.into())
    } else if let Ok(number) = row.try_get::<i64>("", "integration") {
        Place::Integration(number)
    } else {
        Place::Call(id.into())
    };
    let at: Option<i64> = row.try_get("", "at")?;
    let failed: i64 = row.try_get("", "failed").unwrap_or_default();
    let why: Option<String> = row.try_get("", "why")?;
    let why = why.map(|text| match place {
        Place::Call(_) => message(&text),
        _ => text,
    });
    let counted = (failed > 0).then(|| format!("{failed} failed"));
    Ok(Trouble {
        id,
        thing: Thing {
            name: row.try_get("", "name")?,
            place,
        },
        run: row.try_get("", "run").ok(),
        at: time(at.unwrap_or_default())?,
        outcome: row.try_get("", "outcome").ok(),
        why: why.or(counted),
    })
}

fn text_of<'a>(error: &'a serde_json::Value, member: &str) -> Option<&'a str> {
    error.get(member).and_then(serde_json::Value::as_str)
}

/// The words of a run's error; what is no such JSON is shown as it is.
fn message(text: &str) -> String {
    let error = json(text);
    let (step, message) = (text_of(&error, "step"), text_of(&error, "message"));
    match (step, message) {
        (Some(step), Some(message)) => format!("{step}: {message}"),
        (None, Some(message)) => message.to_owned(),
        _ => text.to_owned(),
    }
}

fn recent_run(row: &QueryResult, is_call: bool) -> Result<Option<RecentRun>> {
    let Some(ended_at) = row.try_get::<Option<i64>>("", "finished_at")? else {
        return Ok(None);
    };
    let outcome: String = row.try_get::<Option<String>>("", "outcome")?.unwrap_or_default();
    if outcome.starts_with("skipped") {
        return Ok(None);
    }
    let mut late_us = None;
    if is_call && row.try_get::<String>("", "word")? == "schedule" {
        let (due_at, started_at): (i64, i64) = (row.try_get("", "due_at")?, row.try_get("", "started_at")?);
        late_us = Some(started_at.saturating_sub(due_at).max(0));
    }
    Ok(Some(RecentRun {
        tenant_id: row.try_get::<Uuid>("", "tenant_id")?.into(),
        ended_at: Timestamp::from_microsecond(ended_at).map_err(|error| Error::Content(error.to_string()))?,
        failed: is_failure(&outcome),
        late_us,
    }))
}

/// The words of failure of all kinds of runs.
fn is_failure(outcome: &str) -> bool {
    const WORDS: [&str; 11] = [
        "http_error",
        "transport_error",
        "script_error",
        "interrupted",
        "partial",
        "failed",
        "not_found",
        "paused",
        "Partial",
        "Failed",
        "Interrupted",
    ];
    WORDS.contains(&outcome)
}

//! The inbox of event-based automations: one row for each automation and record, written with the change itself.

use std::collections::HashMap;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Value,
};
use uuid::Uuid;

use super::{Noted, RecordNews};
use crate::{
    domain::{
        ids::{AutomationId, ConnectionId, TenantId},
        partner_function::Direction,
        record::{ChangeKind, both_changed, changed_members},
    },
    store::{
        Error, Result, Store,
        ledger::rows::{Shape, Texts},
        tenants::timestamp,
    },
};
use entity::{automation, automation_event as row};

/// CROSS JOIN keeps SQLite's order: the keys first, then the row of each.
const FIND: Shape = Shape {
    name: "find automation events",
    before: "SELECT e.automation_id, e.\"key\", e.kind, e.changed FROM (VALUES ",
    columns: 2,
    numbered: false,
    types: &["uuid", "text"],
    after: ") AS v CROSS JOIN automation_event AS e WHERE e.automation_id = v.column1 AND e.\"key\" = v.column2",
    repeatable: true,
};

const WRITE: Shape = Shape {
    name: "write automation events",
    before: "INSERT INTO automation_event (automation_id, \"key\", tenant_id, entity, kind, record_version, changed, at) \
             VALUES ",
    columns: 8,
    numbered: false,
    types: &[],
    after: " ON CONFLICT (automation_id, \"key\") DO UPDATE SET tenant_id = excluded.tenant_id, entity = excluded.entity, \
            kind = excluded.kind, record_version = excluded.record_version, changed = excluded.changed, at = excluded.at",
    // PostgreSQL refuses to touch a row twice.
    repeatable: false,
};

/// Events that one statement ends.
const DONE_PER_STATEMENT: usize = 100;

/// What has become of a record since an automation looked last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordEvent {
    /// Of the record.
    pub entity: String,
    /// Of the record.
    pub key: String,
    /// What all changes together came to.
    pub kind: ChangeKind,
    /// Of the record after the last change; ends the event, see [`Store::events_done`].
    pub record_version: i64,
    /// Paths of the members that changed; none: too many to tell.
    pub changed: Option<Vec<String>>,
    /// When the last change was.
    pub at: Timestamp,
}

/// Whose doing a change is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub connection_id: ConnectionId,
    /// The automation whose run it was; none: that of an integration.
    pub automation_id: Option<AutomationId>,
}

#[derive(FromQueryResult)]
struct Earlier {
    automation_id: Uuid,
    key: String,
    kind: String,
    changed: Option<String>,
}

impl Store {
    /// What is new for an automation, by key.
    pub async fn events_of(
        &self,
        tenant: TenantId,
        automation: AutomationId,
        after: Option<String>,
        limit: u64,
    ) -> Result<Vec<RecordEvent>> {
        self.read(move |db| async move {
            let rows = row::Entity::find()
                .filter(of(tenant, automation))
                .apply_if(after, |query, key| query.filter(row::Column::Key.gt(key)))
                .order_by_asc(row::Column::Key)
                .limit(limit)
                .all(&db)
                .await?;
            rows.into_iter().map(event).collect()
        })
        .await
    }

    /// Whether there is something new for an automation.
    pub async fn has_events(&self, tenant: TenantId, automation: AutomationId) -> Result<bool> {
        Ok(!self.events_of(tenant, automation, None, 1).await?.is_empty())
    }

    /// Ends events by key and version. What changed again meanwhile stays.
    pub async fn events_done(
        &self,
        tenant: TenantId,
        automation: AutomationId,
        done: Vec<(String, i64)>,
    ) -> Result<()> {
        if done.is_empty() {
            return Ok(());
        }
        self.write(move |txn| {
            Box::pin(async move {
                for part in done.chunks(DONE_PER_STATEMENT) {
                    let mut any = Condition::any();
                    for (key, version) in part {
                        any = any.add(
                            Condition::all()
                                .add(row::Column::Key.eq(key.as_str()))
                                .add(row::Column::RecordVersion.eq(*version)),
                        );
                    }
                    row::Entity::delete_many()
                        .filter(of(tenant, automation))
                        .filter(any)
                        .exec(txn)
                        .await?;
                }
                Ok(())
            })
        })
        .await
    }
}

/// Puts changes of one entity into the inbox of every automation that waits for them: not of one that would send them back
/// where they came from, nor of the one whose run made them.
pub(super) async fn note(
    txn: &DatabaseTransaction,
    tenant: TenantId,
    source: Option<Source>,
    at: Timestamp,
    noted: Vec<Noted>,
) -> Result<RecordNews> {
    let Some(first) = noted.first() else {
        return Ok(RecordNews::default());
    };
    let watching = watching(txn, tenant, &first.change.entity, source).await?;
    if !watching.is_empty() {
        write(txn, tenant, &watching, at, &noted).await?;
    }
    Ok(RecordNews {
        changes: noted.into_iter().map(|noted| noted.change).collect(),
        woken: watching.into_iter().map(AutomationId::from).collect(),
    })
}

async fn watching(
    txn: &DatabaseTransaction,
    tenant: TenantId,
    entity: &str,
    source: Option<Source>,
) -> Result<Vec<Uuid>> {
    let rows: Vec<(Uuid, Uuid, String)> = automation::Entity::find()
        .select_only()
        .column(automation::Column::Id)
        .column(automation::Column::ConnectionId)
        .column(automation::Column::Direction)
        .filter(automation::Column::TenantId.eq(tenant.uuid()))
        .filter(automation::Column::EventEntity.eq(entity))
        .filter(automation::Column::Enabled.eq(true))
        .into_tuple()
        .all(txn)
        .await?;
    let hears = |(id, connection, direction): &(Uuid, Uuid, String)| {
        source.is_none_or(|source| {
            let sends_back = *connection == source.connection_id.uuid() && direction == Direction::Export.as_str();
            source.automation_id.is_none_or(|own| own.uuid() != *id) && !sends_back
        })
    };
    Ok(rows.into_iter().filter(hears).map(|(id, ..)| id).collect())
}

async fn write(
    txn: &DatabaseTransaction,
    tenant: TenantId,
    watching: &[Uuid],
    at: Timestamp,
    noted: &[Noted],
) -> Result<()> {
    let mut texts = Texts::default();
    let keys = watching.iter().flat_map(|id| {
        let each = |noted: &Noted| [Value::from(*id), noted.change.key.clone().into()];
        noted.iter().flat_map(each).collect::<Vec<_>>()
    });
    let mut earlier: HashMap<(Uuid, String), Earlier> = HashMap::new();
    for found in texts.query(txn, &FIND, keys.collect()).await? {
        let found = Earlier::from_query_result(&found, "")?;
        earlier.insert((found.automation_id, found.key.clone()), found);
    }
    let changed: Vec<Option<Vec<String>>> = noted.iter().map(changed_of).collect();
    let mut values = Vec::with_capacity(watching.len() * noted.len() * WRITE.columns);
    for id in watching {
        for (Noted { change, .. }, changed) in noted.iter().zip(&changed) {
            let before = earlier.get(&(*id, change.key.clone()));
            let (kind, changed) = match before {
                None => (change.kind, changed.clone()),
                Some(before) => (
                    kind_of(&before.kind)?.then(change.kind),
                    both_changed(paths(before.changed.as_deref())?, changed.clone()),
                ),
            };
            let changed = changed.map(|paths| serde_json::Value::from(paths).to_string());
            values.extend([
                Value::from(*id),
                change.key.clone().into(),
                tenant.uuid().into(),
                change.entity.clone().into(),
                kind.as_str().into(),
                change.version.into(),
                changed.into(),
                at.as_microsecond().into(),
            ]);
        }
    }
    texts.execute(txn, &WRITE, values).await?;
    Ok(())
}

fn changed_of(noted: &Noted) -> Option<Vec<String>> {
    let value = |text: &Option<String>| {
        text.as_deref()
            .map(serde_json::from_str::<serde_json::Value>)
            .transpose()
    };
    // What cannot be read may have changed in anything.
    let (Ok(before), Ok(after)) = (value(&noted.before), value(&noted.after)) else {
        return None;
    };
    changed_members(before.as_ref(), after.as_ref())
}

fn of(tenant: TenantId, automation: AutomationId) -> Condition {
    Condition::all()
        .add(row::Column::AutomationId.eq(automation.uuid()))
        .add(row::Column::TenantId.eq(tenant.uuid()))
}

fn event(model: row::Model) -> Result<RecordEvent> {
    Ok(RecordEvent {
        kind: kind_of(&model.kind)?,
        changed: paths(model.changed.as_deref())?,
        entity: model.entity,
        key: model.key,
        record_version: model.record_version,
        at: timestamp(model.at)?,
    })
}

fn kind_of(word: &str) -> Result<ChangeKind> {
    ChangeKind::parse(word).ok_or_else(|| Error::Content(format!("{word:?} is not a kind of change")))
}

fn paths(text: Option<&str>) -> Result<Option<Vec<String>>> {
    text.map(serde_json::from_str)
        .transpose()
        .map_err(|error| Error::Content(format!("changed members: {error}")))
}

#[cfg(test)]
pub(in crate::store) fn sqlite_text() -> String {
    crate::store::ledger::rows::text(sea_orm::DbBackend::Sqlite, &FIND, 1)
}

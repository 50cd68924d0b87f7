//! Exports: which records are to be sent, what is on its way, and what became of it.
//!
//! Before a record is sent, what is sent is noted in its link ([`Store::intend_export`]); the answer ends that note and, if it is
//! good, says what both sides have now. A note that a crash left is sent again as it is, under the same idempotency key.

use std::sync::Arc;

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Statement, Value,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use serde::{Deserialize, Serialize};

use super::{
    Noted, RecordChange, RecordNews, RunProgress, RunStep, StoredRecord, Target, again_if_unique,
    events::{self, Source},
    link_of,
    rows::in_target,
    step::Open,
    stored, this,
};
use crate::{
    domain::{
        automation::AppliesTo,
        ids::AutomationId,
        record::{ChangeKind, Link},
    },
    store::{Error, Result, Store, ledger},
};
use entity::{record, record_link as row};

/// With the record, its link under other names; the conditions follow.
pub(in crate::store) const CANDIDATES_SQLITE: &str = "SELECT r.*, l.remote_id AS l_remote_id, l.remote_version AS l_remote_version, \
     l.remote_updated_at AS l_remote_updated_at, l.record_version AS l_record_version, l.pending AS l_pending \
     FROM record AS r LEFT JOIN record_link AS l ON l.tenant_id = r.tenant_id AND l.connection_id = $1 \
     AND l.object = $2 AND l.entity = r.entity AND l.\"key\" = r.\"key\" \
     WHERE r.tenant_id = $3 AND r.entity = $4";
/// LIMIT keeps the planner from joining everything with everything where it has no statistics yet.
const CANDIDATES_POSTGRES: &str = "SELECT r.*, l.remote_id AS l_remote_id, l.remote_version AS l_remote_version, \
     l.remote_updated_at AS l_remote_updated_at, l.record_version AS l_record_version, l.pending AS l_pending \
     FROM record AS r LEFT JOIN LATERAL (SELECT * FROM record_link AS own WHERE own.tenant_id = r.tenant_id \
     AND own.connection_id = $1 AND own.object = $2 AND own.entity = r.entity AND own.\"key\" = r.\"key\" LIMIT 1) AS l \
     ON TRUE WHERE r.tenant_id = $3 AND r.entity = $4";
/// Not the same on both sides, as far as is known.
const DUE: &str = "(l.remote_id IS NULL OR r.version > l.record_version OR l.pending IS NOT NULL)";

/// Which records are wanted.
#[derive(Clone, Debug)]
pub struct ExportQuery {
    /// From where to where.
    pub target: Target,
    /// Those that the other side does not have yet, those that it has, or both.
    pub applies_to: AppliesTo,
    /// Only what was written here at or after this time.
    pub since: Option<Timestamp>,
    /// Only after this key.
    pub after: Option<String>,
    /// At most.
    pub limit: u64,
}

/// A record that may be sent.
#[derive(Clone, Debug)]
pub struct ExportCandidate {
    /// The record.
    pub record: StoredRecord,
    /// Its counterpart.
    pub link: Option<Link>,
    /// What may have been sent already: it is to be sent again, as it is, before anything else.
    pub pending: Option<PendingExport>,
}

/// What may have been sent, and whose answer is not recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingExport {
    /// Of the record.
    pub record_version: i64,
    /// The mapped object.
    pub data: serde_json::Value,
    /// As it was sent.
    pub idempotency_key: String,
    /// When it was noted.
    pub at: Timestamp,
}

/// A note that was found.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Of the record, which may be gone.
    pub key: String,
    /// Its counterpart.
    pub link: Option<Link>,
    /// What may have been sent.
    pub export: PendingExport,
}

/// A record that the other side has taken.
#[derive(Clone, Debug)]
pub struct Exported {
    /// From where to where.
    pub target: Target,
    /// Of the record.
    pub key: String,
    /// Of the record as it was sent.
    pub record_version: i64,
    /// The provider's id.
    pub remote_id: String,
    /// The provider's own version.
    pub remote_version: Option<String>,
    /// When the provider says that it was changed.
    pub remote_updated_at: Option<Timestamp>,
    /// Now.
    pub at: Timestamp,
}

/// What recording the end of an export came to.
#[derive(Clone, Debug)]
pub struct ExportDone {
    /// How far the run is now.
    pub progress: RunProgress,
    /// To be told. An import may have taken the new counterpart for a new record before its link was known; that one is
    /// removed, unless it was changed meanwhile.
    pub news: RecordNews,
}

#[derive(FromQueryResult)]
struct LinkColumns {
    l_remote_id: Option<String>,
    l_remote_version: Option<String>,
    l_remote_updated_at: Option<i64>,
    l_record_version: Option<i64>,
    l_pending: Option<String>,
}

impl Store {
    /// Records that are not the same on both sides, as far as is known, by key; also those that may have been sent.
    pub async fn export_candidates(&self, query: ExportQuery) -> Result<Vec<ExportCandidate>> {
        self.read(move |db| async move {
            let which = match query.applies_to {
                AppliesTo::New => " AND (l.remote_id IS NULL OR l.pending IS NOT NULL)",
                AppliesTo::Update => " AND (l.remote_id IS NOT NULL OR l.pending IS NOT NULL)",
                AppliesTo::NewAndUpdate => "",
            };
            let conditions = format!(
                " AND r.\"key\" > $5 AND {DUE}{which} AND (r.updated_at >= $6 OR l.pending IS NOT NULL) \
                 ORDER BY r.\"key\" LIMIT $7"
            );
            let mut values = values_of(&query.target);
            values.extend([
                query.after.unwrap_or_default().into(),
                query.since.map_or(i64::MIN, |since| since.as_microsecond()).into(),
                i64::try_from(query.limit).unwrap_or(i64::MAX).into(),
            ]);
            candidates(&db, &query.target, conditions, values).await
        })
        .await
    }

    /// The records with these keys as candidates, whether they are the same on both sides or not (see
    /// [`ExportCandidate::is_due`]), by key. Those that are gone are left out.
    pub async fn export_candidates_of(&self, target: Target, keys: Vec<String>) -> Result<Vec<ExportCandidate>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.read(move |db| async move {
            let mut values = values_of(&target);
            let marks: Vec<String> = (0..keys.len()).map(|n| format!("${}", values.len() + 1 + n)).collect();
            let conditions = format!(" AND r.\"key\" IN ({}) ORDER BY r.\"key\"", marks.join(","));
            values.extend(keys.into_iter().map(Value::from));
            candidates(&db, &target, conditions, values).await
        })
        .await
    }

    /// What may have been sent without an answer that is recorded, by key.
    pub async fn pending_exports(&self, target: Target, after: Option<String>, limit: u64) -> Result<Vec<Pending>> {
        self.read(move |db| async move {
            let rows = row::Entity::find()
                .filter(in_target(&target))
                .filter(row::Column::Pending.is_not_null())
                .apply_if(after, |query, key| query.filter(row::Column::Key.gt(key)))
                .order_by_asc(row::Column::Key)
                .limit(limit)
                .all(&db)
                .await?;
            let each = |model: row::Model| {
                Ok(Pending {
                    link: link_of(&model)?,
                    export: pending_of(model.pending.as_deref())?.ok_or(Error::NotFound)?,
                    key: model.key,
                })
            };
            rows.into_iter().map(each).collect()
        })
        .await
    }

    /// Notes what is about to be sent; it may be sent once this returns. Answers an earlier note of the record, if there is
    /// one: then nothing was noted, and the earlier one is to be sent first.
    ///
    /// # Errors
    /// [`Error::Lease`].
    pub async fn intend_export(
        &self,
        target: Target,
        (automation, epoch): (AutomationId, i64),
        key: String,
        export: PendingExport,
    ) -> Result<Option<PendingExport>> {
        self.write(move |txn| {
            Box::pin(async move {
                ledger::hold_shard_of(txn, automation.uuid(), epoch).await?;
                intend(txn, &target, &key, &export).await
            })
        })
        .await
    }

    /// Records that the other side has taken a record: the end of its note, and its link.
    ///
    /// # Errors
    /// As [`Store::advance_run`].
    pub async fn exported(&self, exported: Exported, step: RunStep) -> Result<ExportDone> {
        let exported = Arc::new(exported);
        // An import may have made a record of the counterpart meanwhile.
        again_if_unique(|| {
            let (own, step) = (exported.clone(), step.clone());
            self.write(move |txn| Box::pin(async move { link(txn, &own, step).await }))
        })
        .await
    }

    /// Records that the other side has refused a record, and will however often it is asked: the end of its note.
    ///
    /// # Errors
    /// As [`Store::advance_run`].
    pub async fn export_failed(&self, target: Target, key: String, step: RunStep) -> Result<RunProgress> {
        self.write(move |txn| {
            Box::pin(async move {
                let open = Open::lock(txn, target.tenant_id, &step).await?;
                forget(txn, &target, &key).await?;
                open.advance(txn, step).await
            })
        })
        .await
    }
}

impl ExportCandidate {
    /// Whether both sides are not the same, as far as is known.
    #[must_use]
    pub fn is_due(&self) -> bool {
        let synced = self.link.as_ref().map(|link| link.record_version);
        self.pending.is_some() || synced.is_none_or(|synced| self.record.version > synced)
    }
}

/// Notes what is about to be sent, unless something is noted already: gives that.
pub(super) async fn intend(
    txn: &DatabaseTransaction,
    target: &Target,
    key: &str,
    export: &PendingExport,
) -> Result<Option<PendingExport>> {
    let text = serde_json::to_string(export).map_err(|error| Error::Content(error.to_string()))?;
    let mut fresh = link_row(target, key);
    fresh.pending = Set(Some(text.clone()));
    row::Entity::insert(fresh)
        .on_conflict(
            on_key()
                .value(row::Column::Pending, Expr::value(text.as_str()))
                .action_and_where(Expr::col((row::Entity, row::Column::Pending)).is_null())
                .to_owned(),
        )
        .exec_without_returning(txn)
        .await?;
    let found = find(txn, target, key).await?.ok_or(Error::NotFound)?;
    match found.pending.filter(|noted| *noted != text) {
        Some(earlier) => pending_of(Some(&earlier)),
        None => Ok(None),
    }
}

/// Ends a note whose record was refused.
pub(super) async fn forget(txn: &DatabaseTransaction, target: &Target, key: &str) -> Result<()> {
    row::Entity::delete_many()
        .filter(in_target(target))
        .filter(row::Column::Key.eq(key))
        .filter(row::Column::RemoteId.is_null())
        .exec(txn)
        .await?;
    row::Entity::update_many()
        .col_expr(row::Column::Pending, Expr::value(Option::<String>::None))
        .filter(in_target(target))
        .filter(row::Column::Key.eq(key))
        .exec(txn)
        .await?;
    Ok(())
}

/// Records that the other side has taken a record, and how far the run is.
async fn link(txn: &DatabaseTransaction, exported: &Exported, step: RunStep) -> Result<ExportDone> {
    let open = Open::lock(txn, exported.target.tenant_id, &step).await?;
    let news = linked(txn, exported, Some(step.automation_id)).await?;
    let progress = open.advance(txn, step).await?;
    Ok(ExportDone { progress, news })
}

/// Records that the other side has taken a record.
pub(super) async fn linked(
    txn: &DatabaseTransaction,
    exported: &Exported,
    automation_id: Option<AutomationId>,
) -> Result<RecordNews> {
    let target = &exported.target;
    let source = Source {
        connection_id: target.connection_id,
        automation_id,
    };
    let doubles = forget_double(txn, exported).await?;
    let news = events::note(txn, target.tenant_id, Some(source), exported.at, doubles).await?;
    let mut linked = link_row(target, &exported.key);
    linked.remote_id = Set(Some(exported.remote_id.clone()));
    linked.remote_version = Set(exported.remote_version.clone());
    linked.remote_updated_at = Set(exported.remote_updated_at.map(|at| at.as_microsecond()));
    linked.record_version = Set(exported.record_version);
    row::Entity::insert(linked)
        .on_conflict(
            on_key()
                .update_columns([
                    row::Column::RemoteId,
                    row::Column::RemoteVersion,
                    row::Column::RemoteUpdatedAt,
                    row::Column::RecordVersion,
                    row::Column::Pending,
                ])
                .to_owned(),
        )
        .exec_without_returning(txn)
        .await?;
    Ok(news)
}

/// Takes the counterpart from a record that an import made of it before its link was known. That record is removed, unless
/// somebody changed it since.
async fn forget_double(txn: &DatabaseTransaction, exported: &Exported) -> Result<Vec<Noted>> {
    let target = &exported.target;
    let double = row::Entity::find()
        .filter(in_target(target))
        .filter(row::Column::RemoteId.eq(exported.remote_id.as_str()))
        .filter(row::Column::Key.ne(exported.key.as_str()))
        .one(txn)
        .await?;
    let Some(double) = double else { return Ok(Vec::new()) };
    row::Entity::delete_many()
        .filter(in_target(target))
        .filter(row::Column::Key.eq(double.key.as_str()))
        .exec(txn)
        .await?;
    let untouched = this(target.tenant_id, &target.entity, &double.key);
    let found = record::Entity::find()
        .filter(untouched.clone())
        .filter(record::Column::Origin.eq(target.connection_id.uuid()))
        .filter(record::Column::Version.eq(double.record_version))
        .lock_exclusive()
        .one(txn)
        .await?;
    let Some(found) = found else { return Ok(Vec::new()) };
    record::Entity::delete_many().filter(untouched).exec(txn).await?;
    Ok(vec![Noted {
        change: RecordChange {
            entity: found.entity,
            key: found.key,
            version: found.version + 1,
            kind: ChangeKind::Deleted,
        },
        before: Some(found.data),
        after: None,
    }])
}

async fn candidates(
    db: &impl ConnectionTrait,
    target: &Target,
    conditions: String,
    values: Vec<Value>,
) -> Result<Vec<ExportCandidate>> {
    let backend = db.get_database_backend();
    let all = match backend {
        DbBackend::Postgres => CANDIDATES_POSTGRES,
        _ => CANDIDATES_SQLITE,
    };
    let statement = Statement::from_sql_and_values(backend, format!("{all}{conditions}"), values);
    let rows = db.query_all_raw(statement).await?;
    let each = |found: &sea_orm::QueryResult| {
        let record = record::Model::from_query_result(found, "")?;
        let columns = LinkColumns::from_query_result(found, "")?;
        let link = row::Model {
            tenant_id: target.tenant_id.uuid(),
            connection_id: target.connection_id.uuid(),
            object: target.object.clone(),
            entity: target.entity.clone(),
            key: record.key.clone(),
            remote_id: columns.l_remote_id,
            remote_version: columns.l_remote_version,
            remote_updated_at: columns.l_remote_updated_at,
            record_version: columns.l_record_version.unwrap_or_default(),
            pending: columns.l_pending,
        };
        Ok(ExportCandidate {
            link: link_of(&link)?,
            pending: pending_of(link.pending.as_deref())?,
            record: stored(record)?,
        })
    };
    rows.iter().map(each).collect()
}

pub(super) async fn find(txn: &impl ConnectionTrait, target: &Target, key: &str) -> Result<Option<row::Model>> {
    let own = row::Entity::find()
        .filter(in_target(target))
        .filter(row::Column::Key.eq(key));
    Ok(own.one(txn).await?)
}

fn values_of(target: &Target) -> Vec<Value> {
    vec![
        target.connection_id.uuid().into(),
        target.object.clone().into(),
        target.tenant_id.uuid().into(),
        target.entity.clone().into(),
    ]
}

fn on_key() -> OnConflict {
    OnConflict::columns([
        row::Column::TenantId,
        row::Column::ConnectionId,
        row::Column::Object,
        row::Column::Entity,
        row::Column::Key,
    ])
}

/// A link that knows no counterpart yet.
fn link_row(target: &Target, key: &str) -> row::ActiveModel {
    row::ActiveModel {
        tenant_id: Set(target.tenant_id.uuid()),
        connection_id: Set(target.connection_id.uuid()),
        object: Set(target.object.clone()),
        entity: Set(target.entity.clone()),
        key: Set(key.to_owned()),
        remote_id: Set(None),
        remote_version: Set(None),
        remote_updated_at: Set(None),
        record_version: Set(0),
        pending: Set(None),
    }
}

pub(super) fn pending_of(text: Option<&str>) -> Result<Option<PendingExport>> {
    text.map(serde_json::from_str)
        .transpose()
        .map_err(|error| Error::Content(format!("a pending export: {error}")))
}

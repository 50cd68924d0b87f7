//! Owns local records: reading them with their links, and the changes that people make. What imports bring is in `page`, what
//! exports take in `export`, what items of integrations bring and take in `items`, the inbox of event-based automations in `events`, how a run gets on in `step`.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Statement,
};

use super::{
    Error, Page, Paged, Result, Store,
    audit::{self, Entry},
    tenants::{timestamp, unchanged},
};
use crate::domain::{
    ids::{AutomationId, ConnectionId, TenantId},
    record::{ChangeKind, Link},
};
use entity::{record as row, record_link as link};

pub(super) mod events;
pub(super) mod export;
mod items;
mod page;
pub(super) mod rows;
mod step;

pub use events::RecordEvent;
pub use export::{ExportCandidate, ExportDone, ExportQuery, Exported, Pending, PendingExport};
pub use items::{Arrival, ArrivalDone, ItemLink, Taken, WriteBack, WroteBack};
pub use page::{Incoming, ItemDone, PageCommit, PageDone};
pub use step::{PageStep, RunProgress, RunStep};

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Lower case.
    pub entity: String,
    /// Unique in the entity.
    pub key: String,
    /// JSON text of an object.
    pub data: String,
    /// Grows by one with each change.
    pub version: i64,
    /// When its content changed: of imports, when the remote system says so.
    pub changed_at: Timestamp,
    /// When it was made here.
    pub created_at: Timestamp,
    /// When it was written here last.
    pub updated_at: Timestamp,
    /// The connection whose import made it.
    pub origin: Option<ConnectionId>,
}

/// A record and its counterparts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedRecord {
    /// The record.
    pub record: StoredRecord,
    /// Those that are known.
    pub links: Vec<Link>,
}

/// A record as it is to be.
#[derive(Clone, Debug)]
pub struct RecordWrite {
    /// Lower case.
    pub entity: String,
    /// Unique in the entity.
    pub key: String,
    /// As it is now; none: it is not there.
    pub before: Option<StoredRecord>,
    /// JSON text of an object.
    pub data: String,
    /// When.
    pub at: Timestamp,
}

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordChange {
    /// Of the record.
    pub entity: String,
    /// Of the record.
    pub key: String,
    /// After the change; of a deleted one, the version that it would have had.
    pub version: i64,
    /// What happened.
    pub kind: ChangeKind,
}

/// What a commit changed, to be told once it is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordNews {
    /// Changes of records.
    pub changes: Vec<RecordChange>,
    /// Event-based automations with something new in their inbox.
    pub woken: Vec<AutomationId>,
}

/// A change on its way to the inboxes.
struct Noted {
    change: RecordChange,
    /// The data before, JSON text.
    before: Option<String>,
    /// The data after, JSON text.
    after: Option<String>,
}

/// Where records come from or go to, and what they are here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whose.
    pub tenant_id: TenantId,
    /// The other system.
    pub connection_id: ConnectionId,
    /// The provider's object.
    pub object: String,
    /// The entity of our records.
    pub entity: String,
}

/// How often a transaction is repeated when somebody else made the same records or links meanwhile (PostgreSQL only).
const REPEATS_MAX: u32 = 3;

/// Repeats what met a row that somebody else made meanwhile: it is found now.
async fn again_if_unique<T, Fut: Future<Output = Result<T>>>(mut work: impl FnMut() -> Fut) -> Result<T> {
    let mut tries = 0;
    loop {
        match work().await {
            Err(Error::Unique(_)) if tries < REPEATS_MAX => tries += 1,
            done => return done,
        }
    }
}

/// The entities of a tenant, each found by one look into the key of the table, however many records there are.
pub(super) const ENTITIES: &str = "WITH RECURSIVE known(entity) AS ( \
     SELECT (SELECT MIN(entity) FROM record WHERE tenant_id = $1) \
     UNION ALL SELECT (SELECT MIN(r.entity) FROM record AS r WHERE r.tenant_id = $1 AND r.entity > known.entity) \
     FROM known WHERE known.entity IS NOT NULL) \
     SELECT entity FROM known WHERE entity IS NOT NULL LIMIT $2";
/// Entities that are listed.
const ENTITIES_MAX: i64 = 200;

impl Store {
    /// The entities of which a tenant has records, by name, up to 200.
    pub async fn record_entities(&self, tenant: TenantId) -> Result<Vec<String>> {
        self.read(move |db| async move {
            let values = vec![tenant.uuid().into(), ENTITIES_MAX.into()];
            let statement = Statement::from_sql_and_values(db.get_database_backend(), ENTITIES, values);
            let rows = db.query_all_raw(statement).await?;
            let names = rows.iter().map(|row| row.try_get_by_index::<String>(0));
            Ok(names.collect::<std::result::Result<_, _>>()?)
        })
        .await
    }

    /// The records of an entity by key, with their links.
    pub async fn records(&self, tenant: TenantId, entity: String, page: Page) -> Result<Paged<LinkedRecord>> {
        self.read(move |db| async move {
            let rows = row::Entity::find()
                .filter(of_entity(tenant, &entity))
                .apply_if(page.after_text()?, |query, key| query.filter(row::Column::Key.gt(key)))
                .order_by_asc(row::Column::Key)
                .limit(page.fetch())
                .all(&db)
                .await?;
            let keys: Vec<String> = rows.iter().map(|row| row.key.clone()).collect();
            let links = links_of(&db, tenant, &entity, &keys).await?;
            Paged::by_text(rows, &page, |row| row.key.clone()).try_map(|row| linked(row, &links))
        })
        .await
    }

    /// One record with its links.
    pub async fn record(&self, tenant: TenantId, entity: String, key: String) -> Result<Option<LinkedRecord>> {
        self.read(move |db| async move {
            let found = row::Entity::find().filter(this(tenant, &entity, &key)).one(&db).await?;
            let Some(found) = found else { return Ok(None) };
            let links = links_of(&db, tenant, &entity, &[key]).await?;
            linked(found, &links).map(Some)
        })
        .await
    }

    /// Makes a record, or writes it over the version before.
    ///
    /// # Errors
    /// [`Error::Unique`]: it was made meanwhile; [`Error::Stale`], [`Error::NotFound`]: it was changed or
    /// deleted meanwhile.
    pub async fn write_record(
        &self,
        tenant: TenantId,
        write: RecordWrite,
        entry: Entry,
    ) -> Result<(LinkedRecord, RecordNews)> {
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                let links = links_of(txn, tenant, &write.entity, std::slice::from_ref(&write.key)).await?;
                let (kind, version) = match &write.before {
                    Some(before) => (ChangeKind::Updated, replace(txn, tenant, &write, before.version).await?),
                    None => (ChangeKind::Created, insert(txn, tenant, &write, &links).await?),
                };
                let noted = Noted {
                    change: RecordChange {
                        entity: write.entity.clone(),
                        key: write.key.clone(),
                        version,
                        kind,
                    },
                    before: write.before.map(|before| before.data),
                    after: Some(write.data),
                };
                let news = events::note(txn, tenant, None, write.at, vec![noted]).await?;
                audit::record(txn, &clock, entry).await?;
                let found = row::Entity::find()
                    .filter(this(tenant, &write.entity, &write.key))
                    .one(txn)
                    .await?;
                let found = found.ok_or(Error::NotFound)?;
                Ok((linked(found, &links)?, news))
            })
        })
        .await
    }

    /// Removes a record. Its links stay: they know its counterparts, should it be made again.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`].
    pub async fn delete_record(
        &self,
        tenant: TenantId,
        before: StoredRecord,
        at: Timestamp,
        entry: Entry,
    ) -> Result<RecordNews> {
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                let (entity, key) = (before.entity, before.key);
                let gone = row::Entity::delete_many()
                    .filter(this(tenant, &entity, &key))
                    .filter(row::Column::Version.eq(before.version))
                    .exec(txn)
                    .await?;
                if gone.rows_affected == 0 {
                    return Err(unchanged(version_of(txn, tenant, &entity, &key).await?));
                }
                let change = RecordChange {
                    entity,
                    key,
                    version: before.version + 1,
                    kind: ChangeKind::Deleted,
                };
                let noted = Noted {
                    change,
                    before: Some(before.data),
                    after: None,
                };
                let news = events::note(txn, tenant, None, at, vec![noted]).await?;
                audit::record(txn, &clock, entry).await?;
                Ok(news)
            })
        })
        .await
    }
}

async fn replace(txn: &DatabaseTransaction, tenant: TenantId, write: &RecordWrite, before: i64) -> Result<i64> {
    let written = row::Entity::update_many()
        .set(row::ActiveModel {
            data: Set(write.data.clone()),
            version: Set(before + 1),
            changed_at: Set(write.at.as_microsecond()),
            updated_at: Set(write.at.as_microsecond()),
            ..Default::default()
        })
        .filter(this(tenant, &write.entity, &write.key))
        .filter(row::Column::Version.eq(before))
        .exec(txn)
        .await?;
    match written.rows_affected {
        0 => Err(unchanged(version_of(txn, tenant, &write.entity, &write.key).await?)),
        _ => Ok(before + 1),
    }
}

async fn insert(
    txn: &DatabaseTransaction,
    tenant: TenantId,
    write: &RecordWrite,
    links: &[link::Model],
) -> Result<i64> {
    let version = next_version(links.iter().map(|link| link.record_version));
    let at = write.at.as_microsecond();
    let row = row::ActiveModel {
        tenant_id: Set(tenant.uuid()),
        entity: Set(write.entity.clone()),
        key: Set(write.key.clone()),
        data: Set(write.data.clone()),
        version: Set(version),
        changed_at: Set(at),
        created_at: Set(at),
        updated_at: Set(at),
        origin: Set(None),
    };
    row::Entity::insert(row).exec_without_returning(txn).await?;
    Ok(version)
}

/// The version of a record that is made: beyond those that its links remember of an earlier one.
fn next_version(remembered: impl Iterator<Item = i64>) -> i64 {
    remembered.max().unwrap_or(0) + 1
}

async fn version_of(txn: &DatabaseTransaction, tenant: TenantId, entity: &str, key: &str) -> Result<Option<i64>> {
    let found = row::Entity::find().filter(this(tenant, entity, key)).one(txn).await?;
    Ok(found.map(|row| row.version))
}

async fn links_of(
    db: &impl sea_orm::ConnectionTrait,
    tenant: TenantId,
    entity: &str,
    keys: &[String],
) -> Result<Vec<link::Model>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    Ok(link::Entity::find()
        .filter(link::Column::TenantId.eq(tenant.uuid()))
        .filter(link::Column::Entity.eq(entity))
        .filter(link::Column::Key.is_in(keys))
        .order_by_asc(link::Column::ConnectionId)
        .order_by_asc(link::Column::Object)
        .all(db)
        .await?)
}

fn of_entity(tenant: TenantId, entity: &str) -> Condition {
    Condition::all()
        .add(row::Column::TenantId.eq(tenant.uuid()))
        .add(row::Column::Entity.eq(entity))
}

fn this(tenant: TenantId, entity: &str, key: &str) -> Condition {
    of_entity(tenant, entity).add(row::Column::Key.eq(key))
}

fn linked(model: row::Model, links: &[link::Model]) -> Result<LinkedRecord> {
    let own = links.iter().filter(|link| link.key == model.key);
    Ok(LinkedRecord {
        links: own
            .filter_map(|link| link_of(link).transpose())
            .collect::<Result<_>>()?,
        record: stored(model)?,
    })
}

/// The link of a row; none while the first export is on its way.
fn link_of(model: &link::Model) -> Result<Option<Link>> {
    let Some(remote_id) = model.remote_id.clone() else {
        return Ok(None);
    };
    Ok(Some(Link {
        connection_id: model.connection_id.into(),
        object: model.object.clone(),
        remote_id,
        remote_version: model.remote_version.clone(),
        remote_updated_at: model.remote_updated_at.map(timestamp).transpose()?,
        record_version: model.record_version,
    }))
}

fn stored(model: row::Model) -> Result<StoredRecord> {
    Ok(StoredRecord {
        entity: model.entity,
        key: model.key,
        data: model.data,
        version: model.version,
        changed_at: timestamp(model.changed_at)?,
        created_at: timestamp(model.created_at)?,
        updated_at: timestamp(model.updated_at)?,
        origin: model.origin.map(ConnectionId::from),
    })
}

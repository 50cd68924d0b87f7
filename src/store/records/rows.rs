//! The rows that a page of an import meets, read and written by a few statements for all of them.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, FromQueryResult, QueryFilter,
    Value,
};

use super::Target;
use crate::store::{
    Result,
    ledger::rows::{Shape, Texts},
};
use entity::{record, record_link};

/// Databases take a limited number of values in one statement.
const DELETED_PER_STATEMENT: usize = 1_000;

/// CROSS JOIN keeps SQLite's order: the ids first, then the row of each.
const LINKS_SQLITE: Shape = Shape {
    name: "find links by remote id",
    before: "SELECT l.* FROM (VALUES ",
    columns: 5,
    numbered: false,
    types: &[],
    after: ") AS v CROSS JOIN record_link AS l WHERE l.tenant_id = v.column1 AND l.connection_id = v.column2 \
            AND l.object = v.column3 AND l.entity = v.column4 AND l.remote_id = v.column5",
    repeatable: true,
};

/// LIMIT keeps the planner from reading the whole table instead of using the index for each row.
const LINKS_POSTGRES: Shape = Shape {
    name: "find links by remote id",
    before: "SELECT found.* FROM (VALUES ",
    columns: 5,
    numbered: false,
    types: &["uuid", "uuid", "text", "text", "text"],
    after: ") AS v CROSS JOIN LATERAL (SELECT * FROM record_link AS l WHERE l.tenant_id = v.column1 \
            AND l.connection_id = v.column2 AND l.object = v.column3 AND l.entity = v.column4 \
            AND l.remote_id = v.column5 LIMIT 1) AS found",
    repeatable: true,
};

const LINKS_OF_KEYS_SQLITE: Shape = Shape {
    name: "find links by key",
    before: "SELECT l.* FROM (VALUES ",
    columns: 3,
    numbered: false,
    types: &[],
    after: ") AS v CROSS JOIN record_link AS l WHERE l.tenant_id = v.column1 AND l.entity = v.column2 \
            AND l.\"key\" = v.column3",
    repeatable: true,
};

/// More links than this no record has.
const LINKS_OF_KEYS_POSTGRES: Shape = Shape {
    name: "find links by key",
    before: "SELECT found.* FROM (VALUES ",
    columns: 3,
    numbered: false,
    types: &["uuid", "text", "text"],
    after: ") AS v CROSS JOIN LATERAL (SELECT * FROM record_link AS l WHERE l.tenant_id = v.column1 \
            AND l.entity = v.column2 AND l.\"key\" = v.column3 LIMIT 10000) AS found",
    repeatable: true,
};

const RECORDS_SQLITE: Shape = Shape {
    name: "find records",
    before: "SELECT r.* FROM (VALUES ",
    columns: 3,
    numbered: false,
    types: &[],
    after: ") AS v CROSS JOIN record AS r WHERE r.tenant_id = v.column1 AND r.entity = v.column2 \
            AND r.\"key\" = v.column3",
    repeatable: true,
};

/// Locks the rows in the order of the values.
const RECORDS_POSTGRES: Shape = Shape {
    name: "find records",
    before: "SELECT found.* FROM (VALUES ",
    columns: 3,
    numbered: false,
    types: &["uuid", "text", "text"],
    after: ") AS v CROSS JOIN LATERAL (SELECT * FROM record AS r WHERE r.tenant_id = v.column1 \
            AND r.entity = v.column2 AND r.\"key\" = v.column3 LIMIT 1 FOR UPDATE) AS found",
    repeatable: true,
};

const INSERT_RECORDS: Shape = Shape {
    name: "insert records",
    before: "INSERT INTO record (tenant_id, entity, \"key\", data, version, changed_at, created_at, updated_at, origin) \
             VALUES ",
    columns: 9,
    numbered: false,
    types: &[],
    after: " ON CONFLICT (tenant_id, entity, \"key\") DO NOTHING",
    repeatable: true,
};

const UPDATE_RECORDS: Shape = Shape {
    name: "update records",
    before: "UPDATE record SET data = v.column4, version = v.column5, changed_at = v.column6, created_at = v.column7, \
             updated_at = v.column8, origin = v.column9 FROM (VALUES ",
    columns: 9,
    numbered: false,
    types: &[
        "uuid", "text", "text", "text", "bigint", "bigint", "bigint", "bigint", "uuid",
    ],
    after: ") AS v WHERE record.tenant_id = v.column1 AND record.entity = v.column2 AND record.\"key\" = v.column3",
    repeatable: true,
};

/// What an export has on its way stays.
const WRITE_LINKS: Shape = Shape {
    name: "write links",
    before: "INSERT INTO record_link (tenant_id, connection_id, object, entity, \"key\", remote_id, remote_version, \
             remote_updated_at, record_version) VALUES ",
    columns: 9,
    numbered: false,
    types: &[],
    after: " ON CONFLICT (tenant_id, connection_id, object, entity, \"key\") DO UPDATE SET \
            remote_id = excluded.remote_id, remote_version = excluded.remote_version, \
            remote_updated_at = excluded.remote_updated_at, record_version = excluded.record_version",
    // PostgreSQL refuses to touch a row twice.
    repeatable: false,
};

/// The links of this connection and object with these remote ids.
pub(super) async fn links_by_remote<'a>(
    txn: &DatabaseTransaction,
    texts: &mut Texts,
    target: &Target,
    remote_ids: impl Iterator<Item = &'a str>,
) -> Result<Vec<record_link::Model>> {
    let values = remote_ids.flat_map(|id| {
        [
            Value::from(target.tenant_id.uuid()),
            target.connection_id.uuid().into(),
            target.object.as_str().into(),
            target.entity.as_str().into(),
            id.into(),
        ]
    });
    let shape = of_backend(txn, &LINKS_SQLITE, &LINKS_POSTGRES);
    read(txn, texts, shape, values.collect()).await
}

/// All links of records with these keys, whatever connection and object.
pub(super) async fn links_of_keys(
    txn: &DatabaseTransaction,
    texts: &mut Texts,
    target: &Target,
    keys: &[String],
) -> Result<Vec<record_link::Model>> {
    let shape = of_backend(txn, &LINKS_OF_KEYS_SQLITE, &LINKS_OF_KEYS_POSTGRES);
    read(txn, texts, shape, keyed(target, keys)).await
}

/// The records with these keys, locked in the order of the keys.
pub(super) async fn records(
    txn: &DatabaseTransaction,
    texts: &mut Texts,
    target: &Target,
    keys: &[String],
) -> Result<Vec<record::Model>> {
    let shape = of_backend(txn, &RECORDS_SQLITE, &RECORDS_POSTGRES);
    read(txn, texts, shape, keyed(target, keys)).await
}

/// Inserts records; answers whether all of them were new. If not, someone else inserted meanwhile (only possible with
/// PostgreSQL): the transaction has to be rolled back and repeated.
pub(super) async fn insert_records(
    txn: &DatabaseTransaction,
    texts: &mut Texts,
    rows: Vec<record::Model>,
) -> Result<bool> {
    let count = rows.len() as u64;
    let values = rows.into_iter().flat_map(record_values).collect();
    Ok(texts.execute(txn, &INSERT_RECORDS, values).await? == count)
}

pub(super) async fn update_records(
    txn: &DatabaseTransaction,
    texts: &mut Texts,
    rows: Vec<record::Model>,
) -> Result<()> {
    let values = rows.into_iter().flat_map(record_values).collect();
    texts.execute(txn, &UPDATE_RECORDS, values).await?;
    Ok(())
}

pub(super) async fn delete_records(txn: &DatabaseTransaction, target: &Target, keys: Vec<String>) -> Result<()> {
    for part in keys.chunks(DELETED_PER_STATEMENT) {
        record::Entity::delete_many()
            .filter(record::Column::TenantId.eq(target.tenant_id.uuid()))
            .filter(record::Column::Entity.eq(target.entity.as_str()))
            .filter(record::Column::Key.is_in(part))
            .exec(txn)
            .await?;
    }
    Ok(())
}

/// Writes links, all but what is pending.
pub(super) async fn write_links(
    txn: &DatabaseTransaction,
    texts: &mut Texts,
    links: Vec<record_link::Model>,
) -> Result<()> {
    let values = links.into_iter().flat_map(|link| {
        [
            Value::from(link.tenant_id),
            link.connection_id.into(),
            link.object.into(),
            link.entity.into(),
            link.key.into(),
            link.remote_id.into(),
            link.remote_version.into(),
            link.remote_updated_at.into(),
            link.record_version.into(),
        ]
    });
    texts.execute(txn, &WRITE_LINKS, values.collect()).await?;
    Ok(())
}

pub(super) async fn delete_links(txn: &DatabaseTransaction, target: &Target, keys: Vec<String>) -> Result<()> {
    for part in keys.chunks(DELETED_PER_STATEMENT) {
        record_link::Entity::delete_many()
            .filter(in_target(target))
            .filter(record_link::Column::Key.is_in(part))
            .exec(txn)
            .await?;
    }
    Ok(())
}

/// The links of this connection, object and entity.
pub(super) fn in_target(target: &Target) -> Condition {
    Condition::all()
        .add(record_link::Column::TenantId.eq(target.tenant_id.uuid()))
        .add(record_link::Column::ConnectionId.eq(target.connection_id.uuid()))
        .add(record_link::Column::Object.eq(target.object.as_str()))
        .add(record_link::Column::Entity.eq(target.entity.as_str()))
}

fn record_values(row: record::Model) -> [Value; 9] {
    [
        row.tenant_id.into(),
        row.entity.into(),
        row.key.into(),
        row.data.into(),
        row.version.into(),
        row.changed_at.into(),
        row.created_at.into(),
        row.updated_at.into(),
        row.origin.into(),
    ]
}

fn keyed(target: &Target, keys: &[String]) -> Vec<Value> {
    let each = |key: &String| {
        [
            Value::from(target.tenant_id.uuid()),
            target.entity.as_str().into(),
            key.as_str().into(),
        ]
    };
    keys.iter().flat_map(each).collect()
}

fn of_backend<'a>(txn: &DatabaseTransaction, sqlite: &'a Shape, postgres: &'a Shape) -> &'a Shape {
    match txn.get_database_backend() {
        DbBackend::Postgres => postgres,
        _ => sqlite,
    }
}

/// Rows may come more than once: see [`Shape::repeatable`].
async fn read<M: FromQueryResult>(
    txn: &DatabaseTransaction,
    texts: &mut Texts,
    shape: &Shape,
    values: Vec<Value>,
) -> Result<Vec<M>> {
    let rows = texts.query(txn, shape, values).await?;
    let models = rows.iter().map(|row| M::from_query_result(row, ""));
    Ok(models.collect::<std::result::Result<_, _>>()?)
}

/// Texts for the test of plans.
#[cfg(test)]
pub(in crate::store) fn sqlite_texts() -> [String; 4] {
    use crate::store::ledger::rows::text;
    [&LINKS_SQLITE, &LINKS_OF_KEYS_SQLITE, &RECORDS_SQLITE, &UPDATE_RECORDS]
        .map(|shape| text(DbBackend::Sqlite, shape, 1))
}

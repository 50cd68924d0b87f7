//! Idempotency keys: of the requests with one key, in one batch or in several, the first is stored.

use std::collections::HashMap;

use sea_orm::{DatabaseTransaction, FromQueryResult, Value};
use uuid::Uuid;

use crate::store::{
    Result,
    background::{AcceptKey, Accepted, NewRequest},
    ledger::rows::{Shape, Texts},
};

/// Takes free keys, and those whose time is over ([`crate::store::background::KEY_KEPT_US`]).
const TAKE: Shape = Shape {
    name: "take background keys",
    before: "INSERT INTO background_key (tenant_id, user_id, \"key\", request_hash, background_id, received_at) VALUES ",
    columns: 6,
    numbered: false,
    types: &[],
    after: " ON CONFLICT (tenant_id, user_id, \"key\") DO UPDATE SET request_hash = excluded.request_hash, \
            background_id = excluded.background_id, received_at = excluded.received_at \
            WHERE background_key.received_at < excluded.received_at - 86400000000",
    // PostgreSQL refuses to touch a row twice.
    repeatable: false,
};

/// CROSS JOIN keeps SQLite's order: the keys first, then the row of each.
pub(in crate::store::ledger) const FIND: Shape = Shape {
    name: "find background keys",
    before: "SELECT k.tenant_id, k.user_id, k.\"key\", k.request_hash, k.background_id FROM (VALUES ",
    columns: 3,
    numbered: false,
    types: &["uuid", "uuid", "text"],
    after: ") AS v CROSS JOIN background_key AS k \
            WHERE k.tenant_id = v.column1 AND k.user_id = v.column2 AND k.\"key\" = v.column3",
    repeatable: true,
};

/// Tenant, user (nil: none) and the header's value.
type Key<'a> = (Uuid, Uuid, &'a str);

/// Who has a key.
struct Holder {
    id: Uuid,
    request_hash: Vec<u8>,
}

#[derive(FromQueryResult)]
struct Row {
    tenant_id: Uuid,
    user_id: Uuid,
    key: String,
    request_hash: Vec<u8>,
    background_id: Uuid,
}

/// Takes the keys of requests; tells for each, in their order, whether it is to be stored.
pub(super) async fn take(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    requests: &[&NewRequest],
) -> Result<Vec<Accepted>> {
    let mut holders: HashMap<Key<'_>, Holder> = HashMap::new();
    let mut values = Vec::new();
    for (request, key) in requests
        .iter()
        .filter_map(|request| Some((request, request.key.as_ref()?)))
    {
        holders
            .entry(key_of(request, key))
            .or_insert_with_key(|(tenant, user, text)| {
                let request_hash = key.request_hash.to_vec();
                values.extend([
                    Value::from(*tenant),
                    (*user).into(),
                    (*text).into(),
                    request_hash.clone().into(),
                    request.id.uuid().into(),
                    request.received_at.as_microsecond().into(),
                ]);
                Holder {
                    id: request.id.uuid(),
                    request_hash,
                }
            });
    }
    if texts.execute(transaction, &TAKE, values).await? < holders.len() as u64 {
        find(transaction, texts, &mut holders).await?;
    }
    let accepted = requests.iter().map(|request| {
        let Some(key) = &request.key else { return Accepted::New };
        match holders.get(&key_of(request, key)) {
            Some(holder) if holder.id == request.id.uuid() => Accepted::New,
            Some(holder) if holder.request_hash == key.request_hash => Accepted::Again { id: holder.id.into() },
            _ => Accepted::Other,
        }
    });
    Ok(accepted.collect())
}

/// Puts in who has the keys that were taken before.
async fn find(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    holders: &mut HashMap<Key<'_>, Holder>,
) -> Result<()> {
    let keys = holders.keys();
    let values = keys.flat_map(|(tenant, user, text)| [Value::from(*tenant), (*user).into(), (*text).into()]);
    let values = values.collect();
    let rows = texts.query(transaction, &FIND, values).await?;
    let rows: Vec<Row> = rows
        .iter()
        .map(|row| Row::from_query_result(row, ""))
        .collect::<std::result::Result<_, _>>()?;
    let found: HashMap<Key<'_>, &Row> = rows
        .iter()
        .map(|row| ((row.tenant_id, row.user_id, row.key.as_str()), row))
        .collect();
    for (key, holder) in holders {
        if let Some(row) = found.get(key) {
            holder.id = row.background_id;
            holder.request_hash.clone_from(&row.request_hash);
        }
    }
    Ok(())
}

fn key_of<'a>(request: &NewRequest, key: &'a AcceptKey) -> Key<'a> {
    let user = request.user_id.map_or(Uuid::nil(), Uuid::from);
    (request.tenant_id.uuid(), user, &key.key)
}

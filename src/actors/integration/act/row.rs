//! The row that an item stands for, read anew at each attempt.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Attempt, ended};
use crate::{
    actors::integration::work::Acted,
    domain::{ids::TransactionId, record::entity_name},
    store,
};

/// See the module.
pub(super) struct Row {
    /// As templates and scripts see it: an object.
    pub item: Value,
    /// Its data: an object.
    pub data: Value,
    /// As it is now.
    pub version: i64,
    /// When that version came.
    pub updated_on: Timestamp,
}

/// Reads it.
pub(super) async fn read(attempt: Attempt<'_>) -> Result<Row, Acted> {
    match attempt.is_of_transactions() {
        true => transaction(attempt).await,
        false => record(attempt).await,
    }
}

/// The entity of the records, as it is stored.
pub(super) fn entity_of(attempt: Attempt<'_>) -> Result<String, Acted> {
    entity_name("EntityId", &attempt.work.integration.entity_id)
        .map_err(|wrong| ended::failed(format!("The integration's EntityId {}.", wrong.message), true))
}

async fn transaction(attempt: Attempt<'_>) -> Result<Row, Acted> {
    let Attempt { services, work, item } = attempt;
    let gone = || Acted::Dropped {
        message: "The transaction is not there any more.".to_owned(),
    };
    let id: TransactionId = item.item_id.parse().map_err(|_| gone())?;
    let found = match services.store.transaction(work.tenant_id, id).await {
        Ok(found) => found,
        Err(store::Error::NotFound) => return Err(gone()),
        Err(error) => return Err(ended::of_store(services, &error)),
    };
    let Some(text) = &found.data else {
        return Err(Acted::Dropped {
            message: "The transaction's data was erased when its time was up.".to_owned(),
        });
    };
    let data = object(text)?;
    let mut members = data.clone();
    // What every row has comes before what its data calls the same, as in filters.
    for (name, value) in [
        ("Id", json!(found.id)),
        ("Identifier", json!(found.identifier)),
        ("Status", json!(found.status)),
        ("CreatedAt", json!(found.created_at)),
        ("CommittedAt", json!(found.committed_at)),
        ("CallApiId", json!(found.call_api_id)),
        ("CreatedBy", json!(found.created_by)),
    ] {
        members.insert(name.to_owned(), value);
    }
    let updated_on = found.committed_at.unwrap_or(found.created_at);
    Ok(Row::new(members, data, (found.version, updated_on)))
}

async fn record(attempt: Attempt<'_>) -> Result<Row, Acted> {
    let Attempt { services, work, item } = attempt;
    let found = services
        .store
        .record(work.tenant_id, entity_of(attempt)?, item.item_id.clone())
        .await
        .map_err(|error| ended::of_store(services, &error))?;
    let Some(found) = found.map(|found| found.record) else {
        return Err(Acted::Dropped {
            message: "The record is not there any more.".to_owned(),
        });
    };
    let data = object(&found.data)?;
    let mut members = data.clone();
    for (name, value) in [
        ("Key", json!(found.key)),
        ("Version", json!(found.version)),
        ("CreatedAt", json!(found.created_at)),
        ("UpdatedAt", json!(found.updated_at)),
        ("ChangedAt", json!(found.changed_at)),
    ] {
        members.insert(name.to_owned(), value);
    }
    Ok(Row::new(members, data, (found.version, found.changed_at)))
}

fn object(text: &str) -> Result<Map<String, Value>, Acted> {
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(ended::failed("The row's data cannot be read.", true)),
    }
}

impl Row {
    fn new(mut members: Map<String, Value>, data: Map<String, Value>, (version, updated_on): (i64, Timestamp)) -> Self {
        members.insert("Data".to_owned(), Value::Object(data.clone()));
        Self {
            item: Value::Object(members),
            data: Value::Object(data),
            version,
            updated_on,
        }
    }
}

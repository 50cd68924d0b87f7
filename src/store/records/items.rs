//! What items of integrations bring and take: records by their keys, records of a connection without a run of an automation, what a
//! result script writes back, and the notes and links of what is sent through a connection.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;

use super::{
    Exported, Incoming, ItemDone, Noted, PendingExport, RecordChange, RecordNews, Target, again_if_unique, events,
    export, link_of, links_of, next_version, of_entity, page, rows, this,
};
use crate::{
    domain::{
        automation::AppliesTo,
        ids::TenantId,
        integration::QueueState,
        json_patch::{merge_patch_text, overlay},
        record::{ChangeKind, DATA_BYTES_MAX, Link, Policy, TOO_DEEP, check_key, is_readable},
    },
    store::{
        Error, Result, Store,
        integrations::{EndedAttempt, Whose, claims, state, versions},
        ledger::rows::Texts,
    },
};
use entity::record as row;

/// Keys that one statement looks for.
const KEYS_PER_QUERY: usize = 500;

/// Records that came, by their keys; one transaction.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Whose.
    pub tenant_id: TenantId,
    /// Lower case.
    pub entity: String,
    /// Key and JSON object; of two with one key the later one lies over the earlier one.
    pub records: Vec<(String, Value)>,
    /// Now.
    pub at: Timestamp,
}

/// What became of records that came.
#[derive(Clone, Debug, Default)]
pub struct ArrivalDone {
    /// Records that are new.
    pub created: u64,
    /// Records that changed.
    pub updated: u64,
    /// Records that were as they came.
    pub unchanged: u64,
    /// Keys of those that cannot be kept, and why.
    pub refused: Vec<(String, String)>,
    /// To be told: see `Services::tell_records`.
    pub news: RecordNews,
}

/// What became of a page of a connection.
#[derive(Clone, Debug)]
pub struct Taken {
    /// For each item, in their order.
    pub items: Vec<ItemDone>,
    /// To be told.
    pub news: RecordNews,
}

/// What a result script writes back into the record of its item, and the end of the item's attempt.
#[derive(Clone, Debug)]
pub struct WriteBack {
    /// Whose item.
    pub whose: Whose,
    /// Lower case.
    pub entity: String,
    /// Of the record.
    pub key: String,
    /// Of the record as it was sent.
    pub seen_version: i64,
    /// Merge patch (RFC 7396), JSON text of an object.
    pub patch: String,
    /// What becomes of the item. If it is completed and nobody changed the record meanwhile, it stands for the new version as well,
    /// so that what was written back is not sent as a change.
    pub ended: EndedAttempt,
    /// Now.
    pub at: Timestamp,
}

/// What a write-back came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WroteBack {
    /// The item is settled. What is to be told; nothing where the record is gone, was so already, or a try wrote it whose answer
    /// was lost.
    Done(RecordNews),
    /// The record would be none that can be kept; nothing is written, and the item is not settled.
    Refused(String),
}

/// What is known of an item at the other side.
#[derive(Clone, Debug, Default)]
pub struct ItemLink {
    /// Its counterpart.
    pub link: Option<Link>,
    /// What may have been sent without an answer that is recorded.
    pub pending: Option<PendingExport>,
}

impl Store {
    /// Stores records that came: what came lies over what is there, so that members that are only ours stay.
    pub async fn take_records(&self, arrival: Arrival) -> Result<ArrivalDone> {
        let arrival = Arc::new(arrival);
        again_if_unique(|| {
            let own = arrival.clone();
            self.write(move |txn| Box::pin(async move { arrive(txn, &own).await }))
        })
        .await
    }

    /// Stores records of a connection, with links to their counterparts, as an import does that takes everything.
    pub async fn take_linked(&self, target: Target, items: Vec<Incoming>, at: Timestamp) -> Result<Taken> {
        let parts = Arc::new((target, items));
        again_if_unique(|| {
            let own = parts.clone();
            self.write(move |txn| {
                Box::pin(async move {
                    let arrived = page::Arrived {
                        target: &own.0,
                        policy: Policy {
                            applies_to: AppliesTo::NewAndUpdate,
                            do_not_over_write: false,
                            threshold_minutes: 0,
                        },
                        items: &own.1,
                        at,
                        automation_id: None,
                    };
                    let (items, news) = page::take(txn, arrived).await?;
                    Ok(Taken { items, news })
                })
            })
        })
        .await
    }

    /// Writes back what a result script returned, over the record as it is now, and settles the item with it, all or nothing: an item
    /// that is sent again after a crash has the key that it had. May be called again where the answer is lost.
    ///
    /// # Errors
    /// [`Error::Lease`]: the shard belongs to another process. [`Error::NotFound`]: the client integration is gone.
    pub async fn write_back(&self, back: WriteBack, epoch: i64) -> Result<WroteBack> {
        self.write(move |txn| {
            Box::pin(async move {
                state::hold(txn, back.whose, epoch).await?;
                write_back(txn, back).await
            })
        })
        .await
    }

    /// What is known of an item at the other side. Transactions have links under the entity `Transaction`, which no record can have.
    pub async fn item_link(&self, target: Target, key: String) -> Result<ItemLink> {
        self.read(move |db| async move {
            let Some(found) = export::find(&db, &target, &key).await? else {
                return Ok(ItemLink::default());
            };
            Ok(ItemLink {
                link: link_of(&found)?,
                pending: export::pending_of(found.pending.as_deref())?,
            })
        })
        .await
    }

    /// As [`Store::intend_export`], for an item of an integration.
    pub async fn intend_item(
        &self,
        target: Target,
        key: String,
        export: PendingExport,
    ) -> Result<Option<PendingExport>> {
        self.write(move |txn| Box::pin(async move { export::intend(txn, &target, &key, &export).await }))
            .await
    }

    /// As [`Store::exported`], for an item of an integration.
    pub async fn item_exported(&self, exported: Exported) -> Result<RecordNews> {
        let exported = Arc::new(exported);
        again_if_unique(|| {
            let own = exported.clone();
            self.write(move |txn| Box::pin(async move { export::linked(txn, &own, None).await }))
        })
        .await
    }

    /// As [`Store::export_failed`], for an item of an integration.
    pub async fn item_refused(&self, target: Target, key: String) -> Result<()> {
        self.write(move |txn| Box::pin(async move { export::forget(txn, &target, &key).await }))
            .await
    }
}

async fn arrive(txn: &DatabaseTransaction, arrival: &Arrival) -> Result<ArrivalDone> {
    let mut done = ArrivalDone::default();
    // In the order of the keys, so that two that lock the same rows never wait for each other in a circle.
    let mut keys: Vec<String> = Vec::with_capacity(arrival.records.len());
    for (key, data) in &arrival.records {
        match fits(key, data) {
            Ok(()) => keys.push(key.clone()),
            Err(why) => done.refused.push((key.clone(), why)),
        }
    }
    keys.sort_unstable();
    keys.dedup();
    let mut before: HashMap<String, row::Model> = HashMap::new();
    let mut links = Vec::new();
    for part in keys.chunks(KEYS_PER_QUERY) {
        let found = row::Entity::find()
            .filter(of_entity(arrival.tenant_id, &arrival.entity))
            .filter(row::Column::Key.is_in(part))
            .order_by_asc(row::Column::Key)
            .lock_exclusive()
            .all(txn)
            .await?;
        before.extend(found.into_iter().map(|row| (row.key.clone(), row)));
        let missing: Vec<String> = part.iter().filter(|key| !before.contains_key(*key)).cloned().collect();
        links.extend(links_of(txn, arrival.tenant_id, &arrival.entity, &missing).await?);
    }
    let mut now: HashMap<String, row::Model> = HashMap::new();
    for (key, data) in &arrival.records {
        if fits(key, data).is_err() {
            continue;
        }
        // What this page has touched already is one change with this.
        let (there, grows) = match now.get(key) {
            Some(touched) => (Some(touched), 0),
            None => (before.get(key), 1),
        };
        match changed(arrival, there.map(|row| (row, grows)), key, data, &links)? {
            Ok(Some(row)) => drop(now.insert(key.clone(), row)),
            Ok(None) => {}
            Err(why) => done.refused.push((key.clone(), why)),
        }
    }
    let mut now: Vec<row::Model> = now.into_values().collect();
    now.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    let noted: Vec<Noted> = now.iter().map(|row| noted(before.get(&row.key), row)).collect();
    let (updated, inserted): (Vec<_>, Vec<_>) = now.into_iter().partition(|row| before.contains_key(&row.key));
    done.created = inserted.len() as u64;
    done.updated = updated.len() as u64;
    done.unchanged = (arrival.records.len() - done.refused.len()) as u64 - done.created - done.updated;
    let mut texts = Texts::default();
    rows::update_records(txn, &mut texts, updated).await?;
    if !rows::insert_records(txn, &mut texts, inserted).await? {
        return Err(Error::Unique("record".to_owned()));
    }
    done.news = events::note(txn, arrival.tenant_id, None, arrival.at, noted).await?;
    Ok(done)
}

fn fits(key: &str, data: &Value) -> std::result::Result<(), String> {
    check_key("key", key).map_err(|wrong| format!("its key {}", wrong.message))?;
    match data {
        Value::Object(_) if is_readable(data, 0) => Ok(()),
        Value::Object(_) => Err(TOO_DEEP.to_owned()),
        _ => Err("it is not an object".to_owned()),
    }
}

/// The row as it is to be; none: it is so already.
fn changed(
    arrival: &Arrival,
    there: Option<(&row::Model, i64)>,
    key: &str,
    data: &Value,
    links: &[entity::record_link::Model],
) -> Result<std::result::Result<Option<row::Model>, String>> {
    let at = arrival.at.as_microsecond();
    let (text, row) = match there {
        None => {
            let remembered = links
                .iter()
                .filter(|link| link.key == key)
                .map(|link| link.record_version);
            let row = row::Model {
                tenant_id: arrival.tenant_id.uuid(),
                entity: arrival.entity.clone(),
                key: key.to_owned(),
                data: String::new(),
                version: next_version(remembered),
                changed_at: at,
                created_at: at,
                updated_at: at,
                origin: None,
            };
            (data.to_string(), row)
        }
        Some((there, grows)) => {
            let ours: Value = match serde_json::from_str(&there.data) {
                Ok(ours) => ours,
                Err(error) => return Ok(Err(format!("the record that is here cannot be read: {error}"))),
            };
            let mut merged = ours.clone();
            overlay(&mut merged, data);
            if merged == ours {
                return Ok(Ok(None));
            }
            let row = row::Model {
                version: there.version + grows,
                changed_at: at,
                updated_at: at,
                ..there.clone()
            };
            (merged.to_string(), row)
        }
    };
    if text.len() > DATA_BYTES_MAX {
        return Ok(Err(format!(
            "it is {} bytes long, and may be {DATA_BYTES_MAX}",
            text.len()
        )));
    }
    Ok(Ok(Some(row::Model { data: text, ..row })))
}

fn noted(before: Option<&row::Model>, now: &row::Model) -> Noted {
    Noted {
        change: RecordChange {
            entity: now.entity.clone(),
            key: now.key.clone(),
            version: now.version,
            kind: before.map_or(ChangeKind::Created, |_| ChangeKind::Updated),
        },
        before: before.map(|before| before.data.clone()),
        after: Some(now.data.clone()),
    }
}

async fn write_back(txn: &DatabaseTransaction, back: WriteBack) -> Result<WroteBack> {
    let tenant_id = back.whose.tenant_id;
    let own = this(tenant_id, &back.entity, &back.key);
    let before = row::Entity::find().filter(own).lock_exclusive().one(txn).await?;
    let patched = match &before {
        // It was sent; there is nothing to write into.
        None => None,
        Some(before) => match patched(before, &back.patch) {
            Ok(patched) => patched,
            Err(why) => return Ok(WroteBack::Refused(why)),
        },
    };
    if claims::settle(txn, back.whose, std::slice::from_ref(&back.ended), back.at).await? == 0 {
        // It is written already; or the attempt is another run's by now, and so is what comes of it.
        return Ok(WroteBack::Done(RecordNews::default()));
    }
    let Some((before, data)) = before.zip(patched) else {
        return Ok(WroteBack::Done(RecordNews::default()));
    };
    let now = row::Model {
        data,
        version: before.version + 1,
        changed_at: back.at.as_microsecond(),
        updated_at: back.at.as_microsecond(),
        ..before.clone()
    };
    let noted = vec![noted(Some(&before), &now)];
    let version = now.version;
    rows::update_records(txn, &mut Texts::default(), vec![now]).await?;
    // What failed is still to be sent, and under the key that it had.
    let is_sent = back.ended.settled.state == QueueState::Completed;
    if is_sent && before.version == back.seen_version {
        versions::stand_for(txn, back.whose, back.ended.item, &back.key, version).await?;
    }
    let news = events::note(txn, tenant_id, None, back.at, noted).await?;
    Ok(WroteBack::Done(news))
}

/// The data of a record under a patch; none where it is so already.
fn patched(before: &row::Model, patch: &str) -> std::result::Result<Option<String>, String> {
    let data = merge_patch_text(&before.data, patch).map_err(|error| error.to_string())?;
    if data.len() > DATA_BYTES_MAX {
        let length = data.len();
        return Err(format!("it would be {length} bytes long, and may be {DATA_BYTES_MAX}"));
    }
    let (Ok(was), Ok(is)) = (
        serde_json::from_str::<Value>(&before.data),
        serde_json::from_str::<Value>(&data),
    ) else {
        return Err("it could not be read any more".to_owned());
    };
    match is_readable(&is, 0) {
        true => Ok(Some(data).filter(|_| was != is)),
        false => Err(TOO_DEEP.to_owned()),
    }
}

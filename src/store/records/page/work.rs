//! Deciding a page record by record: what was read, with what the records before have changed of it.

use std::collections::{BTreeSet, HashMap};

use sea_orm::DatabaseTransaction;
use serde_json::Value;

use super::{
    super::{Noted, RecordChange, Target, next_version, rows},
    Arrived, Incoming, ItemDone,
};
use crate::{
    domain::{
        json_patch::overlay,
        record::{
            self, ChangeKind, DATA_BYTES_MAX, Decision, Ours, REMOTE_ID_CHARACTERS_MAX, Theirs, decide, is_readable,
        },
    },
    store::{Error, Result, ledger::rows::Texts, tenants::timestamp},
};
use entity::{record as row, record_link};

/// What has to be known before an item is decided.
pub(super) struct Work<'a> {
    target: &'a Target,
    page: Arrived<'a>,
    /// By key; those that were looked for.
    known: HashMap<String, Known>,
    /// Keys of links of this connection and object, by remote id.
    by_remote: HashMap<String, String>,
}

/// What there is at a key.
#[derive(Default)]
struct Known {
    /// As it was read.
    before: Option<row::Model>,
    /// As it is to be.
    now: Option<row::Model>,
    /// The link of this connection and object.
    link: Option<record_link::Model>,
    /// Whether it is to be written, or removed.
    link_changed: bool,
    /// The highest version that any link remembers.
    remembered: Option<i64>,
    /// Whether another object of this connection is linked.
    linked_otherwise: bool,
}

/// What is to be written, each list in the order of the keys.
#[derive(Default)]
pub(super) struct Written {
    pub inserted: Vec<row::Model>,
    pub updated: Vec<row::Model>,
    pub deleted: Vec<String>,
    pub links: Vec<record_link::Model>,
    pub links_deleted: Vec<String>,
    pub noted: Vec<Noted>,
}

impl<'a> Work<'a> {
    /// Reads what the page will most probably meet.
    pub(super) async fn read(txn: &DatabaseTransaction, texts: &mut Texts, page: Arrived<'a>) -> Result<Self> {
        let mut work = Self {
            target: page.target,
            page,
            known: HashMap::with_capacity(page.items.len()),
            by_remote: HashMap::with_capacity(page.items.len()),
        };
        let ids: BTreeSet<&str> = page
            .items
            .iter()
            .filter(|item| check(item).is_ok())
            .map(|item| item.remote_id.as_str())
            .collect();
        let mut links = HashMap::with_capacity(ids.len());
        for link in rows::links_by_remote(txn, texts, work.target, ids.into_iter()).await? {
            if let Some(remote_id) = link.remote_id.clone() {
                work.by_remote.insert(remote_id, link.key.clone());
                links.insert(link.key.clone(), link);
            }
        }
        let keys = page.items.iter().filter_map(|item| work.first_key(item)).collect();
        work.look(txn, texts, keys, links).await?;
        // Where the first choice is taken, the second is looked for at once for all.
        let keys = page.items.iter().filter_map(|item| work.second_key(item)).collect();
        work.look(txn, texts, keys, HashMap::new()).await?;
        Ok(work)
    }

    /// Decides one item.
    pub(super) async fn take(
        &mut self,
        txn: &DatabaseTransaction,
        texts: &mut Texts,
        item: &Incoming,
    ) -> Result<ItemDone> {
        let refused = |key: Option<String>, message: String| ItemDone {
            key,
            done: Err(message),
        };
        if let Err(message) = check(item) {
            return Ok(refused(None, message));
        }
        let key = match self.by_remote.get(&item.remote_id) {
            Some(key) => key.clone(),
            None if item.deleted => {
                return Ok(ItemDone {
                    key: None,
                    done: Ok(decide(None, theirs(item), self.page.policy)),
                });
            }
            None => match self.free_key(txn, texts, item).await? {
                Ok(key) => key,
                Err(message) => return Ok(refused(None, message)),
            },
        };
        let done = self.decide(&key, item)?;
        Ok(ItemDone { key: Some(key), done })
    }

    fn decide(&mut self, key: &str, item: &Incoming) -> Result<std::result::Result<Decision, String>> {
        let mut text = item.data.to_string();
        let Some(known) = self.known.get_mut(key) else {
            return Err(Error::Content(format!("the key {key:?} was not looked for")));
        };
        let parsed = match &known.now {
            // As texts they are the same most of the time, which saves reading it.
            Some(now) if now.data != text => match serde_json::from_str::<Value>(&now.data) {
                Ok(value) => Some(value),
                // One record that is broken keeps no other from being taken.
                Err(error) => return Ok(Err(format!("the record {key:?} that is here cannot be read: {error}"))),
            },
            _ => None,
        };
        // What came lies over what is there: members that are only ours stay.
        let merged = parsed.as_ref().filter(|_| !item.deleted).map(|ours| {
            let mut merged = ours.clone();
            overlay(&mut merged, &item.data);
            merged
        });
        if let Some(merged) = &merged {
            text = merged.to_string();
        }
        let ours = match &known.now {
            None => None,
            Some(now) => Some(Ours {
                data: parsed.as_ref().unwrap_or(&item.data),
                version: now.version,
                changed_at: timestamp(now.changed_at)?,
                synced_version: known.link.as_ref().map(|link| link.record_version),
            }),
        };
        let theirs = Theirs {
            data: merged.as_ref().unwrap_or(&item.data),
            ..theirs(item)
        };
        let decision = decide(ours, theirs, self.page.policy);
        let writes = matches!(decision, Decision::Create | Decision::Update);
        if writes && text.len() > DATA_BYTES_MAX {
            return Ok(Err(format!(
                "the record is {} bytes long, and may be {DATA_BYTES_MAX}",
                text.len()
            )));
        }
        // The other side does not have what was changed here, and does not learn it from this page.
        let unsynced = known.is_changed_here() && merged.is_some_and(|merged| merged != item.data);
        known.apply(self.page, key, item, decision, text, unsynced);
        match known.link {
            Some(_) => self.by_remote.insert(item.remote_id.clone(), key.to_owned()),
            None => self.by_remote.remove(&item.remote_id),
        };
        Ok(Ok(decision))
    }

    /// The key of an item without a link: what the mapping said, or the provider's id, or that id with more behind it where
    /// an unrelated record has it.
    async fn free_key(
        &mut self,
        txn: &DatabaseTransaction,
        texts: &mut Texts,
        item: &Incoming,
    ) -> Result<std::result::Result<String, String>> {
        for key in self.choices(item) {
            if let Err(wrong) = record::check_key("key", &key) {
                return Ok(Err(format!("its key {key:?} {}", wrong.message)));
            }
            self.look(txn, texts, vec![key.clone()], HashMap::new()).await?;
            let known = self.known.get(&key);
            match (&item.key, known) {
                (None, Some(known)) if known.is_unrelated(self.target) => {}
                (Some(_), Some(known)) if known.other_remote().is_some() => {
                    return Ok(Err(format!(
                        "its key {key:?} is that of the record whose remote id is {:?}",
                        known.other_remote().unwrap_or_default()
                    )));
                }
                _ => return Ok(Ok(key)),
            }
        }
        Ok(Err("every key that it could have is taken by another record".to_owned()))
    }

    fn choices(&self, item: &Incoming) -> Vec<String> {
        if let Some(key) = &item.key {
            return vec![key.clone()];
        }
        let id = &item.remote_id;
        let short: String = self
            .target
            .connection_id
            .uuid()
            .simple()
            .to_string()
            .chars()
            .take(8)
            .collect();
        vec![
            id.clone(),
            format!("{id}@{short}"),
            format!("{id}@{short}.{}", self.target.object.to_lowercase()),
        ]
    }

    fn first_key(&self, item: &Incoming) -> Option<String> {
        check(item).ok()?;
        match self.by_remote.get(&item.remote_id) {
            Some(key) => Some(key.clone()),
            None if item.deleted => None,
            None => self.choices(item).into_iter().next().filter(|key| is_key(key)),
        }
    }

    fn second_key(&self, item: &Incoming) -> Option<String> {
        if item.deleted || item.key.is_some() || self.by_remote.contains_key(&item.remote_id) {
            return None;
        }
        let taken = self.known.get(&item.remote_id)?.is_unrelated(self.target);
        self.choices(item).into_iter().nth(1).filter(|key| taken && is_key(key))
    }

    /// Reads what there is at these keys, unless that is known; `links` are those that were found by their remote id.
    async fn look(
        &mut self,
        txn: &DatabaseTransaction,
        texts: &mut Texts,
        keys: Vec<String>,
        mut links: HashMap<String, record_link::Model>,
    ) -> Result<()> {
        // In the order of the keys, so that two that lock the same rows never wait for each other in a circle.
        let keys: BTreeSet<String> = keys.into_iter().filter(|key| !self.known.contains_key(key)).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = keys.into_iter().collect();
        for key in &keys {
            let link = links.remove(key);
            self.known.insert(
                key.clone(),
                Known {
                    link,
                    ..Known::default()
                },
            );
        }
        for found in rows::records(txn, texts, self.target, &keys).await? {
            if let Some(known) = self.known.get_mut(&found.key) {
                known.now = Some(found.clone());
                known.before = Some(found);
            }
        }
        let in_doubt = |key: &String| {
            let known = self.known.get(key);
            known.is_some_and(|known| known.link.is_none() || known.now.is_none())
        };
        let keys: Vec<String> = keys.into_iter().filter(in_doubt).collect();
        for link in rows::links_of_keys(txn, texts, self.target, &keys).await? {
            if let Some(known) = self.known.get_mut(&link.key) {
                known.remembered = known.remembered.max(Some(link.record_version));
                let same_connection = link.connection_id == self.target.connection_id.uuid();
                match same_connection && link.object == self.target.object {
                    true if known.link.is_none() => known.link = Some(link),
                    true => {}
                    false => known.linked_otherwise |= same_connection,
                }
            }
        }
        Ok(())
    }

    /// What all decisions came to.
    pub(super) fn written(self) -> Written {
        let mut known: Vec<(String, Known)> = self.known.into_iter().collect();
        known.sort_by(|one, other| one.0.cmp(&other.0));
        let mut written = Written::default();
        for (key, known) in known {
            if known.link_changed {
                match known.link {
                    Some(link) => written.links.push(link),
                    None => written.links_deleted.push(key.clone()),
                }
            }
            if known.before == known.now {
                continue;
            }
            let (before, now) = (known.before.as_ref(), known.now.as_ref());
            written.noted.push(noted(&self.target.entity, key.clone(), before, now));
            match (known.before, known.now) {
                (None, Some(now)) => written.inserted.push(now),
                (Some(_), Some(now)) => written.updated.push(now),
                (_, None) => written.deleted.push(key),
            }
        }
        written
    }
}

impl Known {
    /// Does what was decided; `unsynced`: what was changed here is still to be sent.
    fn apply(
        &mut self,
        page: Arrived<'_>,
        key: &str,
        item: &Incoming,
        decision: Decision,
        data: String,
        unsynced: bool,
    ) {
        let target = page.target;
        let at = page.at.as_microsecond();
        let changed_at = item.remote_updated_at.map_or(at, |at| at.as_microsecond());
        match decision {
            Decision::Create => {
                let before = self.before.as_ref().map(|before| before.version);
                self.now = Some(row::Model {
                    tenant_id: target.tenant_id.uuid(),
                    entity: target.entity.clone(),
                    key: key.to_owned(),
                    data,
                    version: next_version(self.remembered.into_iter().chain(before)),
                    changed_at,
                    created_at: at,
                    updated_at: at,
                    origin: Some(target.connection_id.uuid()),
                });
            }
            Decision::Update => {
                if let Some(now) = &mut self.now {
                    now.data = data;
                    now.version += 1;
                    now.changed_at = changed_at;
                    now.updated_at = at;
                }
            }
            Decision::Delete => self.now = None,
            Decision::Unchanged | Decision::LinkOnly | Decision::SkippedNewer | Decision::NotApplicable => {}
        }
        let version = self.now.as_ref().map(|now| now.version);
        let synced = match (decision, version) {
            (Decision::NotApplicable, _) => return,
            // The other side has nothing any more that could be linked.
            _ if item.deleted => None,
            // What is newer here was never there, nor were members that are only here.
            (decision, _) if unsynced || decision == Decision::SkippedNewer => {
                Some(self.link.as_ref().map_or(0, |link| link.record_version))
            }
            (_, version) => version,
        };
        let link = synced.map(|record_version| record_link::Model {
            tenant_id: target.tenant_id.uuid(),
            connection_id: target.connection_id.uuid(),
            object: target.object.clone(),
            entity: target.entity.clone(),
            key: key.to_owned(),
            remote_id: Some(item.remote_id.clone()),
            remote_version: item.remote_version.clone(),
            remote_updated_at: item.remote_updated_at.map(|at| at.as_microsecond()),
            record_version,
            pending: self.link.as_ref().and_then(|link| link.pending.clone()),
        });
        self.link_changed |= self.link != link;
        self.link = link;
    }

    /// Whether it was changed here since both sides had the same, or never was the same.
    fn is_changed_here(&self) -> bool {
        let synced = self.link.as_ref().map_or(0, |link| link.record_version);
        self.now.as_ref().is_some_and(|now| now.version > synced)
    }

    /// Whether the record at this key has nothing to do with an object whose id is the key: it came from elsewhere.
    fn is_unrelated(&self, target: &Target) -> bool {
        let origin = self.now.as_ref().and_then(|now| now.origin);
        let elsewhere = origin.is_some_and(|origin| origin != target.connection_id.uuid());
        elsewhere || self.linked_otherwise || self.other_remote().is_some()
    }

    /// The remote id that this key has at this connection and object already.
    fn other_remote(&self) -> Option<&str> {
        self.link.as_ref()?.remote_id.as_deref()
    }
}

/// What happened to a record, if it did.
fn noted(entity: &str, key: String, before: Option<&row::Model>, now: Option<&row::Model>) -> Noted {
    let (kind, version) = match (before, now) {
        (None, Some(now)) => (ChangeKind::Created, now.version),
        (Some(_), Some(now)) => (ChangeKind::Updated, now.version),
        (before, None) => (ChangeKind::Deleted, before.map_or(0, |before| before.version) + 1),
    };
    Noted {
        change: RecordChange {
            entity: entity.to_owned(),
            key,
            version,
            kind,
        },
        before: before.map(|before| before.data.clone()),
        after: now.map(|now| now.data.clone()),
    }
}

fn theirs(item: &Incoming) -> Theirs<'_> {
    Theirs {
        data: &item.data,
        updated_at: item.remote_updated_at,
        deleted: item.deleted,
    }
}

fn is_key(key: &str) -> bool {
    record::check_key("key", key).is_ok()
}

/// What cannot be stored is refused before anything is looked for.
fn check(item: &Incoming) -> std::result::Result<(), String> {
    for (what, text) in [
        ("remote id", Some(item.remote_id.as_str())),
        ("remote version", item.remote_version.as_deref()),
    ] {
        let fits = |text: &str| {
            (1..=REMOTE_ID_CHARACTERS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control)
        };
        if text.is_some_and(|text| !fits(text)) {
            return Err(format!(
                "its {what} is not 1 to {REMOTE_ID_CHARACTERS_MAX} characters without control characters"
            ));
        }
    }
    if !item.deleted && !item.data.is_object() {
        return Err("it is not an object".to_owned());
    }
    // Two that fit, one over the other, fit too.
    if !item.deleted && !is_readable(&item.data, 0) {
        return Err(record::TOO_DEEP.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_could_not_be_read_back_is_refused() {
        let mut item = Incoming {
            remote_id: "1".to_owned(),
            remote_version: None,
            remote_updated_at: None,
            deleted: false,
            data: json!({"a": 1}),
            key: None,
        };
        assert_eq!(check(&item), Ok(()));
        for _ in 0..127 {
            item.data = json!({ "a": item.data });
        }
        assert_eq!(check(&item), Err(record::TOO_DEEP.to_owned()));
    }
}

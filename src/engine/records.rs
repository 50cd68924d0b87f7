//! Local records as a service: reading them with their counterparts, putting, patching and deleting them by hand.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use uuid::Uuid;

use super::{Engine, caller::Caller, change::again_if_stale};
use crate::{
    domain::{
        json_patch::merge_patch_text,
        record::{self, DATA_BYTES_MAX, changed_members, check_key, entity_name},
        rights::Right,
        validate::FieldError,
    },
    error::{Code, Error, Result},
    store::{
        self, Page, Paged,
        records::{LinkedRecord, RecordWrite, StoredRecord},
    },
};

/// Data up to this length is in the audit log as a whole; of longer data, the members that changed.
const AUDIT_DATA_BYTES_MAX: usize = 16_384;

/// Records of a caller's tenant.
pub struct Records<'a> {
    engine: &'a Engine,
}

/// A record as it is shown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Lower case.
    pub entity: String,
    /// Unique in the entity.
    pub key: String,
    /// A JSON object, digits as they came.
    pub data: Box<RawValue>,
    /// Grows with each change.
    pub version: i64,
    /// When it was written here last.
    pub updated_at: Timestamp,
    /// Its counterparts behind connections.
    pub links: Vec<RecordLink>,
}

/// A counterpart of a record as it is shown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordLink {
    /// Which connection.
    pub connection_id: Uuid,
    /// The provider's object.
    pub object: String,
    /// The provider's id.
    pub remote_id: String,
    /// The provider's own version, where it has one.
    pub remote_version: Option<String>,
    /// When the provider says that it was changed.
    pub remote_updated_at: Option<Timestamp>,
    /// The version of the record that both sides had last; 0: none.
    pub record_version: i64,
}

/// What a put came to.
#[derive(Clone, Debug)]
pub struct Put {
    /// Whether it is new.
    pub created: bool,
    /// As it is now.
    pub record: Record,
}

impl Engine {
    /// Local records.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records { engine: self }
    }
}

impl Records<'_> {
    /// The records of an entity, by key.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `connections.manage`; [`Code::Invalid`] for what cannot be an entity.
    pub async fn list(&self, caller: &Caller, entity: &str, page: Page) -> Result<Paged<Record>> {
        caller.require(Right::ConnectionsManage)?;
        let entity = entity_name("entity", entity).map_err(|wrong| Error::invalid(vec![wrong]))?;
        let paged = self.engine.store().records(caller.tenant_id, entity, page).await?;
        paged.try_map(shown)
    }

    /// The entities of which there are records, by name, up to 200.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `connections.manage`.
    pub async fn entities(&self, caller: &Caller) -> Result<Vec<String>> {
        caller.require(Right::ConnectionsManage)?;
        Ok(self.engine.store().record_entities(caller.tenant_id).await?)
    }

    /// One record.
    ///
    /// # Errors
    /// As [`Self::list`]; [`Code::NotFound`].
    pub async fn get(&self, caller: &Caller, entity: &str, key: &str) -> Result<Record> {
        caller.require(Right::ConnectionsManage)?;
        let (entity, key) = names(entity, key)?;
        let found = self.find(caller, &entity, &key).await?;
        shown(found.ok_or_else(|| missing(&entity, &key))?)
    }

    /// Makes a record that is not there yet.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `connections.manage`, [`Code::Invalid`], [`Code::NameInUse`].
    pub async fn create(&self, caller: &Caller, entity: &str, key: &str, data: &RawValue) -> Result<Record> {
        caller.require(Right::ConnectionsManage)?;
        let (entity, key) = names(entity, key)?;
        check_data(data.get())?;
        again_if_stale(None, || async {
            if self.find(caller, &entity, &key).await?.is_some() {
                let text = format!("There is a record {key:?} of the entity {entity:?} already.");
                return Err(Error::new(Code::NameInUse, text).with_fields(vec![FieldError::new("key", "is taken")]));
            }
            let (at, data) = (self.engine.clock().now(), data.get().to_owned());
            self.write(caller, (&entity, &key), None, data, at).await
        })
        .await
    }

    /// Makes a record, or replaces its data. Data that is the same is no change.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `connections.manage`, [`Code::Invalid`], [`Code::StaleVersion`].
    pub async fn put(
        &self,
        caller: &Caller,
        entity: &str,
        key: &str,
        version: Option<i64>,
        data: &RawValue,
    ) -> Result<Put> {
        caller.require(Right::ConnectionsManage)?;
        let (entity, key) = names(entity, key)?;
        check_data(data.get())?;
        again_if_stale(version, || async {
            let before = self.find(caller, &entity, &key).await?;
            let created = before.is_none();
            match (&before, version) {
                (None, Some(_)) => return Err(gone(&entity, &key)),
                (Some(before), _) => store::expect_version(version, before.record.version)?,
                (None, None) => {}
            }
            let (at, data) = (self.engine.clock().now(), data.get().to_owned());
            let record = self.write(caller, (&entity, &key), before, data, at).await?;
            Ok(Put { created, record })
        })
        .await
    }

    /// Applies a merge patch (RFC 7396) to the data of a record.
    ///
    /// # Errors
    /// As [`Self::put`]; [`Code::NotFound`].
    pub async fn patch(
        &self,
        caller: &Caller,
        entity: &str,
        key: &str,
        version: Option<i64>,
        patch: &RawValue,
    ) -> Result<Record> {
        caller.require(Right::ConnectionsManage)?;
        let (entity, key) = names(entity, key)?;
        if !patch.get().starts_with('{') {
            return Err(Error::invalid_field("", "must be an object: a merge patch (RFC 7396)"));
        }
        again_if_stale(version, || async {
            let before = self.find(caller, &entity, &key).await?;
            let before = before.ok_or_else(|| missing(&entity, &key))?;
            store::expect_version(version, before.record.version)?;
            let data = merge_patch_text(&before.record.data, patch.get())
                .map_err(|error| Error::invalid_field("", error.to_string()))?;
            check_data(&data)?;
            let at = self.engine.clock().now();
            self.write(caller, (&entity, &key), Some(before), data, at).await
        })
        .await
    }

    /// Deletes a record here; its counterparts stay as they are.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `connections.manage`, [`Code::Invalid`], [`Code::NotFound`], [`Code::StaleVersion`].
    pub async fn delete(&self, caller: &Caller, entity: &str, key: &str, version: Option<i64>) -> Result<()> {
        caller.require(Right::ConnectionsManage)?;
        let (entity, key) = names(entity, key)?;
        again_if_stale(version, || async {
            let before = self.find(caller, &entity, &key).await?;
            let before = before.ok_or_else(|| missing(&entity, &key))?;
            store::expect_version(version, before.record.version)?;
            let (was, _) = audited(Some(&before.record), None);
            let entry = caller.audit("record.delete", "record", name(&entity, &key), was, None);
            let at = self.engine.clock().now();
            let deleted = self
                .engine
                .store()
                .delete_record(caller.tenant_id, before.record, at, entry);
            let news = deleted.await?;
            self.engine.services().tell_records(caller.tenant_id, news);
            Ok(())
        })
        .await
    }

    async fn find(&self, caller: &Caller, entity: &str, key: &str) -> Result<Option<LinkedRecord>> {
        let found = self
            .engine
            .store()
            .record(caller.tenant_id, entity.to_owned(), key.to_owned());
        Ok(found.await?)
    }

    async fn write(
        &self,
        caller: &Caller,
        (entity, key): (&str, &str),
        before: Option<LinkedRecord>,
        data: String,
        at: Timestamp,
    ) -> Result<Record> {
        if let Some(before) = &before
            && before.record.data == data
        {
            return shown(before.clone());
        }
        let before = before.map(|before| before.record);
        let (was, is) = audited(before.as_ref(), Some(&data));
        let action = if before.is_some() {
            "record.update"
        } else {
            "record.create"
        };
        let entry = caller.audit(action, "record", name(entity, key), was, is);
        let current = before.as_ref().map_or(1, |before| before.version + 1);
        let write = RecordWrite {
            entity: entity.to_owned(),
            key: key.to_owned(),
            before,
            data,
            at,
        };
        let written = self.engine.store().write_record(caller.tenant_id, write, entry).await;
        let (record, news) = written.map_err(|error| match error {
            // Somebody made it, or deleted it, between our look and our write.
            store::Error::Unique(_) | store::Error::NotFound => store::Error::Stale { current },
            other => other,
        })?;
        self.engine.services().tell_records(caller.tenant_id, news);
        shown(record)
    }
}

fn names(entity: &str, key: &str) -> Result<(String, String)> {
    let mut wrong = Vec::new();
    let entity = entity_name("entity", entity).map_err(|error| wrong.push(error));
    wrong.extend(check_key("key", key).err());
    match entity {
        Ok(entity) if wrong.is_empty() => Ok((entity, key.to_owned())),
        _ => Err(Error::invalid(wrong)),
    }
}

/// What cannot be read again must not be stored.
fn check_data(data: &str) -> Result<()> {
    let wrong = if !data.starts_with('{') {
        "must be an object".to_owned()
    } else if data.len() > DATA_BYTES_MAX {
        format!("must be at most {DATA_BYTES_MAX} bytes long, and has {}", data.len())
    } else {
        match serde_json::from_str::<Value>(data) {
            Ok(_) => return Ok(()),
            Err(error) => format!("cannot be kept: {error}"),
        }
    };
    Err(Error::invalid(vec![FieldError::new("", wrong)]))
}

/// How it was and how it is, for the audit log.
fn audited(before: Option<&StoredRecord>, after: Option<&str>) -> (Option<Value>, Option<Value>) {
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    let was = before.and_then(|before| parse(&before.data));
    let is = after.and_then(parse);
    let short = |text: Option<&str>| text.is_none_or(|text| text.len() <= AUDIT_DATA_BYTES_MAX);
    if short(before.map(|before| before.data.as_str())) && short(after) {
        let version = before.map(|before| before.version);
        return (
            was.map(|data| json!({ "version": version, "data": data })),
            is.map(|data| json!({ "data": data })),
        );
    }
    let changed = changed_members(was.as_ref(), is.as_ref());
    (
        before.map(|before| json!({ "version": before.version })),
        after.map(|_| json!({ "changed": changed })),
    )
}

fn name(entity: &str, key: &str) -> String {
    format!("{entity}/{key}")
}

fn missing(entity: &str, key: &str) -> Error {
    Error::new(
        Code::NotFound,
        format!("There is no record {key:?} of the entity {entity:?} in this tenant."),
    )
}

fn gone(entity: &str, key: &str) -> Error {
    Error::new(
        Code::StaleVersion,
        format!("There is no record {key:?} of the entity {entity:?} any more. Leave If-Match out to make it."),
    )
}

fn shown(linked: LinkedRecord) -> Result<Record> {
    let LinkedRecord { record, links } = linked;
    let link = |link: record::Link| RecordLink {
        connection_id: link.connection_id.uuid(),
        object: link.object,
        remote_id: link.remote_id,
        remote_version: link.remote_version,
        remote_updated_at: link.remote_updated_at,
        record_version: link.record_version,
    };
    Ok(Record {
        entity: record.entity,
        key: record.key,
        data: RawValue::from_string(record.data).map_err(Error::internal)?,
        version: record.version,
        updated_at: record.updated_at,
        links: links.into_iter().map(link).collect(),
    })
}

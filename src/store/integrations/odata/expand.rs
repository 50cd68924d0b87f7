//! What is expanded: a statement for each navigation to one, for all entities at once; of navigations to many one for each few entities.

use std::collections::BTreeMap;

use sea_orm::ConnectionTrait;
use serde_json::Value;

use super::{ENTITY_ID, ROW, Reader, Sql, column, columns, filter, listed_entity, read_properties, source};
use crate::{
    domain::odata::{Entity, EntitySet, Expand, Expanded, Key, Link, Property, Query},
    store::{Error, Result},
};

/// Entities of a navigation to many for each entity, where the request does not say.
const EACH_DEFAULT: u64 = 100;
/// The same, at most.
const EACH_MAX: u64 = 500;
/// Entities whose navigation one statement reads.
const AT_ONCE: usize = 50;
/// The same, as the bytes of such a statement; one entity may need more.
const TEXT_BYTES: usize = 256 * 1024;
/// Stands in a text for the key of an entity; no value of a caller is ever in these texts.
const KEY: &str = "{key}";

impl Reader {
    /// Reads what a navigation leads to from these entities, and puts it there.
    pub(super) async fn expand_one(&mut self, expand: &Expand, entities: &mut [Entity]) -> Result<()> {
        match expand.navigation.link {
            Link::One(property) => self.expand_to_one(expand, property, entities).await,
            Link::Many(property) => self.expand_to_many(expand, property, entities).await,
        }
    }

    async fn expand_to_one(&mut self, expand: &Expand, property: &str, entities: &mut [Entity]) -> Result<()> {
        let target = expand.query.set;
        let key_of = |entity: &Entity| entity.value(property).and_then(|value| linked(target, value));
        let mut keys: Vec<Key> = entities.iter().filter_map(key_of).collect();
        keys.sort_by_key(Key::in_path);
        keys.dedup();
        let mut found = BTreeMap::new();
        if !keys.is_empty() {
            let read = read_properties(&expand.query, None);
            let mut sql = self.sql();
            let columns = columns(target, &read)?;
            let rows = source::of(target).rows(ROW);
            let visible = source::of(target).visible(ROW);
            let key = column(target, target.entity_type().key().name)?;
            let list = bound(&keys, &mut sql);
            sql.push(&format!(
                "SELECT {columns} FROM {rows} WHERE {visible} AND {key} IN ({list})"
            ));
            let rows = self.db.query_all_raw(sql.statement()).await?;
            let mut targets = self.entities(target, &read, rows.iter())?;
            self.expand(&expand.query, &mut targets).await?;
            for one in targets {
                if let Some(key) = one.key() {
                    found.insert(key.in_path(), one);
                }
            }
        }
        for entity in entities {
            let key = entity.value(property).and_then(|value| linked(target, value));
            let one = key.and_then(|key| found.get(&key.in_path()));
            // Each holds a copy of its own, with all that was expanded in it.
            let size = one.map_or(0, size);
            self.left = self.left.checked_sub(size).ok_or_else(super::too_large)?;
            let one = one.cloned();
            entity
                .expanded
                .push((expand.navigation, Expanded::One(one.map(Box::new))));
        }
        Ok(())
    }

    /// As many of each as are asked for, in their order.
    async fn expand_to_many(&mut self, expand: &Expand, property: &str, entities: &mut [Entity]) -> Result<()> {
        let (query, target) = (&expand.query, expand.query.set);
        let mut keys: Vec<Key> = entities.iter().filter_map(Entity::key).collect();
        keys.sort_by_key(Key::in_path);
        keys.dedup();
        let each = each(query);
        let read = read_properties(query, Some(property));
        let mut targets = Vec::new();
        let mut left = keys.as_slice();
        while !left.is_empty() {
            let (sql, after) = self.many(expand, property, left, &read)?;
            let rows = self.db.query_all_raw(sql.statement()).await?;
            targets.append(&mut self.entities(target, &read, rows.iter())?);
            left = after;
        }
        self.expand(query, &mut targets).await?;
        let mut grouped: BTreeMap<String, Vec<Entity>> = BTreeMap::new();
        for one in targets {
            let parent = one.value(property).and_then(|value| linked_back(property, value));
            let parent = parent.ok_or_else(|| Error::Content(format!("an entity of {target} without {property}")))?;
            grouped.entry(parent.in_path()).or_default().push(one);
        }
        let each = usize::try_from(each).unwrap_or(usize::MAX);
        for entity in entities {
            let mut of = entity
                .key()
                .and_then(|key| grouped.remove(&key.in_path()))
                .unwrap_or_default();
            // As with lists: as many as were asked for are all that were asked for.
            let more = of.len() > each && query.top.is_none_or(|top| top > EACH_MAX);
            of.truncate(each);
            entity
                .expanded
                .push((expand.navigation, Expanded::Many { entities: of, more }));
        }
        Ok(())
    }

    /// The first rows of each of some of these entities, and the entities that are left. Each is looked up for itself, so that one with
    /// a million rows is answered as soon as one with ten.
    fn many<'k>(
        &self,
        expand: &Expand,
        property: &str,
        keys: &'k [Key],
        read: &[&'static Property],
    ) -> Result<(Sql, &'k [Key])> {
        let mut sql = self.sql();
        let columns = columns(expand.query.set, read)?;
        let order = self.order(&expand.query, &mut sql)?;
        let first = self.first_rows(expand, property, &order, &mut sql)?;
        let part = format!("SELECT {columns}, ROW_NUMBER() OVER (ORDER BY {order}) AS n FROM ({first}) {ROW}");
        let count = (TEXT_BYTES / part.len()).clamp(1, AT_ONCE).min(keys.len());
        let (now, later) = keys.split_at_checked(count).unwrap_or((keys, &[]));
        let mut parts = Vec::with_capacity(count);
        for key in now {
            parts.push(part.replace(KEY, &bound(std::slice::from_ref(key), &mut sql)));
        }
        let parts = parts.join(" UNION ALL ");
        sql.push(&format!("SELECT * FROM ({parts}) numbered ORDER BY n"));
        Ok((sql, later))
    }

    /// The first rows of one entity, whose key is where [`KEY`] stands, and one more.
    fn first_rows(&self, expand: &Expand, property: &str, order: &str, sql: &mut Sql) -> Result<String> {
        let (query, target) = (&expand.query, expand.query.set);
        let link = column(target, property)?;
        let link = if property == ENTITY_ID {
            filter::entity_key(&link)
        } else {
            link
        };
        let before = sql.text.len();
        self.conditions(query, &super::Scope::All, sql)?;
        let conditions = sql.text.split_off(before);
        let limit = sql.bind(whole(each(query)).saturating_add(1));
        let offset = sql.bind(whole(query.skip));
        let rows = source::of(target).rows(ROW);
        Ok(format!(
            "SELECT {ROW}.* FROM {rows} WHERE {conditions} AND {link} = {KEY} ORDER BY {order} LIMIT {limit} OFFSET {offset}"
        ))
    }
}

/// Entities of a navigation to many for each entity.
fn each(query: &Query) -> u64 {
    query.top.unwrap_or(EACH_DEFAULT).min(EACH_MAX)
}

/// The statement for the test of plans: the first rows that the first navigation of these options leads to from one entity.
#[cfg(test)]
pub(in crate::store) async fn sqlite_text(store: &crate::store::Store, set: EntitySet, options: &str) -> String {
    let options = crate::domain::odata::parse(set, crate::domain::odata::Asked::Many, options).unwrap();
    let now = store.clock().now();
    let text = store.read(move |db| async move {
        let reader = Reader::new(db, uuid::Uuid::nil().into(), now);
        let expand = &options.query.expand[0];
        let Link::Many(property) = expand.navigation.link else {
            return Err(Error::NotFound);
        };
        let mut sql = reader.sql();
        let order = reader.order(&expand.query, &mut sql)?;
        reader.first_rows(expand, property, &order, &mut sql)
    });
    text.await.unwrap().replace(KEY, "?")
}

/// Entities in it, itself included.
fn size(entity: &Entity) -> usize {
    let within = |expanded: &Expanded| match expanded {
        Expanded::One(one) => one.as_deref().map_or(0, size),
        Expanded::Many { entities, .. } => entities.iter().map(size).sum(),
    };
    entity
        .expanded
        .iter()
        .fold(1, |sum, (_, expanded)| sum.saturating_add(within(expanded)))
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The key of the entity that this value names.
fn linked(target: EntitySet, value: &Value) -> Option<Key> {
    match Key::of(value)? {
        Key::Text(name) if target == EntitySet::Entities => Some(Key::Text(listed_entity(&name))),
        key => Some(key),
    }
}

/// The key of the entity that an entity of its list names.
fn linked_back(property: &str, value: &Value) -> Option<Key> {
    match Key::of(value)? {
        Key::Text(name) if property == ENTITY_ID => Some(Key::Text(listed_entity(&name))),
        key => Some(key),
    }
}

fn bound(keys: &[Key], sql: &mut Sql) -> String {
    let one = |key: &Key| match key {
        Key::Number(number) => sql.bind(*number),
        Key::Text(text) => sql.bind(text.clone()),
    };
    keys.iter().map(one).collect::<Vec<_>>().join(", ")
}

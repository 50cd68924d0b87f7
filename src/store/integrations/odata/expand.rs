//! What is expanded: one statement for each navigation, for all entities at once.

use std::collections::BTreeMap;

use sea_orm::ConnectionTrait;
use serde_json::Value;

use super::{
    ENTITIES_MAX, ENTITY_ID, ROW, Reader, Sql, column, columns, filter, listed_entity, read_properties, source,
};
use crate::{
    domain::odata::{Entity, EntitySet, Expand, Expanded, Key, Link},
    store::{Error, Result},
};

/// Entities of a navigation to many for each entity, where the request does not say.
const EACH_DEFAULT: u64 = 100;
/// The same, at most.
const EACH_MAX: u64 = 500;

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

    /// As many of each as are asked for, numbered within each by the database.
    async fn expand_to_many(&mut self, expand: &Expand, property: &str, entities: &mut [Entity]) -> Result<()> {
        let (query, target) = (&expand.query, expand.query.set);
        let mut keys: Vec<Key> = entities.iter().filter_map(Entity::key).collect();
        keys.dedup();
        let each = query.top.unwrap_or(EACH_DEFAULT).min(EACH_MAX);
        let read = read_properties(query, Some(property));
        let mut sql = self.sql();
        let list = bound(&keys, &mut sql);
        let link = column(target, property)?;
        let link = if property == ENTITY_ID {
            filter::entity_key(&link)
        } else {
            link
        };
        let order = self.order(query, &mut sql)?;
        let all = columns(target, &read)?;
        sql.push(&format!(
            "SELECT * FROM (SELECT {all}, ROW_NUMBER() OVER (PARTITION BY {link} ORDER BY {order}) AS n FROM {} WHERE ",
            source::of(target).rows(ROW)
        ));
        self.conditions(query, &super::Scope::All, &mut sql)?;
        let first = i64::try_from(query.skip).unwrap_or(i64::MAX - 1_000);
        let (after, last) = (
            sql.bind(first),
            sql.bind(first.saturating_add(whole(each)).saturating_add(1)),
        );
        let most = sql.bind(whole(u64::try_from(ENTITIES_MAX).unwrap_or(u64::MAX)).saturating_add(1));
        sql.push(&format!(
            " AND {link} IN ({list})) numbered WHERE n > {after} AND n <= {last} ORDER BY n LIMIT {most}"
        ));
        let rows = self.db.query_all_raw(sql.statement()).await?;
        let mut targets = self.entities(target, &read, rows.iter())?;
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

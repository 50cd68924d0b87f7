//! Owns reading of entities for OData: any set, filtered, in any order, in parts, with what is expanded.
//!
//! A request is one statement for its set, one more where all are counted, and one or a few for each navigation that is
//! expanded.

use std::{future::Future, pin::Pin};

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{Error, Result, Store, tenants::timestamp};
use crate::domain::{
    ids::TenantId,
    odata::{Edm, Entity, EntitySet, Expand, Key, Link, Listed, Property, Query},
};

#[cfg(not(test))]
mod expand;
#[cfg(test)]
pub(in crate::store) mod expand;
mod filter;
mod source;
mod text;

use filter::Translator;
use text::Sql;

/// Alias of the rows that are read.
const ROW: &str = "t";
/// Most entities in an answer, those that are expanded included.
const ENTITIES_MAX: usize = 20_000;

/// Which entities of a set come into question, besides its filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Scope {
    /// All that the tenant sees.
    All,
    /// The one with this key.
    Key(Key),
    /// Those with this value in a property: what a navigation leads to.
    Linked(&'static Property, Key),
}

/// How the reader goes on after an answer that would be too large.
pub(super) fn too_large() -> Error {
    Error::TooMany(format!(
        "The answer would have more than {ENTITIES_MAX} entities. Ask for fewer with $top, also within $expand."
    ))
}

/// What one request may still read.
struct Reader {
    db: DatabaseConnection,
    tenant_id: Uuid,
    now: Timestamp,
    left: usize,
}

type Reading<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl Store {
    /// A part of a set: `limit` entities at most, whatever the query says.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub async fn odata_list(
        &self,
        tenant_id: TenantId,
        query: Query,
        scope: Scope,
        limit: u64,
        now: Timestamp,
    ) -> Result<Listed> {
        self.read(move |db| async move { Reader::new(db, tenant_id, now).list(&query, &scope, limit).await })
            .await
    }

    /// How many entities of a set there are.
    pub async fn odata_count(&self, tenant_id: TenantId, query: Query, scope: Scope, now: Timestamp) -> Result<u64> {
        self.read(move |db| async move { Reader::new(db, tenant_id, now).count(&query, &scope).await })
            .await
    }
}

impl Reader {
    fn new(db: DatabaseConnection, tenant_id: TenantId, now: Timestamp) -> Self {
        Self {
            db,
            tenant_id: tenant_id.uuid(),
            now,
            left: ENTITIES_MAX,
        }
    }

    fn sql(&self) -> Sql {
        Sql::new(self.db.get_database_backend(), self.tenant_id)
    }

    async fn list(&mut self, query: &Query, scope: &Scope, limit: u64) -> Result<Listed> {
        let count = match query.count {
            true => Some(self.count(query, scope).await?),
            false => None,
        };
        let wanted = query.top.unwrap_or(u64::MAX).min(limit);
        let read = read_properties(query, None);
        let mut sql = self.sql();
        let columns = columns(query.set, &read)?;
        sql.push(&format!(
            "SELECT {columns} FROM {} WHERE ",
            source::of(query.set).rows(ROW)
        ));
        self.conditions(query, scope, &mut sql)?;
        if let Some(after) = query.after {
            let after = sql.bind(after);
            sql.push(&format!(
                " AND {} > {after}",
                column(query.set, query.set.entity_type().key().name)?
            ));
        }
        let order = self.order(query, &mut sql)?;
        let limit = sql.bind(i64::try_from(wanted.saturating_add(1)).unwrap_or(i64::MAX));
        let offset = sql.bind(i64::try_from(query.skip).unwrap_or(i64::MAX));
        sql.push(&format!(" ORDER BY {order} LIMIT {limit} OFFSET {offset}"));
        let rows = self.db.query_all_raw(sql.statement()).await?;
        let more = u64::try_from(rows.len()).unwrap_or(u64::MAX) > wanted;
        let kept = usize::try_from(wanted).unwrap_or(usize::MAX);
        let mut entities = self.entities(query.set, &read, rows.iter().take(kept))?;
        self.expand(query, &mut entities).await?;
        Ok(Listed { entities, count, more })
    }

    async fn count(&self, query: &Query, scope: &Scope) -> Result<u64> {
        let mut sql = self.sql();
        sql.push(&format!(
            "SELECT COUNT(*) AS c0 FROM {} WHERE ",
            source::of(query.set).rows(ROW)
        ));
        self.conditions(query, scope, &mut sql)?;
        let row = self.db.query_one_raw(sql.statement()).await?;
        let count: i64 = row
            .ok_or_else(|| Error::Content("a count gave no row".to_owned()))?
            .try_get("", "c0")?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Who sees what, the scope and the filter.
    fn conditions(&self, query: &Query, scope: &Scope, sql: &mut Sql) -> Result<()> {
        sql.push(&source::of(query.set).visible(ROW));
        let (property, key) = match scope {
            Scope::All => (None, None),
            Scope::Key(key) => (Some(query.set.entity_type().key()), Some(key)),
            Scope::Linked(property, key) => (Some(*property), Some(key)),
        };
        if let (Some(property), Some(key)) = (property, key) {
            let column = column(query.set, property.name)?;
            let column = if property.name == ENTITY_ID {
                filter::entity_key(&column)
            } else {
                column
            };
            let value = match key {
                Key::Number(number) => sql.bind(*number),
                Key::Text(text) if property.name == ENTITY_ID => sql.bind(listed_entity(text)),
                Key::Text(text) => sql.bind(text.clone()),
            };
            sql.push(&format!(" AND {column} = {value}"));
        }
        if let Some(filter) = &query.filter {
            let condition = self.translator(query.set).condition(filter, sql)?;
            sql.push(&format!(" AND {condition}"));
        }
        Ok(())
    }

    fn translator(&self, set: EntitySet) -> Translator<'static> {
        Translator {
            set,
            alias: ROW,
            now: self.now,
        }
    }

    /// Null is the least, in both databases.
    fn order(&self, query: &Query, sql: &mut Sql) -> Result<String> {
        let bytes = if sql.is_sqlite() { "" } else { " COLLATE \"C\"" };
        let of = query.set.entity_type();
        let mut parts = Vec::new();
        for order in &query.order {
            let is_text = crate::domain::odata::check(of, &order.by) == Ok(crate::domain::odata::Type::Text);
            let by = self.translator(query.set).value(&order.by, sql)?;
            let by = if is_text { format!("{by}{bytes}") } else { by };
            let direction = if order.descending {
                "DESC NULLS LAST"
            } else {
                "ASC NULLS FIRST"
            };
            parts.push(format!("{by} {direction}"));
        }
        let key = of.key();
        let collation = if key.edm == Edm::String { bytes } else { "" };
        parts.push(format!("{}{collation}", column(query.set, key.name)?));
        Ok(parts.join(", "))
    }

    /// The entities in these rows, which are counted.
    fn entities<'r>(
        &mut self,
        set: EntitySet,
        read: &[&'static Property],
        rows: impl Iterator<Item = &'r QueryResult>,
    ) -> Result<Vec<Entity>> {
        let mut entities = Vec::new();
        for row in rows {
            self.left = self.left.checked_sub(1).ok_or_else(too_large)?;
            entities.push(entity(set, read, row)?);
        }
        Ok(entities)
    }

    /// Boxed, since what is expanded may be expanded itself.
    fn expand<'a>(&'a mut self, query: &'a Query, entities: &'a mut [Entity]) -> Reading<'a, ()> {
        Box::pin(async move {
            for expand in &query.expand {
                if !entities.is_empty() {
                    self.expand_one(expand, entities).await?;
                }
            }
            Ok(())
        })
    }
}

/// The property whose values are written in any case.
const ENTITY_ID: &str = "EntityId";

/// A name of an entity as it is listed.
fn listed_entity(name: &str) -> String {
    if name.eq_ignore_ascii_case(crate::domain::integration::TRANSACTION) {
        crate::domain::integration::TRANSACTION.to_owned()
    } else {
        name.to_ascii_lowercase()
    }
}

/// What is read for a query: what is answered, and what leads to other entities.
fn read_properties(query: &Query, also: Option<&str>) -> Vec<&'static Property> {
    let of = query.set.entity_type();
    let links = query
        .expand
        .iter()
        .filter_map(|Expand { navigation, .. }| match navigation.link {
            Link::One(property) => of.property(property),
            Link::Many(_) => None,
        });
    let hidden = [
        Some(of.key()),
        of.property("Version"),
        also.and_then(|name| of.property(name)),
    ];
    let mut read = query.properties();
    for property in hidden.into_iter().flatten().chain(links) {
        if !read.contains(&property) {
            read.push(property);
        }
    }
    read
}

fn column(set: EntitySet, property: &str) -> Result<String> {
    let column = source::of(set).column(property, ROW);
    column.ok_or_else(|| Error::Content(format!("no column for {property} of {set}")))
}

fn columns(set: EntitySet, read: &[&'static Property]) -> Result<String> {
    let columns: Result<Vec<String>> = read
        .iter()
        .enumerate()
        .map(|(index, property)| Ok(format!("{} AS c{index}", column(set, property.name)?)))
        .collect();
    Ok(columns?.join(", "))
}

fn entity(set: EntitySet, read: &[&'static Property], row: &QueryResult) -> Result<Entity> {
    let mut values = Vec::with_capacity(read.len());
    for (index, property) in read.iter().enumerate() {
        values.push((*property, value(property, row, &format!("c{index}"))?));
    }
    let version = values.iter().find(|(property, _)| property.name == "Version");
    Ok(Entity {
        set,
        version: version.and_then(|(_, version)| version.as_i64()),
        values,
        expanded: Vec::new(),
    })
}

fn value(property: &Property, row: &QueryResult, column: &str) -> Result<Value> {
    Ok(match property.edm {
        Edm::Int32 | Edm::Int64 => json!(row.try_get::<Option<i64>>("", column)?),
        Edm::String => json!(row.try_get::<Option<String>>("", column)?),
        Edm::Boolean => json!(row.try_get::<Option<bool>>("", column)?),
        Edm::Guid => json!(row.try_get::<Option<Uuid>>("", column)?),
        Edm::DateTimeOffset => match row.try_get::<Option<i64>>("", column)? {
            Some(microseconds) => json!(timestamp(microseconds)?.to_string()),
            None => Value::Null,
        },
    })
}

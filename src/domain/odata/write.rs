//! How entities, lists, values and the service document are written as JSON.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use super::{
    EntitySet, NAMESPACE,
    instance::{Entity, Expanded, Key, Listed},
    model::{Edm, Link, Property},
    options::{Expand, Query},
};

/// How much about the data goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// Only what cannot be known otherwise.
    None,
    /// What a client that knows the model needs.
    #[default]
    Minimal,
    /// Everything.
    Full,
}

/// JSON whose members keep their order, which matters to clients that read it as it comes.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// A value.
    Value(Value),
    /// Members.
    Object(Vec<(String, Json)>),
    /// Items.
    List(Vec<Json>),
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
            Self::List(items) => items.serialize(serializer),
        }
    }
}

/// Writes answers.
#[derive(Debug, Clone)]
pub struct Writer {
    /// The service's root, without a slash at its end.
    pub root: String,
    /// How much about the data is written.
    pub level: Level,
    /// Whether 64-bit numbers are written as texts.
    pub wide_as_text: bool,
}

fn text(value: impl Into<String>) -> Json {
    Json::Value(Value::String(value.into()))
}

impl Writer {
    /// The service document.
    #[must_use]
    pub fn service(&self) -> Json {
        let set = |set: EntitySet| {
            let mut members = vec![("name".to_owned(), text(set.as_str()))];
            members.push(("kind".to_owned(), text("EntitySet")));
            members.push(("url".to_owned(), text(set.as_str())));
            Json::Object(members)
        };
        let mut members = self.context("");
        members.push((
            "value".to_owned(),
            Json::List(EntitySet::ALL.into_iter().map(set).collect()),
        ));
        Json::Object(members)
    }

    /// A part of a list; `next` leads to the next part.
    #[must_use]
    pub fn list(&self, listed: &Listed, query: &Query, next: Option<String>) -> Json {
        let mut members = self.context(&format!("#{}{}", query.set, shape(query)));
        if let Some(count) = listed.count {
            members.push(("@odata.count".to_owned(), Json::Value(self.wide(count.into()))));
        }
        let entities = listed
            .entities
            .iter()
            .map(|entity| Json::Object(self.members(entity, query)));
        members.push(("value".to_owned(), Json::List(entities.collect())));
        if let Some(next) = next {
            members.push(("@odata.nextLink".to_owned(), text(next)));
        }
        Json::Object(members)
    }

    /// An entity.
    #[must_use]
    pub fn entity(&self, entity: &Entity, query: &Query) -> Json {
        let mut members = self.context(&format!("#{}{}/$entity", query.set, shape(query)));
        members.extend(self.members(entity, query));
        Json::Object(members)
    }

    /// A property of an entity.
    #[must_use]
    pub fn property(&self, set: EntitySet, key: &Key, property: &Property, value: &Value) -> Json {
        let mut members = self.context(&format!("#{set}{}/{}", key.in_path(), property.name));
        members.push(("value".to_owned(), Json::Value(self.value(property, value))));
        Json::Object(members)
    }

    /// What an action answers; `type_name` without the namespace.
    #[must_use]
    pub fn answer(&self, type_name: &str, value: Value) -> Json {
        let mut members = self.context(&format!("#{NAMESPACE}.{type_name}"));
        match value {
            Value::Object(object) => members.extend(object.into_iter().map(|(name, value)| (name, Json::Value(value)))),
            other => members.push(("value".to_owned(), Json::Value(other))),
        }
        Json::Object(members)
    }

    fn context(&self, fragment: &str) -> Vec<(String, Json)> {
        match self.level {
            Level::None => Vec::new(),
            _ => vec![(
                "@odata.context".to_owned(),
                text(format!("{}/$metadata{fragment}", self.root)),
            )],
        }
    }

    /// Where an entity is.
    #[must_use]
    pub fn place(&self, set: EntitySet, key: &Key) -> String {
        format!("{}/{set}{}", self.root, key.in_path())
    }

    fn members(&self, entity: &Entity, query: &Query) -> Vec<(String, Json)> {
        let of = entity.set.entity_type();
        let mut members = Vec::new();
        let place = entity.key().map(|key| self.place(entity.set, &key));
        if let (Level::Full, Some(place)) = (self.level, &place) {
            members.push(("@odata.type".to_owned(), text(format!("#{NAMESPACE}.{}", of.name))));
            members.push(("@odata.id".to_owned(), text(place.as_str())));
        }
        if let (Some(version), Level::Minimal | Level::Full) = (entity.version, self.level) {
            members.push(("@odata.etag".to_owned(), text(format!("\"{version}\""))));
        }
        if let (Level::Full, Some(place)) = (self.level, &place) {
            members.push(("@odata.editLink".to_owned(), text(place.as_str())));
        }
        for property in query.properties() {
            let Some(value) = entity.value(property.name) else {
                continue;
            };
            // These two are what JSON says by itself.
            if self.level == Level::Full && !matches!(property.edm, Edm::String | Edm::Boolean) && !value.is_null() {
                let type_name = property.edm.as_str().replace("Edm.", "#");
                members.push((format!("{}@odata.type", property.name), text(type_name)));
            }
            members.push((property.name.to_owned(), Json::Value(self.value(property, value))));
        }
        for expand in &query.expand {
            self.expanded(entity, expand, place.as_deref(), &mut members);
        }
        if let (Level::Full, Some(place)) = (self.level, &place) {
            for navigation in of.navigations {
                let link = text(format!("{place}/{}", navigation.name));
                members.push((format!("{}@odata.navigationLink", navigation.name), link));
            }
            for action in of.actions {
                let target = text(format!("{place}/{NAMESPACE}.{}", action.name));
                let about = vec![("title".to_owned(), text(action.name)), ("target".to_owned(), target)];
                members.push((format!("#{NAMESPACE}.{}", action.name), Json::Object(about)));
            }
        }
        members
    }

    fn expanded(&self, entity: &Entity, expand: &Expand, place: Option<&str>, members: &mut Vec<(String, Json)>) {
        let name = expand.navigation.name;
        let found = entity
            .expanded
            .iter()
            .find(|(navigation, _)| *navigation == expand.navigation);
        let Some((_, found)) = found else { return };
        match found {
            Expanded::One(None) => members.push((name.to_owned(), Json::Value(Value::Null))),
            Expanded::One(Some(one)) => {
                members.push((name.to_owned(), Json::Object(self.members(one, &expand.query))));
            }
            Expanded::Many { entities, more } => {
                let items = entities
                    .iter()
                    .map(|one| Json::Object(self.members(one, &expand.query)));
                members.push((name.to_owned(), Json::List(items.collect())));
                if let (true, Some(place)) = (*more, place) {
                    let next = next_of_expanded(expand, place, entities.len());
                    members.push((format!("{name}@odata.nextLink"), text(next)));
                }
            }
        }
    }

    fn value(&self, property: &Property, value: &Value) -> Value {
        match property.edm {
            Edm::Int64 => self.wide(value.clone()),
            _ => value.clone(),
        }
    }

    fn wide(&self, value: Value) -> Value {
        match value {
            Value::Number(number) if self.wide_as_text => Value::String(number.to_string()),
            other => other,
        }
    }
}

/// What a context says about the properties: nothing where all are there.
fn shape(query: &Query) -> String {
    let mut parts: Vec<String> = Vec::new();
    if let Some(selected) = &query.select {
        parts.extend(selected.iter().map(|property| property.name.to_owned()));
    }
    for expand in &query.expand {
        let inner = shape(&expand.query);
        if !inner.is_empty() {
            parts.push(format!("{}{inner}", expand.navigation.name));
        } else if query.select.is_some() {
            parts.push(format!("{}()", expand.navigation.name));
        }
    }
    if parts.is_empty() {
        String::new()
    } else {
        format!("({})", parts.join(","))
    }
}

/// Where the rest of an expanded list is.
fn next_of_expanded(expand: &Expand, place: &str, read: usize) -> String {
    let read = u64::try_from(read).unwrap_or(u64::MAX);
    let mut options: Vec<String> = Vec::new();
    let written = super::split::at(&expand.written, ';').unwrap_or_default();
    for option in written
        .iter()
        .map(|option| option.trim())
        .filter(|option| !option.is_empty())
    {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if !matches!(name, "$skip" | "$top") {
            options.push(format!("{name}={}", super::percent_encoded(value)));
        }
    }
    if let Some(top) = expand.query.top {
        options.push(format!("$top={}", top.saturating_sub(read)));
    }
    options.push(format!("$skip={}", expand.query.skip.saturating_add(read)));
    debug_assert!(matches!(expand.navigation.link, Link::Many(_)), "only lists have more");
    format!("{place}/{}?{}", expand.navigation.name, options.join("&"))
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;

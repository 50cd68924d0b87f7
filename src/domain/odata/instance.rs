//! Entities as they were read.

use serde_json::Value;

use super::{EntitySet, Navigation, Property};

/// An entity, with at least the properties that were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// Of which set.
    pub set: EntitySet,
    /// Times as RFC 3339 in UTC, GUIDs as text, the others as themselves.
    pub values: Vec<(&'static Property, Value)>,
    /// Where entities of the set have versions.
    pub version: Option<i64>,
    /// What was expanded.
    pub expanded: Vec<(&'static Navigation, Expanded)>,
}

/// Entities within another one.
#[derive(Debug, Clone, PartialEq)]
pub enum Expanded {
    /// The one, if it is there and can be seen.
    One(Option<Box<Entity>>),
    /// Several.
    Many {
        /// The first of them.
        entities: Vec<Entity>,
        /// Whether there are more than were read.
        more: bool,
    },
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// In the order asked for.
    pub entities: Vec<Entity>,
    /// How many there are in all, if that was asked.
    pub count: Option<u64>,
    /// Whether there are more behind these.
    pub more: bool,
}

/// A key, as it stands in paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Of most sets.
    Number(i64),
    /// Of sets of words.
    Text(String),
}

impl Entity {
    /// The value of a property, if it was read.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        let found = self.values.iter().find(|(property, _)| property.name == name);
        found.map(|(_, value)| value)
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        Key::of(self.value(self.set.entity_type().key().name)?)
    }
}

impl Key {
    /// The key that this value is.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            other => other.as_i64().map(Self::Number),
        }
    }

    /// As it stands in a path, with its parentheses.
    #[must_use]
    pub fn in_path(&self) -> String {
        match self {
            Self::Number(number) => format!("({number})"),
            Self::Text(text) => format!(
                "('{}')",
                super::percent_encoded(&text.replace('\'', "''")).replace('/', "%2F")
            ),
        }
    }
}

//! Targets: where a mapping puts a value, making nested objects and lists on the way.

use std::fmt;

use serde_json::{Map, Value};

/// Most names of a target.
pub const NAMES_MAX: usize = 32;
/// Most items of a list that targets make.
pub const ITEMS_MAX: usize = 100;

/// A path like `Name`, `Address.City` or `Phones.0.PhoneNumber`; letter by letter as it is written.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    text: Box<str>,
    names: Box<[Name]>,
}

/// One name of a target.
#[derive(Clone, PartialEq, Eq)]
enum Name {
    /// A member of an object.
    Member(Box<str>),
    /// A place in a list.
    Place(usize),
}

impl Target {
    /// Reads a target.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let names: Box<[Name]> = text.split('.').map(|name| Name::new(name.trim())).collect();
        let is_empty = |name: &Name| matches!(name, Name::Member(name) if name.is_empty());
        if names.iter().any(is_empty) {
            return Err(
                "must be the name of a member, with dots between the names of nested members, like Address.City"
                    .to_owned(),
            );
        }
        if names.len() > NAMES_MAX {
            return Err(format!("must have at most {NAMES_MAX} names between its dots"));
        }
        if matches!(names.first(), Some(Name::Place(_))) {
            return Err("must begin with the name of a member, not with a number".to_owned());
        }
        if names
            .iter()
            .any(|name| matches!(name, Name::Place(place) if *place >= ITEMS_MAX))
        {
            return Err(format!("must count the places of lists from 0 to {}", ITEMS_MAX - 1));
        }
        Ok(Self {
            text: text.into(),
            names,
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Puts a value there. Places of a list that nothing is put into are null.
    ///
    /// # Errors
    /// Something else is there already, or on the way there.
    pub fn put(&self, whole: &mut Value, value: Value) -> Result<(), String> {
        let mut at = whole;
        for name in &self.names {
            at = name.step(at).ok_or_else(|| self.taken())?;
        }
        if !at.is_null() {
            return Err(self.taken());
        }
        *at = value;
        Ok(())
    }

    fn taken(&self) -> String {
        format!(
            "another pair writes to {:?}, or to a part of it, already",
            self.as_str()
        )
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Target({:?})", self.text)
    }
}

impl Name {
    fn new(name: &str) -> Self {
        match name.parse() {
            // `007` is a name.
            Ok(place) if name == "0" || !name.starts_with(['0', '+']) => Self::Place(place),
            _ => Self::Member(name.into()),
        }
    }

    /// The value below `at` with this name, null where there was none. None: `at` is something else.
    fn step<'a>(&self, at: &'a mut Value) -> Option<&'a mut Value> {
        if at.is_null() {
            *at = match self {
                Self::Member(_) => Value::Object(Map::new()),
                Self::Place(_) => Value::Array(Vec::new()),
            };
        }
        match (self, at) {
            (Self::Member(name), Value::Object(members)) => Some(members.entry(&**name).or_insert(Value::Null)),
            (Self::Place(place), Value::Array(items)) => {
                if items.len() <= *place {
                    items.resize(place + 1, Value::Null);
                }
                items.get_mut(*place)
            }
            _ => None,
        }
    }
}

//! Pieces of SQL text with the values that are bound in them: what a person wrote is only ever a value, never text.

use std::fmt::Write;

use sea_orm::{DbBackend, Value};

/// SQL with bound values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::store) struct Fragment {
    parts: Vec<Part>,
    length: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Value(Value),
}

/// Longest chain of AND or OR: SQLite refuses trees of more than 1,000 levels, and a chain has one for each part.
const CHAIN_MAX: usize = 50;
/// What a bound value counts as, where lengths are limited.
const VALUE_LENGTH: usize = 4;

impl Fragment {
    /// Text of ours.
    pub(in crate::store) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            length: text.len(),
            parts: vec![Part::Text(text)],
        }
    }

    /// A bound value.
    pub(in crate::store) fn value(value: impl Into<Value>) -> Self {
        Self {
            length: VALUE_LENGTH,
            parts: vec![Part::Value(value.into())],
        }
    }

    /// Text of ours in which each `@` stands for the next of `holes`; those that are missing stay empty.
    pub(in crate::store) fn fill(text: &str, holes: &[&Self]) -> Self {
        let mut all = Self::default();
        let mut holes = holes.iter();
        for (number, piece) in text.split('@').enumerate() {
            if number > 0
                && let Some(hole) = holes.next()
            {
                all.append(hole);
            }
            all.push_text(piece);
        }
        all
    }

    /// Joined by a word of ours, in parentheses; none of none.
    pub(in crate::store) fn join(parts: impl IntoIterator<Item = Self>, between: &str) -> Option<Self> {
        let mut parts = parts.into_iter();
        let first = parts.next()?;
        let mut all = Self::text("(");
        all.append(&first);
        for part in parts {
            all.push_text(between);
            all.append(&part);
        }
        all.push_text(")");
        Some(all)
    }

    /// Conditions joined by AND or OR, in parentheses; none of none.
    pub(in crate::store) fn chain(mut parts: Vec<Self>, between: &str) -> Option<Self> {
        while parts.len() > CHAIN_MAX {
            let groups = parts.chunks(CHAIN_MAX);
            parts = groups
                .filter_map(|group| Self::join(group.iter().cloned(), between))
                .collect();
        }
        Self::join(parts, between)
    }

    pub(in crate::store) fn append(&mut self, other: &Self) {
        for part in &other.parts {
            match part {
                Part::Text(text) => self.push_text(text),
                Part::Value(value) => {
                    self.parts.push(Part::Value(value.clone()));
                    self.length += VALUE_LENGTH;
                }
            }
        }
    }

    fn push_text(&mut self, text: &str) {
        self.length += text.len();
        match self.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    /// How long its text is, about.
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// Its text and values, for a statement in which `before` values stand before it.
    pub(in crate::store) fn render(&self, backend: DbBackend, before: usize) -> (String, Vec<Value>) {
        let mut text = String::with_capacity(self.length);
        let mut values = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(piece) => text.push_str(piece),
                Part::Value(value) => {
                    values.push(value.clone());
                    if backend == DbBackend::Postgres {
                        // Writing into a String cannot fail.
                        let _ = write!(text, "${}", before + values.len());
                    } else {
                        text.push('?');
                    }
                }
            }
        }
        (text, values)
    }
}

//! Object mappings: how the members of one side's objects become those of the other's, by pairs or by a script.

use serde_json::{Map, Value};

use crate::domain::{
    filter::Path,
    ids::ScriptId,
    record::{DATA_BYTES_MAX, data_bytes},
};

pub use read::{MAPPING_SCRIPT_BYTES_MAX, PAIRS_MAX, definition_of};
pub use target::Target;
pub use transform::Transform;

mod date;
mod number;
mod read;
mod target;
mod transform;

/// The target under which a mapping puts the key of a record.
pub const KEY_TARGET: &str = "$key";

/// An object mapping, checked. [`Mapping::read`] makes one of the stored or given JSON.
#[derive(Debug, Clone, PartialEq)]
pub enum Mapping {
    /// Pairs of members.
    Pairs(Pairs),
    /// The text of a script, which gets the record and returns what becomes of it.
    Script(String),
    /// A stored script.
    ScriptId(ScriptId),
}

/// Pairs of members; see [`Pairs::apply`].
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs(Box<[Pair]>);

/// One member on both sides.
#[derive(Debug, Clone, PartialEq)]
struct Pair {
    /// Where the value comes from; none where the transforms make one of nothing.
    source: Option<Path>,
    /// Where it goes.
    target: Target,
    /// What happens to it on the way, in order.
    transforms: Box<[Transform]>,
    /// What goes there where the source has no value.
    default: Option<Value>,
}

/// Why a record could not be mapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the mapping to {target:?} failed: {message}")]
pub struct MapError {
    /// The target of the pair, as it was written.
    pub target: String,
    /// What is wrong with the value, for people.
    pub message: String,
}

impl Pairs {
    /// Maps a record. A source that is missing leaves its target out; one that is null makes it null; either takes the default, where
    /// there is one, and so do "", [] and {}. Members that no pair names are left out.
    ///
    /// # Errors
    /// The first pair whose value cannot be used, or that makes the result longer than [`DATA_BYTES_MAX`].
    pub fn apply(&self, record: &Value) -> Result<Value, MapError> {
        self.apply_within(record, DATA_BYTES_MAX)
    }

    /// As [`Pairs::apply`], with so many bytes of JSON at most.
    fn apply_within(&self, record: &Value, bytes_max: usize) -> Result<Value, MapError> {
        let mut mapped = Value::Object(Map::new());
        let mut bytes = 0;
        for pair in &self.0 {
            let failed = |message: String| MapError {
                target: pair.target.as_str().to_owned(),
                message,
            };
            let Some(value) = pair.value_of(record, bytes_max - bytes).map_err(failed)? else {
                continue;
            };
            bytes += data_bytes(&value);
            if bytes > bytes_max {
                return Err(failed(too_long()));
            }
            pair.target.put(&mut mapped, value).map_err(failed)?;
        }
        // With the names, and with what lists are filled up with.
        match self.0.last() {
            Some(pair) if data_bytes(&mapped) > bytes_max => Err(MapError {
                target: pair.target.as_str().to_owned(),
                message: too_long(),
            }),
            _ => Ok(mapped),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Pair {
    fn value_of(&self, record: &Value, bytes_max: usize) -> Result<Option<Value>, String> {
        let source = self.source.as_ref().and_then(|source| source.seen(record));
        if self.source.is_some() && !source.as_ref().is_some_and(has_value) {
            if let Some(default) = &self.default {
                return Ok(Some(default.clone()));
            }
            if source.is_none() {
                return Ok(None);
            }
        }
        let mut value = source.unwrap_or_default();
        for transform in &self.transforms {
            value = transform.apply(value, bytes_max)?;
        }
        Ok(Some(value))
    }
}

fn too_long() -> String {
    format!("it makes the record longer than {DATA_BYTES_MAX} bytes")
}

/// Whether a value is one: not null, "", [] or {}.
fn has_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests;

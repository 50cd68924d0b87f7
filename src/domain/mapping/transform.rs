//! Transforms: what happens to a value between its source and its target.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Pairs,
    date::DateForm,
    number::{decimal_of, json_of, rounded},
    too_long,
};
use crate::domain::{lenient, record::data_bytes};

/// Most characters of a value that a message repeats.
const SHOWN_CHARACTERS_MAX: usize = 60;

/// One step from a source to a target. Lists are transformed item by item, except by a constant; null stays null.
#[derive(Debug, Clone, PartialEq)]
pub enum Transform {
    /// Capital letters; what is no text stays as it is.
    Upper,
    /// Small letters; what is no text stays as it is.
    Lower,
    /// Without blanks at the ends; what is no text stays as it is.
    Trim,
    /// Numbers and truth values as texts.
    Text,
    /// true and false of texts and numbers like `yes`, `No`, `1`; "" is null.
    Boolean,
    /// A number of a text; "" is null.
    Number {
        /// How many decimals it is rounded to, half away from zero.
        decimals: Option<u32>,
        /// What stands before the decimals in a text: `.` or `,`.
        separator: char,
    },
    /// A date in another form; "" is null.
    Date {
        /// As it comes.
        from: DateForm,
        /// As it goes.
        to: DateForm,
    },
    /// A value looked up in a table: letter by letter, else without regard to case and blanks at the ends.
    Lookup {
        /// By the text of the value.
        table: BTreeMap<String, Value>,
        /// What it is where the table has no entry; without it that is an error.
        default: Option<Value>,
    },
    /// This, whatever came.
    Constant(Value),
    /// Objects, such as the lines of an invoice, through pairs of their own.
    Each(Pairs),
}

impl Transform {
    /// Transforms one value. Lists do not grow to more than so many bytes of JSON.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn apply(&self, value: Value, bytes_max: usize) -> Result<Value, String> {
        match (self, value) {
            (Self::Constant(constant), _) => Ok(constant.clone()),
            (_, Value::Null) => Ok(Value::Null),
            (_, Value::Array(items)) => self.apply_to_all(items, bytes_max),
            (Self::Upper, Value::String(text)) => Ok(text.to_uppercase().into()),
            (Self::Lower, Value::String(text)) => Ok(text.to_lowercase().into()),
            (Self::Trim, Value::String(text)) => Ok(text.trim().into()),
            (Self::Upper | Self::Lower | Self::Trim, other) => Ok(other),
            (Self::Text, Value::Number(number)) => Ok(number.to_string().into()),
            (Self::Text, Value::Bool(boolean)) => Ok(boolean.to_string().into()),
            (Self::Text, other) => Ok(other),
            (Self::Boolean | Self::Number { .. } | Self::Date { .. }, Value::String(text))
                if text.trim().is_empty() =>
            {
                Ok(Value::Null)
            }
            (Self::Boolean, value) => boolean(&value),
            (Self::Number { decimals, separator }, value) => {
                let number = decimal_of(&value, *separator)?;
                Ok(json_of(decimals.map_or(number, |decimals| rounded(number, decimals))))
            }
            (Self::Date { from, to }, value) => to.write(from.read(&value)?),
            (Self::Lookup { table, default }, value) => looked_up(table, default.as_ref(), &value),
            (Self::Each(pairs), value @ Value::Object(_)) => {
                pairs.apply_within(&value, bytes_max).map_err(|error| error.to_string())
            }
            (Self::Each(_), value) => Err(format!("{} is no object", shown(&value))),
        }
    }

    fn apply_to_all(&self, items: Vec<Value>, bytes_max: usize) -> Result<Value, String> {
        // The others make of an item nothing that is much longer.
        let grows = matches!(self, Self::Each(_) | Self::Lookup { .. });
        let mut left = bytes_max;
        let mut made = Vec::with_capacity(items.len());
        for item in items {
            let item = self.apply(item, left)?;
            if grows {
                left = left.checked_sub(data_bytes(&item)).ok_or_else(too_long)?;
            }
            made.push(item);
        }
        Ok(Value::Array(made))
    }
}

fn boolean(value: &Value) -> Result<Value, String> {
    let found = match value {
        Value::Bool(boolean) => Some(*boolean),
        Value::String(text) => lenient::boolean(text),
        Value::Number(number) => lenient::boolean(&number.to_string()),
        _ => None,
    };
    found
        .map(Value::Bool)
        .ok_or_else(|| format!("{} is neither true nor false", shown(value)))
}

fn looked_up(table: &BTreeMap<String, Value>, default: Option<&Value>, value: &Value) -> Result<Value, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(boolean) => boolean.to_string(),
        _ => {
            return Err(format!(
                "{} cannot be looked up: it must be a text or a number",
                shown(value)
            ));
        }
    };
    let folded = text.trim().to_lowercase();
    let found = table.get(&text).or_else(|| {
        let mut entries = table.iter();
        entries
            .find(|(key, _)| key.trim().to_lowercase() == folded)
            .map(|(_, value)| value)
    });
    found
        .or(default)
        .cloned()
        .ok_or_else(|| format!("the table has no entry for {}, and no default", shown(value)))
}

/// A value in a message, not longer than a line.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    let cut: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
    let dots = if cut.len() < text.len() { "..." } else { "" };
    cut + dots
}

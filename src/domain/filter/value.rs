//! Operands, and how a value of a record compares with one.

use std::cmp::Ordering;

use jiff::Timestamp;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::{Number, Value};

use super::decimal_of_text;
use crate::domain::moment::Moment;

/// What a member is compared with, as a filter says it.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Nothing: only what is missing or null equals it.
    Null,
    /// true or false.
    Bool(bool),
    /// A number.
    Number(Decimal),
    /// A text; where it is written like a number, a time or a date, it compares as one with values that are.
    Text(String),
    /// An instant.
    Time(Timestamp),
}

/// A literal with everything that it can be taken for, read once.
#[derive(Debug, Clone, PartialEq)]
pub struct Operand {
    literal: Literal,
    text: String,
    number: Option<Numeric>,
    moment: Option<Moment>,
    boolean: Option<bool>,
}

/// A number; those that no decimal holds (more than 28 digits, 1e300) are compared as floating point.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Numeric {
    Exact(Decimal),
    Wide(f64),
}

impl From<Literal> for Operand {
    fn from(literal: Literal) -> Self {
        let (text, number, moment, boolean) = match &literal {
            Literal::Null => (String::new(), None, None, None),
            Literal::Bool(boolean) => (boolean.to_string(), None, None, Some(*boolean)),
            Literal::Number(number) => (number.to_string(), Some(Numeric::Exact(*number)), None, None),
            Literal::Text(text) => (
                text.clone(),
                decimal_of_text(text).map(Numeric::Exact),
                Moment::read(text),
                boolean_of_text(text),
            ),
            Literal::Time(time) => (time.to_string(), None, Some(Moment::Instant(*time)), None),
        };
        Self {
            literal,
            text,
            number,
            moment,
            boolean,
        }
    }
}

impl Operand {
    /// What it was made of.
    #[must_use]
    pub const fn literal(&self) -> &Literal {
        &self.literal
    }

    /// Whether it is a time or a date.
    #[must_use]
    pub const fn is_moment(&self) -> bool {
        self.moment.is_some()
    }

    /// Whether it is a number.
    #[must_use]
    pub const fn is_number(&self) -> bool {
        self.number.is_some()
    }

    /// The literal as text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How a single value (no list) stands to this; none where they cannot be compared.
    pub(super) fn compared(&self, value: &Value) -> Option<Ordering> {
        match value {
            _ if self.literal == Literal::Null => None,
            Value::Null | Value::Object(_) | Value::Array(_) => None,
            // true is not greater than 10, although its letters come after.
            Value::Bool(value) => self.boolean.map(|boolean| value.cmp(&boolean)),
            Value::Number(value) => match self.number {
                Some(number) => numeric(value)?.compared(number),
                None => Some(value.to_string().as_str().cmp(&self.text)),
            },
            Value::String(value) => self.compared_with_text(value),
        }
    }

    fn compared_with_text(&self, value: &str) -> Option<Ordering> {
        if let (Some(number), Some(value)) = (self.number, self.number.and_then(|_| decimal_of_text(value))) {
            return Numeric::Exact(value).compared(number);
        }
        if let (Some(moment), Some(value)) = (self.moment, self.moment.and_then(|_| Moment::read(value))) {
            return Some(value.compared(moment));
        }
        if let (Literal::Bool(boolean), Some(value)) = (&self.literal, boolean_of_text(value)) {
            return Some(value.cmp(boolean));
        }
        // An empty text has no value, so nothing is smaller or greater than it.
        if value.is_empty() != self.text.is_empty() {
            return None;
        }
        Some(value.cmp(self.text.as_str()))
    }
}

impl Numeric {
    fn compared(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Exact(one), Self::Exact(other)) => Some(one.cmp(&other)),
            (one, other) => one.wide()?.partial_cmp(&other.wide()?),
        }
    }

    fn wide(self) -> Option<f64> {
        match self {
            Self::Exact(number) => number.to_f64(),
            Self::Wide(number) => Some(number),
        }
    }
}

fn numeric(number: &Number) -> Option<Numeric> {
    if let Some(whole) = number.as_i64() {
        return Some(Numeric::Exact(whole.into()));
    }
    if let Some(whole) = number.as_u64() {
        return Some(Numeric::Exact(whole.into()));
    }
    let text = number.to_string();
    let exact = Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text));
    match (exact, number.as_f64()) {
        // A tiny number that was rounded to nothing is not nothing.
        (Ok(decimal), Some(wide)) if !decimal.is_zero() || wide == 0.0 => Some(Numeric::Exact(decimal)),
        (_, wide) => wide.map(Numeric::Wide),
    }
}

const fn text_of_bool(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn boolean_of_text(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// The text of a single value: of texts, numbers and truth values.
pub(super) fn text_of(value: &Value) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.as_str().into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(boolean) => Some(text_of_bool(*boolean).into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a single value (no list) is one: not null, "" or {}.
pub(super) fn is_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

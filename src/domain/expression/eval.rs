//! Works an expression out on a row, as the head of [`super`] says, within a number of steps.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Expr, Function, Kind, Query,
    datum::{Datum, member},
    functions,
    time::{self, Micros},
};

/// How many steps one row may take: a step is a part of the expression that is worked out, an item of a list that is looked at, or
/// about 64 bytes of text.
pub const STEPS_MAX: u32 = 2_000_000;

/// The expression would take too long on this row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the filter takes more than {STEPS_MAX} steps on this row: its lists or texts are too large for what the filter asks of them"
)]
pub struct TooMuchWork;

/// A row: its fixed members, and perhaps data as JSON.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    fixed: Vec<(&'static str, Datum<'a>)>,
    data: Option<&'a Value>,
}

impl<'a> Row<'a> {
    /// A row with data, without fixed members so far.
    #[must_use]
    pub const fn of_data(data: &'a Value) -> Self {
        Self {
            fixed: Vec::new(),
            data: Some(data),
        }
    }

    /// A row that has fixed members only.
    #[must_use]
    pub const fn without_data() -> Self {
        Self {
            fixed: Vec::new(),
            data: None,
        }
    }

    /// With one more fixed member.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Datum<'a>) -> Self {
        self.fixed.push((name, value));
        self
    }

    /// With one more fixed member, a text or null.
    #[must_use]
    pub fn with_text(self, name: &'static str, text: Option<&'a str>) -> Self {
        self.with(name, text.map_or(Datum::Null, Datum::text))
    }

    /// With one more fixed member, a time or null.
    #[must_use]
    pub fn with_time(self, name: &'static str, at: Option<Timestamp>) -> Self {
        self.with(name, Datum::time(at.map(time::of)))
    }

    /// The member with this name.
    #[must_use]
    pub fn member(&self, name: &str) -> Datum<'a> {
        let fixed = self.fixed.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        match (fixed, self.data) {
            (Some((_, value)), _) => value.clone(),
            (None, None) => Datum::Null,
            (None, Some(data)) if name.eq_ignore_ascii_case("Data") => Datum::of_json(data),
            (None, Some(Value::Object(members))) => member(members, name),
            (None, Some(_)) => Datum::Null,
        }
    }
}

/// Whether the row meets the condition.
///
/// # Errors
/// It takes more than [`STEPS_MAX`] steps.
pub fn matches(expr: &Expr, row: &Row<'_>, now: Timestamp) -> Result<bool, TooMuchWork> {
    Ok(value(expr, row, now)?.is_met())
}

/// What the expression is worth on the row.
///
/// # Errors
/// It takes more than [`STEPS_MAX`] steps.
pub fn value<'a>(expr: &'a Expr, row: &'a Row<'a>, now: Timestamp) -> Result<Datum<'a>, TooMuchWork> {
    Work::new(row, now).value(expr, None)
}

/// One working out, of one or more expressions on one row.
pub(super) struct Work<'a> {
    row: &'a Row<'a>,
    now: Micros,
    steps_left: u32,
}

/// The item that a body is worked out on; none outside of bodies.
type Item<'a> = Option<&'a Value>;

impl<'a> Work<'a> {
    pub(super) fn new(row: &'a Row<'a>, now: Timestamp) -> Self {
        Self {
            row,
            now: time::of(now),
            steps_left: STEPS_MAX,
        }
    }

    fn step(&mut self, count: usize) -> Result<(), TooMuchWork> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.steps_left = self.steps_left.checked_sub(count).ok_or(TooMuchWork)?;
        Ok(())
    }

    fn met(&mut self, expr: &'a Expr, item: Item<'a>) -> Result<bool, TooMuchWork> {
        Ok(self.value(expr, item)?.is_met())
    }

    pub(super) fn value(&mut self, expr: &'a Expr, item: Item<'a>) -> Result<Datum<'a>, TooMuchWork> {
        self.step(1)?;
        let value = match &expr.kind {
            Kind::Literal(literal) => Datum::of_literal(literal),
            Kind::Member { of, name } => {
                let of = match of {
                    Some(of) => self.value(of, item)?,
                    None => item.map_or(Datum::Row, Datum::of_json),
                };
                self.member(&of, name)?
            }
            Kind::It => item.map_or(Datum::Row, Datum::of_json),
            Kind::Not(inner) => Datum::Bool(!self.met(inner, item)?),
            Kind::Negate(inner) => match self.value(inner, item)? {
                Datum::Number(number) => Datum::Number(-number),
                _ => Datum::Null,
            },
            Kind::And(one, other) => Datum::Bool(self.met(one, item)? && self.met(other, item)?),
            Kind::Or(one, other) => Datum::Bool(self.met(one, item)? || self.met(other, item)?),
            Kind::Compare(comparison, one, other) => {
                let (one, other) = (self.value(one, item)?, self.value(other, item)?);
                Datum::Bool(one.compare(*comparison, &other))
            }
            Kind::Reckon(reckoning, one, other) => {
                let (one, other) = (self.value(one, item)?, self.value(other, item)?);
                let result = one.reckon(*reckoning, &other);
                self.text_made(&result)?;
                result
            }
            Kind::In { value, list } => {
                let value = self.value(value, item)?;
                let mut found = false;
                for one in list {
                    if self.value(one, item)?.equals(&value) {
                        found = true;
                        break;
                    }
                }
                Datum::Bool(found)
            }
            Kind::If(condition, then, otherwise) => {
                let branch = if self.met(condition, item)? { then } else { otherwise };
                self.value(branch, item)?
            }
            Kind::Coalesce(first, second) => match self.value(first, item)? {
                Datum::Null => self.value(second, item)?,
                first => first,
            },
            Kind::Call(function, arguments) => self.call(*function, arguments, item)?,
            Kind::Query { query, list, body } => {
                let list = self.value(list, item)?;
                self.query(*query, &list, body.as_deref())?
            }
        };
        Ok(value)
    }

    fn member(&mut self, of: &Datum<'a>, name: &str) -> Result<Datum<'a>, TooMuchWork> {
        match of {
            Datum::Object(members) => {
                self.step(members.len() / 8)?;
                Ok(member(members, name))
            }
            Datum::Row => {
                self.step(self.row.data.and_then(Value::as_object).map_or(0, serde_json::Map::len) / 8)?;
                Ok(self.row.member(name))
            }
            _ => Ok(Datum::Null),
        }
    }

    fn call(&mut self, function: Function, arguments: &'a [Expr], item: Item<'a>) -> Result<Datum<'a>, TooMuchWork> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let value = self.value(argument, item)?;
            // What reads a text reads all of it.
            if let Datum::Text(text) = &value {
                self.step(text.len() / 64)?;
            }
            values.push(value);
        }
        if let (Some(name), [of @ (Datum::Object(_) | Datum::Row)]) = (function.property(), values.as_slice()) {
            return self.member(of, name);
        }
        if let (Function::Contains, [Datum::List(items), value]) = (function, values.as_slice()) {
            self.step(items.len())?;
            return Ok(Datum::Bool(items.iter().any(|item| Datum::of_json(item).equals(value))));
        }
        let result = functions::call(function, values, self.now);
        self.text_made(&result)?;
        Ok(result)
    }

    fn query(&mut self, query: Query, list: &Datum<'a>, body: Option<&'a Expr>) -> Result<Datum<'a>, TooMuchWork> {
        let items = match list {
            Datum::List(items) => *items,
            // Written like a member of a list: `Lines.Count`.
            Datum::Object(_) | Datum::Row if query == Query::Count && body.is_none() => {
                return self.member(list, "Count");
            }
            _ => return Ok(Datum::Null),
        };
        let mut count = 0_u32;
        let mut sum = 0.0;
        for item in items {
            self.step(1)?;
            let value = match body {
                Some(body) => self.value(body, Some(item))?,
                None if query == Query::Sum => Datum::of_json(item),
                None => Datum::Bool(true),
            };
            match (query, value.is_met()) {
                (Query::Any, true) => return Ok(Datum::Bool(true)),
                (Query::All, false) => return Ok(Datum::Bool(false)),
                (Query::Any, false) | (Query::All, true) | (Query::Count, false) => {}
                (Query::Count, true) => count = count.saturating_add(1),
                (Query::Sum, _) => {
                    if let Datum::Number(number) = value {
                        sum += number;
                    }
                }
            }
        }
        Ok(match query {
            Query::Any => Datum::Bool(false),
            Query::All => Datum::Bool(true),
            Query::Count => Datum::Number(f64::from(count)),
            Query::Sum => Datum::number(sum),
        })
    }

    /// Texts that are made cost what they weigh, so that none grows without bound.
    fn text_made(&mut self, value: &Datum<'_>) -> Result<(), TooMuchWork> {
        match value {
            Datum::Text(Cow::Owned(text)) => self.step(text.len() / 64),
            _ => Ok(()),
        }
    }
}

//! What an expression is worth on a row: a value of one of eight kinds, how two compare, and what two come to.

use std::{borrow::Cow, cmp::Ordering};

use serde_json::{Map, Value};

use super::{
    Comparison, Literal, Reckoning,
    time::{self, Micros},
};

/// A value. Null, lists and objects of JSON stay what they are.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum<'a> {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number; always finite.
    Number(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A point in time, from [`time::MIN`] to [`time::MAX`].
    Time(Micros),
    /// A span of time in microseconds.
    Span(Micros),
    /// A list.
    List(&'a [Value]),
    /// An object.
    Object(&'a Map<String, Value>),
    /// The row itself, which is an object.
    Row,
}

impl<'a> Datum<'a> {
    /// A value of JSON: a text is a text, whatever it reads.
    #[must_use]
    pub fn of_json(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::number(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(items) => Self::List(items),
            Value::Object(members) => Self::Object(members),
        }
    }

    /// A value that is written in an expression.
    #[must_use]
    pub fn of_literal(literal: &'a Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Bool(value) => Self::Bool(*value),
            Literal::Number(number) => Self::number(*number),
            Literal::Text(text) => Self::Text(Cow::Borrowed(text)),
            Literal::Time(time) => Self::Time(time::of(*time)),
        }
    }

    /// A number, or null where it is not finite.
    #[must_use]
    pub const fn number(number: f64) -> Self {
        if number.is_finite() {
            Self::Number(number)
        } else {
            Self::Null
        }
    }

    /// A text.
    #[must_use]
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A time, or null.
    #[must_use]
    pub fn time(time: Option<Micros>) -> Self {
        time.map_or(Self::Null, Self::Time)
    }

    /// Whether a condition with this value is met.
    #[must_use]
    pub const fn is_met(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    /// The time that it is, also as a text.
    #[must_use]
    pub fn as_time(&self) -> Option<Micros> {
        match self {
            Self::Time(time) => Some(*time),
            Self::Text(text) => time::read(text),
            _ => None,
        }
    }

    /// How the two compare: as the table in the head of [`super`] says.
    #[must_use]
    pub fn compare(&self, comparison: Comparison, other: &Self) -> bool {
        match comparison {
            Comparison::Equal => self.equals(other),
            Comparison::NotEqual => !self.equals(other),
            Comparison::Less => self.order(other) == Some(Ordering::Less),
            Comparison::Greater => self.order(other) == Some(Ordering::Greater),
            Comparison::LessOrEqual => self.order(other).is_some_and(Ordering::is_le),
            Comparison::GreaterOrEqual => self.order(other).is_some_and(Ordering::is_ge),
        }
    }

    /// Whether the two are equal.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }

    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.partial_cmp(other),
            (Self::Text(one), Self::Text(other)) => Some(one.as_bytes().cmp(other.as_bytes())),
            (Self::Span(one), Self::Span(other)) => Some(one.cmp(other)),
            (Self::Time(one), other) => Some(one.cmp(&other.as_time()?)),
            (one, Self::Time(other)) => Some(one.as_time()?.cmp(other)),
            _ => None,
        }
    }

    /// What the two come to: as the head of [`super`] says.
    #[must_use]
    pub fn reckon(&self, reckoning: Reckoning, other: &Self) -> Datum<'static> {
        if let (Self::Number(one), Self::Number(other)) = (self, other) {
            return Datum::number(match reckoning {
                Reckoning::Add => one + other,
                Reckoning::Subtract => one - other,
                Reckoning::Multiply => one * other,
                Reckoning::Divide => one / other,
                Reckoning::Remainder => one % other,
            });
        }
        match reckoning {
            Reckoning::Add => self.plus(other),
            Reckoning::Subtract => self.minus(other),
            Reckoning::Multiply | Reckoning::Divide | Reckoning::Remainder => Datum::Null,
        }
    }

    fn plus(&self, other: &Self) -> Datum<'static> {
        let span = |span: Option<Micros>| span.map_or(Datum::Null, Datum::Span);
        match (self, other) {
            (Self::Span(one), Self::Span(other)) => span(one.checked_add(*other)),
            (Self::Span(span), time) | (time, Self::Span(span)) => {
                let sum = time.as_time().and_then(|time| time.checked_add(*span));
                Datum::time(sum.and_then(time::checked))
            }
            (Self::Text(_), _) | (_, Self::Text(_)) => match (self.as_joined(), other.as_joined()) {
                (Some(one), Some(other)) => Datum::Text(Cow::Owned([one, other].concat())),
                _ => Datum::Null,
            },
            _ => Datum::Null,
        }
    }

    fn minus(&self, other: &Self) -> Datum<'static> {
        let span = |span: Option<Micros>| span.map_or(Datum::Null, Datum::Span);
        match (self, other) {
            (Self::Span(one), Self::Span(other)) => span(one.checked_sub(*other)),
            (time, Self::Span(span)) => {
                let rest = time.as_time().and_then(|time| time.checked_sub(*span));
                Datum::time(rest.and_then(time::checked))
            }
            (one, other) => match (one.as_time(), other.as_time()) {
                (Some(one), Some(other)) => span(one.checked_sub(other)),
                _ => Datum::Null,
            },
        }
    }

    /// What it is as a part of a text, if it can be one.
    fn as_joined(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Null => Some(Cow::Borrowed("")),
            Self::Text(text) => Some(Cow::Borrowed(text)),
            // Not "-0".
            Self::Number(number) => Some(Cow::Owned((number + 0.0).to_string())),
            _ => None,
        }
    }
}

/// The member of an object with a name: the very name, else the first that differs in the case of ASCII letters only.
#[must_use]
pub fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Datum<'a> {
    let found = object.get(name).or_else(|| {
        let same = object.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        // Whatever the order of the map.
        same.min_by(|(one, _), (other, _)| one.cmp(other))
            .map(|(_, value)| value)
    });
    found.map_or(Datum::Null, Datum::of_json)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_of_equality() {
        let (list, object) = (json!([]), json!({}));
        let day = time::read("2026-01-31").unwrap();
        let values = [
            Datum::Null,
            Datum::Bool(true),
            Datum::Number(1.0),
            Datum::text("2026-01-31"),
            Datum::Time(day),
            Datum::Span(1),
            Datum::of_json(&list),
            Datum::of_json(&object),
            Datum::Row,
        ];
        for (row, one) in values.iter().enumerate() {
            for (column, other) in values.iter().enumerate() {
                let expected = match (row, column) {
                    (3, 4) | (4, 3) => true,
                    (6.., _) => false,
                    (row, column) => row == column,
                };
                assert_eq!(one.equals(other), expected, "{one:?} {other:?}");
                assert_eq!(one.compare(Comparison::NotEqual, other), !expected);
                // Of kinds that do not compare nothing is less or greater, also null and null.
                let ordered = expected && row > 1;
                assert_eq!(
                    one.compare(Comparison::LessOrEqual, other),
                    ordered,
                    "{one:?} {other:?}"
                );
                assert_eq!(one.compare(Comparison::GreaterOrEqual, other), ordered);
                assert!(!one.compare(Comparison::Less, other) && !one.compare(Comparison::Greater, other));
            }
        }
    }

    #[test]
    fn what_differs_is_ordered() {
        let time = |text| Datum::Time(time::read(text).unwrap());
        for (less, more) in [
            (Datum::Number(-1.0), Datum::Number(0.5)),
            (Datum::text("B"), Datum::text("a")),
            (Datum::text("z"), Datum::text("ä")),
            (time("2026-01-31"), Datum::text("2026-01-31T00:00:00.000001Z")),
            (Datum::text("2026-01-31T01:00+02:00"), time("2026-01-31")),
            (Datum::Span(-5), Datum::Span(5)),
        ] {
            assert!(less.compare(Comparison::Less, &more) && more.compare(Comparison::Greater, &less));
            assert!(!less.equals(&more) && !less.compare(Comparison::GreaterOrEqual, &more));
        }
        for (one, other) in [
            (Datum::text("1"), Datum::Number(2.0)),
            (Datum::Bool(false), Datum::Bool(true)),
            (Datum::Null, Datum::Number(1.0)),
            (Datum::text("tomorrow"), time("2026-01-31")),
        ] {
            for comparison in [
                Comparison::Less,
                Comparison::LessOrEqual,
                Comparison::Greater,
                Comparison::GreaterOrEqual,
            ] {
                assert!(!one.compare(comparison, &other) && !other.compare(comparison, &one));
            }
        }
        assert!(Datum::Number(0.0).equals(&Datum::Number(-0.0)));
        let (big, near) = (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64));
        assert!(Datum::of_json(&big).equals(&Datum::of_json(&near)));
    }

    #[test]
    fn what_two_come_to() {
        use Reckoning::{Add, Divide, Multiply, Remainder, Subtract};
        let n = Datum::Number;
        let t = |text| Datum::Time(time::read(text).unwrap());
        let day = Datum::Span(time::DAY);
        for (one, reckoning, other, expected) in [
            (n(7.0), Divide, n(2.0), n(3.5)),
            (n(-7.0), Remainder, n(4.0), n(-3.0)),
            (n(1.0), Divide, n(0.0), Datum::Null),
            (n(1.0), Remainder, n(0.0), Datum::Null),
            (n(1e308), Multiply, n(10.0), Datum::Null),
            (n(1.0), Add, Datum::Null, Datum::Null),
            (Datum::Null, Add, Datum::Null, Datum::Null),
            (Datum::text("a"), Add, Datum::Null, Datum::text("a")),
            (n(1000.0), Add, Datum::text("x"), Datum::text("1000x")),
            (n(-0.0), Add, Datum::text(""), Datum::text("0")),
            (n(1e21), Add, Datum::text(""), Datum::text("1000000000000000000000")),
            (Datum::text("a"), Add, Datum::Bool(true), Datum::Null),
            (Datum::text("3"), Multiply, n(2.0), Datum::Null),
            (t("2026-01-31"), Subtract, t("2026-01-30"), day.clone()),
            (
                Datum::text("2026-01-31"),
                Subtract,
                Datum::text("2026-01-30"),
                day.clone(),
            ),
            (Datum::text("soon"), Subtract, t("2026-01-30"), Datum::Null),
            (t("2026-01-31"), Subtract, day.clone(), t("2026-01-30")),
            (Datum::text("2026-01-31"), Add, day.clone(), t("2026-02-01")),
            (day.clone(), Add, day.clone(), Datum::Span(2 * time::DAY)),
            (day.clone(), Multiply, n(2.0), Datum::Null),
            (Datum::Time(time::MAX), Add, day, Datum::Null),
            (Datum::Span(i64::MAX), Add, Datum::Span(1), Datum::Null),
        ] {
            assert_eq!(
                one.reckon(reckoning, &other),
                expected,
                "{one:?} {reckoning:?} {other:?}"
            );
        }
    }

    #[test]
    fn members_are_found_without_case() {
        let object = json!({ "amount": 1, "Amount": 2, "b": 3, "ſ": 4 });
        let object = object.as_object().unwrap();
        for (name, expected) in [
            ("amount", Datum::Number(1.0)),
            ("Amount", Datum::Number(2.0)),
            ("AMOUNT", Datum::Number(2.0)),
            ("B", Datum::Number(3.0)),
            ("s", Datum::Null),
            ("x", Datum::Null),
        ] {
            assert_eq!(member(object, name), expected, "{name}");
        }
    }
}

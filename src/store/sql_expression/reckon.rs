//! Reckoning with numbers, times, spans and texts.

use super::{
    Translator,
    fragment::Fragment,
    value::{Bounds, Shape, Value},
};
use crate::domain::expression::{Datum, Reckoning, time};

impl Translator<'_> {
    pub(super) fn negated(&self, value: Value) -> Option<Value> {
        match value.shape {
            Shape::Number | Shape::Any => {
                let number = self.number(value);
                Some(Value {
                    sql: Fragment::fill("(- @)", &[&number.sql]),
                    ..number
                })
            }
            _ => Some(Value::null()),
        }
    }

    /// A number, or null where it is something else.
    pub(super) fn number(&self, value: Value) -> Value {
        match value.shape {
            Shape::Number => value,
            Shape::Any => Value {
                bounds: value.bounds,
                ..Value::new(Shape::Number, self.dialect.as_shape(&value.sql, Shape::Number))
            }
            .doubted([value.doubt]),
            _ => Value::null(),
        }
    }

    pub(super) fn reckoned(&mut self, reckoning: Reckoning, one: &Value, other: &Value) -> Option<Value> {
        use Reckoning::{Add, Subtract};
        use Shape::{Any, Null, Number, Span, Text, Time};
        match (reckoning, one.shape, other.shape) {
            (_, Number | Any, Number | Any) => self.of_numbers(reckoning, one, other),
            (Add, Text, Text) => Some(self.joined_texts(one, other)),
            (Add, Text, Null) | (Add, Null, Text) => Some(self.joined_texts(one, other)),
            // Digits of numbers are not written alike; a text or a member of JSON may be a time.
            (Add, Text | Any, _) | (Add, _, Text | Any) => None,
            (Subtract, Text | Any, Text | Any | Time | Span) | (Subtract, Time | Span, Text | Any) => None,
            (Subtract, Time, Time) => Some(span(one, other)),
            (Add, Time, Span) => shifted(one, other, 1),
            (Add, Span, Time) => shifted(other, one, 1),
            (Subtract, Time, Span) => shifted(one, other, -1),
            (Add | Subtract, Span, Span) => None,
            _ => Some(Value::null()),
        }
    }

    fn of_numbers(&mut self, reckoning: Reckoning, one: &Value, other: &Value) -> Option<Value> {
        // Of texts, `+` and `-` are something else.
        let texts = [one, other].map(|value| {
            let matters = value.shape == Shape::Any && matches!(reckoning, Reckoning::Add | Reckoning::Subtract);
            matters.then(|| self.dialect.is_shape(&value.sql, Shape::Text))
        });
        if texts.iter().any(Option::is_some) {
            self.complete = false;
        }
        let both_whole = one.whole && other.whole;
        let (a, b) = (self.number(one.clone()), self.number(other.clone()));
        if reckoning == Reckoning::Remainder {
            return self.remainder(&a, &b);
        }
        let (a, b) = (self.dialect.double(a), self.dialect.double(b));
        let bounds = reckoned_bounds(reckoning, a.bounds, b.bounds);
        if !bounds.are_safe() {
            return None;
        }
        let operator = match reckoning {
            Reckoning::Add => "(@ + @)",
            Reckoning::Subtract => "(@ - @)",
            Reckoning::Multiply => "(@ * @)",
            Reckoning::Divide | Reckoning::Remainder => "(@ / NULLIF(@, 0.0))",
        };
        // What differs is at least one: the difference of whole numbers is whole.
        let least = if both_whole && reckoning != Reckoning::Divide {
            1.0
        } else {
            bounds.least
        };
        let value = Value {
            bounds: Bounds { least, ..bounds },
            ..Value::new(Shape::Number, Fragment::fill(operator, &[&a.sql, &b.sql]))
        };
        Some(value.doubted([a.doubt, b.doubt]).doubted(texts))
    }

    /// Of whole numbers only: databases have no remainder of doubles.
    fn remainder(&self, one: &Value, other: &Value) -> Option<Value> {
        let whole = |value: &Value| match value.constant {
            Some(Datum::Number(number)) if number.fract() == 0.0 && number.abs() <= Bounds::WHOLE.most =>
            {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and in the range")]
                Some(self.dialect.bound(number as i64, "bigint"))
            }
            _ => value.whole.then(|| value.sql.clone()),
        };
        let sql = Fragment::fill("(@ % NULLIF(@, 0))", &[&whole(one)?, &whole(other)?]);
        Some(Value::whole(sql).doubted([one.doubt.clone(), other.doubt.clone()]))
    }

    /// Null joins as nothing, but null and null are null.
    fn joined_texts(&self, one: &Value, other: &Value) -> Value {
        let sql = if one.is_constant() && !one.is_null() || other.is_constant() && !other.is_null() {
            Fragment::fill("(COALESCE(@, '') || COALESCE(@, ''))", &[&one.sql, &other.sql])
        } else if one.is_null() {
            other.sql.clone()
        } else if other.is_null() {
            one.sql.clone()
        } else {
            Fragment::fill(
                "CASE WHEN @ IS NOT NULL OR @ IS NOT NULL THEN COALESCE(@, '') || COALESCE(@, '') END",
                &[&one.sql, &other.sql, &one.sql, &other.sql],
            )
        };
        Value::new(Shape::Text, sql).doubted([one.doubt.clone(), other.doubt.clone()])
    }
}

fn reckoned_bounds(reckoning: Reckoning, one: Bounds, other: Bounds) -> Bounds {
    match reckoning {
        Reckoning::Add | Reckoning::Subtract => Bounds {
            // What is left of two nearly equal numbers is a multiple of the last place of the smaller.
            least: one.least.min(other.least) * f64::EPSILON / 2.0,
            most: one.most + other.most,
        },
        Reckoning::Multiply => Bounds {
            least: one.least * other.least,
            most: one.most * other.most,
        },
        Reckoning::Divide | Reckoning::Remainder => Bounds {
            least: one.least / other.most,
            most: one.most / other.least,
        },
    }
}

fn span(one: &Value, other: &Value) -> Value {
    let sql = Fragment::fill("(@ - @)", &[&one.sql, &other.sql]);
    Value::new(Shape::Span, sql).doubted([one.doubt.clone(), other.doubt.clone()])
}

/// A time with a constant span added; null outside of the years 1 to 9999.
fn shifted(at: &Value, span: &Value, sign: i64) -> Option<Value> {
    let Some(Datum::Span(span)) = span.constant else {
        return None;
    };
    Some(later(at, span.checked_mul(sign)))
}

/// A time so many microseconds later; null outside of the years 1 to 9999, and where nobody knows how many.
pub(super) fn later(at: &Value, micros: Option<time::Micros>) -> Value {
    // Longer than all times: no time is left, and sums stay far from the ends of integers.
    let Some(micros) = micros.filter(|micros| micros.abs() <= time::MAX - time::MIN) else {
        return Value::null();
    };
    let (first, last) = (time::MIN - micros, time::MAX - micros);
    let sql = Fragment::fill(
        &format!("CASE WHEN @ BETWEEN {first} AND {last} THEN @ + ({micros}) END"),
        &[&at.sql, &at.sql],
    );
    Value::new(Shape::Time, sql).doubted([at.doubt.clone()])
}

//! What a part of an expression is worth, in SQL: its kind, its text, and in which rows that cannot be trusted.

use std::borrow::Cow;

use super::{LENGTH_MAX, Translator, condition::Condition, fragment::Fragment};
use crate::domain::expression::{Datum, Expr, Kind, Row, value};

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Null,
    Bool,
    /// Of doubles; where `whole`, of integers.
    Number,
    Text,
    /// Microseconds since 1970.
    Time,
    /// Microseconds.
    Span,
    /// A member of JSON, as [`super::dialect`] marks its kind.
    Any,
}

/// What is known of a column beyond its kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    None,
    /// A UUID column.
    Uuid(&'static str),
    /// A column of numbers that stand for words.
    Word(&'static str, &'static [(i64, &'static str)]),
}

/// Between which bounds the absolute value of a number is, if it is not 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Bounds {
    /// Whole numbers that a double can tell apart.
    pub(super) const WHOLE: Self = Self {
        least: 1.0,
        most: 9_007_199_254_740_992.0,
    };
    /// Numbers of JSON that are not doubtful.
    pub(super) const JSON: Self = Self {
        least: 1e-16,
        most: 1e20,
    };

    pub(super) fn of(number: f64) -> Self {
        let size = number.abs();
        let size = if size == 0.0 { 1.0 } else { size };
        Self {
            least: size,
            most: size,
        }
    }

    pub(super) fn both(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }

    /// Databases answer with an error where doubles overflow or underflow.
    pub(super) fn are_safe(self) -> bool {
        self.most < 1e300 && self.least > 1e-290
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) shape: Shape,
    /// NULL where it is null.
    pub(super) sql: Fragment,
    /// True where `sql` may be wrong; null is as good as false.
    pub(super) doubt: Option<Fragment>,
    pub(super) constant: Option<Datum<'static>>,
    /// Of numbers: `sql` is an integer.
    pub(super) whole: bool,
    /// Of numbers.
    pub(super) bounds: Bounds,
    pub(super) origin: Origin,
}

impl Value {
    pub(super) fn new(shape: Shape, sql: Fragment) -> Self {
        Self {
            shape,
            sql,
            doubt: None,
            constant: None,
            whole: false,
            bounds: Bounds::JSON,
            origin: Origin::None,
        }
    }

    pub(super) fn null() -> Self {
        Self {
            constant: Some(Datum::Null),
            ..Self::new(Shape::Null, Fragment::text("NULL"))
        }
    }

    /// An integer, smaller than 2^53.
    pub(super) fn whole(sql: Fragment) -> Self {
        Self {
            whole: true,
            bounds: Bounds::WHOLE,
            ..Self::new(Shape::Number, sql)
        }
    }

    pub(super) fn doubted(mut self, doubts: impl IntoIterator<Item = Option<Fragment>>) -> Self {
        let all = std::iter::once(self.doubt.take()).chain(doubts);
        self.doubt = any_of(all);
        self
    }

    pub(super) fn is_null(&self) -> bool {
        self.shape == Shape::Null
    }

    /// It is written in the expression, or the same for all rows.
    pub(super) fn is_constant(&self) -> bool {
        self.constant.is_some()
    }
}

/// Where any of these is true.
pub(super) fn any_of(doubts: impl IntoIterator<Item = Option<Fragment>>) -> Option<Fragment> {
    let mut all: Vec<Fragment> = Vec::new();
    for doubt in doubts.into_iter().flatten() {
        if !all.contains(&doubt) {
            all.push(doubt);
        }
    }
    if all.len() == 1 {
        return all.pop();
    }
    Fragment::chain(all, " OR ")
}

impl Translator<'_> {
    /// What the expression is worth; none: the database cannot tell.
    pub(super) fn value(&mut self, expr: &Expr) -> Option<Value> {
        let value = if is_constant(expr) {
            self.constant(expr)?
        } else {
            self.variable(expr)?
        };
        (value.sql.len() <= LENGTH_MAX && value.doubt.as_ref().is_none_or(|doubt| doubt.len() <= LENGTH_MAX))
            .then_some(value)
    }

    fn variable(&mut self, expr: &Expr) -> Option<Value> {
        match &expr.kind {
            Kind::Member { of, name } => self.member(of.as_deref(), name),
            Kind::Negate(inner) => {
                let inner = self.value(inner)?;
                self.negated(inner)
            }
            Kind::Reckon(reckoning, one, other) => {
                let (one, other) = (self.value(one)?, self.value(other)?);
                self.reckoned(*reckoning, &one, &other)
            }
            Kind::If(condition, then, otherwise) => {
                let condition = self.condition(condition);
                let (then, otherwise) = (self.value(then)?, self.value(otherwise)?);
                self.either(condition, then, otherwise)
            }
            Kind::Coalesce(first, second) => {
                let (first, second) = (self.value(first)?, self.value(second)?);
                self.coalesced(first, second)
            }
            Kind::Call(function, arguments) => self.called(*function, arguments),
            Kind::Not(_) | Kind::And(..) | Kind::Or(..) | Kind::Compare(..) | Kind::In { .. } => {
                Some(self.condition(expr).into_value())
            }
            Kind::It | Kind::Literal(_) | Kind::Query { .. } => None,
        }
    }

    fn constant(&self, expr: &Expr) -> Option<Value> {
        let row = Row::without_data();
        let datum = value(expr, &row, self.now).ok()?;
        self.of_datum(&datum)
    }

    /// A value that is the same for all rows.
    pub(super) fn of_datum(&self, datum: &Datum<'_>) -> Option<Value> {
        let (value, constant) = match datum {
            Datum::Null => return Some(Value::null()),
            Datum::Bool(true) => (Value::new(Shape::Bool, Fragment::text("TRUE")), Datum::Bool(true)),
            Datum::Bool(false) => (Value::new(Shape::Bool, Fragment::text("FALSE")), Datum::Bool(false)),
            Datum::Number(number) => {
                let value = Value {
                    bounds: Bounds::of(*number),
                    ..Value::new(Shape::Number, self.dialect.bound(*number, "float8"))
                };
                (value, Datum::Number(*number))
            }
            Datum::Text(text) => {
                if !self.dialect.takes(text) {
                    return None;
                }
                let value = Value::new(Shape::Text, self.dialect.bound(text.as_ref(), "text"));
                (value, Datum::Text(Cow::Owned(text.as_ref().to_owned())))
            }
            Datum::Time(time) => (
                Value::new(Shape::Time, self.dialect.bound(*time, "bigint")),
                Datum::Time(*time),
            ),
            Datum::Span(span) => (
                Value::new(Shape::Span, self.dialect.bound(*span, "bigint")),
                Datum::Span(*span),
            ),
            Datum::List(_) | Datum::Object(_) | Datum::Row => return None,
        };
        Some(Value {
            constant: Some(constant),
            ..value
        })
    }

    /// The first where the condition is met, else the second.
    fn either(&self, condition: Condition, then: Value, otherwise: Value) -> Option<Value> {
        let (then, otherwise) = self.alike(then, otherwise)?;
        if then.is_null() && otherwise.is_null() {
            return Some(then.doubted([otherwise.doubt]));
        }
        let sql = Fragment::fill(
            "CASE WHEN @ THEN @ ELSE @ END",
            &[&condition.upper, &then.sql, &otherwise.sql],
        );
        Some(merged(sql, &then, &otherwise).doubted([condition.doubt()]))
    }

    fn coalesced(&self, first: Value, second: Value) -> Option<Value> {
        let (first, second) = self.alike(first, second)?;
        if first.is_null() {
            return Some(second.doubted([first.doubt]));
        }
        let sql = Fragment::fill("COALESCE(@, @)", &[&first.sql, &second.sql]);
        Some(merged(sql, &first, &second))
    }

    /// Two values as values of one kind.
    fn alike(&self, one: Value, other: Value) -> Option<(Value, Value)> {
        if one.shape != other.shape && !one.is_null() && !other.is_null() {
            return Some((self.dialect.marked(&one)?, self.dialect.marked(&other)?));
        }
        if one.shape == Shape::Number && other.shape == Shape::Number && one.whole != other.whole {
            return Some((self.dialect.double(one), self.dialect.double(other)));
        }
        Some((one, other))
    }
}

fn merged(sql: Fragment, one: &Value, other: &Value) -> Value {
    let of = if one.is_null() { other } else { one };
    Value {
        bounds: one.bounds.both(other.bounds),
        whole: of.whole,
        ..Value::new(of.shape, sql)
    }
    .doubted([one.doubt.clone(), other.doubt.clone()])
}

/// Nothing in it depends on the row.
fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Literal(_) => true,
        Kind::Member { .. } | Kind::It | Kind::Query { .. } => false,
        Kind::Not(one) | Kind::Negate(one) => is_constant(one),
        Kind::And(one, other)
        | Kind::Or(one, other)
        | Kind::Compare(_, one, other)
        | Kind::Reckon(_, one, other)
        | Kind::Coalesce(one, other) => is_constant(one) && is_constant(other),
        Kind::In { value, list } => is_constant(value) && list.iter().all(is_constant),
        Kind::If(condition, then, otherwise) => is_constant(condition) && is_constant(then) && is_constant(otherwise),
        Kind::Call(_, arguments) => arguments.iter().all(is_constant),
    }
}

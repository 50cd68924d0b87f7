//! Comparing two values, and one with several: the table in the head of `domain::expression`.

use jiff::civil::Date;
use sea_orm::Value as Bound;
use uuid::Uuid;

use super::{
    Translator,
    condition::Condition,
    dialect::Dialect,
    fragment::Fragment,
    value::{Bounds, Origin, Shape, Value},
};
use crate::domain::expression::{Comparison, Datum, Expr, time};

/// Parts up to this length are written twice, so that indexes can be used.
const SHORT: usize = 200;

impl Translator<'_> {
    pub(super) fn compared(&mut self, comparison: Comparison, one: &Value, other: &Value) -> Condition {
        match comparison {
            Comparison::Equal => self.equal(one, other),
            Comparison::NotEqual => self.equal(one, other).not(),
            Comparison::Less => self.ordered("<", one, other),
            Comparison::LessOrEqual => self.ordered("<=", one, other),
            Comparison::Greater => self.ordered("<", other, one),
            Comparison::GreaterOrEqual => self.ordered("<=", other, one),
        }
    }

    fn equal(&mut self, one: &Value, other: &Value) -> Condition {
        let doubts = [one.doubt.clone(), other.doubt.clone()];
        let sql = match (one.shape, other.shape) {
            (Shape::Null, _) => Fragment::fill("(@ IS NULL)", &[&other.sql]),
            (_, Shape::Null) => Fragment::fill("(@ IS NULL)", &[&one.sql]),
            (Shape::Time, Shape::Text | Shape::Any) => return self.time_with_text("=", one, other),
            (Shape::Text | Shape::Any, Shape::Time) => return self.time_with_text("=", other, one),
            (Shape::Any, Shape::Any) => self.both_any(one, other),
            (Shape::Any, _) => self.any_with(one, other),
            (_, Shape::Any) => self.any_with(other, one),
            (shape, with) if shape == with => self.same(one, other),
            // Only null equals null.
            _ if one.is_constant() || other.is_constant() => Fragment::text("FALSE"),
            _ => Fragment::fill("(@ IS NULL AND @ IS NULL)", &[&one.sql, &other.sql]),
        };
        Condition::unless(sql, doubts)
    }

    /// Equality of two values of one kind.
    fn same(&self, one: &Value, other: &Value) -> Fragment {
        if let Some(sql) = coded(one, other).or_else(|| coded(other, one)) {
            return sql;
        }
        let (one, other) = self.numbers_alike(one, other);
        if one.is_constant() || other.is_constant() {
            let variable = if one.is_constant() { &other.sql } else { &one.sql };
            let equal = Fragment::fill("@ = @", &[&one.sql, &other.sql]);
            return never_null(&equal, &[variable]);
        }
        self.dialect
            .fill("(@ IS @)", "(@ IS NOT DISTINCT FROM @)", &[&one.sql, &other.sql])
    }

    /// Equality of a value of JSON with one of a known kind.
    fn any_with(&self, any: &Value, known: &Value) -> Fragment {
        let as_known = Value::new(known.shape, self.dialect.as_shape(&any.sql, known.shape));
        let (left, right) = self.numbers_alike(&as_known, known);
        let equal = Fragment::fill("COALESCE(@ = @, FALSE)", &[&left.sql, &right.sql]);
        if known.is_constant() {
            return equal;
        }
        Fragment::fill(
            "CASE WHEN @ IS NULL THEN @ IS NULL ELSE @ END",
            &[&any.sql, &known.sql, &equal],
        )
    }

    fn both_any(&self, one: &Value, other: &Value) -> Fragment {
        let mut parts = vec![Fragment::fill("(@ IS NULL AND @ IS NULL)", &[&one.sql, &other.sql])];
        for shape in [Shape::Number, Shape::Text, Shape::Bool] {
            let (one, other) = (
                self.dialect.as_shape(&one.sql, shape),
                self.dialect.as_shape(&other.sql, shape),
            );
            parts.push(Fragment::fill("COALESCE(@ = @, FALSE)", &[&one, &other]));
        }
        Fragment::join(parts, " OR ").unwrap_or_else(|| Fragment::text("FALSE"))
    }

    fn ordered(&mut self, operator: &'static str, one: &Value, other: &Value) -> Condition {
        let doubts = [one.doubt.clone(), other.doubt.clone()];
        let sql = match (one.shape, other.shape) {
            (Shape::Time, Shape::Text | Shape::Any) => {
                let operator = if operator == "<" { ">" } else { ">=" };
                return self.time_with_text(operator, one, other);
            }
            (Shape::Text | Shape::Any, Shape::Time) => return self.time_with_text(operator, other, one),
            (Shape::Any, Shape::Any) => {
                let parts = [Shape::Number, Shape::Text].map(|shape| {
                    let one = Value::new(shape, self.dialect.as_shape(&one.sql, shape));
                    let other = Value::new(shape, self.dialect.as_shape(&other.sql, shape));
                    self.order_of(operator, &one, &other)
                });
                Fragment::join(parts, " OR ").unwrap_or_else(|| Fragment::text("FALSE"))
            }
            (Shape::Any, Shape::Number | Shape::Text) => {
                let one = Value::new(other.shape, self.dialect.as_shape(&one.sql, other.shape));
                self.order_of(operator, &one, other)
            }
            (Shape::Number | Shape::Text, Shape::Any) => {
                let other = Value::new(one.shape, self.dialect.as_shape(&other.sql, one.shape));
                self.order_of(operator, one, &other)
            }
            (shape @ (Shape::Number | Shape::Text | Shape::Time | Shape::Span), with) if shape == with => {
                self.order_of(operator, one, other)
            }
            _ => return Condition::always(false),
        };
        Condition::unless(sql, doubts)
    }

    fn order_of(&self, operator: &str, one: &Value, other: &Value) -> Fragment {
        let (one, other) = self.numbers_alike(one, other);
        let variables: Vec<&Fragment> = [&one, &other]
            .into_iter()
            .filter(|value| !value.is_constant())
            .map(|value| &value.sql)
            .collect();
        let collation = if one.shape == Shape::Text {
            self.dialect.collation()
        } else {
            ""
        };
        let ordered = Fragment::fill(&format!("@{collation} {operator} @"), &[&one.sql, &other.sql]);
        never_null(&ordered, &variables)
    }

    /// Two numbers as integers or as doubles, other values as they are.
    fn numbers_alike(&self, one: &Value, other: &Value) -> (Value, Value) {
        let as_whole = |value: &Value| match value.constant {
            Some(Datum::Number(number)) if number.fract() == 0.0 && number.abs() <= Bounds::WHOLE.most => {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and in the range")]
                let sql = self.dialect.bound(number as i64, "bigint");
                Some(Value {
                    sql,
                    whole: true,
                    ..value.clone()
                })
            }
            _ => None,
        };
        match (one.whole, other.whole) {
            (true, false) if let Some(other) = as_whole(other) => (one.clone(), other),
            (false, true) if let Some(one) = as_whole(one) => (one, other.clone()),
            (true, false) | (false, true) => (self.dialect.double(one.clone()), self.dialect.double(other.clone())),
            _ => (one.clone(), other.clone()),
        }
    }

    /// A time with a text, which is a time or not: `=` or how the text is to the time.
    fn time_with_text(&mut self, operator: &'static str, at: &Value, text: &Value) -> Condition {
        if let Some(Datum::Text(read)) = &text.constant {
            let Some(read) = time::read(read).and_then(|read| self.of_datum(&Datum::Time(read))) else {
                return Condition::always(false);
            };
            let sql = match operator {
                "=" => self.same(&read, at),
                operator => self.order_of(operator, &read, at),
            };
            return Condition::unless(sql, [at.doubt.clone()]);
        }
        let Some(Datum::Time(at)) = at.constant else {
            return self.unknown();
        };
        self.complete = false;
        let sql = match text.shape {
            Shape::Any => self.dialect.as_shape(&text.sql, Shape::Text),
            _ => text.sql.clone(),
        };
        let near = near(self.dialect, operator, &sql, at);
        let upper = Condition::unless(near, [text.doubt.clone()]).upper;
        Condition::at_most(upper)
    }

    /// Whether a value is one of several.
    pub(super) fn listed(&mut self, value: &Expr, list: &[Expr]) -> Condition {
        let Some(value) = self.value(value) else {
            return self.unknown();
        };
        let mut parts = Vec::new();
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        for item in list {
            let Some(item) = self.value(item) else {
                parts.push(self.unknown());
                continue;
            };
            match (&item.constant, value.shape) {
                (Some(Datum::Number(_)), Shape::Number | Shape::Any) if !value.whole => numbers.push(item),
                (Some(Datum::Text(_)), Shape::Text | Shape::Any) if matches!(value.origin, Origin::None) => {
                    texts.push(item);
                }
                _ => parts.push(self.equal(&value, &item)),
            }
        }
        for (shape, items) in [(Shape::Number, numbers), (Shape::Text, texts)] {
            let Some(items) = Fragment::join(items.into_iter().map(|item| item.sql), ", ") else {
                continue;
            };
            let sql = match value.shape {
                Shape::Any => self.dialect.as_shape(&value.sql, shape),
                _ => value.sql.clone(),
            };
            let listed = never_null(&Fragment::fill("@ IN @", &[&sql, &items]), &[&sql]);
            parts.push(Condition::unless(listed, [value.doubt.clone()]));
        }
        match parts.len() {
            0 => Condition::always(false),
            _ => Condition::any(parts),
        }
    }
}

/// A condition that is null where a variable is, as one that is false there.
fn never_null(condition: &Fragment, variables: &[&Fragment]) -> Fragment {
    if variables.iter().any(|variable| variable.len() > SHORT) {
        return Fragment::fill("COALESCE(@, FALSE)", &[condition]);
    }
    let not_null = variables
        .iter()
        .map(|variable| Fragment::fill("@ IS NOT NULL", &[variable]));
    Fragment::join(std::iter::once(condition.clone()).chain(not_null), " AND ").unwrap_or_else(|| condition.clone())
}

/// Equality of a text that is stored otherwise with a constant: compared as it is stored, so that indexes can be used.
fn coded(coded: &Value, constant: &Value) -> Option<Fragment> {
    let Some(Datum::Text(text)) = &constant.constant else {
        return None;
    };
    let found: Option<Bound> = match coded.origin {
        Origin::None => return None,
        Origin::Uuid(_) => {
            let uuid = Uuid::try_parse(text).ok();
            uuid.filter(|uuid| uuid.to_string() == **text).map(Bound::from)
        }
        Origin::Word(_, words) => {
            let known = words.iter().find(|(_, word)| *word == text.as_ref());
            known.map(|(number, _)| Bound::from(*number))
        }
    };
    let (Origin::Uuid(column) | Origin::Word(column, _)) = coded.origin else {
        return None;
    };
    let Some(found) = found else {
        return Some(Fragment::text("FALSE"));
    };
    let column = Fragment::text(column);
    let equal = Fragment::fill("@ = @", &[&column, &Fragment::value(found)]);
    Some(never_null(&equal, &[&column]))
}

/// Whether a text may be a time that is so to `at`: texts that begin with a day are compared by that day. Zones reach a day at most.
fn near(dialect: Dialect, operator: &str, text: &Fragment, at: time::Micros) -> Fragment {
    let day = time::civil(at).map(jiff::civil::DateTime::date);
    let (before, after) = (
        day.and_then(|day| day.yesterday().ok()),
        day.and_then(|day| day.tomorrow().ok()),
    );
    let mut parts = vec![dialect.fill(
        "@ GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'",
        "@ ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}'",
        &[text],
    )];
    let collation = dialect.collation();
    let mut bound = |operator: &str, day: Option<Date>| {
        if let Some(day) = day {
            let day = dialect.bound(day.to_string(), "text");
            let sql = format!("substr(@, 1, 10){collation} {operator} @");
            parts.push(Fragment::fill(&sql, &[text, &day]));
        }
    };
    if !operator.starts_with('>') {
        bound("<=", after);
    }
    if !operator.starts_with('<') {
        bound(">=", before);
    }
    let all = Fragment::join(parts, " AND ").unwrap_or_else(|| Fragment::text("TRUE"));
    Fragment::fill("COALESCE(@, FALSE)", &[&all])
}

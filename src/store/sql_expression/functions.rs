//! Functions of values.

use super::{
    Translator,
    dialect::{Dialect, Mark},
    fragment::Fragment,
    reckon::later,
    value::{Bounds, Shape, Value},
};
use crate::domain::expression::{Datum, Expr, Function, time};

/// Microseconds of a day.
const DAY: i64 = time::DAY;
/// Unicode's white space, as `str::trim` knows it.
const WHITE_SPACE: &str = "\t\n\u{b}\u{c}\r \u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\
                           \u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";
/// No text is longer.
const PLACE_MAX: f64 = 1e9;

impl Translator<'_> {
    pub(super) fn called(&mut self, function: Function, arguments: &[Expr]) -> Option<Value> {
        use Function as F;
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.value(argument)?);
        }
        match (function, values.as_slice()) {
            (F::IsNullOrEmpty, [value]) => Some(self.is_null_or_empty(value)),
            (F::Contains | F::StartsWith | F::EndsWith | F::IndexOf | F::Concat, [one, other]) => {
                self.of_two_texts(function, one, other)
            }
            (F::ToLower | F::ToUpper | F::Trim | F::Length, [text]) => Some(self.of_text(function, text)),
            (F::Substring, [text, start]) => self.substring(text, start, None),
            (F::Substring, [text, start, length]) => self.substring(text, start, Some(length)),
            (F::Round | F::Floor | F::Ceiling | F::Abs, [number]) => Some(self.of_number(function, number)),
            (F::Date | F::Year | F::Month | F::Day | F::Hour | F::Minute | F::Second, [at]) => match at.shape {
                Shape::Time => Some(self.time_part(function, at)),
                // It may be a time, or an object with such a member.
                Shape::Text | Shape::Any => None,
                _ => Some(Value::null()),
            },
            (F::AddSeconds | F::AddMinutes | F::AddHours | F::AddDays, [at, count]) => {
                match (at.shape, &count.constant) {
                    (Shape::Time, Some(Datum::Number(count))) => Some(later(at, micros(function, *count))),
                    (Shape::Time | Shape::Text | Shape::Any, _) => None,
                    _ => Some(Value::null()),
                }
            }
            (F::TotalDays | F::TotalHours | F::TotalMinutes | F::TotalSeconds, [span]) => match span.shape {
                Shape::Span => Some(self.total(function, span)),
                Shape::Any => None,
                _ => Some(Value::null()),
            },
            _ => None,
        }
    }

    /// A text, or null where it is something else.
    fn text(&self, value: &Value) -> Value {
        match value.shape {
            Shape::Text => value.clone(),
            Shape::Any => {
                Value::new(Shape::Text, self.dialect.as_shape(&value.sql, Shape::Text)).doubted([value.doubt.clone()])
            }
            _ => Value::null(),
        }
    }

    /// Where it is an object or a list, of which the function means something else.
    fn mark(&mut self, value: &Value, mark: Mark) -> Option<Fragment> {
        if value.shape != Shape::Any {
            return None;
        }
        self.complete = false;
        Some(self.dialect.has_mark(&value.sql, mark))
    }

    fn is_null_or_empty(&self, value: &Value) -> Value {
        let text = self.text(value);
        let sql = match text.shape {
            Shape::Null => Fragment::fill("(@ IS NULL)", &[&value.sql]),
            _ => Fragment::fill("(@ IS NULL OR COALESCE(@ = '', FALSE))", &[&value.sql, &text.sql]),
        };
        Value::new(Shape::Bool, sql).doubted([value.doubt.clone()])
    }

    fn of_two_texts(&mut self, function: Function, one: &Value, other: &Value) -> Option<Value> {
        // Of a list, `Contains` is something else.
        let list = match function {
            Function::Contains => self.mark(one, Mark::List),
            _ => None,
        };
        let (text, part) = (self.text(one), self.text(other));
        if text.is_null() || part.is_null() {
            return list.is_none().then(Value::null);
        }
        let (a, b) = (&text.sql, &part.sql);
        let dialect = self.dialect;
        let value = match function {
            Function::Contains => Value::new(
                Shape::Bool,
                dialect.fill("(instr(@, @) > 0)", "(strpos(@, @) > 0)", &[a, b]),
            ),
            Function::StartsWith => Value::new(
                Shape::Bool,
                match dialect {
                    Dialect::Sqlite => Fragment::fill(
                        "(substr(CAST(@ AS BLOB), 1, length(CAST(@ AS BLOB))) = CAST(@ AS BLOB))",
                        &[a, b, b],
                    ),
                    Dialect::Postgres => Fragment::fill("starts_with(@, @)", &[a, b]),
                },
            ),
            Function::EndsWith => Value::new(
                Shape::Bool,
                match dialect {
                    Dialect::Sqlite => Fragment::fill(
                        "CASE WHEN @ IS NOT NULL THEN length(CAST(@ AS BLOB)) = 0 \
                         OR substr(CAST(@ AS BLOB), - length(CAST(@ AS BLOB))) = CAST(@ AS BLOB) END",
                        &[a, b, a, b, b],
                    ),
                    Dialect::Postgres => Fragment::fill("(right(@, char_length(@)) = @)", &[a, b, b]),
                },
            ),
            Function::IndexOf => Value::whole(dialect.fill("(instr(@, @) - 1)", "(strpos(@, @) - 1)::bigint", &[a, b])),
            _ => Value::new(Shape::Text, Fragment::fill("(@ || @)", &[a, b])),
        };
        Some(value.doubted([text.doubt, part.doubt, list]))
    }

    fn of_text(&mut self, function: Function, value: &Value) -> Value {
        let text = self.text(value);
        // Of an object or a list, `Length` is something else.
        let others = match function {
            Function::Length => [self.mark(value, Mark::Object), self.mark(value, Mark::List)],
            _ => [None, None],
        };
        if text.is_null() {
            return Value::null().doubted(others);
        }
        let dialect = self.dialect;
        let sql = &text.sql;
        // Databases know the letters of their own version of Unicode, or ASCII's only.
        if matches!(function, Function::ToLower | Function::ToUpper) {
            self.complete = false;
        }
        let foreign = || {
            Some(dialect.fill(
                "length(@) <> length(CAST(@ AS BLOB))",
                "char_length(@) <> octet_length(@)",
                &[sql, sql],
            ))
        };
        let made = match function {
            Function::ToLower => {
                Value::new(Shape::Text, dialect.fill("lower(@)", "lower(@ COLLATE \"C\")", &[sql])).doubted([foreign()])
            }
            Function::ToUpper => {
                Value::new(Shape::Text, dialect.fill("upper(@)", "upper(@ COLLATE \"C\")", &[sql])).doubted([foreign()])
            }
            Function::Trim => {
                let space = Fragment::value(WHITE_SPACE);
                Value::new(
                    Shape::Text,
                    dialect.fill("trim(@, @)", "btrim(@, @::text)", &[sql, &space]),
                )
            }
            _ => Value::whole(dialect.fill("length(@)", "char_length(@)::bigint", &[sql])),
        };
        made.doubted([text.doubt.clone()]).doubted(others)
    }

    /// With constant places only.
    fn substring(&self, value: &Value, start: &Value, length: Option<&Value>) -> Option<Value> {
        let place = |value: &Value| match value.constant {
            Some(Datum::Number(number)) if number.fract() == 0.0 && (0.0..=1e15).contains(&number) => Some(number),
            _ => None,
        };
        let text = self.text(value);
        if text.is_null() {
            return Some(text);
        }
        if !start.is_constant() || length.is_some_and(|length| !length.is_constant()) {
            return None;
        }
        let (Some(start), Some(length)) = (place(start), length.map_or(Some(PLACE_MAX), place)) else {
            return Some(Value::null());
        };
        if start > PLACE_MAX {
            return Some(Value::null());
        }
        let (first, length) = (start + 1.0, length.min(PLACE_MAX));
        let sql = format!("CASE WHEN length(@) >= {start:.0} THEN substr(@, {first:.0}, {length:.0}) END");
        let sql = Fragment::fill(&sql, &[&text.sql, &text.sql]);
        Some(Value::new(Shape::Text, sql).doubted([text.doubt]))
    }

    fn of_number(&self, function: Function, value: &Value) -> Value {
        let number = self.number(value.clone());
        if number.is_null() || (number.whole && function != Function::Abs) {
            return number;
        }
        // SQLite is built without `floor`; what is larger has no fraction.
        let (cut, large) = ("CAST(CAST(@ AS INTEGER) AS REAL)", "abs(@) >= 4503599627370496.0");
        let (sqlite, postgres) = match function {
            Function::Abs => ("abs(@)".to_owned(), "abs(@)"),
            Function::Floor => (
                format!("CASE WHEN {large} THEN @ ELSE {cut} - ({cut} > @) END"),
                "floor(@)",
            ),
            Function::Ceiling => (
                format!("CASE WHEN {large} THEN @ ELSE {cut} + ({cut} < @) END"),
                "ceil(@)",
            ),
            // Halves away from zero; the fraction is exact.
            _ => (
                format!("CASE WHEN {large} THEN @ ELSE {cut} + (@ - {cut} >= 0.5) - (@ - {cut} <= -0.5) END"),
                "(trunc(@) + CASE WHEN @ - trunc(@) >= 0.5 THEN 1.0 WHEN @ - trunc(@) <= -0.5 THEN -1.0 ELSE 0.0 END)",
            ),
        };
        let sql = &number.sql;
        let sql = self.dialect.fill(&sqlite, postgres, &[sql; 8]);
        let least = if function == Function::Abs {
            number.bounds.least
        } else {
            1.0
        };
        Value {
            bounds: Bounds {
                least,
                most: number.bounds.most + 1.0,
            },
            whole: number.whole,
            ..Value::new(Shape::Number, sql)
        }
        .doubted([number.doubt])
    }

    fn time_part(&self, function: Function, at: &Value) -> Value {
        let of_day = format!("(((@ % {DAY}) + {DAY}) % {DAY})");
        let day = format!("((@ - {of_day}) / {DAY})");
        let day_part = |sqlite: &str, postgres: &str| {
            let sql = match self.dialect {
                Dialect::Sqlite => format!("CAST(strftime('{sqlite}', {day} * 86400, 'unixepoch') AS INTEGER)"),
                Dialect::Postgres => format!("extract({postgres} from (date '1970-01-01' + {day}::integer))::bigint"),
            };
            Value::whole(Fragment::fill(&sql, &[&at.sql, &at.sql]))
        };
        let part = match function {
            Function::Year => day_part("%Y", "year"),
            Function::Month => day_part("%m", "month"),
            Function::Day => day_part("%d", "day"),
            Function::Hour => Value::whole(Fragment::fill(&format!("({of_day} / 3600000000)"), &[&at.sql])),
            Function::Minute => Value::whole(Fragment::fill(&format!("({of_day} / 60000000 % 60)"), &[&at.sql])),
            Function::Second => Value::whole(Fragment::fill(&format!("({of_day} / 1000000 % 60)"), &[&at.sql])),
            _ => Value::new(
                Shape::Time,
                Fragment::fill(&format!("(@ - {of_day})"), &[&at.sql, &at.sql]),
            ),
        };
        part.doubted([at.doubt.clone()])
    }

    fn total(&self, function: Function, span: &Value) -> Value {
        let unit = match function {
            Function::TotalDays => DAY,
            Function::TotalHours => 3_600 * time::SECOND,
            Function::TotalMinutes => 60 * time::SECOND,
            _ => time::SECOND,
        };
        let sql = self.dialect.fill(
            &format!("(CAST(@ AS REAL) / {unit}.0)"),
            &format!("((@)::float8 / {unit}.0::float8)"),
            &[&span.sql],
        );
        Value {
            bounds: Bounds {
                least: 1e-11,
                most: 1e12,
            },
            ..Value::new(Shape::Number, sql)
        }
        .doubted([span.doubt.clone()])
    }
}

/// As `time::add` rounds.
fn micros(function: Function, count: f64) -> Option<time::Micros> {
    let unit = match function {
        Function::AddSeconds => 1e6,
        Function::AddMinutes => 60e6,
        Function::AddHours => 3_600e6,
        _ => 86_400e6,
    };
    let micros = (count * unit).round();
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in the range")]
    (micros.abs() <= 6.4e17).then_some(micros as i64)
}

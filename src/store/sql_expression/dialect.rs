//! What the two databases spell differently, and how a value of JSON is carried with its kind.
//!
//! SQLite has kinds of its own: such a value is REAL (a number), INTEGER (0 or 1: false, true), TEXT, NULL (null, or not there), or a BLOB: x'00'
//! doubtful, x'01' an object, x'02' a list. In PostgreSQL it is a text that begins with a mark: `n` number, `t` text, `bt` and
//! `bf`, `o` object, `a` list, `d` doubtful.

use sea_orm::{DbBackend, Value as Bound};

use super::{
    fragment::Fragment,
    value::{Bounds, Shape, Value},
};

/// A database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// A kind that only values of JSON have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    Doubtful,
    Object,
    List,
}

impl Dialect {
    pub(super) fn of(backend: DbBackend) -> Self {
        match backend {
            DbBackend::Postgres => Self::Postgres,
            _ => Self::Sqlite,
        }
    }

    pub(super) const fn choose<T: Copy>(self, sqlite: T, postgres: T) -> T {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }

    /// Text for each database, with holes.
    pub(super) fn fill(self, sqlite: &str, postgres: &str, holes: &[&Fragment]) -> Fragment {
        Fragment::fill(self.choose(sqlite, postgres), holes)
    }

    /// Whether a text can be bound.
    pub(super) fn takes(self, text: &str) -> bool {
        self == Self::Sqlite || !text.contains('\0')
    }

    /// A bound value; PostgreSQL would else guess the kind of the place that it stands in.
    pub(super) fn bound(self, value: impl Into<Bound>, kind: &str) -> Fragment {
        let value = Fragment::value(value);
        match self {
            Self::Sqlite => value,
            Self::Postgres => Fragment::fill(&format!("@::{kind}"), &[&value]),
        }
    }

    /// Two texts in order.
    pub(super) const fn collation(self) -> &'static str {
        self.choose("", " COLLATE \"C\"")
    }

    /// A number as a double.
    pub(super) fn double(self, number: Value) -> Value {
        if !number.whole {
            return number;
        }
        Value {
            sql: self.fill("CAST(@ AS REAL)", "(@)::float8", &[&number.sql]),
            whole: false,
            ..number
        }
    }

    /// A value of JSON if it is of this kind, else NULL.
    pub(super) fn as_shape(self, sql: &Fragment, shape: Shape) -> Fragment {
        let (sqlite, postgres) = match shape {
            Shape::Number => (
                "CASE WHEN typeof(@) = 'real' THEN @ END",
                "CASE WHEN left(@, 1) = 'n' THEN substr(@, 2)::float8 END",
            ),
            Shape::Text => (
                "CASE WHEN typeof(@) = 'text' THEN @ END",
                "CASE WHEN left(@, 1) = 't' THEN substr(@, 2) END",
            ),
            Shape::Bool => (
                "CASE WHEN typeof(@) = 'integer' THEN @ END",
                "CASE WHEN left(@, 1) = 'b' THEN @ = 'bt' END",
            ),
            _ => return Fragment::text("NULL"),
        };
        self.fill(sqlite, postgres, &[sql, sql])
    }

    /// Whether a value of JSON is of this kind; may be NULL instead of false.
    pub(super) fn is_shape(self, sql: &Fragment, shape: Shape) -> Fragment {
        let (sqlite, postgres) = match shape {
            Shape::Number => ("typeof(@) = 'real'", "left(@, 1) = 'n'"),
            Shape::Text => ("typeof(@) = 'text'", "left(@, 1) = 't'"),
            Shape::Bool => ("typeof(@) = 'integer'", "left(@, 1) = 'b'"),
            _ => return Fragment::text("FALSE"),
        };
        self.fill(sqlite, postgres, &[sql])
    }

    /// Whether a value of JSON has this mark; may be NULL instead of false.
    pub(super) fn has_mark(self, sql: &Fragment, mark: Mark) -> Fragment {
        let (sqlite, postgres) = match mark {
            Mark::Doubtful => ("@ = x'00'", "@ = 'd'"),
            Mark::Object => ("@ = x'01'", "@ = 'o'"),
            Mark::List => ("@ = x'02'", "@ = 'a'"),
        };
        self.fill(sqlite, postgres, &[sql])
    }

    /// A value that is carried as those of JSON are.
    pub(super) fn carried(self, sql: Fragment) -> Value {
        let doubt = self.has_mark(&sql, Mark::Doubtful);
        Value::new(Shape::Any, sql).doubted([Some(doubt)])
    }

    /// A value as those of JSON are carried; none for times and spans, of which JSON has none.
    pub(super) fn marked(self, value: &Value) -> Option<Value> {
        let sql = match value.shape {
            Shape::Any => return Some(value.clone()),
            Shape::Null => value.sql.clone(),
            Shape::Number => {
                let number = self.double(value.clone());
                self.fill("@", "'n' || (@)::float8::text", &[&number.sql])
            }
            Shape::Text => self.fill("@", "'t' || @", &[&value.sql]),
            Shape::Bool => self.fill("@", "CASE WHEN @ THEN 'bt' ELSE 'bf' END", &[&value.sql]),
            Shape::Time | Shape::Span => return None,
        };
        let sql = match (self, value.shape) {
            // Of null, too, the text above would be 'bf'.
            (Self::Postgres, Shape::Bool) => Fragment::fill("CASE WHEN @ IS NOT NULL THEN @ END", &[&value.sql, &sql]),
            _ => sql,
        };
        let bounds = if value.shape == Shape::Number {
            value.bounds
        } else {
            Bounds::JSON
        };
        Some(
            Value {
                bounds,
                ..Value::new(Shape::Any, sql)
            }
            .doubted([value.doubt.clone()]),
        )
    }
}

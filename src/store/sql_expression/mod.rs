//! Translates expressions into conditions of SQL that give the same answers as the evaluator, or let more rows through.
//!
//! A condition is never null. What a database may answer differently is weakened: an inexact condition is met by every row that
//! meets the expression, and perhaps by others, so that the caller evaluates the rows that it gets. What a person wrote is bound
//! as a value, never part of the text. A member of JSON is doubtful in a few rows (two members that differ in case only, numbers
//! of very many digits, texts with NUL): such rows go through, too.

use jiff::Timestamp;
use sea_orm::DbBackend;

use crate::domain::expression::{Expr, Kind};

mod compare;
mod condition;
mod dialect;
mod fragment;
mod functions;
mod members;
mod reckon;
mod value;

pub(in crate::store) use fragment::Fragment;

use dialect::Dialect;
use members::Paths;

/// Longest text of a translated part; longer ones are left out.
const LENGTH_MAX: usize = 64 * 1024;

/// What an expression's members are in a table.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Source {
    /// Members that are columns; names are compared without ASCII case, the first wins.
    pub columns: Vec<Column>,
    /// All other members, if there are any; without it they are null.
    pub json: Option<JsonColumn>,
}

/// A member that is a column.
#[derive(Clone, Debug)]
pub(in crate::store) struct Column {
    /// Of the member.
    pub name: &'static str,
    /// The column, as in `"name"` or `t.name`: text of ours.
    pub sql: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
}

/// What a column holds; all may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum ColumnKind {
    /// Text.
    Text,
    /// BIGINT or INTEGER, whole numbers within 2^53.
    Whole,
    /// True or false.
    #[cfg_attr(not(test), expect(dead_code, reason = "none of the tables so far has such a member"))]
    Bool,
    /// BIGINT, microseconds since 1970 UTC, of the years 1 to 9999.
    Time,
    /// UUID: for expressions, its text in lower case with hyphens.
    Uuid,
    /// A number that stands for a word; other numbers are null.
    Word(&'static [(i64, &'static str)]),
}

/// A TEXT column with a JSON object.
#[derive(Clone, Debug)]
pub(in crate::store) struct JsonColumn {
    /// The column: text of ours.
    pub sql: &'static str,
    /// This member, if no column, is the whole object.
    pub whole: Option<&'static str>,
}

/// An expression as a condition.
#[derive(Clone, Debug)]
pub(in crate::store) struct Translated {
    /// The condition; [`Fragment::render`] makes text and values of it.
    pub sql: Fragment,
    /// Exactly the rows that meet the expression meet it; else all of those do, and perhaps others.
    pub exact: bool,
    /// Exact, but for rows whose JSON is doubtful: nothing was left out.
    pub complete: bool,
}

/// Translates a condition. `now` stands for the present time.
pub(in crate::store) fn translate(expr: &Expr, source: &Source, backend: DbBackend, now: Timestamp) -> Translated {
    let mut translator = Translator {
        source,
        dialect: Dialect::of(backend),
        now,
        paths: Paths::default(),
        complete: true,
    };
    // What needs no JSON stands first and outside: it may use indexes, and spares the reading of JSON.
    let (mut plain, mut of_json) = (Vec::new(), Vec::new());
    let mut exact = true;
    for part in parts_of_and(expr) {
        translator.paths.used = false;
        let condition = translator.condition(part);
        exact &= condition.is_exact();
        if translator.paths.used {
            of_json.push(condition.upper);
        } else {
            plain.push(condition.upper);
        }
    }
    if let Some(of_json) = Fragment::chain(of_json, " AND ") {
        plain.push(translator.paths.around(&of_json, translator.dialect));
    }
    let sql = Fragment::chain(plain, " AND ").unwrap_or_else(|| Fragment::text("TRUE"));
    if sql.len() > 2 * LENGTH_MAX {
        return Translated {
            sql: Fragment::text("TRUE"),
            exact: false,
            complete: false,
        };
    }
    Translated {
        sql,
        exact,
        complete: exact || translator.complete,
    }
}

/// The parts of which all must be met, in order.
fn parts_of_and(expr: &Expr) -> Vec<&Expr> {
    let mut parts = Vec::new();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match &expr.kind {
            Kind::And(one, other) => open.extend([&**other, &**one]),
            _ => parts.push(expr),
        }
    }
    parts
}

/// One translation.
struct Translator<'a> {
    source: &'a Source,
    dialect: Dialect,
    now: Timestamp,
    paths: Paths,
    /// Nothing was left out so far.
    complete: bool,
}

#[cfg(test)]
mod tests;

//! Statements over many rows, in a few fixed sizes, so that their texts repeat and the database prepares each once.

use std::collections::HashMap;
use std::fmt::Write;
use std::vec::IntoIter;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, QueryResult, Statement, Value, Values};

use crate::store::Result;

/// Numbers of rows that statements have, largest first.
const SIZES: [usize; 10] = [512, 256, 128, 64, 32, 16, 8, 4, 2, 1];

/// A statement with a list of rows (`VALUES (..),(..)`) in its middle.
pub(in crate::store) struct Shape {
    /// Names the shape among the known texts.
    pub name: &'static str,
    /// What comes before the rows.
    pub before: &'static str,
    /// How many values a row has.
    pub columns: usize,
    /// Each row begins with its number, counted from 0; it is part of the text.
    pub numbered: bool,
    /// PostgreSQL types of the values, where it cannot know them from a target column.
    pub types: &'static [&'static str],
    /// What comes after the rows.
    pub after: &'static str,
    /// Doing the last row again changes nothing, so that a statement may be filled up with it.
    pub repeatable: bool,
}

/// The texts of statements that were used before.
#[derive(Default)]
pub(in crate::store) struct Texts {
    known: HashMap<(&'static str, usize), String>,
}

/// A part of the rows: from where, how many, and the size of the statement that takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub from: usize,
    pub rows: usize,
    pub size: usize,
}

impl Texts {
    /// The statement for a part of the rows, whose values are the next of `values`. They are moved: copies of what every
    /// run brings were a large part of the writer's work.
    pub(super) fn statement(
        &mut self,
        backend: DbBackend,
        shape: &Shape,
        part: Part,
        values: &mut IntoIter<Value>,
    ) -> Statement {
        let text = self
            .known
            .entry((shape.name, part.size))
            .or_insert_with(|| text(backend, shape, part.size));
        let mut binds = Vec::with_capacity(part.size * shape.columns);
        binds.extend(values.take(part.rows * shape.columns));
        for _ in part.rows..part.size {
            binds.extend_from_within(binds.len().saturating_sub(shape.columns)..);
        }
        Statement {
            sql: text.clone(),
            values: Some(Values(binds)),
            db_backend: backend,
        }
    }

    /// Executes the shape for all rows; answers how many rows it changed.
    pub(in crate::store) async fn execute(
        &mut self,
        transaction: &DatabaseTransaction,
        shape: &Shape,
        values: Vec<Value>,
    ) -> Result<u64> {
        let backend = transaction.get_database_backend();
        let mut changed = 0;
        let parts = parts(values.len() / shape.columns, shape.repeatable);
        let mut values = values.into_iter();
        for part in parts {
            let statement = self.statement(backend, shape, part, &mut values);
            changed += transaction.execute_raw(statement).await?.rows_affected();
        }
        Ok(changed)
    }

    /// Executes the shape for all rows; answers what it returned.
    pub(in crate::store) async fn query(
        &mut self,
        transaction: &DatabaseTransaction,
        shape: &Shape,
        values: Vec<Value>,
    ) -> Result<Vec<QueryResult>> {
        let backend = transaction.get_database_backend();
        let parts = parts(values.len() / shape.columns, shape.repeatable);
        let mut values = values.into_iter();
        let mut rows = Vec::new();
        for part in parts {
            let statement = self.statement(backend, shape, part, &mut values);
            rows.append(&mut transaction.query_all_raw(statement).await?);
        }
        Ok(rows)
    }
}

/// Cuts `rows` rows into parts; with `repeatable`, a part may be up to a quarter smaller than its statement.
pub(super) fn parts(rows: usize, repeatable: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut from = 0;
    while from < rows {
        let left = rows - from;
        let fits = SIZES.into_iter().find(|size| *size <= left).unwrap_or(1);
        let filled = SIZES
            .into_iter()
            .rev()
            .find(|size| *size >= left)
            .filter(|size| repeatable && left * 4 >= size * 3);
        let size = filled.unwrap_or(fits);
        let rows = size.min(left);
        parts.push(Part { from, rows, size });
        from += rows;
    }
    parts
}

/// The text for `rows` rows.
pub(in crate::store) fn text(backend: DbBackend, shape: &Shape, rows: usize) -> String {
    let mut text = String::from(shape.before);
    let mut number = 0;
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ",(" });
        if shape.numbered {
            // Writing to a String cannot fail.
            let _ = write!(text, "{row},");
        }
        for column in 0..shape.columns {
            if column > 0 {
                text.push(',');
            }
            number += 1;
            let _ = match (backend, shape.types.get(column)) {
                (DbBackend::Postgres, Some(kind)) => write!(text, "${number}::{kind}"),
                (DbBackend::Postgres, None) => write!(text, "${number}"),
                _ => write!(text, "?"),
            };
        }
        text.push(')');
    }
    text.push_str(shape.after);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_all_rows_in_few_sizes() {
        for rows in 0..3_000 {
            for repeatable in [false, true] {
                let parts = parts(rows, repeatable);
                let mut next = 0;
                for part in &parts {
                    assert_eq!(part.from, next);
                    assert!(SIZES.contains(&part.size));
                    assert!(if repeatable {
                        part.rows <= part.size
                    } else {
                        part.rows == part.size
                    });
                    next += part.rows;
                }
                assert_eq!(next, rows);
                assert!(parts.len() <= rows / 512 + 9);
            }
        }
        let part = |from, rows, size| Part { from, rows, size };
        assert_eq!(parts(7, true), [part(0, 7, 8)]);
        assert_eq!(parts(5, true), [part(0, 4, 4), part(4, 1, 1)]);
        assert_eq!(parts(3, false), [part(0, 2, 2), part(2, 1, 1)]);
    }

    #[test]
    fn a_statement_is_filled_up_with_its_last_row() {
        let shape = Shape {
            name: "test",
            before: "SELECT * FROM (VALUES ",
            columns: 2,
            numbered: true,
            types: &["uuid", "text"],
            after: ") AS v",
            repeatable: true,
        };
        let values: Vec<Value> = (0..6_i64).map(Value::from).collect();
        let part = parts(3, true)[0];
        let statement = Texts::default().statement(DbBackend::Sqlite, &shape, part, &mut values.into_iter());
        assert_eq!(
            statement.sql,
            "SELECT * FROM (VALUES (0,?,?),(1,?,?),(2,?,?),(3,?,?)) AS v"
        );
        let binds = statement.values.unwrap().0;
        assert_eq!(binds.len(), 8);
        assert_eq!(binds[6..], binds[4..6]);
        assert_eq!(
            text(DbBackend::Postgres, &shape, 2),
            "SELECT * FROM (VALUES (0,$1::uuid,$2::text),(1,$3::uuid,$4::text)) AS v"
        );
    }
}

//! The statements of a selection.

use sea_orm::{DbBackend, QueryResult, Statement, Value};

use super::{Key, SelectRows, Table, WINDOW_ROWS, statement};
use crate::{
    domain::integration::admit::Again,
    store::{
        Result,
        sql_expression::{Column, ColumnKind, Fragment, JsonColumn, Source, translate},
    },
};

/// As the store numbers the states of transactions.
const STATUS: &[(i64, &str)] = &[(0, "preparation"), (1, "ready"), (2, "discarded")];

/// What is asked of a table.
pub(super) struct Asked {
    pub(super) table: Table,
    /// What comes out needs no second look.
    pub(super) exact: bool,
    /// Nothing of the filter was left out.
    pub(super) complete: bool,
    backend: DbBackend,
    /// The rows among which is selected.
    whole: Fragment,
    /// Those of them that are wanted.
    wanted: Fragment,
}

impl Table {
    const fn name(self) -> &'static str {
        match self {
            Self::Transactions => "transactions",
            Self::Records => "record",
        }
    }

    const fn key_column(self) -> &'static str {
        match self {
            Self::Transactions => "t.id",
            Self::Records => "t.\"key\"",
        }
    }

    /// The members of a row, as `domain::expression::Schema` names them.
    fn source(self) -> Source {
        let column = |name, sql, kind| Column { name, sql, kind };
        let columns = match self {
            Self::Transactions => vec![
                column("Id", "t.id", ColumnKind::Uuid),
                column("Identifier", "t.identifier", ColumnKind::Text),
                column("Status", "t.status", ColumnKind::Word(STATUS)),
                column("CreatedAt", "t.created_at", ColumnKind::Time),
                column("CommittedAt", "t.committed_at", ColumnKind::Time),
                column("CallApiId", "t.call_api_id", ColumnKind::Uuid),
                column("CreatedBy", "t.created_by", ColumnKind::Uuid),
            ],
            Self::Records => vec![
                column("Key", "t.\"key\"", ColumnKind::Text),
                column("Version", "t.version", ColumnKind::Whole),
                column("CreatedAt", "t.created_at", ColumnKind::Time),
                column("UpdatedAt", "t.updated_at", ColumnKind::Time),
                column("ChangedAt", "t.changed_at", ColumnKind::Time),
            ],
        };
        Source {
            columns,
            json: Some(JsonColumn {
                sql: "t.data",
                whole: Some("Data"),
            }),
        }
    }

    /// The key that a statement of [`Asked`] answers as `place`.
    pub(super) fn key(self, row: &QueryResult) -> Result<Key> {
        Ok(match self {
            Self::Transactions => Key::Uuid(row.try_get("", "place")?),
            Self::Records => Key::Text(row.try_get("", "place")?),
        })
    }

    /// The word of a number of a state.
    pub(super) fn status_word(number: i16) -> Option<&'static str> {
        let found = STATUS.iter().find(|(known, _)| *known == i64::from(number));
        found.map(|(_, word)| *word)
    }
}

impl Asked {
    pub(super) fn new(table: Table, wanted: &SelectRows, backend: DbBackend) -> Self {
        let tenant = Fragment::value(wanted.tenant.uuid());
        let whole = match table {
            Table::Transactions => Fragment::fill("t.tenant_id = @", &[&tenant]),
            Table::Records => Fragment::fill(
                "t.tenant_id = @ AND t.entity = @",
                &[&tenant, &Fragment::value(wanted.entity.to_ascii_lowercase())],
            ),
        };
        let mut parts = Vec::new();
        if table == Table::Transactions {
            // Of an erased one there is nothing to send.
            parts.push(Fragment::text("t.data IS NOT NULL"));
        }
        parts.extend(not_queued(table, wanted, backend));
        let filter = wanted.filter.as_deref();
        let translated = filter.map(|filter| translate(filter, &table.source(), backend, wanted.now));
        let (exact, complete) = translated.as_ref().map_or((true, true), |it| (it.exact, it.complete));
        parts.extend(translated.map(|translated| translated.sql));
        Self {
            table,
            exact,
            complete,
            backend,
            whole,
            wanted: Fragment::join(parts, " AND ").unwrap_or_else(|| Fragment::text("TRUE")),
        }
    }

    /// The last key of the window that begins after a key.
    pub(super) fn window_end(&self, after: Option<&Key>) -> Statement {
        let mut sql = self.from("", after, None);
        sql.append(&Fragment::text(format!(
            " ORDER BY {} LIMIT 1 OFFSET {}",
            self.table.key_column(),
            WINDOW_ROWS - 1
        )));
        statement(self.backend, &sql)
    }

    /// The rows of a window that are wanted, in order.
    pub(super) fn rows(&self, after: Option<&Key>, last: Option<&Key>, count: u32) -> Statement {
        statement(self.backend, &self.rows_text(after, last, count))
    }

    fn rows_text(&self, after: Option<&Key>, last: Option<&Key>, count: u32) -> Fragment {
        let columns = match (self.table, self.exact) {
            (Table::Transactions, true) => ", t.identifier, t.version, t.created_at, t.committed_at",
            (Table::Transactions, false) => {
                ", t.identifier, t.version, t.created_at, t.committed_at, t.status, t.call_api_id, t.created_by, t.data"
            }
            (Table::Records, true) => ", t.version, t.changed_at",
            (Table::Records, false) => ", t.version, t.changed_at, t.created_at, t.updated_at, t.data",
        };
        let mut sql = self.from(columns, after, last);
        sql.append(&Fragment::text(" AND "));
        sql.append(&self.wanted);
        sql.append(&Fragment::text(format!(
            " ORDER BY {} LIMIT {count}",
            self.table.key_column()
        )));
        sql
    }

    /// All rows after one key and up to another.
    fn from(&self, columns: &str, after: Option<&Key>, last: Option<&Key>) -> Fragment {
        let (table, key) = (self.table.name(), self.table.key_column());
        let text = format!("SELECT {key} AS place{columns} FROM {table} AS t WHERE @");
        let mut sql = Fragment::fill(&text, &[&self.whole]);
        for (operator, bound) in [(">", after), ("<=", last)] {
            if let Some(bound) = bound {
                sql.append(&Fragment::fill(
                    &format!(" AND {key} {operator} @"),
                    &[&bound.fragment()],
                ));
            }
        }
        sql
    }
}

impl Key {
    fn fragment(&self) -> Fragment {
        Fragment::value(match self {
            Self::Uuid(uuid) => Value::from(*uuid),
            Self::Text(text) => Value::from(text.as_str()),
        })
    }
}

/// Whether the queue lets the row be wanted. OFFSET keeps PostgreSQL from reading the whole queue to join it.
fn not_queued(table: Table, wanted: &SelectRows, backend: DbBackend) -> Option<Fragment> {
    let version = match wanted.again {
        Again::Always => return None,
        Again::Never => "",
        Again::Updates => " AND q.item_version = t.version",
    };
    let (item, offset) = match (table, backend) {
        (Table::Records, DbBackend::Postgres) => ("t.\"key\"", " OFFSET 0"),
        (Table::Records, _) => ("t.\"key\"", ""),
        (Table::Transactions, DbBackend::Postgres) => ("t.id::text", " OFFSET 0"),
        (Table::Transactions, _) => (
            "lower(substr(hex(t.id), 1, 8) || '-' || substr(hex(t.id), 9, 4) || '-' || substr(hex(t.id), 13, 4) || '-' || \
             substr(hex(t.id), 17, 4) || '-' || substr(hex(t.id), 21, 12))",
            "",
        ),
    };
    let text = format!(
        "NOT EXISTS (SELECT 1 FROM integration_queue AS q WHERE q.client_integration_id = @ AND q.item_id = {item}{version}{offset})"
    );
    Some(Fragment::fill(
        &text,
        &[&Fragment::value(wanted.client_integration.get())],
    ))
}

/// Texts for the test of plans: the end of a window, and its rows, of both tables.
#[cfg(test)]
pub(in crate::store) fn sqlite_texts(wanted: &SelectRows) -> [String; 2] {
    let asked = Asked::new(Table::of(&wanted.entity), wanted, DbBackend::Sqlite);
    let key = match asked.table {
        Table::Transactions => Key::Uuid(uuid::Uuid::nil()),
        Table::Records => Key::Text(String::new()),
    };
    [
        asked.window_end(Some(&key)).sql,
        asked.rows(Some(&key), Some(&key), 10).sql,
    ]
}

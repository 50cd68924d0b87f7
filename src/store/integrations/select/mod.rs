//! Which rows meet the filter of an outbound integration: the database filters them, window by window along the primary key, and
//! what it cannot decide is evaluated here.
//!
//! No statement looks at more than [`WINDOW_ROWS`] rows, so that none runs for long whatever the filter is; only rows that the
//! database lets through come out of it, and only a chunk of them is in memory.

use std::sync::Arc;

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::{
    domain::{
        expression::Expr,
        ids::TenantId,
        integration::{
            ClientIntegrationId, TRANSACTION,
            admit::{Again, Candidate},
        },
    },
    store::{Error, Result, Store},
};

mod row;
mod sql;

use row::Seen;
use sql::Asked;
#[cfg(test)]
pub(in crate::store) use sql::sqlite_texts;

/// Rows that one statement looks at.
pub(super) const WINDOW_ROWS: u32 = 5_000;
/// Rows that one call looks at.
const WINDOWS_MAX: u32 = 10;
/// Rows, each perhaps with a mebibyte of data, that come with one statement.
const CHUNK_ROWS: u32 = 64;
/// The same where data need not be seen.
const BARE_CHUNK_ROWS: u32 = 1_000;

/// Which rows are wanted.
#[derive(Clone, Debug)]
pub struct SelectRows {
    /// Whose rows.
    pub tenant: TenantId,
    /// Whose queue.
    pub client_integration: ClientIntegrationId,
    /// `Transaction`, or a record entity, in any case.
    pub entity: String,
    /// All rows where absent.
    pub filter: Option<Arc<Expr>>,
    /// Which rows are wanted though the queue has them: none, those of which it has other versions only, or all.
    pub again: Again,
    /// Where the page before ended.
    pub after: Option<String>,
    /// Rows of the page, at most.
    pub limit: u32,
    /// What the filter takes for the present time.
    pub now: Timestamp,
}

/// Some of the rows that meet a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectedPage {
    /// In the order of their keys. Perhaps none, though there is a next page.
    pub rows: Vec<Candidate>,
    /// Where the next page begins; none: that was all.
    pub next: Option<String>,
    /// Rows that may meet the filter, but cannot be evaluated: they are left out.
    pub refused: u64,
    /// Why the first of those is, for people.
    pub refusal: Option<String>,
}

impl Store {
    /// The next rows that meet a filter. One call looks at a bounded number of rows, so that a page may be empty: only a page
    /// without `next` is the last.
    ///
    /// # Errors
    /// [`Error::Cursor`]: `after` is no place of these rows.
    pub async fn select_rows(&self, wanted: SelectRows) -> Result<SelectedPage> {
        self.read(move |db| async move {
            let table = Table::of(&wanted.entity);
            let after = wanted.after.as_deref().map(|after| table.place(after)).transpose()?;
            let asked = Asked::new(table, &wanted, db.get_database_backend());
            tracing::trace!(exact = asked.exact, complete = asked.complete, "translated a filter");
            let mut selection = Selection {
                db,
                wanted: &wanted,
                asked,
                page: SelectedPage::default(),
            };
            let next = selection.fill(after).await?;
            Ok(SelectedPage {
                next: next.map(|place| place.to_string()),
                ..selection.page
            })
        })
        .await
    }
}

/// Where rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Transactions,
    Records,
}

/// The last part of a primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Uuid(uuid::Uuid),
    Text(String),
}

impl Table {
    fn of(entity: &str) -> Self {
        if entity.eq_ignore_ascii_case(TRANSACTION) {
            Self::Transactions
        } else {
            Self::Records
        }
    }

    fn place(self, text: &str) -> Result<Key> {
        match self {
            Self::Transactions => text.parse().map(Key::Uuid).map_err(|_| Error::Cursor),
            Self::Records => Ok(Key::Text(text.to_owned())),
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uuid(uuid) => uuid.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}

/// A page that is being filled.
struct Selection<'a> {
    db: DatabaseConnection,
    wanted: &'a SelectRows,
    asked: Asked,
    page: SelectedPage,
}

impl Selection<'_> {
    /// Fills the page; where the next one begins.
    async fn fill(&mut self, mut after: Option<Key>) -> Result<Option<Key>> {
        for _ in 0..WINDOWS_MAX {
            let last = self.window_end(after.as_ref()).await?;
            if let Some(full) = self.window(after, last.as_ref()).await? {
                return Ok(Some(full));
            }
            if last.is_none() {
                return Ok(None);
            }
            after = last;
        }
        Ok(after)
    }

    /// The last row of the window; none: the window goes on to the end.
    async fn window_end(&self, after: Option<&Key>) -> Result<Option<Key>> {
        let found = self.db.query_one_raw(self.asked.window_end(after)).await?;
        found.map(|row| self.asked.table.key(&row)).transpose()
    }

    /// The rows of a window; the last row that was seen if the page is full now.
    async fn window(&mut self, mut after: Option<Key>, last: Option<&Key>) -> Result<Option<Key>> {
        let chunk = if self.asked.exact { BARE_CHUNK_ROWS } else { CHUNK_ROWS };
        loop {
            let left = self.left();
            // What is not exact may be refused here: a small page must not lead to as many statements.
            let count = if self.asked.exact { chunk.min(left) } else { chunk };
            let rows = self
                .db
                .query_all_raw(self.asked.rows(after.as_ref(), last, count))
                .await?;
            let fetched = rows.len();
            for row in rows {
                let seen = Seen::read(&row, self.asked.table, self.asked.exact)?;
                let key = seen.key.clone();
                self.take(seen);
                if self.left() == 0 {
                    return Ok(Some(key));
                }
                after = Some(key);
            }
            if u32::try_from(fetched).unwrap_or(u32::MAX) < count {
                return Ok(None);
            }
        }
    }

    fn left(&self) -> u32 {
        let taken = u32::try_from(self.page.rows.len()).unwrap_or(u32::MAX);
        self.wanted.limit.max(1).saturating_sub(taken)
    }

    fn take(&mut self, seen: Seen) {
        let met = match &self.wanted.filter {
            Some(filter) if !self.asked.exact => seen.meets(filter, self.wanted.now),
            _ => Ok(true),
        };
        match met {
            Ok(true) => self.page.rows.push(seen.row),
            Ok(false) => {}
            Err(reason) => {
                self.page.refused += 1;
                let name = &seen.row.item_name;
                self.page
                    .refusal
                    .get_or_insert_with(|| format!("\"{name}\" is left out: {reason}"));
            }
        }
    }
}

fn statement(backend: DbBackend, fragment: &crate::store::sql_expression::Fragment) -> Statement {
    let (text, values) = fragment.render(backend, 0);
    Statement::from_sql_and_values(backend, text, values)
}

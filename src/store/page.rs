//! Owns paging: opaque cursors over a key, the same for every list.
//!
//! A list asks for [`Page::fetch`] rows beyond [`Page::after_id`] in the order of its key (keyset paging: no offsets, so
//! page 1,000 costs what page 1 costs), and hands them to [`Paged::new`], which cuts the one row too many.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::{Error, Result};

/// Rows of a page where the caller does not say.
pub const LIMIT_DEFAULT: u64 = 50;
/// Most rows of a page.
pub const LIMIT_MAX: u64 = 200;

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows at most, 1 to [`LIMIT_MAX`].
    pub limit: u64,
    /// `next_cursor` of the page before; none for the first page.
    pub cursor: Option<String>,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            limit: LIMIT_DEFAULT,
            cursor: None,
        }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged<T> {
    /// The rows, in the list's order.
    pub items: Vec<T>,
    /// Asks for the next part; none at the end.
    pub next_cursor: Option<String>,
}

impl Page {
    /// A page with its limit brought into 1 to [`LIMIT_MAX`].
    #[must_use]
    pub fn new(limit: Option<u64>, cursor: Option<String>) -> Self {
        Self {
            limit: limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX),
            cursor,
        }
    }

    /// How many rows to ask the database for: one more than are shown, which tells whether there is a next page.
    #[must_use]
    pub fn fetch(&self) -> u64 {
        self.limit + 1
    }

    /// The id of the last row of the page before, for lists by id.
    ///
    /// # Errors
    /// [`Error::Cursor`]: the cursor is not one of such a list.
    pub fn after_id(&self) -> Result<Option<Uuid>> {
        self.decoded()?
            .map(|bytes| Uuid::from_slice(&bytes).map_err(|_| Error::Cursor))
            .transpose()
    }

    /// The key of the last row of the page before, for lists by a text such as a name.
    ///
    /// # Errors
    /// [`Error::Cursor`]: the cursor is not one of such a list.
    pub fn after_text(&self) -> Result<Option<String>> {
        self.decoded()?
            .map(|bytes| String::from_utf8(bytes).map_err(|_| Error::Cursor))
            .transpose()
    }

    fn decoded(&self) -> Result<Option<Vec<u8>>> {
        self.cursor
            .as_ref()
            .map(|cursor| URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Error::Cursor))
            .transpose()
    }
}

impl<T> Paged<T> {
    /// Makes the page of up to [`Page::fetch`] rows in the list's order; `id` gives a row's key.
    #[must_use]
    pub fn new(rows: Vec<T>, page: &Page, id: impl Fn(&T) -> Uuid) -> Self {
        Self::with_key(rows, page, |row| id(row).as_bytes().to_vec())
    }

    /// As [`Paged::new`], for lists by a text.
    #[must_use]
    pub fn by_text(rows: Vec<T>, page: &Page, text: impl Fn(&T) -> String) -> Self {
        Self::with_key(rows, page, |row| text(row).into_bytes())
    }

    /// The same page with each row turned into something else.
    #[must_use]
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Paged<U> {
        Paged {
            items: self.items.into_iter().map(turn).collect(),
            next_cursor: self.next_cursor,
        }
    }

    /// As [`Paged::map`], where turning a row may fail.
    ///
    /// # Errors
    /// The first error of `turn`.
    pub fn try_map<U, E>(self, turn: impl FnMut(T) -> std::result::Result<U, E>) -> std::result::Result<Paged<U>, E> {
        Ok(Paged {
            items: self
                .items
                .into_iter()
                .map(turn)
                .collect::<std::result::Result<_, E>>()?,
            next_cursor: self.next_cursor,
        })
    }

    fn with_key(mut rows: Vec<T>, page: &Page, key: impl Fn(&T) -> Vec<u8>) -> Self {
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows
            .last()
            .filter(|_| more)
            .map(|last| URL_SAFE_NO_PAD.encode(key(last)));
        Self {
            items: rows,
            next_cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_the_last_row_shown() {
        let rows: Vec<Uuid> = (1..=3).map(Uuid::from_u128).collect();
        let page = Page::new(Some(2), None);
        assert_eq!(page.fetch(), 3);
        let paged = Paged::new(rows, &page, |row| *row);
        assert_eq!(paged.items.len(), 2);
        let next = Page::new(Some(2), paged.next_cursor);
        assert_eq!(next.after_id().unwrap(), Some(Uuid::from_u128(2)));
        let last = Paged::new(vec![Uuid::from_u128(3)], &next, |row| *row);
        assert_eq!(last.next_cursor, None);
    }

    #[test]
    fn limits_are_kept_and_foreign_cursors_refused() {
        assert_eq!(Page::new(None, None).limit, 50);
        assert_eq!(Page::new(Some(0), None).limit, 1);
        assert_eq!(Page::new(Some(1_000), None).limit, 200);
        for cursor in ["", "abc", "!!"] {
            let page = Page::new(None, Some(cursor.to_owned()));
            assert!(matches!(page.after_id(), Err(Error::Cursor)), "{cursor}");
        }
    }

    #[test]
    fn text_keys_round_trip() {
        let page = Page::new(Some(1), None);
        let paged = Paged::by_text(vec!["Ørsted", "b"], &page, |row| (*row).to_owned());
        let next = Page::new(Some(1), paged.next_cursor);
        assert_eq!(next.after_text().unwrap().as_deref(), Some("Ørsted"));
    }
}

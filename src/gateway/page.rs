//! Lists: `limit` and `cursor` in the query, `items` and `nextCursor` in the answer.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::validate::FieldError,
    error::{Code, Error, Result},
    store::page::{LIMIT_MAX, Page, Paged},
};

/// The query of a list without filters.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items at most, 1 to 200 (50).
    pub limit: Option<u64>,
    /// `nextCursor` of the answer before.
    pub cursor: Option<String>,
}

/// The answer of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// For `cursor` of the next request; null at the end.
    pub next_cursor: Option<String>,
}

impl PageQuery {
    /// The page that is asked for.
    ///
    /// # Errors
    /// [`Code::BadRequest`] for a limit out of bounds.
    pub fn page(self) -> Result<Page> {
        page(self.limit, self.cursor)
    }
}

/// The page that these parameters ask for.
///
/// # Errors
/// [`Code::BadRequest`] for a limit out of bounds.
pub fn page(limit: Option<u64>, cursor: Option<String>) -> Result<Page> {
    match limit {
        Some(limit) if !(1..=LIMIT_MAX).contains(&limit) => {
            let message = format!("must be from 1 to {LIMIT_MAX}, not {limit}");
            Err(Error::new(Code::BadRequest, format!("limit: {message}"))
                .with_fields(vec![FieldError::new("limit", message)]))
        }
        _ => Ok(Page::new(limit, cursor)),
    }
}

impl<T> List<T> {
    /// The answer for a page.
    pub fn of<Row>(paged: Paged<Row>, turn: impl FnMut(Row) -> T) -> Self {
        let Paged { items, next_cursor } = paged.map(turn);
        Self { items, next_cursor }
    }
}

//! Owns lists by limit and offset, which some APIs ask for: which part, in which order, and how many there are in all.

use sea_orm::{ConnectionTrait, EntityTrait, Order, PaginatorTrait, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::{Error, Result, page::LIMIT_MAX};
use crate::domain::ids::TenantId;

/// What a list is ordered by; rows that are equal in it are in the order in which they were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBy {
    /// When it was made.
    #[default]
    Created,
    /// When it was changed last.
    Updated,
    /// Its name.
    Name,
    /// Its provider, or its direction.
    Kind,
    /// Whether it is enabled.
    Enabled,
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows at most, 1 to [`LIMIT_MAX`]; more are not given.
    pub limit: u64,
    /// Rows that are passed over.
    pub offset: u64,
    /// In which order.
    pub order_by: OrderBy,
    /// Backwards.
    pub descending: bool,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            limit: super::page::LIMIT_DEFAULT,
            offset: 0,
            order_by: OrderBy::Created,
            descending: false,
        }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The rows, in the order asked for.
    pub items: Vec<T>,
    /// How many rows the whole list has.
    pub total: u64,
}

/// A row that should have an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRow {
    /// Id.
    pub id: Uuid,
    /// Tenant.
    pub tenant_id: TenantId,
    /// Grows by one with each change.
    pub version: i64,
    /// For people.
    pub name: String,
}

/// Reads the part of `query` that `window` says, by `column` and then by `id`.
pub(super) async fn part<E, C>(
    db: &C,
    query: Select<E>,
    window: Window,
    column: E::Column,
    id: E::Column,
) -> Result<Listed<E::Model>>
where
    E: EntityTrait<Model: Send + Sync>,
    C: ConnectionTrait,
{
    let total = query.clone().count(db).await?;
    let order = if window.descending { Order::Desc } else { Order::Asc };
    let items = query
        .order_by(column, order.clone())
        .order_by(id, order)
        .limit(window.limit.clamp(1, LIMIT_MAX))
        .offset(window.offset)
        .all(db)
        .await?;
    Ok(Listed { items, total })
}

impl<T> Listed<T> {
    /// The same part with each row turned into something else.
    ///
    /// # Errors
    /// The first error of `turn`.
    pub fn try_map<U>(self, turn: impl FnMut(T) -> Result<U>) -> Result<Listed<U>> {
        Ok(Listed {
            items: self.items.into_iter().map(turn).collect::<Result<_>>()?,
            total: self.total,
        })
    }
}

/// JSON that no code of ours has written.
pub(super) fn unreadable(what: &str, id: Uuid, error: &dyn std::fmt::Display) -> Error {
    Error::Content(format!("the {what} of {id} cannot be read: {error}"))
}

/// Our own JSON, read back.
pub(super) fn read<T: serde::de::DeserializeOwned>(what: &str, id: Uuid, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| unreadable(what, id, &error))
}

/// JSON to be stored.
pub(super) fn written(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Content(error.to_string()))
}

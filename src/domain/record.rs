//! Local records: names and keys that are allowed, what happened to one, and where else it is known.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::validate::FieldError;

/// Longest name of an entity, in characters.
pub const ENTITY_CHARACTERS_MAX: usize = 64;
/// Longest key of a record, in characters.
pub const KEY_CHARACTERS_MAX: usize = 200;
/// Largest data of a record, bytes of JSON.
pub const DATA_BYTES_MAX: usize = 1_048_576;

/// What happened to a record; `<entity>.<word>` is the kind of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// Its data changed.
    Updated,
    /// It is gone.
    Deleted,
}

impl ChangeKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Deleted];

    /// The word in events and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Where else a record is known: its counterpart behind a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Which connection.
    pub connection_id: Uuid,
    /// The provider's object (`Contacts`).
    pub object: String,
    /// The provider's id.
    pub remote_id: String,
    /// The provider's own version of it (a SyncToken), where it has one.
    pub remote_version: Option<String>,
    /// When the provider says that it was changed.
    pub remote_updated_at: Option<Timestamp>,
    /// The version of our record that both sides had last.
    pub record_version: i64,
}

/// The name of an entity as it is stored: lower case, so that `Supplier` and `supplier` are one.
///
/// # Errors
/// Not 1 to 64 letters, digits, underscores and hyphens, beginning with a letter.
pub fn entity_name(field: &str, text: &str) -> Result<String, FieldError> {
    let name = text.trim().to_lowercase();
    let fits = (1..=ENTITY_CHARACTERS_MAX).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
    if fits {
        return Ok(name);
    }
    Err(FieldError::new(
        field,
        format!(
            "must be 1 to {ENTITY_CHARACTERS_MAX} letters, digits, underscores and hyphens, beginning with a letter"
        ),
    ))
}

/// Checks the key of a record: 1 to 200 characters without control characters.
///
/// # Errors
/// What is wrong with it.
pub fn check_key(field: &str, key: &str) -> Result<(), FieldError> {
    if key.is_empty() || key.chars().count() > KEY_CHARACTERS_MAX || key.chars().any(char::is_control) {
        return Err(FieldError::new(
            field,
            format!("must be 1 to {KEY_CHARACTERS_MAX} characters without control characters"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_and_keys() {
        assert_eq!(entity_name("entity", " Supplier ").unwrap(), "supplier");
        for wrong in ["", "1st", "a b", "a/b", &"a".repeat(65)] {
            assert!(entity_name("entity", wrong).is_err(), "{wrong}");
        }
        assert!(check_key("key", "INV-1/2026 ä").is_ok());
        assert!(check_key("key", "").is_err() && check_key("key", "a\n").is_err());
    }
}

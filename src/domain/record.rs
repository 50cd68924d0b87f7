//! Local records: names and keys that are allowed, what happened to one, and where else it is known.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{
    ids::{ConnectionId, TenantId},
    validate::FieldError,
};

mod changed;
mod decide;
mod size;

pub use changed::{CHANGED_PATHS_MAX, both_changed, changed_members, touches};
pub use decide::{Decision, Ours, Policy, Theirs, decide};
pub use size::{TOO_DEEP, data_bytes, is_readable};

/// Longest name of an entity, in characters.
pub const ENTITY_CHARACTERS_MAX: usize = 64;
/// Longest key of a record, in characters.
pub const KEY_CHARACTERS_MAX: usize = 200;
/// Largest data of a record, bytes of JSON.
pub const DATA_BYTES_MAX: usize = 1_048_576;

/// Longest id or version that a provider may give a record, in characters.
pub const REMOTE_ID_CHARACTERS_MAX: usize = 200;

/// What happened to a record; `<entity>.<word>` says it in events.
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

    /// The kind of the event.
    #[must_use]
    pub const fn event_kind(self) -> &'static str {
        match self {
            Self::Created => "record.created",
            Self::Updated => "record.updated",
            Self::Deleted => "record.deleted",
        }
    }

    /// What this change and then another one came to, for someone who saw neither.
    #[must_use]
    pub const fn then(self, next: Self) -> Self {
        match (self, next) {
            (Self::Created, Self::Updated) => Self::Created,
            // It was there before both, and is there again.
            (Self::Deleted, Self::Created) => Self::Updated,
            (_, next) => next,
        }
    }

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
    pub connection_id: ConnectionId,
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

/// The id by which events tell of a record, which itself has an entity and a key.
#[must_use]
pub fn subject_id(tenant_id: TenantId, entity: &str, key: &str) -> Uuid {
    // The name of an entity has no slash in it.
    Uuid::new_v5(&tenant_id.uuid(), format!("{entity}/{key}").as_bytes())
}

/// The name under which every try to send the same version of the same record is known to the provider: 36 characters of
/// `[a-f0-9-]`. `created_at` tells a record from an earlier one with its key.
#[must_use]
pub fn idempotency_key(
    connection_id: ConnectionId,
    object: &str,
    entity: &str,
    key: &str,
    created_at: Timestamp,
    version: i64,
) -> String {
    // Lengths, so that no two different lists of texts are the same name.
    let name = format!(
        "{}:{object}{}:{entity}{}:{key}{}:{version}",
        object.len(),
        entity.len(),
        key.len(),
        created_at.as_microsecond()
    );
    Uuid::new_v5(&connection_id.uuid(), name.as_bytes()).to_string()
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
        assert!(check_key("key", &"a".repeat(201)).is_err());
        assert!(check_key("key", "").is_err() && check_key("key", "a\n").is_err());
    }

    #[test]
    fn changes_come_to_one_and_words_are_read_back() {
        use ChangeKind::{Created, Deleted, Updated};
        for (first, second, together) in [
            (Created, Updated, Created),
            (Created, Deleted, Deleted),
            (Updated, Updated, Updated),
            (Updated, Deleted, Deleted),
            (Deleted, Created, Updated),
        ] {
            assert_eq!(first.then(second), together);
        }
        for kind in ChangeKind::ALL {
            assert_eq!(ChangeKind::parse(kind.as_str()), Some(kind));
            assert_eq!(kind.event_kind(), format!("record.{}", kind.as_str()));
        }
    }

    #[test]
    fn what_is_sent_again_has_the_same_name_and_nothing_else_has() {
        let connection = ConnectionId::from(Uuid::from_u128(7));
        let name = |object: &str, key: &str, second, version| {
            let at = Timestamp::from_second(second).unwrap();
            idempotency_key(connection, object, "supplier", key, at, version)
        };
        let names = [
            name("Contacts", "A", 1, 1),
            name("Contacts", "A", 1, 2),
            name("Contacts", "A", 2, 1),
            name("Contacts", "B", 1, 1),
            name("Contact", "sA", 1, 1),
        ];
        let distinct: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        assert_eq!(name("Contacts", "A", 1, 1), names[0]);
        let tenant = TenantId::from(Uuid::from_u128(1));
        assert_ne!(subject_id(tenant, "a", "b"), subject_id(tenant, "a", "c"));
    }
}

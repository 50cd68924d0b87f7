//! Where tokens outlive the process: the trait that the store implements, and one in memory for tests.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::secret::Secret;

/// A future of the vault.
pub type VaultFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, VaultError>> + Send + 'a>>;

/// The vault could not be read or written; the text is for the log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the token store failed: {0}")]
pub struct VaultError(pub String);

/// A token at rest. Secrets must be encrypted by whoever stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// The access token.
    pub access_token: Secret,
    /// The refresh token that comes next; replaces the one in the client's definition.
    pub refresh_token: Option<Secret>,
    /// When the access token ends, where the issuer said so.
    pub expires_at: Option<Timestamp>,
    /// When it was got.
    pub obtained_at: Timestamp,
    /// SHA-256 of everything in the client's definition that the access token came from.
    pub auth_fingerprint: String,
    /// SHA-256 of the refresh token in the definition: another one there makes `refresh_token` void.
    pub seed_fingerprint: String,
}

#[derive(Serialize, Deserialize)]
struct ClearToken {
    access_token: String,
    refresh_token: Option<String>,
    expires_at: Option<Timestamp>,
    obtained_at: Timestamp,
    auth_fingerprint: String,
    seed_fingerprint: String,
}

impl StoredToken {
    /// All of it as JSON, secrets in clear: to be encrypted at once and stored.
    pub fn to_stored_json(&self) -> Zeroizing<String> {
        let clear = ClearToken {
            access_token: self.access_token.expose().to_owned(),
            refresh_token: self.refresh_token.as_ref().map(|token| token.expose().to_owned()),
            expires_at: self.expires_at,
            obtained_at: self.obtained_at,
            auth_fingerprint: self.auth_fingerprint.clone(),
            seed_fingerprint: self.seed_fingerprint.clone(),
        };
        // A struct of texts always serialises.
        Zeroizing::new(serde_json::to_string(&clear).unwrap_or_default())
    }

    /// Reads what [`StoredToken::to_stored_json`] wrote.
    pub fn from_stored_json(text: &str) -> Result<StoredToken, serde_json::Error> {
        let clear: ClearToken = serde_json::from_str(text)?;
        Ok(StoredToken {
            access_token: Secret::new(clear.access_token),
            refresh_token: clear.refresh_token.map(Secret::new),
            expires_at: clear.expires_at,
            obtained_at: clear.obtained_at,
            auth_fingerprint: clear.auth_fingerprint,
            seed_fingerprint: clear.seed_fingerprint,
        })
    }
}

/// What the vault knows of one client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// The last saved token.
    pub token: Option<StoredToken>,
    /// From the journal: a refresh began at that time and its answer was never stored.
    pub refresh_started_at: Option<Timestamp>,
    /// From the journal: the version of the client that the issuer refused for good, and why. Void after a `save`.
    pub refused: Option<(i64, String)>,
}

/// What happens to a token, in order, for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalEntry {
    /// A refresh token is about to be spent. Must be durable when `journal` ends; `load` then shows it as
    /// `refresh_started_at` until the next `save`.
    RefreshStarted {
        /// When.
        at: Timestamp,
    },
    /// The issuer answered, and refused; the old refresh token was not spent.
    RefreshFailed {
        /// When.
        at: Timestamp,
        /// Why, without secrets.
        message: String,
    },
    /// The issuer refused the credentials for good.
    NeedsReauthorisation {
        /// When.
        at: Timestamp,
        /// The version of the client that was refused.
        version: i64,
        /// Why, without secrets.
        message: String,
    },
}

/// Durable token storage. Only clients with a rotating refresh token use it.
pub trait TokenVault: Send + Sync {
    /// What is known of a client; empty for an unknown one.
    fn load(&self, tenant_id: Uuid, client_id: Uuid) -> VaultFuture<'_, Stored>;
    /// Replaces the token, durably, and ends a started refresh.
    fn save(&self, tenant_id: Uuid, client_id: Uuid, token: StoredToken) -> VaultFuture<'_, ()>;
    /// Writes what is about to happen or has happened, durably.
    fn journal(&self, tenant_id: Uuid, client_id: Uuid, entry: JournalEntry) -> VaultFuture<'_, ()>;
}

/// A vault without durability: for tests and for engines that use no refresh tokens.
#[derive(Debug, Default)]
pub struct MemoryVault {
    shelves: Mutex<HashMap<(Uuid, Uuid), Shelf>>,
}

#[derive(Debug, Default, Clone)]
struct Shelf {
    stored: Stored,
    entries: Vec<JournalEntry>,
}

impl MemoryVault {
    /// An empty vault.
    pub fn new() -> MemoryVault {
        MemoryVault::default()
    }

    /// The journal of a client, oldest first.
    pub fn entries(&self, tenant_id: Uuid, client_id: Uuid) -> Vec<JournalEntry> {
        self.with(tenant_id, client_id, |shelf| shelf.entries.clone())
    }

    fn with<T>(&self, tenant_id: Uuid, client_id: Uuid, work: impl FnOnce(&mut Shelf) -> T) -> T {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        work(shelves.entry((tenant_id, client_id)).or_default())
    }
}

impl TokenVault for MemoryVault {
    fn load(&self, tenant_id: Uuid, client_id: Uuid) -> VaultFuture<'_, Stored> {
        let found = self.with(tenant_id, client_id, |shelf| shelf.stored.clone());
        Box::pin(std::future::ready(Ok(found)))
    }

    fn save(&self, tenant_id: Uuid, client_id: Uuid, token: StoredToken) -> VaultFuture<'_, ()> {
        self.with(tenant_id, client_id, |shelf| {
            shelf.stored = Stored {
                token: Some(token),
                ..Stored::default()
            };
        });
        Box::pin(std::future::ready(Ok(())))
    }

    fn journal(&self, tenant_id: Uuid, client_id: Uuid, entry: JournalEntry) -> VaultFuture<'_, ()> {
        self.with(tenant_id, client_id, |shelf| {
            match &entry {
                JournalEntry::RefreshStarted { at } => shelf.stored.refresh_started_at = Some(*at),
                JournalEntry::RefreshFailed { .. } => shelf.stored.refresh_started_at = None,
                JournalEntry::NeedsReauthorisation { version, message, .. } => {
                    shelf.stored.refresh_started_at = None;
                    shelf.stored.refused = Some((*version, message.clone()));
                }
            }
            shelf.entries.push(entry);
        });
        Box::pin(std::future::ready(Ok(())))
    }
}

//! The durable [`TokenVault`]: tokens of clients, sealed, in the table client_token.
//!
//! The row's state is the journal: `refreshing` says that a refresh token is being spent and since when (`updated_at`).

use jiff::Timestamp;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Error, Place, Result, Sealer, Store};
use crate::http::{JournalEntry, Secret, Stored, StoredToken, TokenVault, VaultError, VaultFuture};
use entity::client_token::{ActiveModel, Column, Entity, Model};

const OK: &str = "ok";
const REFRESHING: &str = "refreshing";
const NEEDS_REAUTHORISATION: &str = "needs_reauthorisation";

/// Tokens in the store.
#[derive(Clone)]
pub struct StoreVault {
    store: Store,
    sealer: Sealer,
}

/// The token as it is sealed: `T` is a text to write, and a [`Secret`] to read.
#[derive(Serialize, Deserialize)]
struct Clear<T> {
    access_token: T,
    refresh_token: Option<T>,
    expires_at: Option<Timestamp>,
    obtained_at: Timestamp,
    auth_fingerprint: String,
    seed_fingerprint: String,
}

impl StoreVault {
    /// A vault that seals with this key.
    #[must_use]
    pub fn new(store: Store, sealer: Sealer) -> Self {
        Self { store, sealer }
    }

    async fn read(&self, tenant_id: Uuid, client_id: Uuid) -> Result<Stored> {
        let row = self
            .store
            .read(move |db| async move {
                let found = Entity::find_by_id(client_id).filter(Column::TenantId.eq(tenant_id));
                Ok(found.one(&db).await?)
            })
            .await?;
        row.map_or(Ok(Stored::default()), |row| self.stored(&row))
    }

    fn stored(&self, row: &Model) -> Result<Stored> {
        let place = Place::client_token(row.tenant_id.into(), row.client_id.into());
        let token = match &row.sealed {
            Some(sealed) => Some(open(&self.sealer.open(place, sealed)?)?),
            None => None,
        };
        let refresh_started_at = if row.state == REFRESHING {
            Some(Timestamp::from_microsecond(row.updated_at).map_err(|error| Error::Content(error.to_string()))?)
        } else {
            None
        };
        Ok(Stored {
            token,
            refresh_started_at,
            refused: (row.state == NEEDS_REAUTHORISATION)
                .then(|| (row.client_version, row.detail.clone().unwrap_or_default())),
        })
    }

    /// Writes a row; `columns` are those that replace what is there.
    async fn write(&self, row: ActiveModel, columns: Vec<Column>) -> Result<()> {
        self.store
            .write(move |transaction| {
                Box::pin(async move {
                    let mut conflict = OnConflict::column(Column::ClientId);
                    conflict.update_columns(columns);
                    Entity::insert(row)
                        .on_conflict(conflict)
                        .exec_without_returning(transaction)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    async fn replace(&self, tenant_id: Uuid, client_id: Uuid, token: StoredToken) -> Result<()> {
        let place = Place::client_token(tenant_id.into(), client_id.into());
        let row = ActiveModel {
            sealed: Set(Some(self.sealer.seal(place, &clear(&token)?)?)),
            expires_at: Set(token.expires_at.map(Timestamp::as_microsecond)),
            ..row(tenant_id, client_id, OK, self.store.clock().now())
        };
        let columns = [Column::Sealed, Column::ExpiresAt].into_iter().chain(JOURNAL);
        self.write(row, columns.collect()).await
    }

    async fn note(&self, tenant_id: Uuid, client_id: Uuid, entry: JournalEntry) -> Result<()> {
        let row = match entry {
            JournalEntry::RefreshStarted { at } => row(tenant_id, client_id, REFRESHING, at),
            JournalEntry::RefreshFailed { at, message } => ActiveModel {
                detail: Set(Some(message)),
                ..row(tenant_id, client_id, OK, at)
            },
            JournalEntry::NeedsReauthorisation { at, version, message } => ActiveModel {
                detail: Set(Some(message)),
                client_version: Set(version),
                ..row(tenant_id, client_id, NEEDS_REAUTHORISATION, at)
            },
        };
        self.write(row, JOURNAL.to_vec()).await
    }
}

impl TokenVault for StoreVault {
    fn load(&self, tenant_id: Uuid, client_id: Uuid) -> VaultFuture<'_, Stored> {
        Box::pin(async move { self.read(tenant_id, client_id).await.map_err(failed) })
    }

    fn save(&self, tenant_id: Uuid, client_id: Uuid, token: StoredToken) -> VaultFuture<'_, ()> {
        Box::pin(async move { self.replace(tenant_id, client_id, token).await.map_err(failed) })
    }

    fn journal(&self, tenant_id: Uuid, client_id: Uuid, entry: JournalEntry) -> VaultFuture<'_, ()> {
        Box::pin(async move { self.note(tenant_id, client_id, entry).await.map_err(failed) })
    }
}

/// The columns that an entry of the journal replaces; the token stays.
const JOURNAL: [Column; 4] = [Column::State, Column::Detail, Column::ClientVersion, Column::UpdatedAt];

fn row(tenant_id: Uuid, client_id: Uuid, state: &str, at: Timestamp) -> ActiveModel {
    ActiveModel {
        client_id: Set(client_id),
        tenant_id: Set(tenant_id),
        client_version: Set(0),
        sealed: Set(None),
        expires_at: Set(None),
        state: Set(state.to_owned()),
        detail: Set(None),
        updated_at: Set(at.as_microsecond()),
    }
}

fn clear(token: &StoredToken) -> Result<Zeroizing<Vec<u8>>> {
    let clear = Clear {
        access_token: token.access_token.expose(),
        refresh_token: token.refresh_token.as_ref().map(Secret::expose),
        expires_at: token.expires_at,
        obtained_at: token.obtained_at,
        auth_fingerprint: token.auth_fingerprint.clone(),
        seed_fingerprint: token.seed_fingerprint.clone(),
    };
    let json = serde_json::to_vec(&clear).map_err(|error| Error::Content(error.to_string()))?;
    Ok(Zeroizing::new(json))
}

fn open(json: &[u8]) -> Result<StoredToken> {
    // The error says where in the text, not what is there.
    let clear: Clear<Secret> = serde_json::from_slice(json)
        .map_err(|error| Error::Content(format!("a stored token, at column {}", error.column())))?;
    Ok(StoredToken {
        access_token: clear.access_token,
        refresh_token: clear.refresh_token,
        expires_at: clear.expires_at,
        obtained_at: clear.obtained_at,
        auth_fingerprint: clear.auth_fingerprint,
        seed_fingerprint: clear.seed_fingerprint,
    })
}

fn failed(error: Error) -> VaultError {
    use std::error::Error as _;
    match error.source() {
        Some(source) => VaultError(format!("{error}: {source}")),
        None => VaultError(error.to_string()),
    }
}

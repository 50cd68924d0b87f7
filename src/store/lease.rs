//! Owns who may run the actors: one process at a time for each database.
//!
//! SQLite: a lock on a file beside the database, which the system releases with the process. PostgreSQL: rows of
//! shard_lease with an epoch and an end by the database's clock, renewed while the process lives; whoever takes them over
//! raises the epoch, and the ledger writes only under an epoch that still holds. For now one process takes all shards.

use std::{future::Future, path::Path, sync::Arc};

use tokio::{sync::watch, task::AbortHandle};
use uuid::Uuid;

use super::{Error, Result, Store, sqlite_path};

mod file;
mod postgres;

/// Held exclusively while shards change hands, and shared by each batch of the ledger (PostgreSQL advisory lock).
pub(super) const FENCE_LOCK: i64 = 0x6f72_7265_7279_0001;
/// Held by the process that runs the actors, for as long as its connection lives (PostgreSQL advisory lock).
const OWNER_LOCK: i64 = 0x6f72_7265_7279_0002;
/// How long a lease holds without being renewed, seconds.
pub const LEASE_SECONDS: u64 = 15;
/// How often it is renewed, seconds.
const RENEW_SECONDS: u64 = 5;
/// Epoch with SQLite, where the lock on the file is all.
const EPOCH_OF_FILE: i64 = 1;

/// The right to run the actors of all shards. It ends with [`Lease::release`], with the value, or with the process.
pub struct Lease {
    epoch: i64,
    kept: Kept,
}

enum Kept {
    File(#[expect(dead_code, reason = "holds the lock until it is dropped")] std::fs::File),
    Rows(Rows),
}

struct Rows {
    held: Arc<postgres::Held>,
    lost: watch::Receiver<Option<String>>,
    renewal: AbortHandle,
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

impl Lease {
    /// Grows with each change of owner; goes with everything that the ledger is to write.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Ends when another process has taken the shards over, and says so in a sentence. With SQLite that cannot be. Holds
    /// nothing of the lease.
    pub fn lost(&self) -> impl Future<Output = String> + Send + use<> {
        let lost = match &self.kept {
            Kept::File(_) => None,
            Kept::Rows(rows) => Some(rows.lost.clone()),
        };
        async move {
            if let Some(mut lost) = lost
                && let Ok(why) = lost.wait_for(Option::is_some).await
                && let Some(why) = why.clone()
            {
                return why;
            }
            std::future::pending().await
        }
    }

    /// Gives the shards back, so that another process can start at once.
    ///
    /// # Errors
    /// The database did not answer; the lease then ends by itself.
    pub async fn release(self) -> Result<()> {
        match &self.kept {
            Kept::File(_) => Ok(()),
            Kept::Rows(rows) => {
                rows.renewal.abort();
                rows.held.release().await
            }
        }
    }
}

impl Store {
    /// Takes all shards for this process.
    ///
    /// # Errors
    /// [`Error::Lease`]: another process has them; the text says which and until when.
    pub async fn lease(&self, node_id: Uuid) -> Result<Lease> {
        if let Some(path) = sqlite_path(&self.inner.settings.url) {
            return Ok(Lease {
                epoch: EPOCH_OF_FILE,
                kept: Kept::File(file::lock(Path::new(path))?),
            });
        }
        let clock = self.clock().clone();
        self.on_store(move |inner| async move {
            let held = Arc::new(postgres::take(&inner.settings, node_id).await?);
            let (tell, lost) = watch::channel(None);
            let renewal = tokio::spawn(postgres::renew(held.clone(), clock, tell)).abort_handle();
            Ok(Lease {
                epoch: held.epoch(),
                kept: Kept::Rows(Rows { held, lost, renewal }),
            })
        })
        .await
    }
}

fn refused(text: String) -> Error {
    Error::Lease(text)
}

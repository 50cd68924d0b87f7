//! The only code that imports sea_orm or the entities: intention-named functions, each naming its tenant.
//!
//! A store has threads of its own, so that a busy arbiter never stalls the database's sockets, nor the other way round.
//! SQLite has one connection for writing and a pool for reading; PostgreSQL one pool for both.

use std::{future::Future, pin::Pin, sync::Arc};

use migration::{Migrator, MigratorTrait};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqlErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{clock::Clock, domain::integration::rules::Rule, settings};

pub mod api_tokens;
pub mod audit;
pub mod automations;
pub mod background;
pub mod call_apis;
pub mod call_state;
pub mod clients;
mod connect;
pub mod connections;
pub mod deliveries;
pub mod groups;
pub mod idempotency;
pub mod integrations;
pub mod lease;
pub mod ledger;
pub mod listing;
mod lookups;
mod names;
pub mod object_mappings;
pub mod overview;
pub mod page;
pub mod partner_functions;
pub mod purge;
pub mod records;
mod refusals;
pub mod runs;
pub mod scripts;
pub mod seal;
mod sql_expression;
pub mod tenants;
pub mod tokens_vault;
pub mod transactions;
pub mod users;
pub mod webhooks;

use connect::{connect, for_migrations, is_too_slow, sqlite_path};
pub use lease::Lease;
pub use ledger::Ledger;
pub use page::{Page, Paged};
pub use purge::{BackgroundPurged, PurgeRules, Purged};
pub use seal::{Place, Sealer};
pub use tokens_vault::StoreVault;

/// Threads of the store's runtime; the work itself is done by the database.
const THREADS: usize = 1;

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique key refused a row; the text is the database's and names the key.
    #[error("a unique key refused the row")]
    Unique(String),
    /// The row is there, but with another version.
    #[error("the row was changed by someone else; its version is {current}")]
    Stale {
        /// The version that the row has.
        current: i64,
    },
    /// The row is not in this tenant.
    #[error("no such row")]
    NotFound,
    /// The database cannot be opened; the text says what to do.
    #[error("{0}")]
    Open(String),
    /// A sealed value does not open: another key, or a damaged row.
    #[error("{0}")]
    Sealed(String),
    /// Another process owns the shards, or took them over.
    #[error("{0}")]
    Lease(String),
    /// A list's cursor that no list of ours gave out.
    #[error("not a cursor of this list")]
    Cursor,
    /// The run of this due time was recorded before: nothing of this entry was written.
    #[error("the run of this due time is recorded already")]
    AlreadyRecorded,
    /// The ledger's queue is full: nothing of this entry was written.
    #[error("the ledger's queue is full; try again in {retry_after_ms} ms")]
    Full {
        /// When to try again, milliseconds.
        retry_after_ms: u64,
    },
    /// Something else still uses the row; the text names it.
    #[error("{0}")]
    InUse(String),
    /// A member does not go with what is stored.
    #[error("{member}: {message}")]
    Broken {
        /// Stable word of the rule, where it has one.
        rule: Option<Rule>,
        /// Which member.
        member: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// More was asked for than is answered at once; the text says what to do.
    #[error("{0}")]
    TooMany(String),
    /// The change would leave nobody who may administer.
    #[error("no administrator would be left")]
    LastAdministrator,
    /// A row holds what no code of ours writes.
    #[error("unexpected content: {0}")]
    Content(String),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
    /// Anything else from the database.
    #[error("database error")]
    Database(#[source] DbErr),
}

impl Error {
    /// Whether a statement was stopped since it took longer than `database.statement_seconds`.
    pub(crate) fn is_too_slow(&self) -> bool {
        matches!(self, Self::Database(source) if is_too_slow(source))
    }
}

/// Results of the store.
pub type Result<T> = std::result::Result<T, Error>;

/// A future inside a transaction.
pub(crate) type InTransaction<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(text)) => Error::Unique(text),
            _ => Error::Database(error),
        }
    }
}

/// Refuses a row in another version than the one that was named; none: any will do.
///
/// # Errors
/// [`Error::Stale`].
pub(crate) fn expect_version(named: Option<i64>, current: i64) -> Result<()> {
    match named {
        Some(named) if named != current => Err(Error::Stale { current }),
        _ => Ok(()),
    }
}

impl From<Error> for crate::error::Error {
    fn from(error: Error) -> Self {
        use crate::error::Code;
        match error {
            Error::Stale { current } => Self::new(
                Code::StaleVersion,
                format!(
                    "Someone changed it meanwhile: the current version is {current}. Read it again, then repeat the change."
                ),
            ),
            Error::NotFound => Self::new(Code::NotFound, "There is no such thing in this tenant."),
            Error::Cursor => Self::new(
                Code::BadRequest,
                "The cursor is not one of this list. Begin again without it, and take `nextCursor` as it is.",
            ),
            Error::AlreadyRecorded => Self::new(Code::WrongState, "A run with this due time is recorded already."),
            Error::Full { retry_after_ms } => Self::new(
                Code::Unavailable,
                "The engine has more to write than it can; try again in a moment.",
            )
            .with_retry_after_ms(retry_after_ms),
            Error::InUse(text) => Self::new(Code::InUse, text),
            Error::Broken { rule, member, message } => {
                let error = Self::invalid_field(member, message);
                match rule {
                    Some(rule) => error.with_rule(rule),
                    None => error,
                }
            }
            Error::TooMany(text) => Self::new(Code::BadRequest, text),
            Error::LastAdministrator => Self::new(
                Code::WrongState,
                "This is the last active administrator. Make another user an administrator first.",
            ),
            Error::Lease(text) => Self::new(
                Code::Unavailable,
                "This engine no longer owns what you asked it to change; try again in a moment.",
            )
            .with_retry_after_ms(5_000)
            .with_source(Error::Lease(text)),
            Error::Closed => Self::new(Code::Unavailable, "The engine is stopping; try again in a moment.")
                .with_retry_after_ms(2_000),
            Error::Database(source) if is_too_slow(&source) => Self::new(
                Code::Unavailable,
                "The database took too long for this and was stopped (database.statement_seconds). Ask for less: a filter that \
                 leaves less to look at, fewer rows, or no count.",
            )
            .with_source(Error::Database(source)),
            other => Self::internal(other),
        }
    }
}

/// The database and its threads. Cheap to clone; the last clone that goes ends the threads.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    // Ends the threads; the rest only needs the handle.
    _threads: Threads,
    handle: Handle,
    read: DatabaseConnection,
    write: DatabaseConnection,
    // SQLite has one connection that writes; with PostgreSQL the ledger has its own, whose statements stay prepared.
    for_ledger: DatabaseConnection,
    settings: settings::Database,
    clock: Clock,
    ledger: Ledger,
}

/// The store's threads. A runtime must not be dropped on a thread that runs async code, so `drop` takes it out.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Store {
    /// Opens the database (for SQLite it makes the directory, not yet the tables: see [`Store::migrate`]).
    pub async fn open(settings: &settings::Database, clock: Clock) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("orrery-store")
            .enable_all()
            .build()
            .map_err(|error| Error::Open(format!("The store's threads cannot be started: {error}.")))?;
        let handle = runtime.handle().clone();
        let threads = Threads(Some(runtime));
        let settings = settings.clone();
        let to_connect = settings.clone();
        let (read, write, for_ledger) = handle
            .spawn(async move { connect(&to_connect).await })
            .await
            .map_err(|error| Error::Open(format!("Opening the database was interrupted: {error}.")))??;
        let ledger = Ledger::start(&handle, for_ledger.clone(), clock.clone());
        Ok(Self {
            inner: Arc::new(Inner {
                for_ledger,
                settings,
                _threads: threads,
                handle,
                read,
                write,
                clock,
                ledger,
            }),
        })
    }

    /// Brings the tables to the version of this binary.
    pub async fn migrate(&self) -> Result<()> {
        self.on_store(|inner| async move {
            let Some(own) = for_migrations(&inner.settings).await? else {
                return Ok(Migrator::up(&inner.write, None).await?);
            };
            let migrated = Migrator::up(&own, None).await;
            own.close().await?;
            Ok(migrated?)
        })
        .await
    }

    /// How many migrations are still to be run.
    pub async fn pending_migrations(&self) -> Result<usize> {
        self.on_store(|inner| async move { Ok(Migrator::get_pending_migrations(&inner.write).await?.len()) })
            .await
    }

    /// Answers when the database does: for health checks.
    pub async fn ping(&self) -> Result<()> {
        self.on_store(|inner| async move { Ok(inner.read.ping().await?) }).await
    }

    /// Which kind of database this is, as people call it.
    pub fn backend_name(&self) -> &'static str {
        if self.is_sqlite() { "SQLite" } else { "PostgreSQL" }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.inner.write.get_database_backend() == DbBackend::Sqlite
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.inner.handle
    }

    /// Runs a query that only reads, on the store's threads.
    pub(crate) async fn read<T, F, Fut>(&self, query: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(DatabaseConnection) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + Send,
    {
        self.on_store(|inner| async move { query(inner.read.clone()).await })
            .await
    }

    /// Runs one transaction that writes, on the store's threads; an error rolls it back. It is on disk when this returns.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a DatabaseTransaction) -> InTransaction<'a, T> + Send + 'static,
    {
        self.on_store(|inner| async move {
            let transaction = begin(&inner.write).await?;
            match work(&transaction).await {
                Ok(value) => {
                    transaction.commit().await?;
                    Ok(value)
                }
                Err(error) => {
                    transaction.rollback().await?;
                    Err(error)
                }
            }
        })
        .await
    }

    /// Writes what the ledger still has, then closes the connections; SQLite writes its log back.
    pub async fn close(&self) -> Result<()> {
        self.ledger().drained().await?;
        self.on_store(|inner| async move {
            inner.read.clone().close().await?;
            inner.for_ledger.clone().close().await?;
            Ok(inner.write.clone().close().await?)
        })
        .await
    }

    async fn on_store<T, F, Fut>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Inner>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + Send,
    {
        let inner = self.inner.clone();
        let handle = self.inner.handle.clone();
        // The task is detached from its caller: a caller that goes away does not cut a transaction in two.
        handle
            .spawn(async move { work(inner).await })
            .await
            .unwrap_or(Err(Error::Closed))
    }
}

/// Begins a transaction that writes.
async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction> {
    // SQLite: take the lock for writing now, where waiting for it is possible.
    let immediate =
        (connection.get_database_backend() == DbBackend::Sqlite).then_some(SqliteTransactionMode::Immediate);
    let options = TransactionOptions {
        sqlite_transaction_mode: immediate,
        ..Default::default()
    };
    Ok(connection.begin_with_options(options).await?)
}

#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[tokio::test]
    async fn a_fresh_sqlite_store_gets_its_tables() {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings::base().unwrap();
        settings.database.url = format!("sqlite://{}/new/orrery.db?mode=rwc", directory.path().display());
        let store = Store::open(&settings.database, Clock::system()).await.unwrap();
        assert!(store.pending_migrations().await.unwrap() > 0);
        store.migrate().await.unwrap();
        assert_eq!(store.pending_migrations().await.unwrap(), 0);
        store.ping().await.unwrap();
        store.close().await.unwrap();
    }
}

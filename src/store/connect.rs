//! How the database is connected to: one connection for writing and a pool for reading with SQLite, a pool for everything
//! with PostgreSQL, and there one more connection for the ledger alone.

use std::{path::Path, time::Duration};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{self, Connection, PgConnection, SqliteConnection, sqlite::SqlitePoolOptions},
};

use super::{Error, Result};
use crate::{clock::Deadline, settings};

/// How long a query may wait for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a server may take to answer for the first time.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// What PostgreSQL calls our sessions.
const NAME: &str = "orrery";
/// Prepared statements kept for each connection; the ledger alone has about eighty.
const STATEMENTS_KEPT: usize = 256;
/// A connection to PostgreSQL that was not used for so long is tried before it is used.
const TEST_IF_IDLE_FOR: Duration = Duration::from_secs(5);
/// Cache of SQLite's writer, KiB (negative, as PRAGMA cache_size has it); it is filled only as pages are touched.
const WRITER_CACHE_KIB: &str = "-32768";
/// Cache of each reader, KiB.
const READER_CACHE_KIB: &str = "-4096";
/// Steps of SQLite's machine after which it looks at how long a statement has taken: about a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 100_000;
/// How PostgreSQL and SQLite say that a statement was stopped.
const STOPPED: [&str; 2] = ["57014", "9"];
/// Pages in SQLite's log after which it is written back: a batch of the ledger touches about a thousand, and pages that the
/// next batches touch again need to be written back once only.
const CHECKPOINT_PAGES: &str = "8000";
/// The log is cut to this length after it was written back, bytes.
const LOG_BYTES_KEPT: &str = "67108864";
/// Of the ledger's connection: all its statements look rows up by keys, whatever the statistics make of a new table, and
/// planning one of 512 rows anew costs more than running it.
const LEDGER_OPTIONS: [(&str, &str); 4] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
];

/// For reading, for writing, for the ledger.
pub(super) type Connections = (DatabaseConnection, DatabaseConnection, DatabaseConnection);

/// Opens all connections; makes the directory for an SQLite file.
pub(super) async fn connect(settings: &settings::Database) -> Result<Connections> {
    refuse_memory(&settings.url)?;
    if let Some(path) = sqlite_path(&settings.url) {
        make_directory(Path::new(path))?;
        // The writer first: it makes the file and sets its page layout.
        let write = Database::connect(sqlite_options(settings, 1, WRITER_CACHE_KIB))
            .await
            .map_err(|error| cannot_open(settings, &error))?;
        let mut for_reading = sqlite_options(settings, settings.pool_max, READER_CACHE_KIB);
        if let Some(span) = statement_span(settings) {
            for_reading.map_sqlx_sqlite_pool_opts(move |options| limited(options, span));
        }
        let read = Database::connect(for_reading).await;
        let read = read.map_err(|error| cannot_open(settings, &error))?;
        Ok((read, write.clone(), write))
    } else {
        let open = |options: ConnectOptions| async move {
            let opened = Database::connect(options).await;
            opened.map_err(|error| cannot_open(settings, &error))
        };
        try_postgres(settings).await?;
        let mut for_both = postgres_options(settings, NAME, settings.pool_max, &[]);
        if let Some(span) = statement_span(settings) {
            for_both.statement_timeout(span);
        }
        let both = open(for_both).await?;
        // What the ledger writes was done: it is not to be stopped.
        let ledger = open(postgres_options(settings, NAME, 1, &LEDGER_OPTIONS)).await?;
        Ok((both.clone(), both, ledger))
    }
}

/// A connection for migrations, whose statements may take as long as they do; none: the one for writing is such a one.
pub(super) async fn for_migrations(settings: &settings::Database) -> Result<Option<DatabaseConnection>> {
    if sqlite_path(&settings.url).is_some() || statement_span(settings).is_none() {
        return Ok(None);
    }
    let opened = Database::connect(postgres_options(settings, NAME, 1, &[])).await;
    opened.map(Some).map_err(|error| cannot_open(settings, &error))
}

/// How long a statement may take; none: for ever.
fn statement_span(settings: &settings::Database) -> Option<Duration> {
    Some(Duration::from_secs(settings.statement_seconds)).filter(|span| !span.is_zero())
}

/// Whether a statement was stopped since it took too long.
pub(super) fn is_too_slow(error: &DbErr) -> bool {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            let code = error.as_database_error().and_then(|error| error.code());
            code.is_some_and(|code| STOPPED.contains(&code.as_ref()))
        }
        _ => false,
    }
}

/// SQLite has no limit of its own: each time that a connection is handed out, which is for one statement, it gets a new deadline.
fn limited(options: SqlitePoolOptions, span: Duration) -> SqlitePoolOptions {
    options
        .after_connect(move |connection, _| Box::pin(set_deadline(connection, span)))
        .before_acquire(move |connection, _| {
            Box::pin(async move {
                set_deadline(connection, span).await?;
                Ok(true)
            })
        })
}

async fn set_deadline(connection: &mut SqliteConnection, span: Duration) -> sqlx::Result<()> {
    let deadline = Deadline::after(span);
    let mut handle = connection.lock_handle().await?;
    handle.set_progress_handler(STEPS_BETWEEN_LOOKS, move || !deadline.is_over());
    Ok(())
}

/// One connection without a pool: a pool tries again for half a minute, and then does not say why it failed.
async fn try_postgres(settings: &settings::Database) -> Result<()> {
    let words = |reason: String| {
        Error::Open(format!(
            "The database {} cannot be opened: {reason}. Check database.url, and that the server runs.",
            without_password(&settings.url)
        ))
    };
    let attempt = tokio::time::timeout(OPEN_TIMEOUT, PgConnection::connect(&settings.url)).await;
    let connection = attempt
        .map_err(|_| words(format!("no answer within {} s", OPEN_TIMEOUT.as_secs())))?
        .map_err(|error| words(error.to_string()))?;
    // It has served its purpose; an error in saying so changes nothing.
    let _ = connection.close().await;
    Ok(())
}

/// Options of a pool whose sessions have this name; `more` are settings of theirs.
pub(super) fn postgres_options(
    settings: &settings::Database,
    name: &'static str,
    connections: u32,
    more: &'static [(&'static str, &'static str)],
) -> ConnectOptions {
    let mut options = ConnectOptions::new(settings.url.clone());
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(Duration::from_secs(10))
        .test_before_acquire_if_idle_for(TEST_IF_IDLE_FOR)
        .sqlx_logging(false)
        .map_sqlx_postgres_opts(move |options| {
            options
                .application_name(name)
                .statement_cache_capacity(STATEMENTS_KEPT)
                .options([
                    ("synchronous_commit", "on"),
                    ("timezone", "UTC"),
                    // A process that hangs within a transaction must not keep its locks.
                    ("idle_in_transaction_session_timeout", "15000"),
                ])
                .options(more.iter().copied())
        });
    options
}

fn sqlite_options(settings: &settings::Database, connections: u32, cache_kib: &'static str) -> ConnectOptions {
    let busy_timeout = Duration::from_millis(settings.busy_timeout_ms);
    let mut options = ConnectOptions::new(settings.url.clone());
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .sqlx_logging(false)
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(move |options| {
            // auto_vacuum has to come before the first table; FULL survives a loss of power.
            options
                .pragma("auto_vacuum", "INCREMENTAL")
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "FULL")
                .pragma("foreign_keys", "OFF")
                .pragma("temp_store", "MEMORY")
                .pragma("cache_size", cache_kib)
                .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
                .pragma("journal_size_limit", LOG_BYTES_KEPT)
                .statement_cache_capacity(STATEMENTS_KEPT)
                .busy_timeout(busy_timeout)
        });
    options
}

/// The file's path, without scheme and parameters; `None` if this is not SQLite on a disk.
pub(super) fn sqlite_path(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    Some(path.split('?').next().unwrap_or(path))
}

/// A database in memory would lose everything that was acknowledged.
fn refuse_memory(url: &str) -> Result<()> {
    let in_memory = sqlite_path(url).is_some_and(|path| path.is_empty() || path.contains(":memory:"));
    if in_memory || (url.starts_with("sqlite:") && url.contains("mode=memory")) {
        return Err(Error::Open(format!(
            "The database {url} would be in memory only, and everything in it would be gone when Orrery ends. Give a file \
             in database.url, for example sqlite://data/orrery.db?mode=rwc."
        )));
    }
    Ok(())
}

fn make_directory(file: &Path) -> Result<()> {
    match file.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => std::fs::create_dir_all(directory).map_err(|error| {
            Error::Open(format!(
                "The directory {} for the database cannot be made: {error}. Choose another with database.url or change its owner.",
                directory.display()
            ))
        }),
        _ => Ok(()),
    }
}

pub(super) fn cannot_open(settings: &settings::Database, error: &DbErr) -> Error {
    Error::Open(format!(
        "The database {} cannot be opened: {error}. Check database.url, and that the server runs or the directory can be written.",
        without_password(&settings.url)
    ))
}

/// The address with its password replaced, for messages.
pub(super) fn without_password(address: &str) -> String {
    match url::Url::parse(address) {
        Ok(mut parsed) if parsed.password().is_some() => {
            // Fails only for addresses that cannot have a password.
            let _ = parsed.set_password(Some("***"));
            parsed.to_string()
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(
            without_password("postgres://me:secret@host/db"),
            "postgres://me:***@host/db"
        );
    }
}

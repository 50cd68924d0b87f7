//! Owns the writing of runs: one writer for each store, which puts what has arrived since its last flush into ONE
//! transaction, because a flush of the disk costs the same for one run as for five hundred.
//!
//! `entry` has what can be written, `writer` the loop that makes batches, splits failed ones and answers, `batch` the
//! order within one transaction, `runs`, `transactions`, `states` the statements, `rows` statement texts that repeat, so
//! that the database prepares each once.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use sea_orm::DatabaseConnection;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};
use uuid::Uuid;

use super::{Error, Result, Store};
use crate::clock::Clock;
use batch::Answer;

mod batch;
mod entry;
mod fence;
pub(super) mod rows;
mod runs;
mod states;
mod transactions;
mod writer;

pub use entry::{
    CallState, Deactivated, RunCommit, RunCommitted, RunRecord, RunSample, StartedRun, StateCommit, Trigger,
};

/// Entries that may wait; more are refused with [`Error::Full`].
pub const QUEUE_ENTRIES_MAX: usize = 8_192;
/// Entries in one transaction.
pub const BATCH_ENTRIES_MAX: usize = 512;
/// What a refused caller is told to wait, milliseconds.
const RETRY_AFTER_MS: u64 = 250;

/// The way to the writer. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    queue: mpsc::Sender<Entry>,
    counters: Arc<Counters>,
}

/// What the writer has done since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerStats {
    /// Entries that wait now.
    pub queue_entries: usize,
    /// Entries that are committed.
    pub committed_entries: u64,
    /// Transactions that committed them.
    pub batches: u64,
    /// Most entries in one transaction.
    pub largest_batch_entries: usize,
    /// Transactions that failed and were split or repeated.
    pub repeated_batches: u64,
    /// Entries refused because the queue was full.
    pub refused_entries: u64,
}

#[derive(Default)]
struct Counters {
    committed: AtomicU64,
    batches: AtomicU64,
    largest: AtomicUsize,
    repeated: AtomicU64,
    refused: AtomicU64,
}

/// Who waits for an entry.
type Reply<T> = oneshot::Sender<Result<T>>;

/// One kind of thing that the ledger writes.
enum Entry {
    Run(Box<RunCommit>, Reply<RunCommitted>),
    Started(StartedRun, Reply<()>),
    State(Box<StateCommit>, Reply<()>),
    /// Writes nothing: is answered when everything before it is.
    Barrier(Reply<()>),
}

impl Entry {
    /// The call whose rows it writes.
    fn call(&self) -> Option<Uuid> {
        match self {
            Self::Run(commit, _) => Some(commit.call_api_id.uuid()),
            Self::Started(started, _) => Some(started.call_api_id.uuid()),
            Self::State(commit, _) => Some(commit.call_api_id.uuid()),
            Self::Barrier(_) => None,
        }
    }

    /// The shard and epoch under which it is to be written.
    fn claim(&self) -> Option<fence::Claim> {
        match self {
            Self::Run(commit, _) => Some((commit.shard, commit.epoch)),
            Self::Started(started, _) => Some((started.shard, started.epoch)),
            Self::State(commit, _) => Some((commit.shard, commit.epoch)),
            Self::Barrier(_) => None,
        }
    }

    /// Tells whoever waits; if nobody does any more, that is no matter: what is committed is committed.
    fn answer(self, answer: Answer) {
        match (self, answer) {
            (Self::Run(_, reply), Answer::Run(committed)) => drop(reply.send(Ok(committed))),
            (Self::Run(_, reply), Answer::Refused(error)) => drop(reply.send(Err(error))),
            // Every run that is not refused is answered as one.
            (Self::Run(_, reply), Answer::Done) => drop(reply.send(Err(Error::Closed))),
            (Self::Started(_, reply) | Self::State(_, reply) | Self::Barrier(reply), answer) => {
                drop(reply.send(match answer {
                    Answer::Refused(error) => Err(error),
                    Answer::Run(_) | Answer::Done => Ok(()),
                }));
            }
        }
    }
}

impl Store {
    /// The writer of runs.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }
}

impl Ledger {
    /// Starts the writer; it ends when the last clone of the ledger is gone.
    pub(super) fn start(handle: &Handle, connection: DatabaseConnection, clock: Clock) -> Self {
        let (queue, entries) = mpsc::channel(QUEUE_ENTRIES_MAX);
        let counters = Arc::new(Counters::default());
        let writer = writer::Writer {
            connection,
            clock,
            counters: counters.clone(),
            texts: rows::Texts::default(),
        };
        handle.spawn(writer.run(entries));
        Self { queue, counters }
    }

    /// Writes an ended run, its transactions and the call's state; on disk when this returns.
    ///
    /// # Errors
    /// [`Error::AlreadyRecorded`]: a run with this due time is recorded, nothing was written. [`Error::Full`]: nothing was
    /// written, try again. [`Error::Lease`]: the shard belongs to another process, nothing was written and nothing will be.
    pub async fn commit_run(&self, commit: RunCommit) -> Result<RunCommitted> {
        self.submit(|reply| Entry::Run(Box::new(commit), reply)).await
    }

    /// Writes that a run is about to begin; on disk when this returns.
    ///
    /// # Errors
    /// As [`Ledger::commit_run`].
    pub async fn start_run(&self, started: StartedRun) -> Result<()> {
        self.submit(|reply| Entry::Started(started, reply)).await
    }

    /// Writes a call's state alone, and runs that were left out; on disk when this returns.
    ///
    /// # Errors
    /// [`Error::Full`] and [`Error::Lease`] as [`Ledger::commit_run`].
    pub async fn save_state(&self, commit: StateCommit) -> Result<()> {
        self.submit(|reply| Entry::State(Box::new(commit), reply)).await
    }

    /// Waits until everything that was handed in before is answered.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn drained(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        let sent = self.queue.send(Entry::Barrier(reply)).await;
        sent.map_err(|_| Error::Closed)?;
        answer.await.unwrap_or(Err(Error::Closed))
    }

    /// What the writer does, for metrics.
    #[must_use]
    pub fn stats(&self) -> LedgerStats {
        LedgerStats {
            queue_entries: self.queue.max_capacity() - self.queue.capacity(),
            committed_entries: self.counters.committed.load(Ordering::Relaxed),
            batches: self.counters.batches.load(Ordering::Relaxed),
            largest_batch_entries: self.counters.largest.load(Ordering::Relaxed),
            repeated_batches: self.counters.repeated.load(Ordering::Relaxed),
            refused_entries: self.counters.refused.load(Ordering::Relaxed),
        }
    }

    async fn submit<T>(&self, entry: impl FnOnce(Reply<T>) -> Entry) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        match self.queue.try_send(entry(reply)) {
            Ok(()) => answer.await.unwrap_or(Err(Error::Closed)),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Error::Closed),
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.counters.refused.fetch_add(1, Ordering::Relaxed);
                Err(Error::Full {
                    retry_after_ms: RETRY_AFTER_MS,
                })
            }
        }
    }
}

/// The texts for three rows of the look-up of transactions and of the update of states, for tests of their plans.
#[cfg(test)]
pub(super) fn sqlite_texts() -> [String; 2] {
    [&transactions::FIND_SQLITE, &states::UPDATE].map(|shape| rows::text(sea_orm::DbBackend::Sqlite, shape, 3))
}

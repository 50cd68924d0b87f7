//! Owns the writing of runs and of requests in the background: one writer for each store, which puts what has arrived
//! since its last flush into ONE transaction, because a flush of the disk costs the same for one run as for five hundred.
//!
//! `entry` has what can be written of runs, `writer` the loop that makes batches, splits failed ones and answers, `batch`
//! the order within one transaction, `runs`, `transactions`, `states`, `background` the statements, `rows` statement texts
//! that repeat, so that the database prepares each once.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use sea_orm::{DatabaseConnection, DatabaseTransaction};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};
use uuid::Uuid;

use super::{
    Error, Result, Store,
    background::{Accepted, Claim, Claimed, Finish, NewRequest},
    call_apis::shard_of,
};
use crate::{clock::Clock, domain::ids::BackgroundId};
use batch::Answer;

mod background;
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
    Accept(Box<NewRequest>, Reply<Accepted>),
    Claim(Claim, Reply<Option<Claimed>>),
    Finish(Box<Finish>, Reply<bool>),
    /// Writes nothing: is answered when everything before it is.
    Barrier(Reply<()>),
}

impl Entry {
    /// The call or the request whose rows it writes.
    fn subject(&self) -> Option<Uuid> {
        match self {
            Self::Run(commit, _) => Some(commit.call_api_id.uuid()),
            Self::Started(started, _) => Some(started.call_api_id.uuid()),
            Self::State(commit, _) => Some(commit.call_api_id.uuid()),
            Self::Accept(request, _) => Some(request.id.uuid()),
            Self::Claim(claim, _) => Some(claim.id.uuid()),
            Self::Finish(finish, _) => Some(finish.id.uuid()),
            Self::Barrier(_) => None,
        }
    }

    /// The shard and epoch under which it is to be written.
    fn claim(&self) -> Option<fence::Claim> {
        match self {
            Self::Run(commit, _) => Some((commit.shard, commit.epoch)),
            Self::Started(started, _) => Some((started.shard, started.epoch)),
            Self::State(commit, _) => Some((commit.shard, commit.epoch)),
            Self::Accept(request, _) => Some(claim_of(request.id, request.epoch)),
            Self::Claim(claim, _) => Some(claim_of(claim.id, claim.epoch)),
            Self::Finish(finish, _) => Some(claim_of(finish.id, finish.epoch)),
            Self::Barrier(_) => None,
        }
    }

    /// Tells whoever waits; if nobody does any more, that is no matter: what is committed is committed.
    fn answer(self, answer: Answer) {
        match (self, answer) {
            (Self::Run(_, reply), Answer::Run(committed)) => drop(reply.send(Ok(committed))),
            (Self::Accept(_, reply), Answer::Accepted(accepted)) => drop(reply.send(Ok(accepted))),
            (Self::Claim(_, reply), Answer::Claimed(claimed)) => drop(reply.send(Ok(claimed.map(|claimed| *claimed)))),
            (Self::Finish(_, reply), Answer::Ended(ended)) => drop(reply.send(Ok(ended))),
            // Of these every one that is not refused has an answer of its kind.
            (Self::Run(_, reply), other) => drop(reply.send(Err(other.refusal()))),
            (Self::Accept(_, reply), other) => drop(reply.send(Err(other.refusal()))),
            (Self::Claim(_, reply), other) => drop(reply.send(Err(other.refusal()))),
            (Self::Finish(_, reply), other) => drop(reply.send(Err(other.refusal()))),
            (Self::Started(_, reply) | Self::State(_, reply) | Self::Barrier(reply), answer) => {
                drop(reply.send(match answer {
                    Answer::Refused(error) => Err(error),
                    _ => Ok(()),
                }));
            }
        }
    }
}

/// The shard of a request, and the epoch under which something of it is to be written.
fn claim_of(id: BackgroundId, epoch: i64) -> fence::Claim {
    // Shards are numbers of one byte.
    (u8::try_from(shard_of(id.uuid())).unwrap_or_default(), epoch)
}

/// Keeps the request's shard ours until the transaction ends.
///
/// # Errors
/// [`Error::Lease`]: it belongs to another process.
pub(super) async fn hold(transaction: &DatabaseTransaction, id: BackgroundId, epoch: i64) -> Result<()> {
    hold_claim(transaction, claim_of(id, epoch)).await
}

/// Keeps the shard of an actor's row ours until the transaction ends; `id` is that of the row.
///
/// # Errors
/// [`Error::Lease`]: it belongs to another process.
pub(super) async fn hold_shard_of(transaction: &DatabaseTransaction, id: Uuid, epoch: i64) -> Result<()> {
    hold_claim(transaction, (u8::try_from(shard_of(id)).unwrap_or_default(), epoch)).await
}

async fn hold_claim(transaction: &DatabaseTransaction, claim: fence::Claim) -> Result<()> {
    match fence::broken(transaction, &[claim].into()).await?.is_empty() {
        true => Ok(()),
        false => Err(batch::fenced()),
    }
}

impl Store {
    /// The writer of runs and of requests in the background.
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

    /// Stores a request that is to be executed in the background; on disk when this returns.
    ///
    /// # Errors
    /// [`Error::Full`] and [`Error::Lease`] as [`Ledger::commit_run`].
    pub async fn accept(&self, request: NewRequest) -> Result<Accepted> {
        self.submit(|reply| Entry::Accept(Box::new(request), reply)).await
    }

    /// Takes a queued request for execution; none: it is not queued any more. On disk when this returns.
    ///
    /// # Errors
    /// [`Error::Full`] and [`Error::Lease`] as [`Ledger::commit_run`].
    pub async fn claim(&self, claim: Claim) -> Result<Option<Claimed>> {
        self.submit(|reply| Entry::Claim(claim, reply)).await
    }

    /// Ends a request, erases what its caller sent, and writes what is to tell of the end. Answers whether this ended it;
    /// if not, nothing of it is written, and the parts of its answer's body are still to be dropped.
    ///
    /// # Errors
    /// [`Error::Full`] and [`Error::Lease`] as [`Ledger::commit_run`].
    pub async fn finish(&self, finish: Finish) -> Result<bool> {
        self.submit(|reply| Entry::Finish(Box::new(finish), reply)).await
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

/// The texts for three rows of the statements that look rows up, for tests of their plans.
#[cfg(test)]
pub(super) fn sqlite_texts() -> [String; 5] {
    [
        &transactions::FIND_SQLITE,
        &states::UPDATE,
        &background::CLAIM,
        &background::FINISH,
        &background::FIND_KEYS,
    ]
    .map(|shape| rows::text(sea_orm::DbBackend::Sqlite, shape, 3))
}

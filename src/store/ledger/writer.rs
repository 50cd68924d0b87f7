//! The loop that makes batches of what has arrived, commits each, splits what fails, and answers.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use sea_orm::{DatabaseConnection, DbErr, RuntimeErr};
use tokio::sync::mpsc;

use super::{
    BATCH_ENTRIES_MAX, Counters, Entry,
    batch::{self, Answer, Trouble},
    rows::Texts,
};
use crate::{
    clock::Clock,
    store::{Error, begin},
};

/// How often one batch is repeated with checks before it is split.
const REPEATS_MAX: u32 = 3;

pub(super) struct Writer {
    pub connection: DatabaseConnection,
    pub clock: Clock,
    pub counters: Arc<Counters>,
    pub texts: Texts,
}

impl Writer {
    /// Writes until every sender is gone.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Entry>) {
        let mut waiting = VecDeque::with_capacity(BATCH_ENTRIES_MAX);
        loop {
            if waiting.is_empty() {
                match queue.recv().await {
                    Some(entry) => waiting.push_back(entry),
                    None => return,
                }
            }
            while waiting.len() < BATCH_ENTRIES_MAX {
                match queue.try_recv() {
                    Ok(entry) => waiting.push_back(entry),
                    Err(_) => break,
                }
            }
            let batch = take_batch(&mut waiting);
            self.flush(batch).await;
        }
    }

    /// Commits a batch; one that fails is split until the entry that is to blame is alone.
    async fn flush(&mut self, batch: Vec<Entry>) {
        let mut left = vec![batch];
        while let Some(mut batch) = left.pop() {
            let error = match self.commit(&batch).await {
                Ok(answers) => {
                    for (entry, answer) in batch.into_iter().zip(answers) {
                        entry.answer(answer);
                    }
                    continue;
                }
                Err(error) => error,
            };
            self.counters.repeated.fetch_add(1, Ordering::Relaxed);
            if batch.len() > 1 && is_about_rows(&error) {
                let second = batch.split_off(batch.len() / 2);
                left.push(second);
                left.push(batch);
                continue;
            }
            tracing::warn!(entries = batch.len(), error = ?error, "entries of the ledger could not be written");
            for entry in batch {
                entry.answer(Answer::Refused(again(&error)));
            }
        }
    }

    async fn commit(&mut self, batch: &[Entry]) -> Result<Vec<Answer>, Error> {
        for careful in 0..=REPEATS_MAX {
            let transaction = begin(&self.connection).await?;
            match batch::write(&transaction, &mut self.texts, batch, careful > 0, &self.clock).await {
                Ok(answers) => {
                    transaction.commit().await?;
                    self.count(batch.len());
                    return Ok(answers);
                }
                Err(Trouble::Repeat) => {
                    transaction.rollback().await?;
                    self.counters.repeated.fetch_add(1, Ordering::Relaxed);
                }
                Err(Trouble::Failed(error)) => {
                    // If the connection is gone, so is the transaction.
                    let _ = transaction.rollback().await;
                    return Err(error);
                }
            }
        }
        Err(Error::Content(
            "the rows of a run changed under the ledger again and again".to_owned(),
        ))
    }

    fn count(&self, entries: usize) {
        let counters = &self.counters;
        counters.committed.fetch_add(entries as u64, Ordering::Relaxed);
        counters.batches.fetch_add(1, Ordering::Relaxed);
        counters.largest.fetch_max(entries, Ordering::Relaxed);
    }
}

/// Takes entries of different calls and requests in their order. The second entry of one waits for the next batch, so that no
/// statement meets a row twice.
fn take_batch(waiting: &mut VecDeque<Entry>) -> Vec<Entry> {
    let mut subjects = HashSet::with_capacity(waiting.len());
    let mut batch = Vec::with_capacity(waiting.len());
    let mut later = VecDeque::new();
    for entry in waiting.drain(..) {
        // A barrier waits for all before it, so nothing passes it that came after what waits.
        let passes = match entry.subject() {
            Some(subject) => subjects.insert(subject),
            None => later.is_empty(),
        };
        if passes {
            batch.push(entry);
        } else {
            later.push_back(entry);
        }
    }
    *waiting = later;
    batch
}

/// Whether an error may be one row's fault. Without a connection every part would fail the same way, only later.
fn is_about_rows(error: &Error) -> bool {
    match error {
        Error::Unique(_) | Error::Content(_) => true,
        Error::Database(DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) => {
            error.as_database_error().is_some()
        }
        Error::Database(DbErr::Conn(_) | DbErr::ConnectionAcquire(_)) => false,
        Error::Database(_) => true,
        _ => false,
    }
}

/// The error once more: database errors cannot be cloned.
fn again(error: &Error) -> Error {
    match error {
        Error::Unique(text) => Error::Unique(text.clone()),
        Error::Content(text) => Error::Content(text.clone()),
        Error::Closed => Error::Closed,
        Error::Database(source) => Error::Database(DbErr::Custom(source.to_string())),
        other => Error::Content(other.to_string()),
    }
}

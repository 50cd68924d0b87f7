//! What happens within one transaction of the ledger, and in which order.

use std::collections::HashSet;

use sea_orm::DatabaseTransaction;

use super::{
    Entry, RunCommit, RunCommitted, StartedRun, StateCommit, background, fence, rows::Texts, runs, states, transactions,
};
use crate::{
    clock::Clock,
    domain::outcome::Outcome,
    store::{
        Error, Result,
        background::{Accepted, Claimed},
    },
};

/// What one entry of a batch is told once the batch is committed.
pub(super) enum Answer {
    /// A run is recorded.
    Run(RunCommitted),
    /// What became of a request that was to be stored.
    Accepted(Accepted),
    /// A request, if it was still queued.
    Claimed(Option<Box<Claimed>>),
    /// Whether this ended a request.
    Ended(bool),
    /// It is written.
    Done,
    /// Nothing of it was written.
    Refused(Error),
}

impl Answer {
    /// The error of an entry that was not written.
    pub(super) fn refusal(self) -> Error {
        match self {
            Self::Refused(error) => error,
            _ => Error::Closed,
        }
    }
}

/// Why a batch has to be rolled back.
pub(super) enum Trouble {
    /// Something was there that is usually not: repeat it with every entry checked first.
    Repeat,
    /// The database refused.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The entries of a batch by kind, with their places in it.
#[derive(Default)]
struct Sorted<'a> {
    runs: Vec<&'a RunCommit>,
    run_places: Vec<usize>,
    started: Vec<&'a StartedRun>,
    states: Vec<&'a StateCommit>,
}

/// Writes entries of different calls and requests; the answers hold once the transaction is committed. With `careful`, runs that are
/// recorded already are found and refused first.
pub(super) async fn write(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    entries: &[Entry],
    careful: bool,
    clock: &Clock,
) -> std::result::Result<Vec<Answer>, Trouble> {
    let mut answers: Vec<Answer> = entries.iter().map(|_| Answer::Done).collect();
    let claims = entries.iter().filter_map(Entry::claim).collect();
    let broken = fence::broken(transaction, &claims).await?;
    refuse(
        entries,
        &mut answers,
        |entry| entry.claim().is_some_and(|claim| broken.contains(&claim)),
        fenced,
    );
    if careful {
        let recorded = recorded(transaction, entries).await?;
        let mut place = 0..;
        let is_recorded = |_: &Entry| place.next().is_some_and(|place: usize| recorded.contains(&place));
        refuse(entries, &mut answers, is_recorded, || Error::AlreadyRecorded);
    }
    let sorted = Sorted::new(entries, &answers);
    let sifted = transactions::sift(transaction, texts, &sorted.runs).await?;
    let finished: Vec<_> = sorted.runs.iter().zip(&sifted).map(finished).collect();
    let complete = runs::finish(transaction, texts, &finished).await?
        && runs::start(transaction, texts, &sorted.started).await?
        && transactions::insert(transaction, texts, &sorted.runs, &sifted).await?;
    if !complete {
        return Err(Trouble::Repeat);
    }
    runs::note(transaction, texts, &sorted.runs, &sorted.states).await?;
    runs::samples(transaction, texts, &sorted.runs).await?;
    states::update(transaction, texts, &finished, &sorted.states, clock.now_us()).await?;
    states::audit(transaction, &finished, clock).await?;
    background::write(transaction, texts, entries, &mut answers, clock).await?;
    for ((place, sifted), finished) in sorted.run_places.iter().zip(&sifted).zip(&finished) {
        if let Some(answer) = answers.get_mut(*place) {
            *answer = Answer::Run(RunCommitted {
                created: sifted.fresh.iter().map(|new| new.id).collect(),
                duplicates: sifted.duplicates,
                outcome: finished.outcome,
            });
        }
    }
    Ok(answers)
}

impl<'a> Sorted<'a> {
    fn new(entries: &'a [Entry], answers: &[Answer]) -> Self {
        let mut sorted = Self::default();
        for (place, (entry, answer)) in entries.iter().zip(answers).enumerate() {
            match entry {
                _ if matches!(answer, Answer::Refused(_)) => {}
                Entry::Run(commit, _) => {
                    sorted.runs.push(commit);
                    sorted.run_places.push(place);
                }
                Entry::Started(started, _) => sorted.started.push(started),
                Entry::State(commit, _) => sorted.states.push(commit),
                // Those of requests are sorted where they are written.
                Entry::Accept(..) | Entry::Claim(..) | Entry::Finish(..) | Entry::Barrier(_) => {}
            }
        }
        sorted
    }
}

fn finished<'a>((commit, sifted): (&&'a RunCommit, &transactions::Sifted<'_>)) -> runs::Finished<'a> {
    let created = u32::try_from(sifted.fresh.len()).unwrap_or(u32::MAX);
    let outcome = match commit.run.outcome {
        Outcome::Created | Outcome::NothingNew if created > 0 => Outcome::Created,
        Outcome::Created => Outcome::NothingNew,
        other => other,
    };
    runs::Finished {
        commit,
        outcome,
        created,
        duplicates: sifted.duplicates,
    }
}

fn refuse(
    entries: &[Entry],
    answers: &mut [Answer],
    mut applies: impl FnMut(&Entry) -> bool,
    error: impl Fn() -> Error,
) {
    for (entry, answer) in entries.iter().zip(answers) {
        if applies(entry) && !matches!(answer, Answer::Refused(_)) {
            *answer = Answer::Refused(error());
        }
    }
}

pub(super) fn fenced() -> Error {
    Error::Lease(
        "The shard belongs to another process now: this one was too long without contact to the database. Nothing was \
         written."
            .to_owned(),
    )
}

/// The places of entries whose run is recorded already.
async fn recorded(transaction: &DatabaseTransaction, entries: &[Entry]) -> Result<HashSet<usize>> {
    let mut recorded = HashSet::new();
    for (place, entry) in entries.iter().enumerate() {
        let (owner, due_at, id) = match entry {
            Entry::Run(commit, _) => (commit.call_api_id, commit.run.due_at, Some(commit.run.id)),
            Entry::Started(started, _) => (started.call_api_id, started.due_at, None),
            _ => continue,
        };
        let row = runs::find(transaction, owner.uuid(), due_at.as_microsecond()).await?;
        let is_own_and_running = |row: (uuid::Uuid, bool)| !row.1 && id.is_some_and(|id| id.uuid() == row.0);
        if row.is_some_and(|row| !is_own_and_running(row)) {
            recorded.insert(place);
        }
    }
    Ok(recorded)
}

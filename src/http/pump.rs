//! The body of an answer on its way to its reader. A task of its own reads it, so that the deadline comes also where the
//! reader has stopped reading: then everything that the answer held is given back, and what is read later ends with an
//! error.

use std::cell::Cell;
use std::future::Pending;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::stream::{LocalBoxStream, StreamExt, unfold};
use tokio::sync::mpsc;
use tokio::time::Timeout;

use super::error::{Error, Step};
use super::exchange::Stage;
use super::opened::Opened;
use super::outbound::too_slow;

/// So many pieces may be on the way; after that the connection is not read until the reader goes on.
const PIECES_MAX: usize = 2;

/// Ends when the time is up.
pub(super) type Deadline = Pin<Box<Timeout<Pending<()>>>>;

/// How it ended. The queue may be full when it does, so this comes beside it.
type Outcome = Rc<Cell<Option<Result<(), Error>>>>;

/// Begins to read. `held` is dropped with the connection: at the end of the body, when the deadline has passed, when the
/// reader is gone.
pub(super) fn pumped<T: 'static>(
    opened: Opened,
    held: T,
    deadline: Deadline,
    timeout_ms: u64,
) -> LocalBoxStream<'static, Result<Bytes, Error>> {
    let (pieces, reader) = mpsc::channel(PIECES_MAX);
    let outcome = Outcome::default();
    let told = Rc::clone(&outcome);
    actix_rt::spawn(async move {
        let ended = read(opened, &pieces, deadline, timeout_ms).await;
        drop(held);
        told.set(Some(ended));
        // Only now: it wakes the reader, who then asks how it ended.
        drop(pieces);
    });
    let next = |state: Option<(mpsc::Receiver<Bytes>, Outcome)>| async move {
        let (mut reader, outcome) = state?;
        if let Some(piece) = reader.recv().await {
            return Some((Ok(piece), Some((reader, outcome))));
        }
        // A task that was taken away with its thread has left nothing, and the body is not whole either.
        let ended = outcome.take().unwrap_or_else(|| Err(given_up()));
        ended.err().map(|error| (Err(error), None))
    };
    unfold(Some((reader, outcome)), next).boxed_local()
}

/// Reads until the end, the deadline, or nobody takes more. The connection is closed when this returns, or can be used again
/// if the body was read to its end.
async fn read(
    mut opened: Opened,
    pieces: &mpsc::Sender<Bytes>,
    mut deadline: Deadline,
    timeout_ms: u64,
) -> Result<(), Error> {
    let pass = async {
        loop {
            let piece = tokio::select! {
                biased;
                piece = opened.next() => piece,
                () = pieces.closed() => return Ok(()),
            };
            match piece {
                None => return Ok(()),
                Some(piece) => {
                    if pieces.send(piece?).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    };
    tokio::select! {
        biased;
        _ = &mut deadline => Err(too_slow(timeout_ms, Stage::Body)),
        ended = pass => ended,
    }
}

fn given_up() -> Error {
    Error::new(Step::Protocol, "the answer is not read to its end: the engine stops")
}

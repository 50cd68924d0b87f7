//! The pool's view of one worker: what it is doing, what it has not been sent yet, how long its run has taken.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::UnixStream;
use tokio::sync::{Notify, oneshot};

use super::error::Error;
use super::job::Job;
use super::page::SharedPage;
use super::process::Process;
use super::wire;

/// A run that waits or is being executed.
pub(super) struct Pending {
    pub number: u64,
    pub operation: u8,
    pub job: Arc<Job>,
    pub reply: oneshot::Sender<Result<Bytes, Error>>,
    pub wall_ms: u64,
    /// Workers that died under it without it being to blame.
    pub attempts: u32,
}

/// Why the pool ends a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KillReason {
    /// Its run took too long.
    Deadline,
    /// It has not answered, although it is not executing anything.
    Silent,
    /// It is not needed any more, or the pool is closed.
    Dismissed,
}

/// One worker.
pub(super) struct Slot {
    pub id: u64,
    pub stream: Arc<UnixStream>,
    pub page: Arc<SharedPage>,
    pub wake: Arc<Notify>,
    pub in_flight: VecDeque<Pending>,
    unsent: Vec<u8>,
    sent: usize,
    /// Its socket takes nothing any more; what it has answered may still be read.
    broken: bool,
    /// It has said hello.
    pub ready: bool,
    /// Its run takes long: nothing more is queued behind it.
    pub stalled: bool,
    /// It ends by itself after what it has answered.
    pub retiring: bool,
    pub kill: Option<KillReason>,
    /// The run that was seen executing at the last tick, and for how many ticks.
    pub watched: (u64, u64),
    /// Ticks without an answer or an executing run, while runs are in flight or it has not said hello.
    pub silent_ticks: u64,
}

impl Slot {
    pub fn new(id: u64, process: &Process) -> Self {
        Self {
            id,
            stream: process.stream.clone(),
            page: process.page.clone(),
            wake: process.wake.clone(),
            in_flight: VecDeque::new(),
            unsent: Vec::new(),
            sent: 0,
            broken: false,
            ready: false,
            stalled: false,
            retiring: false,
            kill: None,
            watched: (0, 0),
            silent_ticks: 0,
        }
    }

    /// It may be given runs.
    pub fn is_healthy(&self) -> bool {
        !self.stalled && !self.retiring && !self.broken && self.kill.is_none()
    }

    /// Adds a run to what is to be sent.
    pub fn take(&mut self, pending: Pending) {
        wire::put_job(&mut self.unsent, pending.operation, pending.number, &pending.job);
        self.in_flight.push_back(pending);
    }

    pub fn unsent_bytes(&self) -> usize {
        self.unsent.len() - self.sent
    }

    /// There is something to send, and somebody to send it to. A socket that is broken always counts as writable, so waiting for
    /// that would never wait, and the worker's end would never be seen.
    pub fn has_unsent(&self) -> bool {
        self.unsent_bytes() > 0 && !self.broken
    }

    /// Sends what the socket takes; wakes the worker's task for the rest.
    pub fn send(&mut self) {
        while self.sent < self.unsent.len() {
            match self.stream.try_write(self.unsent.get(self.sent..).unwrap_or_default()) {
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.broken = error.kind() != std::io::ErrorKind::WouldBlock;
                    self.wake.notify_one();
                    return;
                }
            }
        }
        self.unsent.clear();
        self.unsent.shrink_to(UNSENT_BYTES_KEPT);
        self.sent = 0;
    }

    /// Takes the run with that number out.
    pub fn remove(&mut self, number: u64) -> Option<Pending> {
        let at = self.in_flight.iter().position(|pending| pending.number == number)?;
        self.in_flight.remove(at)
    }

    pub fn end(&mut self, reason: KillReason) {
        if self.kill.is_none() {
            self.kill = Some(reason);
        }
        self.wake.notify_one();
    }
}

/// Room that an idle slot keeps for the next batch.
const UNSENT_BYTES_KEPT: usize = 64 << 10;

//! The pool of script workers, parent side. A run is sent from the caller's own thread where a worker is free; the pool's thread reads
//! answers, watches deadlines and replaces workers.

use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot, watch};

use super::answer::{AnswerHead, read_answer};
use super::error::{Error, ScriptError, ScriptErrorKind};
use super::job::{Context, Job, Kind, Output};
use super::limits::{Confinement, PoolSettings, PoolStatus};
use super::postmortem;
use super::slot::{KillReason, Pending};
use super::state::{State, refuse};
use super::{supervisor, wire};

const RETRY_AFTER_MS: u64 = 1_000;
const SHUT_DOWN: &str = "the engine is shutting down";

/// Runs user scripts in confined processes. Cheap to clone; the workers end with the last clone, or with [`shutdown`](Self::shutdown).
#[derive(Clone)]
pub struct ScriptPool {
    owner: Arc<Owner>,
}

struct Owner {
    shared: Arc<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// What the pool's tasks and its handles share.
pub(super) struct Shared {
    pub settings: PoolSettings,
    state: Mutex<State>,
    /// Woken when a worker may have to be started, or the pool is closed.
    pub supervisor: Notify,
    /// Woken when there is something to watch.
    pub ticker: Notify,
    /// The first worker's report, or why none starts.
    pub confinement: watch::Sender<Option<Result<Confinement, String>>>,
    /// Whether the last worker is gone.
    pub finished: watch::Sender<bool>,
}

impl ScriptPool {
    /// Starts the pool's thread and, soon after, its first worker. The others start when there is work for them.
    pub fn start(settings: PoolSettings) -> Result<ScriptPool, Error> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(settings.workers)),
            settings,
            supervisor: Notify::new(),
            ticker: Notify::new(),
            confinement: watch::Sender::new(None),
            finished: watch::Sender::new(false),
        });
        supervisor::start(shared.clone())
            .map_err(|error| Error::Unavailable(format!("no thread for them: {error}")))?;
        Ok(ScriptPool {
            owner: Arc::new(Owner { shared }),
        })
    }

    /// Runs a script. Can be awaited on any executor; dropping the future gives up the answer.
    pub async fn run(&self, job: Job) -> Result<Output, Error> {
        self.submit(wire::OP_RUN, job).await
    }

    /// Whether the text compiles: the check before a call is activated. A pool that cannot run is no error of the script.
    pub async fn compile(&self, kind: Kind, name: Arc<str>, source: Arc<str>) -> Result<(), ScriptError> {
        let job = Job {
            kind,
            name: name.clone(),
            source,
            context: Context::default(),
            wall_ms: None,
        };
        match self.submit(wire::OP_COMPILE, job).await {
            Ok(_) => Ok(()),
            Err(Error::Script(error)) => Err(*error),
            Err(error) => Err(ScriptError::new(
                ScriptErrorKind::Crashed,
                &name,
                format!("The script could not be checked: {error}"),
            )),
        }
    }

    /// Which walls stand around the workers; waits for the first one. With no worker at all, none of them stands.
    pub async fn confinement(&self) -> Confinement {
        let mut report = self.owner.shared.confinement.subscribe();
        let none = Confinement {
            no_new_privs: false,
            rlimits: false,
            landlock_abi: None,
            seccomp: false,
            empty_environment: false,
            closed_descriptors: false,
        };
        match report.wait_for(Option::is_some).await {
            Ok(report) => report.clone().and_then(Result::ok).unwrap_or(none),
            Err(_) => none,
        }
    }

    /// Counters of this moment.
    pub fn status(&self) -> PoolStatus {
        self.owner.shared.lock().status()
    }

    /// Ends all workers and waits until none is left. Runs that wait or are executing end with `Unavailable`.
    pub async fn shutdown(&self) {
        self.owner.shared.close();
        let mut finished = self.owner.shared.finished.subscribe();
        // The sender lives in `shared`, which we hold.
        let _ = finished.wait_for(|finished| *finished).await;
    }

    async fn submit(&self, operation: u8, job: Job) -> Result<Output, Error> {
        let shared = &self.owner.shared;
        let limit = shared.settings.input_bytes_max;
        if wire::input_bytes(&job) > limit {
            let message =
                format!("The script, its state and the response together are larger than the limit of {limit} bytes.");
            return Err(ScriptError::new(ScriptErrorKind::TooLarge, &job.name, message).into());
        }
        let job = Arc::new(job);
        let answer = shared.submit(operation, job.clone())?;
        let content = answer.await.map_err(|_| Error::Unavailable(SHUT_DOWN.to_owned()))??;
        read_answer(&content, &job, shared.settings.heap_mib)
    }
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, operation: u8, job: Arc<Job>) -> Result<oneshot::Receiver<Result<Bytes, Error>>, Error> {
        let (reply, answer) = oneshot::channel();
        let wall_ms = job
            .wall_ms
            .unwrap_or(self.settings.wall_ms)
            .min(self.settings.wall_ms_max);
        let mut state = self.lock();
        if state.closed {
            return Err(Error::Unavailable(SHUT_DOWN.to_owned()));
        }
        if let Some(reason) = state.broken.clone() {
            // One more worker is tried for each run that comes.
            if state.slots.is_empty() {
                state.try_start_again();
                self.supervisor.notify_one();
            }
            return Err(Error::Unavailable(reason));
        }
        if state.queue.len() >= self.settings.queue_jobs_max {
            return Err(Error::QueueFull {
                retry_after_ms: RETRY_AFTER_MS,
            });
        }
        let number = state.next_number;
        state.next_number += 1;
        state.used = true;
        state.queue.push_back(Pending {
            number,
            operation,
            job,
            reply,
            wall_ms,
            attempts: 0,
        });
        let is_start_due = state.dispatch();
        let was_ticking = std::mem::replace(&mut state.ticking, true);
        drop(state);
        if is_start_due {
            self.supervisor.notify_one();
        }
        if !was_ticking {
            self.ticker.notify_one();
        }
        Ok(answer)
    }

    /// A worker's frames have come.
    pub fn answered(&self, id: u64, frames: Vec<Bytes>) {
        let mut replies = Vec::with_capacity(frames.len());
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(slot) = state.slots.iter_mut().find(|slot| slot.id == id) else {
            return;
        };
        for frame in frames {
            let content = frame.slice(frame.len() - wire::content(&frame).len()..);
            if content.first() == Some(&wire::OP_HELLO) && !slot.ready {
                slot.ready = true;
                state.failed_starts = 0;
                state.broken = None;
                let report = serde_json::from_slice(content.get(1..).unwrap_or_default());
                self.confinement
                    .send_replace(Some(report.map_err(|error: serde_json::Error| error.to_string())));
            } else if let Some(head) = AnswerHead::read(&content)
                && head.operation != wire::OP_HELLO
            {
                slot.retiring |= head.retiring;
                // Runs that were moved elsewhere are answered there.
                replies.extend(slot.remove(head.number).map(|pending| (pending.reply, content)));
            }
            slot.silent_ticks = 0;
        }
        let returned = std::mem::take(&mut slot.stalled);
        if returned {
            state.dismiss_surplus();
        }
        let is_start_due = state.dispatch();
        drop(guard);
        for (reply, content) in replies {
            // Whoever asked may have gone meanwhile.
            let _ = reply.send(Ok(content));
        }
        if is_start_due {
            self.supervisor.notify_one();
        }
    }

    /// A worker is gone: the run that it was executing gets the blame, the others go elsewhere.
    pub fn worker_ended(&self, id: u64, status: Option<ExitStatus>) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(at) = state.slots.iter().position(|slot| slot.id == id) else {
            return;
        };
        let mut slot = state.slots.remove(at);
        let executing = match slot.kill {
            Some(KillReason::Silent) => slot.in_flight.front().map_or(0, |pending| pending.number),
            _ => slot.page.current(),
        };
        let culprit = if slot.kill == Some(KillReason::Dismissed) {
            None
        } else {
            slot.remove(executing)
        };
        state.killed += u64::from(matches!(slot.kill, Some(KillReason::Deadline | KillReason::Silent)));
        let mut refused = Vec::new();
        let reason = if state.closed {
            refused.extend(slot.in_flight.drain(..));
            SHUT_DOWN.to_owned()
        } else {
            state.restarted += u64::from(slot.kill != Some(KillReason::Dismissed));
            if slot.ready {
                state.try_start_again();
            }
            refused.extend(state.put_back(slot.in_flight.drain(..), slot.ready));
            let reason = postmortem::of_start(status);
            if !slot.ready && slot.kill != Some(KillReason::Dismissed) {
                refused.extend(state.start_failed(reason.clone()));
            }
            if slot.ready {
                "the workers that were to run it died of other scripts, several times".to_owned()
            } else {
                reason
            }
        };
        if let Some(reason) = &state.broken {
            self.confinement.send_replace(Some(Err(reason.clone())));
        }
        let _ = state.dispatch();
        drop(guard);
        self.supervisor.notify_one();
        if let Some(culprit) = culprit {
            let error = postmortem::of_run(&culprit, &slot, status, self.settings.heap_mib);
            let _ = culprit.reply.send(Err(error.into()));
        }
        refuse(refused, &Error::Unavailable(reason));
    }

    pub fn close(&self) {
        let waiting = self.lock().close();
        refuse(waiting, &Error::Unavailable(SHUT_DOWN.to_owned()));
        self.supervisor.notify_one();
    }
}

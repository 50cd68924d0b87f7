//! What lies between the actor and its run: who asked for which item, what the run is told, and where it is.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering},
    },
};

use tokio::sync::{Notify, oneshot};

use crate::domain::integration::{ActionLogId, QueueItemId};

/// Items that people may ask for at the same time of one client integration; more are refused.
const ASKED_MAX: usize = 100;

/// See the module. Outlives runs.
#[derive(Debug, Default)]
pub(super) struct Desk {
    step: AtomicU8,
    run: AtomicI64,
    is_changed: AtomicBool,
    is_stopped: AtomicBool,
    /// The next item that is begun panics.
    fails: AtomicBool,
    told: Notify,
    asked: Mutex<VecDeque<Asked>>,
}

/// An item that is to be processed now, and who waits for that.
#[derive(Debug)]
pub(super) struct Asked {
    pub item: QueueItemId,
    /// Told when what became of it is stored; dropped where nothing will.
    pub done: oneshot::Sender<()>,
}

/// The step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Loading,
    Selecting,
    Processing,
    Finishing,
}

impl Desk {
    /// A run begins: what the one before was told is over.
    pub fn clear(&self) {
        self.is_changed.store(false, Ordering::SeqCst);
        self.is_stopped.store(false, Ordering::SeqCst);
        self.run.store(0, Ordering::Relaxed);
        self.at(Step::Loading);
    }

    pub fn at(&self, step: Step) {
        self.step.store(step as u8, Ordering::Relaxed);
    }

    /// The word of the step.
    pub fn step(&self) -> &'static str {
        const STEPS: [&str; 4] = ["loading", "selecting", "processing", "finishing"];
        let step = usize::from(self.step.load(Ordering::Relaxed));
        STEPS.get(step).copied().unwrap_or("loading")
    }

    pub fn set_run(&self, run: ActionLogId) {
        self.run.store(run.get(), Ordering::Relaxed);
    }

    /// The run that is going; 0 before it is written down.
    pub fn run(&self) -> i64 {
        self.run.load(Ordering::Relaxed)
    }

    /// The run reads its rows again.
    pub fn tell_changed(&self) {
        self.is_changed.store(true, Ordering::SeqCst);
        self.told.notify_one();
    }

    /// The run begins nothing more.
    pub fn tell_stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        self.told.notify_one();
    }

    /// Whether the rows have changed since somebody asked that.
    pub fn take_changed(&self) -> bool {
        self.is_changed.swap(false, Ordering::SeqCst)
    }

    pub fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::SeqCst)
    }

    /// The next item that is begun panics: for tests of the supervision.
    pub fn fail_next_item(&self) {
        self.fails.store(true, Ordering::SeqCst);
    }

    /// Whether the item that is begun now is to panic.
    pub fn take_fail(&self) -> bool {
        self.fails.swap(false, Ordering::SeqCst)
    }

    /// Waits until something is told or asked, or was since the last wait.
    pub async fn told(&self) {
        self.told.notified().await;
    }

    /// Notes who asks; gives it back where too many do.
    ///
    /// # Errors
    /// Who asked.
    pub fn ask(&self, asked: Asked) -> Result<(), Asked> {
        let mut waiting = self.asked();
        if waiting.len() >= ASKED_MAX {
            return Err(asked);
        }
        waiting.push_back(asked);
        drop(waiting);
        self.told.notify_one();
        Ok(())
    }

    /// The first few of who ask, taken out.
    pub fn take_asked(&self, count: usize) -> Vec<Asked> {
        let mut waiting = self.asked();
        let count = count.min(waiting.len());
        waiting.drain(..count).collect()
    }

    /// Whether somebody asks.
    pub fn is_asked(&self) -> bool {
        !self.asked().is_empty()
    }

    fn asked(&self) -> MutexGuard<'_, VecDeque<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

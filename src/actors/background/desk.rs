//! What the actor and the tasks that execute requests share; all on one thread.

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    actors::{background::own::OwnResources, services::Services},
    domain::{background::life::Event, ids::BackgroundId},
    store,
};

/// Shortest and longest wait between two tries of something that the store refused.
pub(super) const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// Longest while the engine drains.
const DRAINING_RETRY: Duration = Duration::from_secs(1);
/// Requests that wait for the end at the other side without a slot; more keep theirs.
const FOLLOWING_MAX: usize = 10_000;

/// See the module.
pub(super) struct Desk {
    pub services: Arc<Services>,
    pub own: OnceCell<Rc<dyn OwnResources>>,
    reports: RefCell<Vec<Report>>,
    following: Cell<usize>,
}

/// What a task tells the actor.
pub(super) enum Report {
    /// Something happened to its request.
    Heard(BackgroundId, Event),
    /// It is time to ask; answered when it has its turn.
    Due(BackgroundId, oneshot::Sender<()>),
    /// It ended; whether it failed.
    Ended { failed: bool },
}

/// Counts a request that waits without a slot.
pub(super) struct Following(Rc<Desk>);

impl Desk {
    pub fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            own: OnceCell::new(),
            reports: RefCell::default(),
            following: Cell::new(0),
        }
    }

    pub fn tell(&self, report: Report) {
        self.reports.borrow_mut().push(report);
        self.services.background.nudge();
    }

    pub fn take_reports(&self) -> Vec<Report> {
        self.reports.take()
    }

    /// Leave to wait without a slot; none if too many do.
    pub fn follow(self: &Rc<Self>) -> Option<Following> {
        let following = self.following.get();
        (following < FOLLOWING_MAX).then(|| {
            self.following.set(following + 1);
            Following(self.clone())
        })
    }

    /// Repeats what the store refuses until it takes it, also while the engine drains: what is ours is written as long as there
    /// is time. An error is one that no repetition changes: the store is closed, or the shards have another owner.
    pub async fn until_stored<T>(
        &self,
        what: &str,
        mut work: impl AsyncFnMut() -> store::Result<T>,
    ) -> store::Result<T> {
        self.repeated(what, &mut work, false).await
    }

    /// As [`Desk::until_stored`], for what the next start can do as well: given up while the engine drains.
    pub async fn while_serving<T>(
        &self,
        what: &str,
        mut work: impl AsyncFnMut() -> store::Result<T>,
    ) -> store::Result<T> {
        self.repeated(what, &mut work, true).await
    }

    async fn repeated<T>(
        &self,
        what: &str,
        work: &mut impl AsyncFnMut() -> store::Result<T>,
        gives_up: bool,
    ) -> store::Result<T> {
        let mut wait = RETRY.0;
        loop {
            let error = match work().await {
                Ok(done) => return Ok(done),
                Err(error @ (store::Error::Closed | store::Error::Lease(_) | store::Error::Sealed(_))) => {
                    return Err(error);
                }
                Err(error) => error,
            };
            if gives_up && self.services.is_draining() {
                return Err(error);
            }
            tracing::warn!(what, error = ?error, "the store refuses; trying again");
            wait = self.pause(wait).await;
        }
    }

    /// Waits before something is tried again; gives the wait after that. While the engine drains, time is short.
    pub async fn pause(&self, wait: Duration) -> Duration {
        let longest = if self.services.is_draining() {
            DRAINING_RETRY
        } else {
            RETRY.1
        };
        let wait = wait.min(longest);
        self.services.clock.sleep(wait).await;
        (wait * 2).min(longest)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.following.set(self.0.following.get().saturating_sub(1));
    }
}

//! Budgets: how often and how many at once a client may send, one budget a client over the whole engine.
//!
//! A budget keeps the times of the last grants and grants the next one at the first instant at which no window holds
//! more than its limit: exact for any second, minute and day, where a token bucket would allow double right after a
//! pause. The log is lost with the process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::auth::{ClientCredentials, Limits};
use super::error::{Error, RetryClass, Step};
use crate::clock::Clock;

const WINDOWS: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(60),
    Duration::from_secs(86_400),
];

/// The budgets of an engine.
pub(super) struct Budgets {
    clock: Clock,
    waiters_max: usize,
    clients: Mutex<HashMap<(Uuid, Uuid), Arc<Budget>>>,
}

/// The right to have one request under way; give it back by dropping it.
#[derive(Debug, Default)]
pub struct Permit {
    _slot: Option<OwnedSemaphorePermit>,
}

struct Budget {
    name: String,
    state: Mutex<State>,
    /// One place for each request that may wait.
    waiters: Arc<Semaphore>,
}

struct State {
    version: i64,
    limits: Limits,
    slots: Option<Arc<Semaphore>>,
    grants: VecDeque<Duration>,
}

impl Budgets {
    pub fn new(clock: Clock, waiters_max: usize) -> Budgets {
        Budgets {
            clock,
            waiters_max,
            clients: Mutex::default(),
        }
    }

    /// Waits for a place, at most `remaining`. Fails at once when the rate alone needs longer.
    pub async fn acquire(&self, client: &ClientCredentials, remaining: Duration) -> Result<Permit, Error> {
        let Some(limits) = client.limits.filter(|limits| *limits != Limits::default()) else {
            return Ok(Permit::default());
        };
        let deadline = self.clock.monotonic() + remaining;
        let budget = self.budget_of(client, limits);
        budget
            .with(|state| state.fits(self.clock.monotonic(), deadline))
            .map_err(|wait| budget.no_room(wait))?;
        let slot = budget.slot().await?;
        let now = self.clock.monotonic();
        let at = budget
            .with(|state| state.reserve(now, deadline))
            .map_err(|wait| budget.no_room(wait))?;
        if at > now {
            let _place = budget.waiting_place()?;
            let mut reservation = Reservation {
                budget: &budget,
                at: Some(at),
            };
            self.clock.sleep(at - now).await;
            reservation.at = None;
        }
        Ok(Permit { _slot: slot })
    }

    /// Forgets a deleted client.
    pub fn forget(&self, tenant_id: Uuid, client_id: Uuid) {
        self.clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(tenant_id, client_id));
    }

    fn budget_of(&self, client: &ClientCredentials, limits: Limits) -> Arc<Budget> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = clients.entry((client.tenant_id, client.client_id)).or_insert_with(|| {
            Arc::new(Budget {
                name: client.name.clone(),
                state: Mutex::new(State::new(client.version, limits)),
                waiters: Arc::new(Semaphore::new(self.waiters_max)),
            })
        });
        let budget = Arc::clone(budget);
        drop(clients);
        budget.with(|state| state.redefine(client.version, limits));
        budget
    }
}

impl Budget {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn slot(&self) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let Some(slots) = self.with(|state| state.slots.clone()) else {
            return Ok(None);
        };
        if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
            return Ok(Some(slot));
        }
        let _place = self.waiting_place()?;
        // Never closed, so this only waits.
        Ok(slots.acquire_owned().await.ok())
    }

    fn waiting_place(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.waiters).try_acquire_owned().map_err(|_| {
            let message = format!("too many requests already wait for the budget of client {}", self.name);
            Error::new(Step::Budget, message).retry(RetryClass::Throttled, Some(1_000))
        })
    }

    fn no_room(&self, wait: Duration) -> Error {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        let message = format!(
            "the budget of client {} has no room for another {wait_ms} ms",
            self.name
        );
        Error::new(Step::Budget, message).retry(RetryClass::Throttled, Some(wait_ms))
    }
}

/// Gives a reserved time back when the waiting is given up.
struct Reservation<'a> {
    budget: &'a Budget,
    at: Option<Duration>,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if let Some(at) = self.at {
            self.budget.with(|state| {
                if let Some(index) = state.grants.iter().rposition(|grant| *grant == at) {
                    state.grants.remove(index);
                }
            });
        }
    }
}

impl State {
    fn new(version: i64, limits: Limits) -> State {
        State {
            version,
            limits,
            slots: slots_of(limits),
            grants: VecDeque::new(),
        }
    }

    fn redefine(&mut self, version: i64, limits: Limits) {
        if version <= self.version {
            return;
        }
        if limits.concurrent != self.limits.concurrent {
            // Requests under way keep their places in the old semaphore.
            self.slots = slots_of(limits);
        }
        (self.version, self.limits) = (version, limits);
    }

    fn windows(&self) -> impl Iterator<Item = (Duration, usize)> + use<> {
        let limits = [self.limits.per_second, self.limits.per_minute, self.limits.per_day];
        WINDOWS
            .into_iter()
            .zip(limits)
            .filter_map(|(window, limit)| Some((window, usize::try_from(limit?).ok()?.max(1))))
    }

    /// The first instant at which another request breaks no limit.
    fn next_at(&self, now: Duration) -> Duration {
        self.windows()
            .filter_map(|(window, limit)| {
                let oldest = self.grants.len().checked_sub(limit)?;
                self.grants.get(oldest).map(|grant| *grant + window)
            })
            .fold(now, Duration::max)
    }

    fn fits(&self, now: Duration, deadline: Duration) -> Result<(), Duration> {
        let at = self.next_at(now);
        if at > deadline { Err(at - now) } else { Ok(()) }
    }

    fn reserve(&mut self, now: Duration, deadline: Duration) -> Result<Duration, Duration> {
        self.fits(now, deadline)?;
        let at = self.next_at(now);
        let Some(longest) = self.windows().map(|(window, _)| window).max() else {
            return Ok(now);
        };
        // Kept by age, not by number: a reservation that is given back must not take the history with it.
        while self.grants.front().is_some_and(|grant| *grant + longest <= now) {
            self.grants.pop_front();
        }
        let index = self.grants.partition_point(|grant| *grant <= at);
        self.grants.insert(index, at);
        Ok(at)
    }
}

fn slots_of(limits: Limits) -> Option<Arc<Semaphore>> {
    let concurrent = usize::try_from(limits.concurrent?).unwrap_or(usize::MAX);
    Some(Arc::new(Semaphore::new(concurrent.clamp(1, Semaphore::MAX_PERMITS))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    const FAR: Duration = Duration::from_secs(1_000_000);

    fn limits(per_second: u32, per_minute: Option<u32>) -> Limits {
        Limits {
            per_second: Some(per_second),
            per_minute,
            ..Limits::default()
        }
    }

    #[test]
    fn never_more_than_the_limit_in_any_window() {
        let mut state = State::new(1, limits(3, Some(7)));
        let mut grants = Vec::new();
        for n in 0..40 {
            grants.push(state.reserve(ms(n * 130), FAR).unwrap());
        }
        for start in &grants {
            let within = |span: u64| {
                grants
                    .iter()
                    .filter(|at| *at >= start && **at < *start + ms(span))
                    .count()
            };
            assert!(within(1_000) <= 3 && within(60_000) <= 7, "{start:?}");
        }
        assert!(grants.is_sorted());
    }

    #[test]
    fn a_wait_beyond_the_deadline_is_refused_and_costs_nothing() {
        let mut state = State::new(1, limits(1, None));
        assert_eq!(state.reserve(ms(0), ms(10)), Ok(ms(0)));
        assert_eq!(state.reserve(ms(100), ms(500)), Err(ms(900)));
        assert_eq!(state.reserve(ms(100), ms(1_000)), Ok(ms(1_000)));
        assert_eq!(state.reserve(ms(100), FAR), Ok(ms(2_000)));
    }

    #[test]
    fn limits_change_with_the_version_only() {
        let mut state = State::new(2, limits(1, None));
        state.redefine(1, limits(100, None));
        assert_eq!(state.limits, limits(1, None));
        state.redefine(3, limits(2, None));
        assert_eq!(state.limits, limits(2, None));
    }

    #[actix_rt::test]
    async fn an_abandoned_wait_gives_its_place_back() {
        let (clock, hand) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        let budgets = Budgets::new(clock, 10);
        let client = ClientCredentials {
            limits: Some(limits(1, None)),
            ..(*ClientCredentials::unnamed(super::super::Auth::None {})).clone()
        };
        budgets.acquire(&client, FAR).await.unwrap();
        let mut abandoned = Box::pin(budgets.acquire(&client, FAR));
        assert!(futures_util::poll!(&mut abandoned).is_pending());
        drop(abandoned);
        let mut next = Box::pin(budgets.acquire(&client, ms(1_000)));
        assert!(futures_util::poll!(&mut next).is_pending());
        hand.advance(ms(1_000));
        assert!(next.await.is_ok());
    }

    #[actix_rt::test]
    async fn slots_are_given_back_and_waiters_are_bounded() {
        let (clock, _hand) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        let budgets = Budgets::new(clock, 1);
        let client = ClientCredentials {
            limits: Some(Limits {
                concurrent: Some(1),
                ..Limits::default()
            }),
            ..(*ClientCredentials::unnamed(super::super::Auth::None {})).clone()
        };
        let first = budgets.acquire(&client, FAR).await.unwrap();
        let mut second = Box::pin(budgets.acquire(&client, FAR));
        assert!(futures_util::poll!(&mut second).is_pending());
        let third = budgets.acquire(&client, FAR).await.unwrap_err();
        assert_eq!((third.step, third.retry), (Step::Budget, RetryClass::Throttled));
        drop(first);
        assert!(second.await.is_ok());
    }
}

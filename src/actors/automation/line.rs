//! The line to the provider: a request, its answer read; waits and repeats where that may help, and says so where it does not.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::{Mutex, OwnedSemaphorePermit};

use crate::{
    actors::{
        automation::halt::Halt,
        connection::{Gate, Refused},
        services::Services,
    },
    domain::retry::{RetryPolicy, next_retry_at},
    http::{self, Request, Response, RetryClass},
    providers::{Account, Provider, Trouble, TroubleKind},
};

/// How often something that may pass by itself is tried in a row.
const TRIES_MAX: u32 = 5;
/// Waits between the tries.
const RETRY: RetryPolicy = RetryPolicy {
    base_ms: 1_000,
    cap_ms: 60_000,
    floor_ms: 200,
    retry_after_cap_ms: http::RETRY_AFTER_MS_MAX,
};

/// From this wait on another run may go on meanwhile.
const LENT_FROM: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Line {
    services: Arc<Services>,
    gate: Gate,
    seed: u64,
    /// The run's place among those that go on at the same time.
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    lends: bool,
}

/// Why there is no usable answer.
#[derive(Debug)]
pub(super) enum Missed {
    /// This record is refused; others may go on.
    Record(String),
    /// Somebody changed the counterpart meanwhile.
    Stale(String),
    /// The run does not go on.
    Halt(Halt),
}

impl From<Halt> for Missed {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl Missed {
    /// Where there is no single record that could be at fault.
    pub fn halt(self) -> Halt {
        match self {
            Self::Halt(halt) => halt,
            Self::Record(message) | Self::Stale(message) => Halt::failed(message),
        }
    }
}

/// What to do about one try that failed.
enum Again {
    /// Not before this much time; it is not the other side's failure.
    Later(Option<u64>, String),
    /// It may pass.
    Soon(Option<u64>, String),
    /// It does not help.
    No(Missed),
}

impl Line {
    pub fn new(services: Arc<Services>, gate: Gate, seed: u64, permit: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            services,
            gate,
            seed,
            permit: Mutex::new(permit),
            lends: false,
        }
    }

    /// Other runs may go on while this one waits: for one that has no records in memory when it asks.
    pub fn lend_while_waiting(&mut self) {
        self.lends = true;
    }

    pub fn provider(&self) -> &'static dyn Provider {
        self.gate.provider()
    }

    pub fn account(&self) -> Arc<Account> {
        self.gate.account()
    }

    /// Sends what `make` makes and gives what `read` reads.
    pub async fn ask<T>(
        &self,
        make: impl Fn(&dyn Provider, &Account) -> Result<Request, Trouble>,
        read: impl Fn(&dyn Provider, &Account, &Response) -> Result<T, Trouble>,
    ) -> Result<T, Missed> {
        let (mut tries, mut waits) = (0, 0);
        let mut waited = Duration::ZERO;
        loop {
            if self.services.is_draining() {
                return Err(Halt::Leave.into());
            }
            let again = match self.once(&make, &read).await {
                Ok(done) => return Ok(done),
                Err(again) => again,
            };
            let (attempt, retry_after_ms, reason) = match again {
                Again::No(missed) => return Err(missed),
                Again::Soon(_, reason) if tries + 1 >= TRIES_MAX => return Err(Halt::failed(reason).into()),
                Again::Soon(after, reason) => {
                    tries += 1;
                    (tries, after, reason)
                }
                Again::Later(after, reason) => {
                    waits += 1;
                    (waits, after, reason)
                }
            };
            let now = self.services.clock.now();
            let until = next_retry_at(now, attempt, &RETRY, self.seed, retry_after_ms);
            waited += self.wait(now, until, waited, reason).await?;
        }
    }

    async fn once<T>(
        &self,
        make: &impl Fn(&dyn Provider, &Account) -> Result<Request, Trouble>,
        read: &impl Fn(&dyn Provider, &Account, &Response) -> Result<T, Trouble>,
    ) -> Result<T, Again> {
        let (provider, account) = (self.provider(), self.account());
        let request = make(provider, &account).map_err(of_trouble)?;
        let answer = self.gate.send(account.version, request).await.map_err(of_refusal)?;
        read(provider, &account, &answer).map_err(of_trouble)
    }

    /// Waits here, or leaves the run open where that would take too long. Gives how long it was.
    async fn wait(&self, now: Timestamp, until: Timestamp, before: Duration, reason: String) -> Result<Duration, Halt> {
        let span = Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO);
        let longest = Duration::from_secs(self.services.settings.automations.wait_seconds_max);
        if before + span > longest {
            return Err(Halt::Wait { until, reason });
        }
        tracing::debug!(wait_ms = span.as_millis(), reason, "a run of an automation waits");
        let rested = async {
            let lends = self.lends && span >= LENT_FROM;
            if lends {
                drop(self.permit.lock().await.take());
            }
            self.services.clock.sleep(span).await;
            if lends {
                let permits = self.services.automation_permits.clone();
                let again = permits.acquire_owned().await.ok();
                *self.permit.lock().await = again;
            }
        };
        tokio::select! {
            () = rested => Ok(span),
            () = self.services.draining_began() => Err(Halt::Leave),
        }
    }
}

fn of_trouble(trouble: Trouble) -> Again {
    let Trouble {
        kind,
        message,
        retry_after_ms,
    } = trouble;
    match kind {
        TroubleKind::Throttled => Again::Later(retry_after_ms, message),
        TroubleKind::Passing => Again::Soon(retry_after_ms, message),
        TroubleKind::Record => Again::No(Missed::Record(message)),
        TroubleKind::Stale => Again::No(Missed::Stale(message)),
        TroubleKind::Account | TroubleKind::Unusable => Again::No(Halt::failed(message).into()),
    }
}

fn of_refusal(refused: Refused) -> Again {
    match refused {
        Refused::NeedsReauthorisation(reason) | Refused::Disabled(reason) => Again::No(Halt::Blocked(reason).into()),
        Refused::Unavailable {
            message,
            retry_after_ms,
        } => Again::Later(retry_after_ms, message),
        Refused::Failed(error) if error.needs_reauthorisation => Again::No(Halt::Blocked(error.message).into()),
        Refused::Failed(error) => match error.retry {
            RetryClass::Throttled => Again::Later(error.retry_after_ms, error.message),
            RetryClass::Transport | RetryClass::ServerError => Again::Soon(error.retry_after_ms, error.message),
            RetryClass::ClientError | RetryClass::Never => Again::No(Halt::failed(error.message).into()),
        },
    }
}

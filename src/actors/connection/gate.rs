//! The gate: how runs and checks send requests through a connection.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use crate::{
    actors::connection::{
        hub::{ConnectionGates, Post},
        outcome::{of_answer, of_error},
        permit::{Ask, Granted, Guest},
        prepared::Prepared,
    },
    http::{self, Request, Response, RetryClass, Step},
    providers::{Account, Provider},
};

/// Longest wait for a place among the requests of a connection.
const PLACE_WAIT_MAX: Duration = Duration::from_secs(60);
/// When to ask again for a place, milliseconds.
const ASK_AGAIN_MS: u64 = 1_000;

/// Why nothing was sent, or no answer came.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refused {
    /// The credentials are refused for good: somebody must enter new ones.
    #[error("{0}")]
    NeedsReauthorisation(String),
    /// The connection is disabled or gone.
    #[error("{0}")]
    Disabled(String),
    /// Not now: the other side is down or said "too many", or the connection's own budget has no room. Nothing was sent.
    #[error("{message}")]
    Unavailable {
        /// For people.
        message: String,
        /// When to ask again, milliseconds, where it is known.
        retry_after_ms: Option<u64>,
    },
    /// The request was refused by our own rules, or no usable answer came; it may have arrived.
    #[error("{0}")]
    Failed(http::Error),
}

/// The way to one connection. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    gates: ConnectionGates,
    guest: Arc<Guest>,
}

impl Gate {
    pub(super) fn new(gates: ConnectionGates, post: Arc<Post>) -> Self {
        let guest = Arc::new(Guest::new(post));
        Self { gates, guest }
    }

    /// Waits for a place, sends with the connection's credentials, and lets the connection know how it went. Every status is an
    /// answer. `version` is that of the account from which the request was built: credentials of another one do not go with it.
    /// Must run on a thread of an actix runtime.
    ///
    /// # Errors
    /// [`Refused`]; `Unavailable` where the connection was changed meanwhile: build the request anew.
    pub async fn send(&self, version: i64, request: Request) -> Result<Response, Refused> {
        self.pass(version, request, false).await
    }

    /// As [`Gate::send`], for a person who wants to see whether the connection works now: credentials that were refused are
    /// tried again, and nothing is held back. A success makes the connection active.
    ///
    /// # Errors
    /// As [`Gate::send`].
    pub async fn send_by_hand(&self, version: i64, request: Request) -> Result<Response, Refused> {
        self.pass(version, request, true).await
    }

    /// The connection, as its actor read it last; of the next actor, where this one has been followed by another.
    #[must_use]
    pub fn account(&self) -> Arc<Account> {
        self.prepared().account.clone()
    }

    /// Its dialect.
    #[must_use]
    pub fn provider(&self) -> &'static dyn Provider {
        self.prepared().provider
    }

    fn prepared(&self) -> Arc<Prepared> {
        let own = &self.guest.post;
        let current = self.gates.post(own.tenant_id, own.id);
        current.as_ref().unwrap_or(own).prepared()
    }

    /// The gate of the actor that is there now: another one than at the beginning, where that has ended or is ending.
    fn current(&self) -> Self {
        let own = &self.guest.post;
        match self.gates.post(own.tenant_id, own.id) {
            Some(post) if !Arc::ptr_eq(&post, own) => Self::new(self.gates.clone(), post),
            _ => self.clone(),
        }
    }

    async fn pass(&self, version: i64, request: Request, by_hand: bool) -> Result<Response, Refused> {
        let Granted { permit, prepared } = self.granted(by_hand).await?;
        if prepared.account.version != version {
            return Err(Refused::Unavailable {
                message: format!("The connection {} was changed just now; try again.", prepared.name),
                retry_after_ms: Some(0),
            });
        }
        let credentials = match &prepared.credentials {
            Ok(credentials) => credentials.clone(),
            Err(why) => {
                let error = http::Error {
                    retry: RetryClass::Never,
                    ..http::Error::new(Step::Request, why.to_string())
                };
                return Err(Refused::Failed(error));
            }
        };
        let outbound = self.gates.outbound();
        let sent = async {
            if by_hand {
                outbound.renew_token(&credentials, true).await?;
            }
            let request = Request {
                client: Some(credentials.clone()),
                ..request
            };
            outbound.send(request).await
        };
        match Box::pin(sent).await {
            Ok(answer) => {
                let now = self.gates.clock().now();
                permit.end(of_answer(answer.status, &answer.headers, &credentials.auth, now));
                Ok(answer)
            }
            Err(error) => {
                permit.end(of_error(&error));
                Err(refused(error))
            }
        }
    }

    /// A permit of the actor; of the next one, where this one has just ended.
    async fn granted(&self, by_hand: bool) -> Result<Granted, Refused> {
        let current = self.current();
        let post = &current.guest.post;
        match ask(post, by_hand).await {
            Some(answer) => answer,
            None => {
                let next = self.gates.gate(post.tenant_id, post.id).await?;
                ask(&next.guest.post, by_hand).await.unwrap_or_else(|| {
                    Err(Refused::Unavailable {
                        message: format!(
                            "The connection {} is being started again; try again in a moment.",
                            post.prepared().name
                        ),
                        retry_after_ms: Some(ASK_AGAIN_MS),
                    })
                })
            }
        }
    }
}

/// None: the actor has gone.
async fn ask(post: &Post, by_hand: bool) -> Option<Result<Granted, Refused>> {
    let (reply, answer) = oneshot::channel();
    post.actor.send(Ask { by_hand, reply }).await.ok()?;
    match tokio::time::timeout(PLACE_WAIT_MAX, answer).await {
        Ok(answer) => answer.ok(),
        Err(_) => Some(Err(Refused::Unavailable {
            message: format!(
                "No place among the requests of the connection {} became free within {} s.",
                post.prepared().name,
                PLACE_WAIT_MAX.as_secs()
            ),
            retry_after_ms: Some(ASK_AGAIN_MS),
        })),
    }
}

fn refused(error: http::Error) -> Refused {
    if error.needs_reauthorisation {
        return Refused::NeedsReauthorisation(error.message);
    }
    match (error.step, error.retry) {
        (Step::Budget, RetryClass::Throttled) => Refused::Unavailable {
            message: error.message,
            retry_after_ms: error.retry_after_ms,
        },
        _ => Refused::Failed(error),
    }
}

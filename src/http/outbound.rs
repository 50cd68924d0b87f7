//! The door: `Outbound` holds what the requests of one engine share and puts the steps of a request in order.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use actix_http::header::HeaderValue;
use bytes::Bytes;
use jiff::Timestamp;
use rustls::ClientConfig;
use serde::Serialize;
use tokio::sync::Semaphore;
use url::Url;
use uuid::Uuid;

use super::auth::ClientCredentials;
use super::budget::{Budgets, Permit};
use super::chain::{Plan, follow};
use super::egress::EgressPolicy;
use super::error::{Error, Step};
use super::exchange::{Answer, Stage};
use super::headers;
use super::message::{Request, Response, SentRequest};
use super::pool::HostSlots;
use super::secret::Secret;
use super::settings::HttpSettings;
use super::tls;
use super::token::{Known, Token, Tokens, with_token};
use super::vault::TokenVault;
use crate::clock::Clock;

/// Outbound HTTP of one engine. Cheap to clone; any thread with an actix runtime may send.
#[derive(Clone)]
pub struct Outbound {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub settings: HttpSettings,
    pub policy: Arc<EgressPolicy>,
    pub tls: Arc<ClientConfig>,
    pub user_agent: HeaderValue,
    pub clock: Clock,
    pub vault: Arc<dyn TokenVault>,
    pub hosts: HostSlots,
    pub lookups: Arc<Semaphore>,
    pub budgets: Budgets,
    pub tokens: Tokens,
}

/// How the credentials of a client fare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// True when requests can be sent.
    pub ok: bool,
    /// Where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// In words.
    pub detail: String,
    /// When the token ends, where there is one that does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Outbound {
    /// Reads the rules and certificates. Opens nothing yet.
    ///
    /// # Errors
    /// An egress rule or a certificate file that cannot be used, by name.
    pub fn new(settings: HttpSettings, clock: Clock, vault: Arc<dyn TokenVault>) -> Result<Outbound, Error> {
        let user_agent = HeaderValue::from_str(&settings.user_agent)
            .map_err(|_| Error::new(Step::Request, "http.user_agent must not hold control characters"))?;
        let shared = Shared {
            policy: Arc::new(EgressPolicy::new(&settings.allow, &settings.deny)?),
            tls: tls::client_config(&settings.ca_files)?,
            user_agent,
            budgets: Budgets::new(clock.clone(), settings.budget_waiters_max),
            hosts: HostSlots::new(settings.connections_per_host_max),
            lookups: Arc::new(Semaphore::new(settings.lookups_max.clamp(1, Semaphore::MAX_PERMITS))),
            tokens: Tokens::default(),
            clock,
            vault,
            settings,
        };
        Ok(Outbound {
            shared: Arc::new(shared),
        })
    }

    /// Sends a request, follows its redirects and reads the whole answer, all under one deadline. Every status is an
    /// answer. Must run on a thread of an actix runtime; when the future is dropped the connection is closed.
    ///
    /// # Errors
    /// [`Error`] says at which step it failed and whether trying again makes sense.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let shared = &self.shared;
        let started = shared.clock.monotonic();
        let timeout_ms = shared.settings.timeout_ms(request.timeout_ms);
        let sent = SentRequest::new(Arc::new(request));
        let sending = Sending {
            shared,
            request: sent.request(),
            started,
            timeout: Duration::from_millis(timeout_ms),
            tokens: RefCell::default(),
        };
        let stage = Cell::new(Stage::Budget);
        // Boxed: the state of a request is large, and actors hold this future.
        let work = Box::pin(sending.run(&stage));
        let result = match tokio::time::timeout(sending.timeout, work).await {
            Ok(result) => result,
            Err(_) => Err(too_slow(timeout_ms, stage.get())),
        };
        let tokens = sending.tokens.take();
        let sent = sent.with_tokens(tokens);
        match result {
            Ok((answer, url)) => Ok(Response {
                status: answer.status,
                headers: answer.headers,
                body: answer.body,
                url: url.into(),
                duration_ms: u64::try_from((shared.clock.monotonic() - started).as_millis()).unwrap_or(u64::MAX),
                sent,
            }),
            Err(error) => Err(Error {
                sent: Some(sent),
                ..error
            }),
        }
    }

    /// The egress policy on paper: scheme, user information, literal addresses, named hosts. Resolves nothing.
    ///
    /// # Errors
    /// Step `request` for something that is no URL, `egress` for one that is refused.
    pub fn check_url(&self, url: &str) -> Result<(), Error> {
        self.shared.policy.check_url(&parse_url(url)?)
    }

    /// A place in the budget of a client, for senders that do their own requests; `wait_ms_max` bounds the waiting.
    ///
    /// # Errors
    /// Step `budget`, with `retry_after_ms` where it is known.
    pub async fn permit(&self, client: &ClientCredentials, wait_ms_max: u64) -> Result<Permit, Error> {
        let wait = Duration::from_millis(wait_ms_max);
        match tokio::time::timeout(wait, self.shared.budgets.acquire(client, wait)).await {
            Ok(result) => result,
            Err(_) => Err(too_slow(wait_ms_max, Stage::Budget)),
        }
    }

    /// Tries the credentials: gets a token if the kind has one and none is good, also when they were refused before.
    pub async fn check_client(&self, client: &Arc<ClientCredentials>) -> Check {
        let Some(token_url) = client.auth.token_url() else {
            let detail = format!("kind {} needs no token; nothing was sent", client.auth.kind());
            return Check {
                ok: true,
                step: None,
                detail,
                expires_at: None,
            };
        };
        if let Err(error) = self.check_url(token_url) {
            return Check {
                ok: false,
                step: Some(error.step),
                detail: error.message,
                expires_at: None,
            };
        }
        let known = Known {
            by_hand: true,
            ..Known::default()
        };
        match self.shared.tokens.get(&self.shared, client, known).await {
            Ok((token, fresh)) => Check {
                ok: true,
                step: None,
                detail: if fresh {
                    "a token was got"
                } else {
                    "the token in use is good"
                }
                .to_owned(),
                expires_at: token.expires_at,
            },
            Err(error) => Check {
                ok: false,
                step: Some(error.step),
                detail: error.message,
                expires_at: None,
            },
        }
    }

    /// Takes an access token that came with the credentials: it is used until it ends, unless a newer one was got from the
    /// same refresh token. Whether it was taken.
    ///
    /// # Errors
    /// Step `token`: the vault cannot be read.
    pub async fn adopt_token(
        &self,
        client: &ClientCredentials,
        access_token: &Secret,
        expires_at: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let token = access_token.clone();
        self.shared.tokens.adopt(&self.shared, client, token, expires_at).await
    }

    /// When the token in use should be renewed: a minute before its end, or a tenth of its life. None without a token that
    /// ends.
    pub fn token_renew_at(&self, client: &ClientCredentials) -> Option<Timestamp> {
        self.shared.tokens.renew_at(client)
    }

    /// Gets a token where there is none, or it is time to renew it, at most one request at a time; `by_hand` also where the
    /// credentials were refused before. Must run on a thread of an actix runtime.
    ///
    /// # Errors
    /// Step `token`.
    pub async fn renew_token(&self, client: &Arc<ClientCredentials>, by_hand: bool) -> Result<(), Error> {
        if client.auth.needs_token() {
            let known = Known {
                by_hand,
                ..Known::default()
            };
            self.shared.tokens.get(&self.shared, client, known).await?;
        }
        Ok(())
    }

    /// Forgets tokens and budget of a client that was deleted.
    pub fn forget_client(&self, tenant_id: Uuid, client_id: Uuid) {
        self.shared.tokens.forget(tenant_id, client_id);
        self.shared.budgets.forget(tenant_id, client_id);
    }

    /// The settings in force.
    pub fn settings(&self) -> &HttpSettings {
        &self.shared.settings
    }
}

struct Sending<'a> {
    shared: &'a Arc<Shared>,
    request: &'a Arc<Request>,
    started: Duration,
    timeout: Duration,
    /// Those that were used.
    tokens: RefCell<Vec<Secret>>,
}

impl Sending<'_> {
    async fn run(&self, stage: &Cell<Stage>) -> Result<(Answer, Url), Error> {
        let request = self.request;
        let client = request.client.as_ref();
        let settings = &self.shared.settings;
        let plan = Plan {
            method: request.method,
            url: parse_url(&request.url)?,
            headers: headers::parse_all(request)?,
            body: request.body.clone().filter(|body: &Bytes| !body.is_empty()),
            auth: client.map(|client| &client.auth),
            response_bytes_max: match request.response_bytes_max {
                0 => settings.response_bytes_max_default,
                bytes => bytes,
            },
            redirects_max: settings.redirects_max,
        };
        // Before anything is spent on it: the first URL is checked again when it is sent.
        self.shared.policy.check_url(&plan.url)?;
        let _permit = self.shared.permit(client, self.started, self.timeout).await?;
        match client.filter(|client| client.auth.needs_token()) {
            Some(client) => {
                let send = async |token: &Token| {
                    self.tokens.borrow_mut().push(token.secret.clone());
                    follow(self.shared, &plan, Some(&token.secret), stage).await
                };
                with_token(self.shared, client, stage, true, |answer| answer.0.status, send).await
            }
            None => follow(self.shared, &plan, None, stage).await,
        }
    }
}

impl Shared {
    /// A place in the budget of a client, within the deadline that began at `started`.
    pub async fn permit(
        &self,
        client: Option<&Arc<ClientCredentials>>,
        started: Duration,
        timeout: Duration,
    ) -> Result<Permit, Error> {
        let Some(client) = client else {
            return Ok(Permit::default());
        };
        let spent = self.clock.monotonic().saturating_sub(started);
        self.budgets.acquire(client, timeout.saturating_sub(spent)).await
    }
}

pub(super) fn parse_url(text: &str) -> Result<Url, Error> {
    let mut url = Url::parse(text).map_err(|cause| Error::new(Step::Request, format!("this is not a URL: {cause}")))?;
    url.set_fragment(None);
    Ok(url)
}

pub(super) fn too_slow(timeout_ms: u64, stage: Stage) -> Error {
    let (step, waiting) = match stage {
        Stage::Budget => (Step::Budget, "a place in the client's budget"),
        Stage::Token => (Step::Timeout, "a token"),
        Stage::Place => (Step::Timeout, "a free connection to the host"),
        Stage::Upload => (Step::Body, "the rest of the request's own body"),
        Stage::Answer => (Step::Timeout, "an answer"),
        Stage::Body => (Step::Timeout, "the rest of the answer"),
    };
    Error::new(
        step,
        format!("not done within {timeout_ms} ms; it was still waiting for {waiting}"),
    )
}

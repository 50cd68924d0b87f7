//! Tokens: cached by client, got by one request at a time over all threads of the engine, and for refresh tokens
//! written down before they are used.
//!
//! A refresh runs as a task of its own: when the request that asked for it gives up, the answer with the next refresh
//! token is still read and stored. Everybody who waited meanwhile gets the same result, also a failure.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::auth::{Auth, ClientCredentials};
use super::chain::{Plan, follow};
use super::error::{Error, RetryClass, Step};
use super::exchange::{Answer, Stage};
use super::headers;
use super::message::Request;
use super::outbound::{Shared, parse_url};
use super::secret::Secret;
use super::token_request::{self, Grant, auth_fingerprint, seed_fingerprint};
use super::vault::{JournalEntry, Stored, StoredToken, VaultError};

/// Largest answer of a token endpoint, bytes.
const ANSWER_BYTES_MAX: usize = 262_144;

/// A token is renewed this long before it ends, or a tenth of its life if that is shorter.
const EARLY: Duration = Duration::from_secs(60);

/// A token in use.
#[derive(Debug)]
pub(super) struct Token {
    pub secret: Secret,
    pub expires_at: Option<Timestamp>,
    renew_at: Option<Timestamp>,
    version: i64,
}

impl Token {
    fn new(secret: Secret, expires_at: Option<Timestamp>, since: Timestamp, version: i64) -> Token {
        let renew_at = expires_at.map(|ends| {
            let life = Duration::try_from(ends.duration_since(since)).unwrap_or_default();
            ends.checked_sub(EARLY.min(life / 10)).unwrap_or(ends)
        });
        Token {
            secret,
            expires_at,
            renew_at,
            version,
        }
    }
}

/// The tokens of an engine.
#[derive(Default)]
pub(super) struct Tokens {
    slots: Mutex<HashMap<(Uuid, Uuid), Arc<Slot>>>,
}

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    refreshing: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    current: Option<Arc<Token>>,
    /// The version of the client that the issuer refused for good.
    refused: Option<(i64, Error)>,
    /// Refreshes ended so far, and how the last one failed.
    attempts: u64,
    last_error: Option<Error>,
    /// Got, but not stored yet: must not be used, must not be lost.
    unsaved: Option<StoredToken>,
}

/// What a caller knows already.
#[derive(Default, Clone)]
pub(super) struct Known {
    /// This token was answered with 401.
    pub rejected: Option<Arc<Token>>,
    /// A person asks: try even what was refused before.
    pub by_hand: bool,
}

impl Tokens {
    /// A token for the client, and whether it was got just now.
    pub async fn get(
        &self,
        shared: &Arc<Shared>,
        client: &Arc<ClientCredentials>,
        known: Known,
    ) -> Result<(Arc<Token>, bool), Error> {
        let slot = self.slot(client);
        if let Some(found) = slot.look(client, &known, shared.clock.now()) {
            return found.map(|token| (token, false));
        }
        let seen = slot.with(|state| state.attempts);
        let guard = Arc::clone(&slot.refreshing).lock_owned().await;
        if let Some(found) = slot.look(client, &known, shared.clock.now()) {
            return found.map(|token| (token, true));
        }
        if let Some(error) = slot.with(|state| state.last_error.clone().filter(|_| state.attempts > seen)) {
            return Err(error);
        }
        let task = Refresh {
            shared: Arc::clone(shared),
            client: Arc::clone(client),
            slot,
            known,
            _guard: guard,
        };
        match actix_rt::spawn(task.run()).await {
            Ok(result) => result.map(|token| (token, true)),
            Err(_) => Err(Error::new(
                Step::Token,
                "the token request was cut off by the end of its thread",
            )),
        }
    }

    /// Takes an access token that came with the credentials, to be used until it ends. One that was got since from the same
    /// refresh token wins: the vault knows it. Kept in memory only; after a restart it comes again with the credentials.
    pub async fn adopt(
        &self,
        shared: &Arc<Shared>,
        client: &ClientCredentials,
        secret: Secret,
        expires_at: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let now = shared.clock.now();
        if !client.auth.needs_token() || expires_at.is_some_and(|ends| ends <= now) {
            return Ok(false);
        }
        let slot = self.slot(client);
        // Not in the middle of a refresh, whose answer is newer.
        let _guard = Arc::clone(&slot.refreshing).lock_owned().await;
        if let Auth::Oauth2RefreshToken { .. } = &client.auth {
            let stored = shared.vault.load(client.tenant_id, client.client_id).await;
            let stored = stored.map_err(vault_failed)?;
            let seed = seed_fingerprint(&client.auth);
            let is_spent = stored.token.is_some_and(|token| token.seed_fingerprint == seed);
            let is_refused = stored.refused.is_some_and(|(version, _)| version >= client.version);
            if is_spent || is_refused {
                return Ok(false);
            }
        }
        Ok(slot.with(|state| {
            let is_older = |current: &Arc<Token>| current.version < client.version;
            let takes = state.current.as_ref().is_none_or(is_older);
            if takes {
                state.current = Some(Arc::new(Token::new(secret, expires_at, now, client.version)));
            }
            takes
        }))
    }

    /// When the token in use is to be renewed, if there is one for this version of the client, and it ends.
    pub fn renew_at(&self, client: &ClientCredentials) -> Option<Timestamp> {
        let slot = self.slot(client);
        slot.with(|state| {
            let current = state.current.as_ref();
            current
                .filter(|token| token.version >= client.version)
                .and_then(|token| token.renew_at)
        })
    }

    /// Forgets a deleted client.
    pub fn forget(&self, tenant_id: Uuid, client_id: Uuid) {
        self.slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(tenant_id, client_id));
    }

    fn slot(&self, client: &ClientCredentials) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry((client.tenant_id, client.client_id)).or_default())
    }
}

/// Sends with a token of the client. After a 401 the token is renewed once and the request sent once more, unless the
/// token was brand new. What cannot be sent `again` keeps its 401, but the next request finds another token.
pub(super) async fn with_token<T>(
    shared: &Arc<Shared>,
    client: &Arc<ClientCredentials>,
    stage: &Cell<Stage>,
    again: bool,
    status: impl Fn(&T) -> u16,
    send: impl AsyncFn(&Token) -> Result<T, Error>,
) -> Result<T, Error> {
    stage.set(Stage::Token);
    let (token, fresh) = shared.tokens.get(shared, client, Known::default()).await?;
    let first = send(&token).await?;
    if status(&first) != 401 || fresh {
        return Ok(first);
    }
    let known = Known {
        rejected: Some(token),
        by_hand: false,
    };
    if !again {
        let (shared, client) = (Arc::clone(shared), Arc::clone(client));
        actix_rt::spawn(async move {
            // Whoever needs a token next meets the same error.
            let _ = shared.tokens.get(&shared, &client, known).await;
        });
        return Ok(first);
    }
    // Gives its connection back: the second request may need the same place.
    drop(first);
    stage.set(Stage::Token);
    let (token, _) = shared.tokens.get(shared, client, known).await?;
    send(&token).await
}

impl Slot {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The answer without a request, if there is one.
    fn look(&self, client: &ClientCredentials, known: &Known, now: Timestamp) -> Option<Result<Arc<Token>, Error>> {
        self.with(|state| {
            if let Some((version, error)) = &state.refused
                && *version >= client.version
                && !known.by_hand
            {
                return Some(Err(error.clone()));
            }
            let token = state.current.as_ref()?;
            let rejected = known
                .rejected
                .as_ref()
                .is_some_and(|rejected| Arc::ptr_eq(rejected, token));
            let fits = token.version >= client.version && token.renew_at.is_none_or(|at| now < at) && !rejected;
            fits.then(|| Ok(Arc::clone(token)))
        })
    }
}

struct Refresh {
    shared: Arc<Shared>,
    client: Arc<ClientCredentials>,
    slot: Arc<Slot>,
    known: Known,
    _guard: OwnedMutexGuard<()>,
}

impl Refresh {
    async fn run(self) -> Result<Arc<Token>, Error> {
        let result = match &self.client.auth {
            Auth::Oauth2RefreshToken { .. } => self.rotate().await,
            _ => self
                .request(None)
                .await
                .map(|grant| self.token(grant.access_token, grant.expires_at)),
        };
        self.slot.with(|state| {
            state.attempts += 1;
            state.last_error = result.as_ref().err().cloned();
            match &result {
                Ok(token) => {
                    state.current = Some(Arc::clone(token));
                    state.refused = None;
                }
                Err(error) if error.needs_reauthorisation => {
                    state.current = None;
                    state.refused = Some((self.client.version, error.clone()));
                }
                Err(_) => {}
            }
        });
        result
    }

    /// With a refresh token: what is stored first, then the journal, the request, the store, and only then the use.
    async fn rotate(&self) -> Result<Arc<Token>, Error> {
        if let Some(token) = self.slot.with(|state| state.unsaved.take()) {
            return self.save(token).await;
        }
        let (tenant_id, client_id) = (self.client.tenant_id, self.client.client_id);
        let stored = self
            .shared
            .vault
            .load(tenant_id, client_id)
            .await
            .map_err(vault_failed)?;
        if let Some((version, message)) = &stored.refused
            && *version >= self.client.version
            && !self.known.by_hand
        {
            return Err(reauthorise(message.clone()));
        }
        if let Some(token) = self.still_good(&stored) {
            return Ok(token);
        }
        let seed = seed_fingerprint(&self.client.auth);
        let own = stored.token.as_ref().filter(|token| token.seed_fingerprint == seed);
        let refresh_token = own.and_then(|token| token.refresh_token.clone());
        self.journal(JournalEntry::RefreshStarted {
            at: self.shared.clock.now(),
        })
        .await?;
        match self.request(refresh_token.as_ref()).await {
            Ok(grant) => {
                let token = StoredToken {
                    access_token: grant.access_token,
                    // An issuer that does not rotate leaves it out: the old one stays good.
                    refresh_token: grant.refresh_token.or(refresh_token),
                    expires_at: grant.expires_at,
                    obtained_at: self.shared.clock.now(),
                    auth_fingerprint: auth_fingerprint(&self.client.auth),
                    seed_fingerprint: seed,
                };
                self.save(token).await
            }
            Err(error) => self.failed(error, &stored).await,
        }
    }

    /// A stored access token from before a restart, if it is not the one that was rejected.
    fn still_good(&self, stored: &Stored) -> Option<Arc<Token>> {
        let token = stored.token.as_ref()?;
        let rejected = self
            .known
            .rejected
            .as_ref()
            .is_some_and(|rejected| rejected.secret == token.access_token);
        if rejected || token.auth_fingerprint != auth_fingerprint(&self.client.auth) {
            return None;
        }
        let token = self.token_from(token);
        let now = self.shared.clock.now();
        token.renew_at.is_some_and(|at| now < at).then_some(token)
    }

    async fn save(&self, token: StoredToken) -> Result<Arc<Token>, Error> {
        let saved = self
            .shared
            .vault
            .save(self.client.tenant_id, self.client.client_id, token.clone())
            .await;
        if let Err(cause) = saved {
            self.slot.with(|state| state.unsaved = Some(token));
            return Err(vault_failed(cause));
        }
        Ok(self.token_from(&token))
    }

    async fn failed(&self, mut error: Error, stored: &Stored) -> Result<Arc<Token>, Error> {
        let at = self.shared.clock.now();
        if error.needs_reauthorisation {
            if let Some(lost_at) = stored.refresh_started_at {
                let hint = format!("; the answer of a refresh at {lost_at} was lost, which may be why");
                error.message.push_str(&hint);
            }
            let (version, message) = (self.client.version, error.message.clone());
            self.journal(JournalEntry::NeedsReauthorisation { at, version, message })
                .await?;
        } else if matches!(error.retry, RetryClass::ClientError | RetryClass::Throttled) {
            self.journal(JournalEntry::RefreshFailed {
                at,
                message: error.message.clone(),
            })
            .await?;
        }
        // Otherwise nobody knows whether the refresh token was spent, and the journal goes on saying so.
        Err(error)
    }

    async fn journal(&self, entry: JournalEntry) -> Result<(), Error> {
        let written = self
            .shared
            .vault
            .journal(self.client.tenant_id, self.client.client_id, entry)
            .await;
        written.map_err(vault_failed)
    }

    async fn request(&self, refresh_token: Option<&Secret>) -> Result<Grant, Error> {
        let auth = &self.client.auth;
        let Some(request) = token_request::build(auth, refresh_token, self.shared.clock.now())? else {
            return Err(Error::new(Step::Token, format!("kind {} has no token", auth.kind())));
        };
        let sent = token_request::sent_secrets(&request);
        let answer = ask(&self.shared, request).await?;
        token_request::read(auth, &answer, &sent, self.shared.clock.now())
    }

    fn token(&self, secret: Secret, expires_at: Option<Timestamp>) -> Arc<Token> {
        self.token_since(secret, expires_at, self.shared.clock.now())
    }

    fn token_from(&self, stored: &StoredToken) -> Arc<Token> {
        self.token_since(stored.access_token.clone(), stored.expires_at, stored.obtained_at)
    }

    fn token_since(&self, secret: Secret, expires_at: Option<Timestamp>, since: Timestamp) -> Arc<Token> {
        Arc::new(Token::new(secret, expires_at, since, self.client.version))
    }
}

/// Sends a request to a token endpoint.
pub(super) async fn ask(shared: &Arc<Shared>, request: Request) -> Result<Answer, Error> {
    let plan = Plan {
        method: request.method,
        url: parse_url(&request.url)?,
        headers: headers::parse_all(&request)?,
        body: request.body,
        auth: None,
        response_bytes_max: ANSWER_BYTES_MAX,
        // The body holds secrets, which must not follow a redirect.
        redirects_max: 0,
    };
    let timeout_ms = shared.settings.token_timeout_ms;
    let stage = Cell::new(Stage::Place);
    let asked = follow(shared, &plan, None, &stage);
    match tokio::time::timeout(Duration::from_millis(timeout_ms), asked).await {
        Ok(result) => Ok(result.map_err(as_token_error)?.0),
        Err(_) => Err(Error::new(
            Step::Token,
            format!("the token endpoint did not answer within {timeout_ms} ms"),
        )),
    }
}

fn as_token_error(error: Error) -> Error {
    Error {
        step: Step::Token,
        message: format!("no token: {}", error.message),
        ..error
    }
}

fn vault_failed(cause: VaultError) -> Error {
    Error::new(Step::Token, cause.to_string())
}

fn reauthorise(message: String) -> Error {
    let error = Error::new(Step::Token, message).retry(RetryClass::Never, None);
    Error {
        needs_reauthorisation: true,
        ..error
    }
}

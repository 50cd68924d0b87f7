//! Requests that are passed on: bodies flow in both directions as they come, the answer is given as it is. Shares with
//! [`Outbound::send`] the egress policy, the connections and their places, credentials, budgets and the deadline.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::header::{HeaderName, HeaderValue};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{LocalBoxStream, Stream, StreamExt};
use url::Url;

use super::auth::{Auth, ClientCredentials};
use super::budget::Permit;
use super::error::{Error, Step};
use super::exchange::{Hop, HopBody, Stage, open};
use super::headers::{self, Header};
use super::opened::Opened;
use super::outbound::{Outbound, Shared, parse_url, too_slow};
use super::pump::pumped;
use super::redact::{redacted, secrets_of};
use super::sign::Credential;
use super::token::{Token, with_token};

/// A body that has to be signed is held in memory; larger ones are refused, bytes.
const SIGNED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A request to be passed on.
pub struct StreamRequest {
    /// Any method but CONNECT.
    pub method: actix_http::Method,
    /// Absolute http or https URL.
    pub url: String,
    /// Headers in order. What the transport writes itself (Host, Content-Length, hop-by-hop headers) is left out.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: StreamBody,
    /// Whose credentials and budget.
    pub client: Option<Arc<ClientCredentials>>,
    /// One total deadline, milliseconds, over both bodies too. Zero: the default of the settings.
    pub timeout_ms: u64,
}

/// The body of a request that is passed on.
pub enum StreamBody {
    /// None.
    None,
    /// At hand: can be sent again after a 401.
    Bytes(Bytes),
    /// As it comes; sent once.
    Stream {
        /// The pieces.
        stream: LocalBoxStream<'static, Result<Bytes, StreamError>>,
        /// The length that was announced, bytes; without one it is sent in chunks.
        length: Option<u64>,
    },
}

/// Why a body that somebody sends us does not come to its end, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamError(pub String);

/// The answer: every status is one.
pub struct StreamResponse {
    /// The status code.
    pub status: u16,
    /// Headers in order. Secrets of the client that the upstream echoes in them are replaced by `[redacted]`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body as it comes, not decompressed. A body that ends before its time ends with an error, also where the time was
    /// up before it was read. Dropped before its end, it closes the connection.
    pub body: LocalBoxStream<'static, Result<Bytes, Error>>,
}

impl Outbound {
    /// Sends a request and gives the answer as soon as its head has come. Follows no redirects. The deadline goes on
    /// until the end of the body. Must run on a thread of an actix runtime; when the future or the body is dropped the
    /// connection is closed.
    ///
    /// # Errors
    /// [`Error`] says at which step it failed: step `body` if the body of the request did not come to its end.
    pub async fn stream(&self, request: StreamRequest) -> Result<StreamResponse, Error> {
        self.stream_holding(request, ()).await
    }

    /// As [`Outbound::stream`]. `held` is dropped with the connection: when it failed, at the end of the body, when the body
    /// is dropped, and when the deadline has passed, whether or not anybody reads the body.
    ///
    /// # Errors
    /// As [`Outbound::stream`].
    pub async fn stream_holding<T: 'static>(&self, request: StreamRequest, held: T) -> Result<StreamResponse, Error> {
        let shared = &self.shared;
        let started = shared.clock.monotonic();
        let timeout_ms = shared.settings.timeout_ms(request.timeout_ms);
        let timeout = Duration::from_millis(timeout_ms);
        let mut deadline = Box::pin(tokio::time::timeout(timeout, pending()));
        let stage = Rc::new(Cell::new(Stage::Budget));
        let auth = request.client.as_ref().map(|client| client.auth.clone());
        // Boxed: the state of a request is large.
        let work = Box::pin(start(shared, request, started, timeout, &stage));
        let (opened, permit, token) = tokio::select! {
            biased;
            result = work => result?,
            _ = &mut deadline => return Err(too_slow(timeout_ms, stage.get())),
        };
        let mut secrets = auth.as_ref().map(secrets_of).unwrap_or_default();
        secrets.extend(token);
        let headers = opened
            .headers()
            .iter()
            .map(|(name, value)| (name.clone(), without(value, &secrets)))
            .collect();
        Ok(StreamResponse {
            status: opened.status(),
            headers,
            body: pumped(opened, (permit, held), deadline, timeout_ms),
        })
    }
}

/// What is sent, once or twice.
struct Sending {
    method: actix_http::Method,
    url: Url,
    headers: Vec<Header>,
    /// For what can be sent again.
    bytes: Option<Bytes>,
    stream: RefCell<Option<HopBody>>,
}

type Started = (Opened, Permit, Option<String>);

async fn start(
    shared: &Arc<Shared>,
    request: StreamRequest,
    started: Duration,
    timeout: Duration,
    stage: &Rc<Cell<Stage>>,
) -> Result<Started, Error> {
    let StreamRequest {
        method,
        url,
        headers,
        body,
        client,
        timeout_ms: _,
    } = request;
    let url = parse_url(&url)?;
    shared.policy.check_url(&url)?;
    let permit = shared.permit(client.as_ref(), started, timeout).await?;
    let auth = client.as_ref().map(|client| &client.auth);
    let (bytes, stream) = match body {
        StreamBody::None => (None, None),
        StreamBody::Bytes(bytes) => (Some(bytes), None),
        StreamBody::Stream { stream, length } => {
            let stream = Upload::new(stream, stage).boxed_local();
            match auth {
                Some(Auth::Hmac { .. }) => (Some(whole(stream).await?), None),
                _ => (None, Some(HopBody::Stream { stream, length })),
            }
        }
    };
    let again = stream.is_none();
    let sending = Sending {
        method,
        url,
        headers: sent(headers),
        bytes,
        stream: RefCell::new(stream),
    };
    match client.as_ref().filter(|client| client.auth.needs_token()) {
        Some(client) => {
            let send = async |token: &Token| {
                let credential = Credential::token(&client.auth, &token.secret)?;
                let opened = sending.once(shared, &credential, stage).await?;
                Ok((opened, token.secret.expose().to_owned()))
            };
            let answered = with_token(shared, client, stage, again, |(opened, _)| opened.status(), send).await;
            answered.map(|(opened, token)| (opened, permit, Some(token)))
        }
        None => {
            let body = sending.bytes.as_deref().unwrap_or_default();
            let credential = match auth {
                Some(auth) => Credential::fixed(auth, body)?,
                None => Credential::Nothing,
            };
            let opened = sending.once(shared, &credential, stage).await?;
            Ok((opened, permit, None))
        }
    }
}

impl Sending {
    async fn once(&self, shared: &Arc<Shared>, credential: &Credential, stage: &Cell<Stage>) -> Result<Opened, Error> {
        let with_key = credential.on_url(&self.url);
        let body = match &self.bytes {
            Some(bytes) => HopBody::Bytes(bytes.clone()),
            None => self.stream.take().unwrap_or(HopBody::None),
        };
        let hop = Hop {
            method: self.method.clone(),
            url: with_key.as_ref().unwrap_or(&self.url),
            headers: &self.headers,
            credential,
            body,
            own: false,
        };
        open(shared, hop, stage).await
    }
}

fn sent(headers: Vec<(HeaderName, HeaderValue)>) -> Vec<Header> {
    headers
        .into_iter()
        .filter(|(name, _)| !headers::is_refused(name))
        .map(|(name, value)| Header {
            name,
            value,
            secret: false,
        })
        .collect()
}

async fn whole(mut stream: LocalBoxStream<'static, Result<Bytes, StreamError>>) -> Result<Bytes, Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|cause| Error::new(Step::Body, format!("the body of the request: {cause}")))?;
        if body.len() + chunk.len() > SIGNED_BYTES_MAX {
            let message = format!("a body that is signed must not be larger than {SIGNED_BYTES_MAX} bytes");
            return Err(Error::new(Step::Request, message));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn without(value: &HeaderValue, secrets: &[String]) -> HeaderValue {
    let holds = |text: &&str| secrets.iter().any(|secret| text.contains(secret.as_str()));
    let Some(text) = value.to_str().ok().filter(holds) else {
        return value.clone();
    };
    HeaderValue::from_str(&redacted(text.to_owned(), secrets)).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The body of the request on its way through, which says for the deadline's message whom it waits for.
struct Upload {
    stream: LocalBoxStream<'static, Result<Bytes, StreamError>>,
    stage: Rc<Cell<Stage>>,
}

impl Upload {
    fn new(stream: LocalBoxStream<'static, Result<Bytes, StreamError>>, stage: &Rc<Cell<Stage>>) -> Upload {
        Upload {
            stream,
            stage: Rc::clone(stage),
        }
    }
}

impl Stream for Upload {
    type Item = Result<Bytes, StreamError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let upload = self.get_mut();
        let polled = upload.stream.poll_next_unpin(context);
        let waits = polled.is_pending();
        upload.stage.set(if waits { Stage::Upload } else { Stage::Answer });
        polled
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for StreamError {}

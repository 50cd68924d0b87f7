//! One request and its answer on one connection: no redirects, no credentials of its own.

use std::cell::Cell;
use std::sync::Arc;

use actix_http::body::{BodyStream, SizedStream};
use actix_http::error::ParseError;
use actix_http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HOST, HeaderMap, HeaderValue, USER_AGENT};
use awc::error::{ConnectError, SendRequestError};
use bytes::Bytes;
use futures_util::stream::LocalBoxStream;
use url::Url;

use super::body::{Caps, Collector};
use super::dial::DialError;
use super::error::{Error, Step};
use super::headers::Header;
use super::opened::Opened;
use super::outbound::Shared;
use super::pool;
use super::sign::Credential;
use super::stream::StreamError;
use super::wire::HeadTooLarge;

/// Decompression gives way to others after this many chunks.
const CHUNKS_BEFORE_PAUSE: usize = 16;

/// What a request is waiting for, for the message when the deadline passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Budget,
    Token,
    Place,
    /// The rest of the request's own body, which somebody else sends.
    Upload,
    Answer,
    Body,
}

/// One request on the wire.
pub(super) struct Hop<'a> {
    pub method: actix_http::Method,
    pub url: &'a Url,
    pub headers: &'a [Header],
    pub credential: &'a Credential,
    pub body: HopBody,
    /// A request of our own: says who asks and which encodings are read. What is passed on says what its sender said.
    pub own: bool,
}

/// What a request carries.
pub(super) enum HopBody {
    None,
    Bytes(Bytes),
    Stream {
        stream: LocalBoxStream<'static, Result<Bytes, StreamError>>,
        length: Option<u64>,
    },
}

/// One answer.
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Sends and reads everything, of the body at most so many bytes.
pub(super) async fn exchange(
    shared: &Arc<Shared>,
    hop: Hop<'_>,
    response_bytes_max: usize,
    stage: &Cell<Stage>,
) -> Result<Answer, Error> {
    let opened = open(shared, hop, stage).await?;
    let (status, headers) = (opened.status(), texts(opened.headers()));
    let caps = Caps {
        bytes_max: response_bytes_max,
        ratio_max: shared.settings.decompression_ratio_max,
    };
    let body = read_body(opened, caps).await?;
    Ok(Answer { status, headers, body })
}

/// Sends and waits for the head of the answer.
pub(super) async fn open(shared: &Arc<Shared>, hop: Hop<'_>, stage: &Cell<Stage>) -> Result<Opened, Error> {
    let secure = hop.url.scheme() == "https";
    let host = hop.url.host_str().unwrap_or_default();
    let port = hop.url.port_or_known_default().unwrap_or(0);
    let authority = format!("{host}:{port}");
    stage.set(Stage::Place);
    let place = shared.hosts.take(&authority).await;
    stage.set(Stage::Answer);
    let client = pool::client(shared, secure, &authority);
    let path = hop.url.path();
    let query = hop.url.query().map(|query| format!("?{query}")).unwrap_or_default();
    // Some servers insist on a length with these methods.
    let needs_length = matches!(hop.method.as_str(), "POST" | "PUT" | "PATCH");
    // Always http for awc: TLS is the dialer's.
    let mut request = client
        .request(hop.method, format!("http://{authority}{path}{query}"))
        .no_decompress();
    let head = request.headers_mut();
    for header in hop.headers {
        head.append(header.name.clone(), header.value.clone());
    }
    if let Credential::Header(name, value) = hop.credential {
        head.insert(name.clone(), value.clone());
    }
    let host_value = if hop.url.port().is_some() {
        authority.as_str()
    } else {
        host
    };
    head.insert(HOST, header_value(host_value)?);
    if hop.own && !head.contains_key(ACCEPT_ENCODING) {
        head.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"));
    }
    if hop.own && !head.contains_key(USER_AGENT) {
        head.insert(USER_AGENT, shared.user_agent.clone());
    }
    let sent = match hop.body {
        HopBody::Bytes(body) => request.send_body(body),
        HopBody::Stream {
            stream,
            length: Some(length),
        } => request.send_body(SizedStream::new(length, stream)),
        HopBody::Stream { stream, length: None } => request.send_body(BodyStream::new(stream)),
        HopBody::None if needs_length => request.send_body(Bytes::new()),
        HopBody::None => request.send_body(actix_http::body::None::new()),
    };
    let response = sent.await.map_err(|cause| send_error(cause, host))?;
    stage.set(Stage::Body);
    Ok(Opened::new(response, place))
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}

async fn read_body(mut opened: Opened, caps: Caps) -> Result<Bytes, Error> {
    let encoding = opened.headers().get(CONTENT_ENCODING);
    let mut collector = Collector::new(encoding.and_then(|value| value.to_str().ok()), caps)?;
    if opened.announced().is_some_and(|bytes| bytes > caps.bytes_max as u64) {
        return Err(caps.too_large());
    }
    let mut chunks = 0;
    while let Some(chunk) = opened.next().await {
        collector.push(chunk?)?;
        chunks += 1;
        if chunks % CHUNKS_BEFORE_PAUSE == 0 && collector.is_heavy() {
            tokio::task::yield_now().await;
        }
    }
    collector.finish()
}

fn header_value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|_| Error::new(Step::Request, format!("{text:?} cannot be sent as a host")))
}

fn send_error(cause: SendRequestError, host: &str) -> Error {
    let lost = |cause: &dyn std::fmt::Display| {
        Error::new(
            Step::Protocol,
            format!("{host} closed the connection without an answer: {cause}"),
        )
    };
    match cause {
        SendRequestError::Connect(ConnectError::Resolver(cause)) => match cause.downcast::<DialError>() {
            Ok(error) => error.0,
            Err(cause) => Error::new(Step::Connect, format!("cannot connect to {host}: {cause}")),
        },
        SendRequestError::Connect(ConnectError::Disconnected) => lost(&"disconnected"),
        SendRequestError::Connect(cause) => Error::new(Step::Connect, format!("cannot connect to {host}: {cause}")),
        SendRequestError::Response(ParseError::Io(cause))
            if cause.get_ref().is_some_and(|inner| inner.is::<HeadTooLarge>()) =>
        {
            Error::new(Step::TooLarge, format!("{host}: {cause}"))
        }
        SendRequestError::Send(cause) | SendRequestError::Response(ParseError::Io(cause)) => lost(&cause),
        SendRequestError::Response(ParseError::TooLarge) => {
            Error::new(Step::TooLarge, format!("the head of the answer of {host} is too large"))
        }
        SendRequestError::Response(cause) => Error::new(
            Step::Protocol,
            format!("the answer of {host} is not valid HTTP: {cause}"),
        ),
        SendRequestError::Body(cause) => Error::new(Step::Body, format!("the body of the request: {cause}")),
        SendRequestError::Timeout => Error::new(Step::Timeout, format!("{host} did not answer in time")),
        SendRequestError::Url(cause) => Error::new(Step::Request, format!("the URL cannot be used: {cause}")),
        SendRequestError::Http(cause) => Error::new(Step::Request, format!("the request cannot be sent: {cause}")),
        other => Error::new(Step::Protocol, format!("the exchange with {host} failed: {other}")),
    }
}

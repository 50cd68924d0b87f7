//! One request and its answer on one connection: no redirects, no credentials of its own.

use std::cell::Cell;
use std::sync::Arc;

use actix_http::error::{ParseError, PayloadError};
use actix_http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderValue, USER_AGENT};
use awc::ClientResponse;
use awc::error::{ConnectError, SendRequestError};
use bytes::Bytes;
use futures_util::StreamExt;
use url::Url;

use super::body::{Caps, Collector};
use super::dial::DialError;
use super::error::{Error, Step};
use super::headers::Header;
use super::message::Method;
use super::outbound::Shared;
use super::pool;
use super::sign::Credential;
use super::wire::{Closed, HeadTooLarge};

/// Decompression gives way to others after this many chunks.
const CHUNKS_BEFORE_PAUSE: usize = 16;

/// What a request is waiting for, for the message when the deadline passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Budget,
    Token,
    Place,
    Answer,
    Body,
}

/// One request on the wire.
pub(super) struct Hop<'a> {
    pub method: Method,
    pub url: &'a Url,
    pub headers: &'a [Header],
    pub credential: &'a Credential,
    pub body: Option<Bytes>,
    pub response_bytes_max: usize,
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

/// Sends and reads everything.
pub(super) async fn exchange(shared: &Arc<Shared>, hop: Hop<'_>, stage: &Cell<Stage>) -> Result<Answer, Error> {
    let secure = hop.url.scheme() == "https";
    let host = hop.url.host_str().unwrap_or_default();
    let port = hop.url.port_or_known_default().unwrap_or(0);
    let authority = format!("{host}:{port}");
    stage.set(Stage::Place);
    let _place = shared.hosts.take(&authority).await;
    stage.set(Stage::Answer);
    let client = pool::client(shared, secure, &authority);
    let path = hop.url.path();
    let query = hop.url.query().map(|query| format!("?{query}")).unwrap_or_default();
    // Always http for awc: TLS is the dialer's.
    let mut request = client
        .request(method_of(hop.method), format!("http://{authority}{path}{query}"))
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
    if !head.contains_key(ACCEPT_ENCODING) {
        head.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"));
    }
    if !head.contains_key(USER_AGENT) {
        head.insert(USER_AGENT, shared.user_agent.clone());
    }
    let sent = match hop.body {
        Some(body) => request.send_body(body),
        // Some servers insist on a length with these methods.
        None if matches!(hop.method, Method::Post | Method::Put | Method::Patch) => request.send_body(Bytes::new()),
        None => request.send_body(actix_http::body::None::new()),
    };
    let response = sent.await.map_err(|cause| send_error(cause, host))?;
    let (status, headers) = read_head(&response);
    stage.set(Stage::Body);
    let caps = Caps {
        bytes_max: hop.response_bytes_max,
        ratio_max: shared.settings.decompression_ratio_max,
    };
    let body = read_body(response, caps).await?;
    Ok(Answer { status, headers, body })
}

fn read_head(response: &ClientResponse) -> (u16, Vec<(String, String)>) {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)));
    (response.status().as_u16(), headers.collect())
}

async fn read_body(mut response: ClientResponse, caps: Caps) -> Result<Bytes, Error> {
    let head = response.headers();
    let encoding = head.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let announced = head
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > caps.bytes_max) {
        return Err(caps.too_large());
    }
    let until_close = announced.is_none() && !head.contains_key(actix_http::header::TRANSFER_ENCODING);
    let mut collector = Collector::new(encoding, caps)?;
    let mut chunks = 0;
    while let Some(chunk) = response.next().await {
        match chunk {
            Ok(chunk) => collector.push(chunk)?,
            Err(PayloadError::Incomplete(Some(cause))) if until_close && is_close(&cause) => break,
            Err(cause) => {
                let received = collector.received();
                let of = announced.map(|bytes| format!(" of {bytes}")).unwrap_or_default();
                let message = format!(
                    "the answer ended early, after {received}{of} bytes: {}",
                    body_cause(&cause)
                );
                return Err(Error::new(Step::Protocol, message));
            }
        }
        chunks += 1;
        if chunks % CHUNKS_BEFORE_PAUSE == 0 && collector.is_heavy() {
            tokio::task::yield_now().await;
        }
    }
    collector.finish()
}

fn method_of(method: Method) -> actix_http::Method {
    match method {
        Method::Get => actix_http::Method::GET,
        Method::Delete => actix_http::Method::DELETE,
        Method::Patch => actix_http::Method::PATCH,
        Method::Post => actix_http::Method::POST,
        Method::Put => actix_http::Method::PUT,
    }
}

fn header_value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|_| Error::new(Step::Request, format!("{text:?} cannot be sent as a host")))
}

fn is_close(cause: &std::io::Error) -> bool {
    cause.get_ref().is_some_and(|inner| inner.is::<Closed>())
}

fn body_cause(cause: &PayloadError) -> String {
    match cause {
        PayloadError::Incomplete(Some(cause)) | PayloadError::Io(cause) => cause.to_string(),
        other => other.to_string(),
    }
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
        SendRequestError::Timeout => Error::new(Step::Timeout, format!("{host} did not answer in time")),
        SendRequestError::Url(cause) => Error::new(Step::Request, format!("the URL cannot be used: {cause}")),
        SendRequestError::Http(cause) => Error::new(Step::Request, format!("the request cannot be sent: {cause}")),
        other => Error::new(Step::Protocol, format!("the exchange with {host} failed: {other}")),
    }
}

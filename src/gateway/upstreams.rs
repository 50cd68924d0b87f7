//! Upstreams: a request below one of their prefixes is passed on, and the answer comes back, both as they flow.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use actix_web::{
    Error as WebError, HttpMessage, HttpRequest, HttpResponse,
    body::{self, BodyStream, BoxBody, MessageBody, SizedStream},
    dev::{HttpServiceFactory, Payload, ServiceRequest, ServiceResponse},
    http::{Method, StatusCode, header},
    middleware::{Next, from_fn},
    web::{self, Bytes},
};
use futures_util::{Stream, StreamExt, stream};
use tracing_actix_web::TracingLogger;

use super::{
    auth,
    background::{self, links},
    json, outer, rate,
};
use crate::{
    domain::rights::Right,
    engine::{
        Engine,
        caller::Caller,
        upstreams::{self, Forwarded, Headers, Record, TOKEN, Upstream},
    },
    error::{Code, Error, Result},
    http::{self, Step, StreamBody, StreamError, StreamRequest, StreamResponse},
    telemetry::Going,
};

/// Bodies up to this size are read whole, so that they can be sent again with a fresh token, bytes.
const WHOLE_BYTES_MAX: u64 = 65_536;

/// Everything below the prefix of an upstream.
pub(super) fn routes(engine: &Engine, upstream: &Arc<Upstream>) -> impl HttpServiceFactory + use<> {
    web::scope(&upstream.prefix)
        .app_data(web::Data::new(engine.clone()))
        .app_data(web::Data::from(upstream.clone()))
        .default_service(web::to(pass_on))
        .wrap(from_fn(background::intercept))
        .wrap(from_fn(admit))
        .wrap(from_fn(outer::outer))
        .wrap(TracingLogger::<outer::RequestSpan>::new())
}

/// Where a request below an upstream's prefix came in.
struct Way {
    /// The gateway's own place in its app; empty where it has the whole.
    mount: String,
    /// Path and query from the prefix on.
    inner: String,
}

/// Lets only callers with a token and the right `background.use` pass. The token may come in `X-Orrery-Token`.
async fn admit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, WebError> {
    let Some(engine) = request.app_data::<web::Data<Engine>>().cloned() else {
        return Err(Error::internal("the engine is not in the app's data").into());
    };
    let Some(upstream) = request.app_data::<web::Data<Upstream>>().cloned() else {
        return Err(Error::internal("the upstream is not in the app's data").into());
    };
    match admitted(&engine, &upstream, request.request()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(error) => Ok(request.error_response(error)),
    }
}

async fn admitted(engine: &Engine, upstream: &Upstream, request: &HttpRequest) -> Result<Caller> {
    let token = match own_token(request)? {
        Some(token) => token,
        None => auth::bearer(request)?,
    };
    let caller = auth::caller_of(engine, request, token).await?;
    rate::admit(engine, &caller)?;
    caller.require(Right::BackgroundUse)?;
    check(request)?;
    if request.headers().contains_key(TOKEN) {
        upstream.check_credentials(request.headers().get_all(header::AUTHORIZATION))?;
    }
    Ok(caller)
}

fn own_token(request: &HttpRequest) -> Result<Option<&str>> {
    let mut values = request.headers().get_all(TOKEN);
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let text = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => text,
    };
    if values.next().is_some() || text.is_empty() {
        return Err(auth::no_token());
    }
    Ok(Some(text))
}

async fn pass_on(
    request: HttpRequest,
    payload: web::Payload,
    caller: Caller,
    engine: web::Data<Engine>,
    upstream: web::Data<Upstream>,
) -> Result<HttpResponse> {
    let started = engine.clock().monotonic();
    let going = engine.metrics().upstreams.going(&upstream.prefix);
    let answered = exchange(&request, payload.into_inner(), &caller, &engine, &upstream, going).await;
    let status = status_of(&answered);
    let seconds = engine.clock().monotonic().saturating_sub(started).as_secs_f64();
    engine
        .metrics()
        .upstreams
        .answered(&upstream.prefix, status.as_u16(), seconds);
    answered
}

async fn exchange(
    request: &HttpRequest,
    payload: Payload,
    caller: &Caller,
    engine: &Engine,
    upstream: &Upstream,
    going: Going,
) -> Result<HttpResponse> {
    let way = way_of(request, &upstream.prefix);
    let url = upstream.url_of(&way.inner)?;
    let client = upstreams::client_of(engine.services(), caller.tenant_id, upstream).await?;
    let refusal = Rc::default();
    // Before there is a place: small bodies are read here, for as long as their sender takes.
    let body = body_of(request, payload, upstream, &refusal).await?;
    let place = upstream.place(caller.tenant_id).await?;
    let record = Record::of(engine, caller, upstream, request.method().as_str(), &way.inner);
    let base_url = links::base_url(engine, request, &way.mount);
    let sent = StreamRequest {
        method: request.method().clone(),
        url: url.clone(),
        headers: upstream.outbound_headers(&inbound(request), &forwarded(request)),
        body,
        client,
        timeout_ms: upstream.timeout_ms,
    };
    // With the place: nobody keeps it by not reading the answer.
    let answered = match engine.outbound().stream_holding(sent, (place, going)).await {
        Ok(answer) => {
            let headers = upstream.response_headers(&url, &base_url, answer.headers);
            respond(request, StreamResponse { headers, ..answer }, upstream)
        }
        Err(cause) => Err(failure(&cause, upstream, &refusal)),
    };
    if let Some(record) = record {
        record.answered(status_of(&answered).as_u16()).await;
    }
    answered
}

fn status_of(answered: &Result<HttpResponse>) -> StatusCode {
    match answered {
        Ok(response) => response.status(),
        Err(error) => super::problem::status_of(error.code),
    }
}

fn check(request: &HttpRequest) -> Result<()> {
    // TRACE answers with the request as it arrived: with the credentials of the client.
    if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
        let message = format!("{} is not passed on to upstreams.", request.method());
        return Err(Error::new(Code::MethodNotAllowed, message));
    }
    // Nobody who offers HTTP/2 this way depends on it.
    let upgrades = request.headers().get_all(header::UPGRADE);
    if upgrades
        .into_iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"h2c"))
    {
        return Err(Error::new(
            Code::BadRequest,
            "Connections to upstreams cannot be upgraded (WebSocket and the like). Send the request without Upgrade.",
        ));
    }
    Ok(())
}

/// Splits the path at the prefix. The router compares decoded paths, so parts are counted, not bytes.
fn way_of(request: &HttpRequest, prefix: &str) -> Way {
    let parts = |path: &str| path.bytes().filter(|byte| *byte == b'/').count();
    let matched = request.match_info();
    let processed = matched.as_str().len().saturating_sub(matched.unprocessed().len());
    let above = parts(matched.as_str().get(..processed).unwrap_or_default());
    let path = request.uri().path();
    let mount = path
        .get(..end_of(path, above.saturating_sub(parts(prefix))))
        .unwrap_or_default();
    let rest = path.get(end_of(path, above)..).unwrap_or_default();
    let query = request
        .uri()
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    Way {
        mount: mount.to_owned(),
        inner: format!("{prefix}{rest}{query}"),
    }
}

/// Where the first so many parts of a path end.
fn end_of(path: &str, parts: usize) -> usize {
    let mut slashes = path.bytes().enumerate().filter(|(_, byte)| *byte == b'/');
    slashes.nth(parts).map_or(path.len(), |(at, _)| at)
}

/// The headers of a request without our token: where it does not come in a header of its own, `Authorization` holds it.
fn inbound(request: &HttpRequest) -> Headers {
    let headers = request.headers();
    let is_theirs = |name: &header::HeaderName| *name != header::AUTHORIZATION || headers.contains_key(TOKEN);
    let theirs = headers.iter().filter(|(name, _)| is_theirs(name));
    theirs.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Where a request came from, by its own connection: what other proxies say stays in the lists and is not believed here.
fn forwarded(request: &HttpRequest) -> Forwarded {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    let client = request.peer_addr().map(|address| address.ip().to_canonical());
    Forwarded {
        client_ip: client.map(|ip| ip.to_string()),
        host: host.or_else(|| request.uri().authority().map(ToString::to_string)),
        proto: links::scheme(request).to_owned(),
    }
}

type Refusal = Rc<RefCell<Option<Error>>>;

/// The body of the request. What is wrong with it while it is passed on is left in `refusal`.
async fn body_of(
    request: &HttpRequest,
    payload: Payload,
    upstream: &Upstream,
    refusal: &Refusal,
) -> Result<StreamBody> {
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let bytes_max = upstream.body_bytes_max;
    let whole_max = WHOLE_BYTES_MAX.min(request_bytes_max(request));
    match length {
        None if !headers.contains_key(header::TRANSFER_ENCODING) => Ok(StreamBody::None),
        Some(0) => Ok(StreamBody::Bytes(Bytes::new())),
        Some(bytes) if bytes > bytes_max => Err(too_large(upstream)),
        Some(bytes) if bytes <= whole_max => Ok(StreamBody::Bytes(json::read_body(request, payload).await?)),
        length => {
            let (refusal, too_large) = (refusal.clone(), too_large(upstream));
            let refuse = move |error: &Error| {
                refusal.replace(Some(error.duplicate()));
                StreamError(error.to_string())
            };
            let stream = payload.scan(0, move |received: &mut u64, chunk| {
                let passed = match chunk {
                    Ok(chunk) => {
                        *received += chunk.len() as u64;
                        if *received > bytes_max {
                            Err(refuse(&too_large))
                        } else {
                            Ok(chunk)
                        }
                    }
                    Err(cause) => {
                        let error = Error::new(Code::BadRequest, "The body ended early or cannot be decoded.");
                        Err(refuse(&error.with_source(cause)))
                    }
                };
                std::future::ready(Some(passed))
            });
            Ok(StreamBody::Stream {
                stream: stream.boxed_local(),
                length,
            })
        }
    }
}

fn request_bytes_max(request: &HttpRequest) -> u64 {
    let engine = request.app_data::<web::Data<Engine>>();
    engine.map_or(0, |engine| engine.settings().server.body_bytes_max as u64)
}

fn too_large(upstream: &Upstream) -> Error {
    Error::new(
        Code::TooLarge,
        format!(
            "The body is larger than {} bytes, the limit of the upstream {} (body_bytes_max).",
            upstream.body_bytes_max, upstream.prefix
        ),
    )
}

fn failure(cause: &http::Error, upstream: &Upstream, refusal: &Refusal) -> Error {
    if cause.step == Step::Body
        && let Some(refused) = refusal.take()
    {
        return refused;
    }
    tracing::warn!(upstream = %upstream.prefix, step = %cause.step, cause = %cause, "no answer of an upstream");
    upstream.failure(cause, upstream.timeout_ms)
}

/// The answer as it is.
fn respond(request: &HttpRequest, answer: StreamResponse, upstream: &Upstream) -> Result<HttpResponse> {
    let StreamResponse {
        status,
        mut headers,
        body,
    } = answer;
    let status = StatusCode::from_u16(status)
        .ok()
        .filter(|status| !status.is_informational());
    let Some(status) = status else {
        let cause = http::Error::new(Step::Protocol, "the status of the answer is none that can be passed on");
        return Err(upstream.failure(&cause, upstream.timeout_ms));
    };
    let length = headers.iter().find(|(name, _)| *name == header::CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|(_, value)| value.to_str().ok()?.trim().parse().ok());
    let has_none = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let prefix = upstream.prefix.clone();
    let body = body.then(move |chunk| {
        if let Err(cause) = &chunk {
            tracing::warn!(upstream = %prefix, %cause, "the answer of an upstream was cut off");
        }
        async move {
            if chunk.is_err() {
                // The server throws away what it has not written when a body fails: it gets a turn to write first.
                tokio::task::yield_now().await;
            }
            chunk
        }
    });
    let body = match length {
        _ if has_none => BoxBody::new(body::None::new()),
        // The length of the answer to GET, and no byte of it.
        Some(length) if request.method() == Method::HEAD => {
            sized(length, stream::empty::<Result<Bytes, http::Error>>())
        }
        None if request.method() == Method::HEAD => BoxBody::new(body::None::new()),
        Some(length) => sized(length, body),
        None => BoxBody::new(BodyStream::new(body)),
    };
    if request.headers().contains_key(TOKEN) {
        upstreams::keep_private(&mut headers);
    }
    let mut response = HttpResponse::with_body(status, body);
    for (name, value) in headers {
        // The server writes it for every body but this one.
        if name != header::CONTENT_LENGTH || status == StatusCode::NOT_MODIFIED {
            response.headers_mut().append(name, value);
        }
    }
    response.extensions_mut().insert(outer::AsItIs);
    Ok(response)
}

fn sized(length: u64, body: impl Stream<Item = Result<Bytes, http::Error>> + 'static) -> BoxBody {
    BoxBody::new(SizedStream::new(length, body))
}

#[cfg(test)]
mod tests {
    use actix_web::{App, test};

    use super::*;

    async fn way(request: HttpRequest) -> String {
        let Way { mount, inner } = way_of(&request, "/a/shop");
        format!("{mount} {inner}")
    }

    #[actix_web::test]
    async fn paths_are_split_at_the_prefix() {
        let shop = || web::scope("/a/shop").default_service(web::to(way));
        let app = test::init_service(
            App::new()
                .service(shop())
                .service(web::scope("/mounted/x").service(shop())),
        )
        .await;
        for (path, expected) in [
            ("/a/shop", " /a/shop"),
            ("/a/shop/", " /a/shop/"),
            ("/a/shop?x=/1", " /a/shop?x=/1"),
            ("/a/shop/b/c?d", " /a/shop/b/c?d"),
            ("/a/shop//b.example/c", " /a/shop//b.example/c"),
            ("/a/%73hop/b%2Fc%20d", " /a/shop/b%2Fc%20d"),
            ("/mounted/x/a/shop/b", "/mounted/x /a/shop/b"),
            ("/m%6funted/x/a/shop", "/m%6funted/x /a/shop"),
        ] {
            let request = test::TestRequest::with_uri(path).to_request();
            let found = test::call_and_read_body(&app, request).await;
            assert_eq!(found, expected, "{path}");
        }
    }
}

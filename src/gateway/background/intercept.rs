//! The header `erp-api-background`: a request that carries it is taken and answered 202 before it is routed to anything.

use std::time::Duration;

use actix_web::{
    Error as WebError, HttpMessage, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header as http,
    middleware::Next,
    web,
};
use futures_util::StreamExt;

use super::links::{self, Mount};
use crate::{
    domain::background::header,
    engine::{
        Engine,
        background::{Head, Intake},
        caller::Caller,
        upstreams::TOKEN,
    },
    error::{Code, Error, Result},
    gateway::{dto::background::AcceptedAnswer, headers, idempotency},
};

/// Why requests to the states themselves are not taken.
const STATES: &str =
    "Background requests are read and cancelled directly: send this request without the header erp-api-background.";
/// Why the stream of events is not taken.
const EVENTS: &str =
    "A stream of events has no end that could be stored: send this request without the header erp-api-background.";
/// Why requests are not taken whose answers hold a secret.
const SECRETS: &str = "The answer shows a secret this once, and would be stored: send this request without the header \
                       erp-api-background.";
/// Longest method, bytes.
const METHOD_BYTES_MAX: usize = 32;

/// Takes what carries the header, and lets everything else through. Mounted with `middleware::from_fn`, inside of the layer
/// that knows the caller and outside of everything that acts on the request.
pub(in crate::gateway) async fn intercept<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, WebError> {
    if !request.headers().contains_key(header::NAME) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let mut request = request;
    // Boxed: every other request passes here, too, and should not carry the size of this.
    match Box::pin(take(&mut request)).await {
        Ok(response) => Ok(request.into_response(response)),
        Err(error) => Ok(request.error_response(error)),
    }
}

/// Refuses what carries the header, for routes that need no token: nobody is there in whose name it could be executed.
/// Mounted with `middleware::from_fn`.
pub(in crate::gateway) async fn refuse<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, WebError> {
    if !request.headers().contains_key(header::NAME) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    Ok(request.error_response(Error::new(
        Code::BadBackgroundHeader,
        "This path needs no token, so nothing here is executed in the background: send this request without the header \
         erp-api-background.",
    )))
}

async fn take(request: &mut ServiceRequest) -> Result<HttpResponse> {
    let engine = request
        .app_data::<web::Data<Engine>>()
        .ok_or_else(|| Error::internal("the engine is not in the app's data"))?
        .as_ref()
        .clone();
    let caller = request.extensions().get::<Caller>().cloned();
    let caller = caller.ok_or_else(|| Error::internal("a background request without a caller"))?;
    let head = head_of(&engine, request)?;
    let base_url = head.base_url.clone();
    let mut intake = Intake::begin(&engine, &caller, head).await?;
    read(&engine, request, &mut intake).await?;
    let taken = intake.commit().await?;
    let state = links::state(&base_url, taken.id);
    let mut response = HttpResponse::Accepted()
        .insert_header((http::LOCATION, state.as_str()))
        .json(AcceptedAnswer {
            id: taken.id,
            state_location: state.clone(),
        });
    if taken.replayed {
        headers::set(response.headers_mut(), idempotency::REPLAYED, "true");
    }
    Ok(response)
}

/// Reads the body into the intake, within the time of the settings. What counts is how long we wait for the network: how long
/// the store takes is not the caller's fault.
async fn read(engine: &Engine, request: &mut ServiceRequest, intake: &mut Intake) -> Result<()> {
    let mut payload = request.take_payload();
    let clock = engine.clock();
    let mut left = Duration::from_millis(engine.settings().server.request_timeout_ms);
    loop {
        let begun = clock.monotonic();
        let part = tokio::select! {
            biased;
            part = payload.next() => part,
            () = clock.sleep(left) => return Err(Error::new(
                Code::RequestTimeout,
                "The body did not arrive in time (server.request_timeout_ms).",
            )),
        };
        left = left.saturating_sub(clock.monotonic().saturating_sub(begun));
        let Some(part) = part else { return Ok(()) };
        let part = part.map_err(|error| {
            Error::new(Code::BadRequest, "The body ended early or cannot be decoded.").with_source(error)
        })?;
        intake.push(&part).await?;
    }
}

fn head_of(engine: &Engine, request: &ServiceRequest) -> Result<Head> {
    let mount = Mount::of(request);
    let method = request.method().as_str();
    if let Some(why) = mount.own.as_deref().and_then(|path| direct(method, path)) {
        return Err(Error::new(Code::BadBackgroundHeader, why));
    }
    if method.len() > METHOD_BYTES_MAX {
        return Err(Error::new(Code::BadRequest, "The method is none that is known."));
    }
    let values = request.headers().get_all(header::NAME);
    let notify = header::parse(values.map(http::HeaderValue::as_bytes))
        .map_err(|refused| Error::new(Code::BadBackgroundHeader, refused.to_string()))?;
    let key = match request.headers().contains_key(idempotency::HEADER) {
        true => Some(idempotency::key_in(request.headers())?.to_owned()),
        false => None,
    };
    let target = mount.target(request);
    if let Some(upstream) = &mount.upstream {
        // A path that leads nowhere is better told now than found in a state.
        upstream.url_of(&target)?;
    }
    let length = request
        .headers()
        .get(http::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(Head {
        method: method.to_owned(),
        target,
        upstream: mount.upstream.as_ref().map(|upstream| upstream.prefix.clone()),
        headers: kept_headers(request, &mount),
        base_url: links::base_url(engine, request.request(), &mount.path),
        client_ip: request
            .peer_addr()
            .map(|address| address.ip().to_canonical().to_string()),
        proto: links::scheme(request.request()).to_owned(),
        notify,
        key,
        length,
    })
}

/// Why a request to an own resource is not taken, for those that are not; `path` begins below `/api/v1`.
pub(super) fn direct(method: &str, path: &str) -> Option<&'static str> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let (first, _id, last) = (parts.next()?, parts.next(), parts.next());
    match (first, last) {
        ("background", _) => Some(STATES),
        ("events", _) => Some(EVENTS),
        ("webhook-secret", _) => Some(SECRETS),
        ("tokens" | "webhook-subscriptions", None) | ("webhook-subscriptions", Some("rotate-secret"))
            if method == "POST" =>
        {
            Some(SECRETS)
        }
        _ => None,
    }
}

/// What is kept for the execution. Our own token is not: the identity of the caller is kept apart from it. `Authorization`
/// is kept only where it goes to the upstream and our token came in a header of its own.
fn kept_headers(request: &ServiceRequest, mount: &Mount) -> Vec<(String, Vec<u8>)> {
    let passes_credentials = mount
        .upstream
        .as_ref()
        .is_some_and(|upstream| upstream.pass_credentials && request.headers().contains_key(TOKEN));
    let is_kept = |name: &http::HeaderName| {
        *name != header::NAME
            && *name != http::CONTENT_LENGTH
            && *name != http::TRANSFER_ENCODING
            && *name != TOKEN
            && (passes_credentials || *name != http::AUTHORIZATION)
    };
    let kept = request.headers().iter().filter(|(name, _)| is_kept(name));
    kept.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}

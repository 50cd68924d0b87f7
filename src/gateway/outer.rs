//! The outer layer of every route: trace span, request id, panics, problem documents, headers, counting.

use std::panic::AssertUnwindSafe;

use actix_web::{
    Error as WebError, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, header},
    middleware::Next,
    web,
};
use futures_util::FutureExt;
use tracing::Span;
use tracing_actix_web::RootSpanBuilder;

use super::{
    headers,
    problem::{self, Place, Rendered},
    request_id::{self, RequestId},
    roots::Root,
};
use crate::{
    engine::{Engine, upstreams::Upstream},
    error::{Code, Error},
};

/// The span of a request: no query string, no header, no body.
pub(super) struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let id = match request.app_data::<web::Data<Engine>>() {
            Some(engine) => RequestId::assign(request, engine.clock()),
            None => String::new(),
        };
        tracing::info_span!(
            "request",
            request.id = %id,
            http.method = %request.method(),
            http.path = %request.path(),
            http.status = tracing::field::Empty,
        )
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, WebError>) {
        let status = match outcome {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        span.record("http.status", status.as_u16());
    }
}

/// Marks an answer that is passed on from elsewhere: whatever its status, nothing of it is replaced.
pub(super) struct AsItIs;

/// See the module. Mounted with `middleware::from_fn`.
pub(super) async fn outer<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, WebError> {
    let Some(engine) = request.app_data::<web::Data<Engine>>().cloned() else {
        return Err(Error::internal("the engine is not in the app's data").into());
    };
    let started = engine.clock().monotonic();
    let method = method_label(request.method());
    let upstream = request.app_data::<web::Data<Upstream>>();
    let upstream = upstream.map(|upstream| upstream.prefix.clone());
    let place = Place {
        instance: Some(request.path().to_owned()),
        request_id: Some(RequestId::assign(&request, engine.clock())),
        form: request.app_data::<Root>().map(|root| root.form).unwrap_or_default(),
    };
    // A panic is caught here: the next request on this connection must not find it closed.
    let outcome = AssertUnwindSafe(next.call(request)).catch_unwind().await;
    let (result, route) = match outcome {
        Ok(Ok(response)) => {
            let route = response.request().match_pattern();
            (Ok(finish(response.map_into_boxed_body(), &place)), route)
        }
        Ok(Err(error)) => (Err(refused(&error, &place)), None),
        Err(_) => {
            let error = Error::internal("a handler panicked; the panic's own message is above");
            (Err(rendered(error, &place)), None)
        }
    };
    let status = match &result {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    let seconds = (engine.clock().monotonic().saturating_sub(started)).as_secs_f64();
    let route = route.or(upstream).unwrap_or_else(|| "none".to_owned());
    let metrics = engine.metrics();
    metrics
        .requests
        .with_label_values(&[method, &route, status.as_str()])
        .inc();
    metrics
        .request_seconds
        .with_label_values(&[method, &route])
        .observe(seconds);
    tracing::debug!(
        http.status = status.as_u16(),
        http.route = route,
        seconds,
        "request answered"
    );
    result
}

/// Methods are made up by clients; labels must not be.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Turns whatever went wrong below into a problem document, and adds the headers of every answer.
fn finish(response: ServiceResponse, place: &Place) -> ServiceResponse {
    if response.response().extensions().get::<AsItIs>().is_some() {
        return passed_on(response, place);
    }
    let status = response.status();
    let media_type = response.headers().get(header::CONTENT_TYPE);
    let is_problem = media_type.is_some_and(|value| place.form.is_written_as(value.as_bytes()));
    let error = match response.response().error() {
        Some(error) => Some(engine_error(error)),
        None if (status.is_client_error() || status.is_server_error()) && !is_problem => {
            Some(problem::from_status(status, None))
        }
        None => None,
    };
    let (request, response) = response.into_parts();
    let mut response = match error {
        Some(error) => {
            log(&error, place);
            replace(response, &error, place)
        }
        None => response,
    };
    if let Some(id) = &place.request_id {
        headers::set(response.headers_mut(), request_id::HEADER, id);
    }
    headers::secure(response.headers_mut());
    ServiceResponse::new(request, response)
}

fn passed_on(mut response: ServiceResponse, place: &Place) -> ServiceResponse {
    let headers = response.headers_mut();
    if let Some(id) = place
        .request_id
        .as_deref()
        .filter(|_| !headers.contains_key(request_id::HEADER))
    {
        headers::set(headers, request_id::HEADER, id);
    }
    response
}

/// The problem document in place of a response, with the headers that say more (Allow, Retry-After).
fn replace(old: HttpResponse, error: &Error, place: &Place) -> HttpResponse {
    let mut new = problem::render(error, place);
    for name in [header::ALLOW, header::RETRY_AFTER] {
        if let (Some(value), false) = (old.headers().get(&name), new.headers().contains_key(&name)) {
            new.headers_mut().insert(name, value.clone());
        }
    }
    new
}

/// Our own error if it is one, else what its status says.
pub(super) fn engine_error(error: &WebError) -> Error {
    if let Some(error) = error.as_error::<Error>() {
        return error.duplicate();
    }
    problem::from_status(error.as_response_error().status_code(), Some(error.to_string()))
}

fn refused(error: &WebError, place: &Place) -> WebError {
    match error.as_error::<Rendered>() {
        Some(rendered) => WebError::from(Rendered {
            error: rendered.error.duplicate(),
            place: place.clone(),
            headers: rendered.headers.clone(),
        }),
        None => rendered(engine_error(error), place),
    }
}

fn rendered(error: Error, place: &Place) -> WebError {
    log(&error, place);
    let id = place.request_id.clone().unwrap_or_default();
    let headers = vec![
        (request_id::HEADER, id),
        ("x-content-type-options", "nosniff".to_owned()),
        ("cache-control", "no-store".to_owned()),
    ];
    Rendered {
        error,
        place: place.clone(),
        headers,
    }
    .into()
}

/// Once, here: the caller sees the request id, the log everything else.
fn log(error: &Error, place: &Place) {
    if error.code == Code::Internal {
        let request_id = place.request_id.as_deref().unwrap_or_default();
        tracing::error!(request.id = request_id, cause = %error.causes(), "request failed");
    }
}

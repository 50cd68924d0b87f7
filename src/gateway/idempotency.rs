//! `Idempotency-Key` on POST: a request that is repeated is answered from the first answer, not run again.

use actix_web::{
    Error as WebError, HttpMessage, HttpResponse,
    body::{self, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::{self, Bytes},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    json, outer,
    problem::{self, Place},
    request_id::RequestId,
    roots::Root,
};
use crate::{
    engine::{Engine, access::Running, caller::Caller},
    error::{Code, Error, Result},
    store::{
        self,
        idempotency::{Answer, Begun, Key},
    },
};

/// The header.
pub const HEADER: &str = "idempotency-key";
/// Says that the answer is that of an earlier request.
pub const REPLAYED: &str = "idempotency-replayed";
/// Longest key, bytes.
const KEY_BYTES_MAX: usize = 255;
/// Largest answer that is kept, bytes.
const ANSWER_BYTES_MAX: usize = 32 << 20;
/// Headers that are kept with the answer.
const KEPT_HEADERS: [&str; 6] = [
    "content-type",
    "location",
    "etag",
    problem::ODATA_VERSION,
    "odata-entityid",
    "preference-applied",
];

type Handled = Result<ServiceResponse<BoxBody>, WebError>;

/// See the module. Mounted with `middleware::from_fn`, inside of [`super::auth::admit`].
pub(super) async fn once<B: MessageBody + 'static>(request: ServiceRequest, next: Next<B>) -> Handled {
    if request.method() != Method::POST || !request.headers().contains_key(HEADER) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let mut request = request;
    match begin(&mut request).await {
        Err(error) => Ok(request.error_response(error)),
        Ok(Start::Replay(response)) => Ok(request.into_response(response)),
        Ok(Start::Run(keeper)) => {
            // Goes on without its client, as every POST does ([`super::whole`]): what ran has its answer kept.
            let response = next.call(request).await?.map_into_boxed_body();
            keeper.keep(response).await
        }
    }
}

enum Start {
    Run(Keeper),
    Replay(HttpResponse),
}

/// Keeps the answer of a request that runs.
struct Keeper {
    engine: Engine,
    key: Key,
    place: Place,
    _running: Running,
}

async fn begin(request: &mut ServiceRequest) -> Result<Start> {
    let engine = request
        .app_data::<web::Data<Engine>>()
        .ok_or_else(|| Error::internal("the engine is not in the app's data"))?
        .as_ref()
        .clone();
    let key = key_of(request)?;
    let payload = request.take_payload();
    let body = json::read_body(request.request(), payload).await?;
    let hash = hash_of(request, &body);
    request.set_payload(payload_of(body));
    let running = engine.access().run(key.clone()).ok_or_else(in_progress)?;
    match engine.store().begin_idempotent(key.clone(), hash).await? {
        Begun::Running => Err(in_progress()),
        Begun::Other => Err(Error::new(
            Code::IdempotencyMismatch,
            "This Idempotency-Key was used with another request within the last 24 hours. Use a new key for a new request.",
        )),
        Begun::Answered(answer) => replay(&engine, &key, &answer).map(Start::Replay),
        Begun::Run => Ok(Start::Run(Keeper {
            place: Place {
                instance: Some(request.path().to_owned()),
                request_id: RequestId::of(request.request()),
                form: request.app_data::<Root>().map(|root| root.form).unwrap_or_default(),
            },
            engine,
            key,
            _running: running,
        })),
    }
}

impl Keeper {
    async fn keep(self, response: ServiceResponse) -> Handled {
        let status = response.status();
        let store = self.engine.store();
        if !is_kept(status) {
            store.free_key(self.key).await.map_err(Error::from)?;
            return Ok(response);
        }
        let (request, response) = response.into_parts();
        // The problem document is made here, so that the answer that is kept is the one that is given.
        let response = match response.error().map(outer::engine_error) {
            Some(error) => problem::render(&error, &self.place),
            None => response,
        };
        let (head, body) = response.into_parts();
        let Ok(Ok(bytes)) = body::to_bytes_limited(body, ANSWER_BYTES_MAX).await else {
            return Err(Error::internal("an answer could not be read for its idempotency key").into());
        };
        let kept = KEPT_HEADERS
            .iter()
            .filter_map(|name| Some((*name, head.headers().get(*name)?.to_str().ok()?)));
        let headers: serde_json::Map<String, serde_json::Value> =
            kept.map(|(name, value)| (name.to_owned(), value.into())).collect();
        let sealer = self.engine.sealer();
        let answer = Answer {
            status: status.as_u16(),
            headers: serde_json::Value::Object(headers).to_string(),
            body: sealer.seal(place_of(&self.key), &bytes).map_err(Error::from)?,
        };
        store.keep_answer(self.key, answer).await.map_err(Error::from)?;
        Ok(ServiceResponse::new(request, head.set_body(BoxBody::new(bytes))))
    }
}

/// Server errors are not kept, nor what says "later": the repeated request deserves a true try.
fn is_kept(status: StatusCode) -> bool {
    !status.is_server_error()
        && !matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS | StatusCode::PAYLOAD_TOO_LARGE
        )
}

fn replay(engine: &Engine, key: &Key, answer: &Answer) -> Result<HttpResponse> {
    let body = engine.sealer().open(place_of(key), &answer.body)?;
    let status = StatusCode::from_u16(answer.status).map_err(Error::internal)?;
    let headers: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&answer.headers).map_err(Error::internal)?;
    let mut response = HttpResponse::build(status).body(Bytes::copy_from_slice(&body));
    for (name, value) in &headers {
        let name = HeaderName::try_from(name.as_str()).map_err(Error::internal)?;
        let value = HeaderValue::from_str(value.as_str().unwrap_or_default()).map_err(Error::internal)?;
        response.headers_mut().insert(name, value);
    }
    super::headers::set(response.headers_mut(), REPLAYED, "true");
    Ok(response)
}

/// The key in these headers, which have one.
///
/// # Errors
/// [`Code::BadRequest`] for several, or one that cannot be used.
pub(super) fn key_in(headers: &HeaderMap) -> Result<&str> {
    let bad = |message: &'static str| Error::new(Code::BadRequest, message);
    let mut values = headers.get_all(HEADER);
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(bad("Send one Idempotency-Key, not several."));
    };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(bad("An Idempotency-Key has 1 to 255 visible ASCII characters."));
    }
    Ok(key)
}

fn key_of(request: &ServiceRequest) -> Result<Key> {
    let key = key_in(request.headers())?;
    let extensions = request.extensions();
    let caller = extensions
        .get::<Caller>()
        .ok_or_else(|| Error::internal("an idempotency key without a caller"))?;
    Ok(Key {
        tenant_id: caller.tenant_id,
        user_id: caller.user_id.unwrap_or_else(|| Uuid::nil().into()),
        key: key.to_owned(),
    })
}

fn hash_of(request: &ServiceRequest, body: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    hasher.update(request.method().as_str());
    hasher.update(b" ");
    hasher.update(target);
    hasher.update(b"\n");
    hasher.update(body);
    hasher.finalize().into()
}

/// A key is text; the place of a sealed value takes a UUID, so one is made from it.
fn place_of(key: &Key) -> store::Place {
    store::Place {
        tenant_id: key.tenant_id,
        table: "idempotency_key",
        row_id: Uuid::new_v5(&key.user_id.uuid(), key.key.as_bytes()),
        column: "body",
    }
}

fn payload_of(body: Bytes) -> Payload {
    let (_, mut payload) = actix_http::h1::Payload::create(true);
    payload.unread_data(body);
    Payload::from(payload)
}

fn in_progress() -> Error {
    Error::new(
        Code::IdempotencyInProgress,
        "The first request with this Idempotency-Key still runs. Repeat this one when it has ended.",
    )
    .with_retry_after_ms(1_000)
}

//! Who asks: the bearer token of a request becomes a `Caller` before any handler runs.

use actix_web::{
    Error as WebError, FromRequest, HttpMessage, HttpRequest,
    body::{BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::header,
    middleware::Next,
    web,
};

use super::{rate, request_id::RequestId};
use crate::{
    engine::{Engine, caller::Caller},
    error::{Code, Error, Result},
};

/// Header that chooses the tenant by its company id.
pub const COMPANY_ID: &str = "ipp-company-id";

impl FromRequest for Caller {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Self>().cloned();
        std::future::ready(caller.ok_or_else(no_token))
    }
}

/// Lets only requests with a valid token pass, as often as its limit allows. Mounted with `middleware::from_fn`.
pub(super) async fn admit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, WebError> {
    let Some(engine) = request.app_data::<web::Data<Engine>>().cloned() else {
        return Err(Error::internal("the engine is not in the app's data").into());
    };
    let admitted = match caller(&engine, request.request()).await {
        Ok(caller) => rate::admit(&engine, &caller).map(|()| caller),
        Err(error) => Err(error),
    };
    match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(error) => Ok(request.error_response(error)),
    }
}

/// Who sends this request.
///
/// # Errors
/// [`Code::Unauthorized`], [`Code::Forbidden`].
pub async fn caller(engine: &Engine, request: &HttpRequest) -> Result<Caller> {
    caller_of(engine, request, bearer(request)?).await
}

/// As [`caller`], with the token at hand.
pub(super) async fn caller_of(engine: &Engine, request: &HttpRequest, token: &str) -> Result<Caller> {
    let company_id = company_id(request)?;
    let identity = engine.access().identity();
    identity.authenticate(token, company_id, RequestId::of(request)).await
}

/// The tenant that a request names. Of two, somebody behind this gateway might take the other.
fn company_id(request: &HttpRequest) -> Result<Option<&str>> {
    let mut values = request.headers().get_all(COMPANY_ID);
    let first = values.next();
    if values.next().is_some() {
        return Err(Error::new(
            Code::BadRequest,
            format!(
                "The header {COMPANY_ID} is given more than once. Send it with the id of one tenant, or leave it out."
            ),
        ));
    }
    // What no header text can hold is no company's id either.
    Ok(first.map(|value| value.to_str().unwrap_or_default().trim()))
}

pub(super) fn bearer(request: &HttpRequest) -> Result<&str> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(no_token());
    };
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().split_once(' '))
        .ok_or_else(no_token)?;
    if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() {
        Ok(token.trim())
    } else {
        Err(no_token())
    }
}

pub(super) fn no_token() -> Error {
    Error::new(
        Code::Unauthorized,
        "This needs a token, in the header Authorization: Bearer <token>. POST /api/authentication/gettoken gives one.",
    )
}

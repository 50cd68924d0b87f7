//! Who asks: the bearer token of a request becomes a `Caller` before any handler runs.

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};

use crate::{
    engine::caller::Caller,
    error::{Code, Error, Result},
};

impl FromRequest for Caller {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Self>().cloned();
        std::future::ready(caller.ok_or_else(|| Error::new(Code::Unauthorized, "This needs a token.")))
    }
}

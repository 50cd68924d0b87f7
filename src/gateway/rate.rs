//! How often a token may ask, and an address may try to sign in.

use actix_web::HttpRequest;

use crate::{
    engine::{Engine, caller::Caller},
    error::Result,
};

/// Counts a request of a token (`gateway.rate_per_second`, `gateway.rate_burst`).
///
/// # Errors
/// `rate_limited`, with the time to wait.
pub(super) fn admit(engine: &Engine, caller: &Caller) -> Result<()> {
    match caller.token_id {
        Some(token_id) => engine.access().limits().admit_token(token_id),
        None => Ok(()),
    }
}

/// Counts a sign-in of the address that the connection comes from. What a proxy says about others is not believed.
///
/// # Errors
/// `rate_limited`, with the time to wait.
pub(super) fn admit_sign_in(engine: &Engine, request: &HttpRequest) -> Result<()> {
    match request.peer_addr() {
        Some(address) => engine.access().limits().admit_sign_in(address.ip()),
        None => Ok(()),
    }
}

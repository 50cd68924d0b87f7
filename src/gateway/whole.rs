//! Requests that change something go on to their end, also when their client goes away meanwhile.

use std::pin::Pin;

use actix_web::{
    Error as WebError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
};

use crate::error::Error;

type Handled = Result<ServiceResponse<BoxBody>, WebError>;

/// The server drops what it does for a client that has closed its connection. A change is more than its row in the store:
/// caches and actors have to hear of it too. Mounted with `middleware::from_fn`.
pub(super) async fn whole<B: MessageBody + 'static>(request: ServiceRequest, next: Next<B>) -> Handled {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let run: Pin<Box<dyn Future<Output = Handled>>> =
        Box::pin(async move { Ok(next.call(request).await?.map_into_boxed_body()) });
    match actix_web::rt::spawn(run).await {
        Ok(handled) => handled,
        Err(ended) => match ended.try_into_panic() {
            // The outer layer turns it into an answer, as for every other request.
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::internal("the request was cancelled").into()),
        },
    }
}

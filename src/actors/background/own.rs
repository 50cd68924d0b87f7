//! How the engine's own resources are called in this process: what the gateway provides and the executor uses.

use std::rc::Rc;

use actix_http::{
    Method,
    header::{HeaderName, HeaderValue},
};
use bytes::Bytes;
use futures_util::{future::LocalBoxFuture, stream::LocalBoxStream};

use crate::{
    engine::caller::Caller,
    error::{Error, Result},
    http::StreamBody,
};

/// A request to one of our own resources.
pub struct OwnRequest {
    /// Its method.
    pub method: Method,
    /// Path and query, from `/api/v1` on.
    pub target: String,
    /// Headers; an identity is never taken from them.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: StreamBody,
    /// Who asks, with the rights of now.
    pub caller: Caller,
}

/// An answer, of our own resources or of an upstream.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, in order.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: AnswerBody,
}

/// The body of an answer.
pub enum AnswerBody {
    /// At hand.
    Bytes(Bytes),
    /// As it comes; an error is in words for the caller.
    Stream(LocalBoxStream<'static, Result<Bytes>>),
}

/// Our own resources. One for each instance of the actor, on its thread.
pub trait OwnResources {
    /// Executes a request; whatever goes wrong is an answer.
    fn call(&self, request: OwnRequest) -> LocalBoxFuture<'static, Answer>;

    /// The answer that a request gets which is refused before it reaches a resource.
    fn refuse(&self, target: &str, request_id: String, error: &Error) -> Answer;
}

/// Makes [`OwnResources`] on the thread where it is called.
pub type MakeOwn = std::sync::Arc<dyn Fn() -> LocalBoxFuture<'static, Rc<dyn OwnResources>> + Send + Sync>;

//! An answer whose head has come and whose body is on its way.

use actix_http::error::PayloadError;
use actix_http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use awc::ClientResponse;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::OwnedSemaphorePermit;

use super::error::{Error, Step};
use super::wire::Closed;

/// Dropped before its end, it closes its connection.
pub(super) struct Opened {
    response: ClientResponse,
    /// The place among the connections of the host, until the body has been read.
    _place: Option<OwnedSemaphorePermit>,
    announced: Option<u64>,
    until_close: bool,
    received: u64,
    ended: bool,
}

impl Opened {
    pub fn new(response: ClientResponse, place: Option<OwnedSemaphorePermit>) -> Opened {
        let head = response.headers();
        let announced = head
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let until_close = announced.is_none() && !head.contains_key(TRANSFER_ENCODING);
        Opened {
            response,
            _place: place,
            announced,
            until_close,
            received: 0,
            ended: false,
        }
    }

    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The length that the head gives, bytes.
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// The next piece of the body as it came; a body that ends before its time is an error, and nothing follows on one.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        if self.ended {
            return None;
        }
        match self.response.next().await {
            Some(Ok(chunk)) => {
                self.received += chunk.len() as u64;
                return Some(Ok(chunk));
            }
            None => {}
            Some(Err(PayloadError::Incomplete(Some(cause)))) if self.until_close && is_close(&cause) => {}
            Some(Err(cause)) => {
                self.ended = true;
                return Some(Err(self.cut(&cause)));
            }
        }
        self.ended = true;
        None
    }

    fn cut(&self, cause: &PayloadError) -> Error {
        let received = self.received;
        let of = self.announced.map(|bytes| format!(" of {bytes}")).unwrap_or_default();
        let cause = match cause {
            PayloadError::Incomplete(Some(cause)) | PayloadError::Io(cause) => cause.to_string(),
            other => other.to_string(),
        };
        Error::new(
            Step::Protocol,
            format!("the answer ended early, after {received}{of} bytes: {cause}"),
        )
    }
}

fn is_close(cause: &std::io::Error) -> bool {
    cause.get_ref().is_some_and(|inner| inner.is::<Closed>())
}

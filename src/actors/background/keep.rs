//! Keeping an answer: its head as text, a small body in the row, a large one in sealed chunks as it comes.

use std::collections::BTreeMap;

use actix_http::header::{HeaderName, HeaderValue};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::{
    actors::background::{
        desk::Desk,
        envelope::{self, Body, CHUNK_BYTES, SMALL_BODY_BYTES},
        own::{Answer, AnswerBody},
    },
    domain::ids::{BackgroundId, TenantId},
    store::{self, background::BodyKind},
};

/// What is not shown of an answer's headers: of one connection, of one exchange, or a secret of the browser's.
const NOT_KEPT: [&str; 16] = [
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "date",
    "keep-alive",
    "referrer-policy",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-content-type-options",
    "x-frame-options",
    "x-request-id",
];

/// An answer as it is kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub status: u16,
    /// A JSON object.
    pub headers: Option<String>,
    pub content_type: Option<String>,
    /// A small body, sealed.
    pub response: Option<Vec<u8>>,
    /// Parts of a large one.
    pub chunks: u32,
    pub has_response: bool,
}

/// Why an answer is not kept.
#[derive(Debug)]
pub(super) enum NotKept {
    /// In words for the caller.
    Failed(String),
    /// The store takes nothing any more.
    Left,
}

impl From<store::Error> for NotKept {
    fn from(error: store::Error) -> Self {
        tracing::warn!(error = ?error, "an answer is not kept");
        Self::Left
    }
}

/// Whose answer it is.
pub(super) struct Keeper<'a> {
    pub desk: &'a Desk,
    pub tenant_id: TenantId,
    pub id: BackgroundId,
}

impl Keeper<'_> {
    /// Keeps an answer.
    ///
    /// # Errors
    /// The body does not come to its end, is larger than allowed, or cannot be stored. What was stored of it is dropped.
    pub async fn keep(&self, answer: Answer) -> Result<Kept, NotKept> {
        let mut kept = Kept {
            status: answer.status,
            content_type: content_type(&answer.headers),
            headers: headers(&answer.headers),
            ..Kept::default()
        };
        if kept
            .content_type
            .as_deref()
            .is_some_and(|kind| kind.starts_with("text/event-stream"))
        {
            return Err(NotKept::Failed(
                "The answer is a stream of events, which has no end; it cannot be had in the background.".to_owned(),
            ));
        }
        let bytes_max = self.desk.services.settings.background.response_bytes_max;
        match answer.body {
            AnswerBody::Bytes(bytes) if bytes.len() <= SMALL_BODY_BYTES => self.keep_small(&bytes, &mut kept)?,
            AnswerBody::Bytes(bytes) if bytes.len() > bytes_max => return Err(too_large(bytes_max)),
            AnswerBody::Bytes(bytes) => {
                for chunk in bytes.chunks(CHUNK_BYTES) {
                    self.keep_chunk(chunk, &mut kept).await?;
                }
            }
            AnswerBody::Stream(mut stream) => {
                let mut waiting = BytesMut::new();
                let mut total = 0_usize;
                while let Some(part) = stream.next().await {
                    let part: Bytes = match part {
                        Ok(part) => part,
                        Err(error) => {
                            return Err(self.give_up(&kept, NotKept::Failed(error.message.into_owned())).await);
                        }
                    };
                    total += part.len();
                    if total > bytes_max {
                        return Err(self.give_up(&kept, too_large(bytes_max)).await);
                    }
                    waiting.extend_from_slice(&part);
                    while waiting.len() >= CHUNK_BYTES {
                        let chunk = waiting.split_to(CHUNK_BYTES);
                        self.keep_chunk(&chunk, &mut kept).await?;
                    }
                }
                if total <= SMALL_BODY_BYTES {
                    self.keep_small(&waiting, &mut kept)?;
                } else if !waiting.is_empty() {
                    self.keep_chunk(&waiting, &mut kept).await?;
                }
            }
        }
        Ok(kept)
    }

    /// Drops what is stored of a body that is not wanted, as well as that goes.
    pub async fn drop_chunks(&self) {
        let dropped = self
            .desk
            .services
            .store
            .drop_body(self.tenant_id, self.id, BodyKind::Response)
            .await;
        if let Err(error) = dropped {
            tracing::warn!(background.id = %self.id, error = ?error, "parts of an answer are left to the purge");
        }
    }

    async fn give_up(&self, kept: &Kept, why: NotKept) -> NotKept {
        if kept.chunks > 0 {
            self.drop_chunks().await;
        }
        why
    }

    fn keep_small(&self, body: &[u8], kept: &mut Kept) -> Result<(), NotKept> {
        if !body.is_empty() {
            let sealer = &self.desk.services.sealer;
            kept.response = Some(envelope::seal_response(sealer, self.tenant_id, self.id, body)?);
            kept.has_response = true;
        }
        Ok(())
    }

    async fn keep_chunk(&self, chunk: &[u8], kept: &mut Kept) -> Result<(), NotKept> {
        let services = &self.desk.services;
        let seq = kept.chunks;
        let sealed = envelope::seal_chunk(&services.sealer, self.tenant_id, self.id, Body::Response, seq, chunk)?;
        let put = async || {
            let put = services
                .store
                .put_body_chunk(self.tenant_id, self.id, BodyKind::Response, seq, sealed.clone())
                .await;
            match put {
                // A try that seemed to fail had been committed.
                Err(store::Error::Unique(_)) => Ok(()),
                other => other,
            }
        };
        self.desk.until_stored("part of an answer", put).await?;
        kept.chunks += 1;
        kept.has_response = true;
        Ok(())
    }
}

fn too_large(bytes_max: usize) -> NotKept {
    NotKept::Failed(format!(
        "The answer is larger than {bytes_max} bytes, the largest that is kept (background.response_bytes_max)."
    ))
}

fn content_type(headers: &[(HeaderName, HeaderValue)]) -> Option<String> {
    let found = headers.iter().find(|(name, _)| name == "content-type")?;
    found.1.to_str().ok().map(str::to_owned)
}

fn headers(headers: &[(HeaderName, HeaderValue)]) -> Option<String> {
    let mut shown: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| !NOT_KEPT.contains(&name.as_str())) {
        let Ok(value) = value.to_str() else {
            continue;
        };
        match shown.get_mut(name.as_str()) {
            Some(known) => {
                known.push_str(", ");
                known.push_str(value);
            }
            None => drop(shown.insert(name.as_str(), value.to_owned())),
        }
    }
    if shown.is_empty() {
        return None;
    }
    // Texts as members of an object: nothing in it can fail.
    serde_json::to_string(&shown).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_and_cookies_are_not_shown() {
        let head =
            |name: &'static str, value: &'static str| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let all = [
            head("content-type", "application/json"),
            head("set-cookie", "session=secret"),
            head("etag", "\"1\""),
            head("link", "<a>"),
            head("link", "<b>"),
            head("x-request-id", "7"),
        ];
        let expected = r#"{"content-type":"application/json","etag":"\"1\"","link":"<a>, <b>"}"#;
        assert_eq!(headers(&all).as_deref(), Some(expected));
        assert_eq!(content_type(&all).as_deref(), Some("application/json"));
        assert_eq!(headers(&all[1..2]), None);
    }
}

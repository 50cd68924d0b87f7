//! Following an answer 202 to its true end: asks where the upstream says, until the answer is the end. While it waits, a request
//! has no slot, only its lane; where it asks is stored, so that a crash does not send the request again.
//!
//! Only places at the origin of the upstream's target are asked: they get the credentials of the request. An answer that names
//! another one is the end as far as we go, and has the place among its headers.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::{
    actors::background::{
        envelope::{self, Envelope},
        execute::{Done, Job},
        keep::Kept,
        own::{Answer, AnswerBody},
        pass_on::{Unanswered, shown},
    },
    domain::background::follow::{self, Judged, Pace, Seen, Way},
    engine::upstreams::{Headers, Upstream},
    error::Code,
    http::StreamBody,
};

/// A document that says how far an operation is, is not larger, bytes.
const DOCUMENT_BYTES_MAX: usize = 64 * 1_024;
/// How long the answer to one question may take to begin; and a document, to come to its end.
const QUESTION: Duration = Duration::from_secs(60);

/// Where the end is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    url: String,
    way: Way,
    /// The status of the end, where it is known already.
    status: Option<u16>,
    /// By the wall clock, microseconds.
    until_us: i64,
}

/// What came of one question.
enum Asked {
    Answer(Answer, Option<Value>),
    Failed(String),
    /// It says nothing about the operation.
    Trouble {
        after_ms: Option<u64>,
        why: String,
    },
}

impl Job {
    /// The upstream has accepted the request.
    pub(super) async fn accepted(
        &mut self,
        envelope: &Envelope,
        upstream: &Upstream,
        url: &str,
        answer: Answer,
        until: Duration,
    ) -> Done {
        let Some(Judged::Wait {
            location: Some((way, location)),
            after_ms,
        }) = follow::accepted(&seen(&answer, None))
        else {
            return self.kept(shown(upstream, url, envelope, answer)).await;
        };
        let Some(next) = resolved(url, &location).filter(|next| is_same_origin(upstream, next)) else {
            return self.kept(shown(upstream, url, envelope, answer)).await;
        };
        // Its body says nothing that the end does not; the connection is free when it is read.
        drop(tokio::time::timeout(QUESTION, small(answer.body)).await);
        let clock = &self.desk.services.clock;
        let left = until.saturating_sub(clock.monotonic());
        let left_us = i64::try_from(left.as_micros()).unwrap_or(i64::MAX);
        let place = Place {
            url: next,
            way,
            status: None,
            until_us: clock.now_us().saturating_add(left_us),
        };
        self.ask(envelope, upstream, place, Some(after_ms)).await
    }

    /// A crash of ours came between two questions.
    pub(super) async fn go_on_asking(&mut self, envelope: &Envelope, prefix: &str, sealed: &[u8]) -> Done {
        let services = self.desk.services.clone();
        let Some(upstream) = services.upstreams.by_prefix(prefix).cloned() else {
            return Done::Failed(format!(
                "The upstream {prefix}, which accepted this request, is no longer in the settings of this engine."
            ));
        };
        let opened = envelope::open_follow(&services.sealer, self.claimed.tenant_id, self.claimed.id, sealed);
        let place: Option<Place> = opened.ok().and_then(|opened| serde_json::from_slice(&opened).ok());
        match place {
            Some(place) if !is_same_origin(&upstream, &place.url) => Done::Failed(format!(
                "The upstream {prefix} accepted this request, and its end is to be asked for at another place than where the \
                 upstream is now, which is not done."
            )),
            Some(place) => self.ask(envelope, &upstream, place, None).await,
            None => Done::Failed(
                "The upstream accepted this request, and where its end is to be asked for can no longer be read."
                    .to_owned(),
            ),
        }
    }

    /// Asks until there is an end, at first after a wait if there is one: as long as the other side says, or as we think right.
    async fn ask(
        &mut self,
        envelope: &Envelope,
        upstream: &Upstream,
        mut place: Place,
        first: Option<Option<u64>>,
    ) -> Done {
        let prefix = &upstream.prefix;
        let mut pace = Pace::default();
        let mut trouble = String::new();
        let mut is_noted = first.is_none();
        let mut wait_ms = first.map(|after_ms| pace.wait_ms(after_ms));
        loop {
            if !is_noted && !self.note(&place).await {
                return Done::Left;
            }
            is_noted = true;
            if let Some(wait_ms) = wait_ms.take()
                && !self.wait(Duration::from_millis(wait_ms).min(self.left(&place))).await
            {
                return Done::Left;
            }
            if self.left(&place).is_zero() {
                return too_late(upstream, &trouble);
            }
            let (answer, document) = match self.answered(envelope, upstream, &place, &mut pace).await {
                Asked::Answer(answer, document) => (answer, document),
                Asked::Failed(why) => return Done::Failed(why),
                Asked::Trouble { after_ms, why } => {
                    trouble = format!(" When it was asked last: {why}");
                    wait_ms = Some(pace.wait_ms(after_ms));
                    continue;
                }
            };
            trouble.clear();
            let next = match follow::judge(place.way, &seen(&answer, document.as_ref())) {
                Judged::End => return self.ended(envelope, upstream, &place, answer).await,
                Judged::EndAs(status) => {
                    return Done::Answered(Kept {
                        status,
                        ..Kept::default()
                    });
                }
                Judged::Failed(why) => return Done::Failed(why),
                Judged::Fetch { location, status } => Some((Way::Result, location, status)),
                Judged::Hop { way, location } => Some((way, location, place.status)),
                Judged::Wait { location, after_ms } => {
                    wait_ms = Some(pace.wait_ms(after_ms));
                    location.map(|(way, location)| (way, location, place.status))
                }
            };
            if wait_ms.is_none() && !pace.hop() {
                return Done::Failed(format!(
                    "The upstream {prefix} accepted this request, and then led from one place to the next without an end."
                ));
            }
            let Some((way, location, status)) = next else {
                continue;
            };
            let Some(url) = resolved(&place.url, &location) else {
                return Done::Failed(format!(
                    "The upstream {prefix} accepted this request, and then named a place that is no URL."
                ));
            };
            if !is_same_origin(upstream, &url) {
                return self.ended(envelope, upstream, &place, answer).await;
            }
            is_noted = url == place.url && way == place.way;
            place = Place {
                url,
                way,
                status,
                ..place
            };
        }
    }

    /// What is left of the deadline.
    fn left(&self, place: &Place) -> Duration {
        let left_us = place.until_us.saturating_sub(self.desk.services.clock.now_us());
        Duration::from_micros(u64::try_from(left_us).unwrap_or(0))
    }

    /// Asks once, if whoever sent the request still may.
    async fn answered(&self, envelope: &Envelope, upstream: &Upstream, place: &Place, pace: &mut Pace) -> Asked {
        if let Err(error) = self.caller().await {
            if matches!(error.code, Code::Internal | Code::Unavailable) {
                return Asked::trouble(error.message);
            }
            return Asked::Failed(format!(
                "The upstream {} accepted this request, and its end is not asked for any more. {}",
                upstream.prefix, error.message
            ));
        }
        let clock = &self.desk.services.clock;
        let until = clock.monotonic() + self.left(place);
        let headers = self.question_headers(envelope, upstream);
        let question = self.exchange(upstream, "GET", &place.url, headers, StreamBody::None, until);
        // What is asked for may be large and slow to make; how far it is, is said soon or not at all.
        let answer = match place.way {
            Way::Result => Ok(question.await),
            Way::Location | Way::Operation => tokio::time::timeout(QUESTION, question).await,
        };
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(Unanswered { why, may_pass: true })) => return Asked::trouble(why),
            Ok(Err(Unanswered { why, .. })) => return Asked::Failed(why),
            Err(_) => return Asked::trouble("It gave no answer."),
        };
        let now_ms = u64::try_from(clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        if pace.is_trouble(place.way, answer.status, now_ms) {
            return Asked::Trouble {
                after_ms: retry_after_s(&answer).map(|seconds| seconds.saturating_mul(1_000)),
                why: format!("It answered {}.", answer.status),
            };
        }
        if place.way == Way::Result {
            return Asked::Answer(answer, None);
        }
        match tokio::time::timeout(QUESTION, with_document(answer)).await {
            Ok(Ok((answer, document))) => Asked::Answer(answer, document),
            Ok(Err(why)) => Asked::trouble(why),
            Err(_) => Asked::trouble("Its answer did not come to an end."),
        }
    }

    async fn ended(&self, envelope: &Envelope, upstream: &Upstream, place: &Place, answer: Answer) -> Done {
        let mut answer = shown(upstream, &place.url, envelope, answer);
        if let (Some(status), 200..=299) = (place.status, answer.status) {
            answer.status = status;
        }
        self.kept(answer).await
    }

    /// Notes where to ask. False: the request is no longer ours.
    async fn note(&self, place: &Place) -> bool {
        let services = &self.desk.services;
        let (tenant_id, id, epoch) = (self.claimed.tenant_id, self.claimed.id, services.epoch);
        let sealed = serde_json::to_vec(place)
            .ok()
            .and_then(|text| envelope::seal_follow(&services.sealer, tenant_id, id, &text).ok());
        let save = || services.store.save_follow(tenant_id, id, epoch, sealed.clone());
        matches!(self.desk.until_stored("place of an end", save).await, Ok(true))
    }

    /// As of the request, without what was about its body.
    fn question_headers(&self, envelope: &Envelope, upstream: &Upstream) -> Headers {
        let mut headers = self.passed_headers(upstream, envelope);
        headers.retain(|(name, _)| {
            let name = name.as_str();
            !name.starts_with("content-")
                && !name.starts_with("if-")
                && !matches!(name, "idempotency-key" | "prefer" | "range")
        });
        headers
    }
}

impl Asked {
    fn trouble(why: impl Into<String>) -> Self {
        Self::Trouble {
            after_ms: None,
            why: why.into(),
        }
    }
}

fn too_late(upstream: &Upstream, trouble: &str) -> Done {
    Done::Failed(format!(
        "The upstream {} accepted this request and did not come to its end within {} ms.{trouble}",
        upstream.prefix, upstream.background_timeout_ms
    ))
}

fn is_same_origin(upstream: &Upstream, url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.origin() == upstream.target.origin())
}

fn resolved(base: &str, location: &str) -> Option<String> {
    let url = Url::parse(base).ok()?.join(location).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let found = answer.headers.iter().find(|(known, _)| known == name)?;
    found.1.to_str().ok()
}

fn retry_after_s(answer: &Answer) -> Option<u64> {
    header(answer, "retry-after")?.trim().parse().ok()
}

fn seen<'a>(answer: &'a Answer, json: Option<&'a Value>) -> Seen<'a> {
    Seen {
        status: answer.status,
        location: header(answer, "location"),
        operation_location: header(answer, "operation-location").or_else(|| header(answer, "azure-asyncoperation")),
        retry_after_s: retry_after_s(answer),
        json,
    }
}

/// Reads an answer as far as a document could go: the answer with all of its body, and the document if it is one.
async fn with_document(answer: Answer) -> Result<(Answer, Option<Value>), String> {
    let is_json = header(&answer, "content-type").is_some_and(|kind| kind.contains("json"));
    if !is_json {
        return Ok((answer, None));
    }
    let (status, headers) = (answer.status, answer.headers);
    let (body, whole) = small(answer.body).await?;
    let document = whole.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Ok((Answer { status, headers, body }, document))
}

/// Reads a body up to what a document may have; gives it whole again, and its bytes if it ended.
async fn small(body: AnswerBody) -> Result<(AnswerBody, Option<Bytes>), String> {
    let mut rest = match body {
        AnswerBody::Bytes(bytes) => return Ok((AnswerBody::Bytes(bytes.clone()), Some(bytes))),
        AnswerBody::Stream(rest) => rest,
    };
    let mut read = BytesMut::new();
    while let Some(part) = rest.next().await {
        read.extend_from_slice(&part.map_err(|error| error.message.into_owned())?);
        if read.len() > DOCUMENT_BYTES_MAX {
            let first = stream::iter([Ok(read.freeze())]);
            return Ok((AnswerBody::Stream(first.chain(rest).boxed_local()), None));
        }
    }
    let bytes = read.freeze();
    Ok((AnswerBody::Bytes(bytes.clone()), Some(bytes)))
}

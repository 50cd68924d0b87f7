//! Following an answer 202 to its true end: asks where the upstream says, until the answer is the end. While it waits, a request
//! has no slot, only its lane; where it asks is stored, so that a crash does not send the request again.

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
        pass_on::shown,
    },
    domain::background::follow::{self, Judged, QUESTIONS_MAX, Seen, TROUBLES_MAX, Way},
    engine::upstreams::{Headers, Upstream},
    http::StreamBody,
};

/// A document that says how far an operation is, is not larger, bytes.
const DOCUMENT_BYTES_MAX: usize = 64 * 1_024;
/// How long one question may take.
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
        again_ms: u64,
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
        let Some(next) = resolved(url, &location) else {
            return self.kept(shown(upstream, url, envelope, answer)).await;
        };
        // Its body says nothing that the end does not; the connection is free when it is read.
        drop(small(answer.body).await);
        let clock = &self.desk.services.clock;
        let left = until.saturating_sub(clock.monotonic());
        let left_us = i64::try_from(left.as_micros()).unwrap_or(i64::MAX);
        let place = Place {
            url: next,
            way,
            status: None,
            until_us: clock.now_us().saturating_add(left_us),
        };
        self.ask(envelope, upstream, place, Some(follow::wait_ms(0, after_ms)))
            .await
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
        let place = opened.ok().and_then(|opened| serde_json::from_slice(&opened).ok());
        match place {
            Some(place) => self.ask(envelope, &upstream, place, None).await,
            None => Done::Failed(
                "The upstream accepted this request, and where its end is to be asked for can no longer be read."
                    .to_owned(),
            ),
        }
    }

    async fn ask(&mut self, envelope: &Envelope, upstream: &Upstream, mut place: Place, wait_ms: Option<u64>) -> Done {
        let services = self.desk.services.clone();
        let mut wait_ms = wait_ms;
        let (mut asked, mut troubles) = (0, 0);
        let mut is_noted = wait_ms.is_none();
        loop {
            if !is_noted && !self.note(&place).await {
                return Done::Left;
            }
            is_noted = true;
            if let Some(wait_ms) = wait_ms.filter(|wait_ms| *wait_ms > 0)
                && !self.wait(Duration::from_millis(wait_ms)).await
            {
                return Done::Left;
            }
            let left_us = place.until_us.saturating_sub(services.clock.now_us());
            let left = Duration::from_micros(u64::try_from(left_us).unwrap_or(0));
            if left.is_zero() || asked >= QUESTIONS_MAX {
                return Done::Failed(format!(
                    "The upstream {} accepted this request and did not come to its end within {} ms.",
                    upstream.prefix, upstream.background_timeout_ms
                ));
            }
            let (answer, document) = match self.answered(envelope, upstream, &place, left, (asked, troubles)).await {
                Asked::Answer(answer, document) => (answer, document),
                Asked::Failed(why) => return Done::Failed(why),
                Asked::Trouble { again_ms } => {
                    (asked, troubles) = (asked + 1, troubles + 1);
                    wait_ms = Some(again_ms);
                    continue;
                }
            };
            (asked, troubles) = (asked + 1, 0);
            let next = match follow::judge(place.way, &seen(&answer, document.as_ref())) {
                Judged::End => return self.ended(envelope, upstream, &place, answer).await,
                Judged::EndAs(status) => {
                    return Done::Answered(Kept {
                        status,
                        ..Kept::default()
                    });
                }
                Judged::Failed(why) => return Done::Failed(why),
                Judged::Fetch { location, status } => {
                    wait_ms = Some(0);
                    Some((Way::Result, location, status))
                }
                Judged::Wait { location, after_ms } => {
                    wait_ms = Some(follow::wait_ms(asked, after_ms));
                    location.map(|(way, location)| (way, location, place.status))
                }
            };
            if let Some((way, location, status)) = next {
                let Some(url) = resolved(&place.url, &location) else {
                    return Done::Failed(format!(
                        "The upstream {} accepted this request, and then named a place that is no URL.",
                        upstream.prefix
                    ));
                };
                is_noted = url == place.url && way == place.way;
                place = Place {
                    url,
                    way,
                    status,
                    ..place
                };
            }
        }
    }

    /// Asks once. The last: questions before, and how many of them failed in a row.
    async fn answered(
        &self,
        envelope: &Envelope,
        upstream: &Upstream,
        place: &Place,
        left: Duration,
        (asked, troubles): (u32, u32),
    ) -> Asked {
        let until = self.desk.services.clock.monotonic() + left.min(QUESTION);
        let headers = self.question_headers(envelope, upstream, &place.url);
        let answer = match self.question(upstream, &place.url, headers, until).await {
            Ok(answer) => answer,
            Err(why) if troubles >= TROUBLES_MAX => return Asked::Failed(why),
            Err(_) => {
                let again_ms = follow::wait_ms(asked, None);
                return Asked::Trouble { again_ms };
            }
        };
        if follow::is_trouble(answer.status) && troubles < TROUBLES_MAX {
            let after_ms = retry_after_s(&answer).map(|seconds| seconds.saturating_mul(1_000));
            let again_ms = follow::wait_ms(asked, after_ms).max(1);
            return Asked::Trouble { again_ms };
        }
        match with_document(answer).await {
            Ok((answer, document)) => Asked::Answer(answer, document),
            Err(why) => Asked::Failed(why),
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

    /// Credentials go to the upstream's own origin only.
    fn question_headers(&self, envelope: &Envelope, upstream: &Upstream, url: &str) -> Headers {
        if !is_same_origin(upstream, url) {
            return Headers::new();
        }
        let mut headers = self.passed_headers(upstream, envelope);
        headers.retain(|(name, _)| {
            let name = name.as_str();
            !name.starts_with("content-")
                && !name.starts_with("if-")
                && !matches!(name, "idempotency-key" | "prefer" | "range")
        });
        headers
    }

    async fn question(
        &self,
        upstream: &Upstream,
        url: &str,
        headers: Headers,
        until: Duration,
    ) -> Result<Answer, String> {
        let as_client = is_same_origin(upstream, url);
        self.exchange(upstream, as_client, "GET", url, headers, StreamBody::None, until)
            .await
    }
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

//! Requests to upstreams.
//!
//! What is repeated, and what is not: a safe method without a body, when no connection came about or it ended before the
//! first byte of the answer; three times at most. Everything else that goes wrong is the end: only the caller knows whether
//! sending again does harm. A status is never a reason to repeat, 429 and 503 included: it is the answer.

use std::time::Duration;

use actix_http::{
    Method,
    header::{HeaderName, HeaderValue},
};
use futures_util::StreamExt;

use crate::{
    actors::background::{
        envelope::Envelope,
        execute::{Done, Job, headers_of},
        own::{Answer, AnswerBody},
    },
    domain::background::is_safe,
    engine::upstreams::{Forwarded, Headers, Upstream, client_of},
    error::{Code, Error},
    http::{self, Step, StreamBody, StreamRequest},
};

/// Waits before a request is sent again, milliseconds.
const REPEAT_MS: [u64; 3] = [250, 1_000, 4_000];
/// The key by which an upstream knows a request that it has seen.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Why there is no answer.
pub(super) struct Unanswered {
    /// In words for the caller.
    pub why: String,
    /// Whether there may be one later.
    pub may_pass: bool,
}

impl Job {
    pub(super) async fn pass_on(&mut self, envelope: &mut Envelope, prefix: &str) -> Done {
        let services = self.desk.services.clone();
        let Some(upstream) = services.upstreams.by_prefix(prefix).cloned() else {
            return Done::Failed(format!(
                "The upstream {prefix} is no longer in the settings of this engine."
            ));
        };
        let url = match upstream.url_of(&self.claimed.original_uri) {
            Ok(url) => url,
            Err(error) => return Done::Failed(error.message.into_owned()),
        };
        let until = services.clock.monotonic() + Duration::from_millis(upstream.background_timeout_ms);
        let headers = self.headers_to(&upstream, envelope);
        let body = self.body_of(envelope);
        let answer = self
            .exchange(&upstream, &self.claimed.method, &url, headers, body, until)
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(Unanswered { why, .. }) => return Done::Failed(why),
        };
        if upstream.follow_accepted && answer.status == 202 {
            return self.accepted(envelope, &upstream, &url, answer, until).await;
        }
        self.kept(shown(&upstream, &url, envelope, answer)).await
    }

    /// Sends a request with the credentials of the upstream's client; the answer's body ends with the deadline.
    ///
    /// # Errors
    /// There is no answer.
    pub(super) async fn exchange(
        &self,
        upstream: &Upstream,
        method: &str,
        url: &str,
        headers: Headers,
        body: StreamBody,
        until: Duration,
    ) -> Result<Answer, Unanswered> {
        let services = &self.desk.services;
        let client = client_of(services, self.claimed.tenant_id, upstream).await;
        let client = client.map_err(|error| Unanswered {
            may_pass: matches!(error.code, Code::Internal | Code::Unavailable),
            why: error.message.into_owned(),
        })?;
        let bad_method = |_| Unanswered {
            may_pass: false,
            why: format!("The method {method} is none that is known."),
        };
        let sent_method = Method::from_bytes(method.as_bytes()).map_err(bad_method)?;
        let mut repeats = match body {
            StreamBody::None if is_safe(method) => REPEAT_MS.iter(),
            _ => [].iter(),
        };
        let mut body = Some(body);
        loop {
            let left = until.saturating_sub(services.clock.monotonic());
            let timeout_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
            let request = StreamRequest {
                method: sent_method.clone(),
                url: url.to_owned(),
                headers: headers.clone(),
                body: body.take().unwrap_or(StreamBody::None),
                client: client.clone(),
                timeout_ms,
            };
            let error = match services.outbound.stream(request).await {
                Ok(response) => {
                    let failed = failure_of(upstream);
                    let parts = response.body.map(move |part| part.map_err(|error| failed(&error)));
                    return Ok(Answer {
                        status: response.status,
                        headers: response.headers,
                        body: AnswerBody::Stream(parts.boxed_local()),
                    });
                }
                Err(error) => error,
            };
            let may_repeat = matches!(error.step, Step::Dns | Step::Connect | Step::Protocol);
            let wait = repeats.next().filter(|wait_ms| may_repeat && timeout_ms > **wait_ms);
            let Some(wait_ms) = wait else {
                tracing::info!(background.id = %self.id(), %error, "an upstream gave no answer");
                return Err(Unanswered {
                    may_pass: !matches!(error.step, Step::Request | Step::Egress | Step::TooLarge),
                    why: upstream
                        .failure(&error, upstream.background_timeout_ms)
                        .message
                        .into_owned(),
                });
            };
            services.clock.sleep(Duration::from_millis(*wait_ms)).await;
        }
    }

    /// The headers of the request itself.
    fn headers_to(&self, upstream: &Upstream, envelope: &Envelope) -> Headers {
        let mut headers = self.passed_headers(upstream, envelope);
        if !is_safe(&self.claimed.method) {
            headers.retain(|(name, _)| name != IDEMPOTENCY_KEY);
            if let Ok(id) = HeaderValue::from_str(&self.id().to_string()) {
                headers.push((HeaderName::from_static(IDEMPOTENCY_KEY), id));
            }
        }
        headers
    }

    /// What the caller sent, as far as it goes to the upstream.
    pub(super) fn passed_headers(&self, upstream: &Upstream, envelope: &Envelope) -> Headers {
        let mut inbound = headers_of(envelope);
        // An answer that is stored is read by whoever asks for it, not by who sent the request: it comes as it is.
        inbound.retain(|(name, _)| name != "accept-encoding");
        let forwarded = Forwarded {
            client_ip: envelope.client_ip.clone(),
            host: envelope
                .header("host")
                .and_then(|host| String::from_utf8(host.to_vec()).ok()),
            proto: envelope.proto.clone(),
        };
        upstream.outbound_headers(&inbound, &forwarded)
    }
}

/// An answer of an upstream as it is shown: its places lead through us.
pub(super) fn shown(upstream: &Upstream, url: &str, envelope: &Envelope, answer: Answer) -> Answer {
    Answer {
        headers: upstream.response_headers(url, &envelope.base_url, answer.headers),
        ..answer
    }
}

/// What the caller learns of a body that does not come to its end.
fn failure_of(upstream: &Upstream) -> impl Fn(&http::Error) -> Error + use<> {
    let (prefix, timeout_ms) = (upstream.prefix.clone(), upstream.background_timeout_ms);
    move |error| {
        let message = match error.step {
            Step::Timeout => {
                format!("The answer of the upstream {prefix} did not come to its end within {timeout_ms} ms.")
            }
            _ => format!("The upstream {prefix} ended the connection before the end of its answer."),
        };
        Error::new(Code::BadGateway, message).with_source(error.clone())
    }
}

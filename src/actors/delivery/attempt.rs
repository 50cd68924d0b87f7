//! One attempt: who is told by now, the signed request, what its answer means.

use std::{sync::Arc, time::Duration};

use actix_http::{
    Method,
    header::{HeaderName, HeaderValue},
};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp};

use crate::{
    actors::{
        delivery::{
            inbox::Going,
            targets::{Opened, Secrets},
        },
        services::{RunningGuard, Services},
    },
    domain::delivery::{self, Heard, Verdict, decide, lane_of, sign},
    error::Result,
    http::{self, StreamBody, StreamRequest, StreamResponse},
    store::deliveries::{Disabled, DueDelivery, Recorded},
};

/// Bytes of an answer that are read, so that its connection can be used again.
const ANSWER_BYTES_MAX: usize = 65_536;
/// Characters of an answer that are kept, of an attempt that failed.
const ANSWER_CHARACTERS_KEPT: usize = 500;
/// Shorter values are not looked for in an answer: they would blacken half of it.
const REDACTED_BYTES_MIN: usize = 6;
/// When to try again after a failure of our own, which is no attempt.
const OWN_FAILURE_WAIT: SignedDuration = SignedDuration::from_secs(30);

/// An attempt that has ended.
pub(super) struct Ended {
    /// The delivery.
    pub job: DueDelivery,
    /// What is to be recorded.
    pub recorded: Recorded,
    /// Whether the receiver is alive.
    pub good: bool,
    /// Which instance of the actor sent it.
    pub generation: u64,
    /// Holds up the engine's end until it is recorded.
    #[expect(dead_code, reason = "counts the attempt as going for as long as it lives")]
    pub guard: RunningGuard,
    /// Keeps the delivery from being sent again until it is recorded.
    #[expect(dead_code, reason = "counts the delivery as going for as long as it lives")]
    pub going: Going,
}

/// Where an attempt goes.
enum Address {
    To {
        url: String,
        secrets: Opened,
    },
    /// Nowhere any more, and why.
    Nowhere(String),
}

/// What came back.
struct Outcome {
    heard: Heard,
    error: Option<String>,
    response: Option<String>,
}

/// Makes one attempt. A failure of our own, a panic too, is not the receiver's: it is tried again soon.
pub(super) async fn attempt(
    services: Arc<Services>,
    job: DueDelivery,
    generation: u64,
    guard: RunningGuard,
    going: Going,
) -> Ended {
    let (at, begun) = (services.clock.now(), services.clock.monotonic());
    let made = std::panic::AssertUnwindSafe(made(&services, &job, at))
        .catch_unwind()
        .await;
    let ended_at = services.clock.now();
    let duration_ms = u64::try_from((services.clock.monotonic() - begun).as_millis()).unwrap_or(u64::MAX);
    let mut recorded = Recorded {
        id: job.id,
        tenant_id: job.tenant_id,
        attempts: job.attempts,
        unsent: true,
        at,
        ended_at,
        duration_ms,
        status: None,
        error: None,
        response: None,
        verdict: Verdict::RetryAt(ended_at.checked_add(OWN_FAILURE_WAIT).unwrap_or(ended_at)),
        moved: None,
        disables: None,
    };
    let mut good = false;
    match made {
        Ok(Ok((Address::Nowhere(why), _))) => {
            recorded.verdict = Verdict::Failed;
            recorded.error = Some(why);
        }
        Ok(Ok((Address::To { url, .. }, Some(outcome)))) => {
            good = judge(&services, &job, url, outcome, &mut recorded);
        }
        Ok(Ok((Address::To { .. }, None))) => {}
        Ok(Err(error)) => {
            tracing::error!(delivery.id = %job.id, error = ?error, "a notification cannot be sent; it is tried again");
            recorded.error = Some("The engine could not prepare the request; it tries again.".to_owned());
        }
        Err(_) => {
            tracing::error!(delivery.id = %job.id, "sending a notification panicked; it is tried again");
            // It counts: what always panics must come to an end.
            let outcome = Outcome {
                heard: Heard::Nothing,
                error: Some("The engine failed while it was sending.".to_owned()),
                response: None,
            };
            judge(&services, &job, job.url.clone(), outcome, &mut recorded);
        }
    }
    Ended {
        job,
        recorded,
        good,
        generation,
        guard,
        going,
    }
}

/// Fills in what follows from an answer; true if the receiver is alive.
fn judge(services: &Services, job: &DueDelivery, url: String, outcome: Outcome, recorded: &mut Recorded) -> bool {
    recorded.unsent = false;
    recorded.attempts = job.attempts.saturating_add(1);
    let of_round = recorded.attempts.saturating_sub(job.attempts_before);
    recorded.verdict = decide(recorded.ended_at, job.id, of_round, outcome.heard);
    if let Heard::Answer { status, .. } = outcome.heard {
        recorded.status = Some(status);
    }
    recorded.error = outcome.error;
    recorded.response = outcome.response;
    if let (Verdict::Gone, Some(id)) = (recorded.verdict, job.subscription_id) {
        let at = recorded.ended_at.strftime("%Y-%m-%d %H:%M:%S UTC");
        recorded.disables = Some(Disabled {
            id,
            url: url.clone(),
            reason: format!("The receiver answered 410 Gone on {at}: it wants no more notifications."),
        });
    }
    recorded.moved = (url != job.url).then(|| {
        let lane = lane_of(job.tenant_id, &url);
        (url, lane)
    });
    let label = match recorded.verdict {
        Verdict::Delivered => "delivered",
        Verdict::RetryAt(_) => "retry",
        Verdict::Failed => "failed",
        Verdict::Gone => "gone",
    };
    let took = Duration::from_millis(recorded.duration_ms);
    services.metrics.webhooks.attempted(label, took);
    matches!(recorded.verdict, Verdict::Delivered | Verdict::Gone)
}

async fn made(services: &Services, job: &DueDelivery, at: Timestamp) -> Result<(Address, Option<Outcome>)> {
    let address = address(services, job).await?;
    let outcome = match &address {
        Address::To {
            url,
            secrets: Ok(secrets),
        } => Some(send(services, job, url, secrets, at).await),
        // It counts: what can never be signed must come to an end.
        Address::To { secrets: Err(why), .. } => Some(Outcome {
            heard: Heard::Nothing,
            error: Some(why.clone()),
            response: None,
        }),
        Address::Nowhere(_) => None,
    };
    Ok((address, outcome))
}

async fn address(services: &Services, job: &DueDelivery) -> Result<Address> {
    let Some(id) = job.subscription_id else {
        return Ok(Address::To {
            url: job.url.clone(),
            secrets: services.targets.own(job.tenant_id).await?,
        });
    };
    let targets = services.targets.of(job.tenant_id).await?;
    let Some(target) = targets.subscriptions.iter().find(|target| target.id == id) else {
        return Ok(Address::Nowhere("The subscription was deleted.".to_owned()));
    };
    if target.enabled {
        return Ok(Address::To {
            url: target.url.clone(),
            secrets: services.targets.open(&target.signer),
        });
    }
    let why = target.disabled_reason.as_deref().unwrap_or("Someone disabled it.");
    Ok(Address::Nowhere(format!(
        "The subscription is disabled, so nothing was sent. {why} Enable it, then replay."
    )))
}

async fn send(services: &Services, job: &DueDelivery, url: &str, secrets: &Secrets, at: Timestamp) -> Outcome {
    let signature = sign::signatures(secrets.at(at), job.id, at.as_second(), &job.payload);
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("accept-encoding", "identity".to_owned()),
        ("webhook-id", job.id.to_string()),
        ("webhook-timestamp", at.as_second().to_string()),
        ("webhook-signature", signature.clone()),
    ];
    let pairs: Vec<(String, String)> = job
        .headers
        .as_deref()
        .and_then(|pairs| serde_json::from_str(pairs).ok())
        .unwrap_or_default();
    headers.extend(pairs.iter().map(|(name, value)| (name.as_str(), value.clone())));
    let request = StreamRequest {
        method: Method::POST,
        url: url.to_owned(),
        headers: headers
            .into_iter()
            .filter_map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
                Some((name, HeaderValue::from_str(&value).ok()?))
            })
            .collect(),
        body: StreamBody::Bytes(Bytes::from(job.payload.clone())),
        client: None,
        timeout_ms: services.settings.webhooks.timeout_ms,
    };
    // Boxed: the state of a request is large.
    match Box::pin(services.outbound.stream(request)).await {
        Ok(answer) => {
            let mut secrets: Vec<String> = pairs.into_iter().map(|(_, value)| value).collect();
            secrets.retain(|secret| secret.len() >= REDACTED_BYTES_MIN);
            secrets.push(signature);
            of_answer(services, answer, &secrets).await
        }
        Err(error) => Outcome {
            heard: Heard::Nothing,
            error: Some(format!("{}: {}", error.step, error.message)),
            response: None,
        },
    }
}

/// The head decides; of the body only the beginning is of interest, and only of a failure.
async fn of_answer(services: &Services, answer: StreamResponse, secrets: &[String]) -> Outcome {
    let StreamResponse {
        status,
        headers,
        body: mut chunks,
    } = answer;
    let mut body = Vec::new();
    while body.len() < ANSWER_BYTES_MAX {
        match chunks.next().await {
            Some(Ok(chunk)) => body.extend_from_slice(&chunk),
            Some(Err(_)) | None => break,
        }
    }
    let asked = headers.iter().find(|(name, _)| name.as_str() == "retry-after");
    let asked = asked.and_then(|(_, value)| delivery::retry_after_ms(value.to_str().ok()?, services.clock.now()));
    let error = match status {
        200..=299 => None,
        300..=399 => Some(format!(
            "The receiver answered {status}: notifications follow no redirects. Give the URL that it redirects to."
        )),
        410 => Some("The receiver answered 410: it wants no more notifications.".to_owned()),
        _ => Some(format!("The receiver answered {status}.")),
    };
    let response = error.is_some().then(|| {
        let text = http::redacted(String::from_utf8_lossy(&body).into_owned(), secrets);
        text.replace('\0', "")
            .chars()
            .take(ANSWER_CHARACTERS_KEPT)
            .collect::<String>()
    });
    Outcome {
        heard: Heard::Answer {
            status,
            retry_after_ms: asked,
        },
        error,
        response: response.filter(|text| !text.is_empty()),
    }
}

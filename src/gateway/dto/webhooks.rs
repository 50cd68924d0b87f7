//! Bodies and answers of webhook subscriptions, signing secrets and deliveries.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::given;
use crate::{
    domain::{delivery::State, ids::DeliveryId},
    engine::webhooks::{ReplayFilter, Replayed, Shown, SubscriptionInput, WebhookSubscription},
    http::Secret,
    store::{
        deliveries::{Attempt, Delivery},
        webhooks::SealedSecret,
    },
};

/// A subscription, as made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubscriptionBody {
    /// Where notifications are posted to.
    url: String,
    /// `background.finished`.
    events: Vec<String>,
    /// `whsec_` and base64 of 24 to 64 bytes. Made if absent. A PUT without it keeps the secret.
    #[schema(value_type = Option<String>)]
    secret: Option<SecretInput>,
    /// True if absent.
    enabled: Option<bool>,
    /// For people.
    description: Option<String>,
}

/// What is to change of a subscription.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubscriptionPatch {
    url: Option<String>,
    events: Option<Vec<String>>,
    /// The secret before signs too for a while.
    #[schema(value_type = Option<String>)]
    secret: Option<SecretInput>,
    enabled: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
}

/// A secret: its text, or what an answer shows in its place, which changes nothing.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum SecretInput {
    /// In clear.
    Text(Secret),
    /// As it was read.
    Masked(MaskedInput),
}

/// What an answer shows in place of a secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "read by serde only")]
pub struct MaskedInput {
    set: bool,
    fingerprint: Option<String>,
    created_at: Option<Timestamp>,
    previous_until: Option<Timestamp>,
}

/// Another secret.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateBody {
    /// `whsec_` and base64 of 24 to 64 bytes; made if absent.
    #[schema(value_type = Option<String>)]
    secret: Option<Secret>,
}

/// A subscription.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookSubscription)]
pub struct SubscriptionAnswer {
    id: Uuid,
    url: String,
    events: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    enabled: bool,
    /// Why the engine disabled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_reason: Option<String>,
    /// After making or rotating it: in clear, this once.
    secret: SecretAnswer,
    created_by: Option<Uuid>,
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// A secret in clear, this once, or what is shown in its place.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SecretAnswer {
    /// In clear.
    Text(String),
    /// Masked.
    Masked(MaskedSecret),
}

/// What is shown of a secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaskedSecret {
    set: bool,
    fingerprint: String,
    /// Since when it signs.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Until when the one before signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    previous_until: Option<Timestamp>,
}

/// The tenant's own signing secret, for receivers that are plain URLs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookSecret)]
pub struct OwnSecretAnswer {
    /// In clear, after a rotation only.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    fingerprint: String,
    /// Since when it signs.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Until when the one before signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    previous_until: Option<Timestamp>,
}

/// A notification on its way, or at its end.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Delivery)]
pub struct DeliveryAnswer {
    /// The `webhook-id` of all its requests.
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    background_id: Option<Uuid>,
    event: String,
    url: String,
    /// `pending`, `delivered`, `failed`, `gone`.
    #[schema(value_type = String)]
    state: State,
    attempt_count: u32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When the next attempt is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// The body that is sent.
    #[schema(value_type = Object)]
    payload: Option<Box<RawValue>>,
    attempts: Vec<AttemptAnswer>,
}

/// One attempt of a delivery.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeliveryAttempt)]
pub struct AttemptAnswer {
    number: u32,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    duration_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The beginning of the answer to an attempt that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<String>,
}

/// Which delivery to send once more.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplayOneBody {
    /// Of a subscription, or of a plain URL.
    #[schema(value_type = Uuid)]
    pub delivery_id: DeliveryId,
}

/// Which deliveries to send once more, up to 1,000, oldest first; without members, those that failed. An answer with `next`
/// asks for the same request once more, with its `next` as `after`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplayBody {
    /// These only, up to 1,000.
    #[schema(value_type = Option<Vec<Uuid>>)]
    delivery_ids: Option<Vec<DeliveryId>>,
    /// Those that come after this one: the `next` of the answer before.
    #[schema(value_type = Option<Uuid>)]
    after: Option<DeliveryId>,
    /// Made at or after this.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// `failed`, `gone` or `delivered`.
    #[schema(value_type = Option<String>)]
    status: Option<State>,
}

/// What a replay has done.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Replayed)]
pub struct ReplayedAnswer {
    /// How many are sent once more.
    replayed: usize,
    delivery_ids: Vec<Uuid>,
    /// There may be others: send the same request with `next` as its `after`.
    more: bool,
    /// Where to go on, if there may be others.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Uuid>,
}

fn text(input: Option<SecretInput>) -> Option<Secret> {
    match input? {
        SecretInput::Text(secret) => Some(secret),
        SecretInput::Masked(_) => None,
    }
}

impl From<SubscriptionBody> for SubscriptionInput {
    fn from(body: SubscriptionBody) -> Self {
        Self {
            url: Some(body.url),
            events: Some(body.events),
            description: Some(body.description),
            enabled: body.enabled,
            secret: text(body.secret),
        }
    }
}

impl From<SubscriptionPatch> for SubscriptionInput {
    fn from(patch: SubscriptionPatch) -> Self {
        Self {
            url: patch.url,
            events: patch.events,
            description: patch.description,
            enabled: patch.enabled,
            secret: text(patch.secret),
        }
    }
}

impl RotateBody {
    /// The secret that is given.
    pub fn into_secret(self) -> Option<Secret> {
        self.secret
    }
}

impl From<ReplayBody> for ReplayFilter {
    fn from(body: ReplayBody) -> Self {
        Self {
            ids: body.delivery_ids,
            after: body.after,
            from: body.from,
            state: body.status,
        }
    }
}

impl From<SealedSecret> for MaskedSecret {
    fn from(secret: SealedSecret) -> Self {
        Self {
            set: true,
            fingerprint: secret.fingerprint,
            created_at: secret.created_at,
            previous_until: secret.previous.map(|(_, until)| until),
        }
    }
}

impl From<WebhookSubscription> for SubscriptionAnswer {
    fn from(subscription: WebhookSubscription) -> Self {
        Self::from(Shown {
            thing: subscription,
            secret: None,
        })
    }
}

impl From<Shown<WebhookSubscription>> for SubscriptionAnswer {
    fn from(shown: Shown<WebhookSubscription>) -> Self {
        let Shown { thing, secret } = shown;
        Self {
            id: thing.id.uuid(),
            url: thing.url,
            events: thing.events,
            description: thing.description,
            enabled: thing.enabled,
            disabled_reason: thing.disabled_reason,
            secret: match secret {
                Some(secret) => SecretAnswer::Text(secret.expose().to_owned()),
                None => SecretAnswer::Masked(thing.secret.into()),
            },
            created_by: thing.created_by.map(Uuid::from),
            version: thing.version,
            created_at: thing.created_at,
            updated_at: thing.updated_at,
        }
    }
}

impl From<Shown<SealedSecret>> for OwnSecretAnswer {
    fn from(shown: Shown<SealedSecret>) -> Self {
        let Shown { thing, secret } = shown;
        Self {
            secret: secret.map(|secret| secret.expose().to_owned()),
            fingerprint: thing.fingerprint,
            created_at: thing.created_at,
            previous_until: thing.previous.map(|(_, until)| until),
        }
    }
}

impl From<Delivery> for DeliveryAnswer {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.uuid(),
            subscription_id: delivery.subscription_id.map(Uuid::from),
            background_id: delivery.background_id.map(Uuid::from),
            event: delivery.event,
            url: delivery.url,
            state: delivery.state,
            attempt_count: delivery.attempt_count,
            created_at: delivery.created_at,
            next_at: delivery.next_at,
            ended_at: delivery.ended_at,
            last_status: delivery.last_status,
            last_error: delivery.last_error,
            payload: RawValue::from_string(delivery.payload).ok(),
            attempts: delivery.attempts.into_iter().map(AttemptAnswer::from).collect(),
        }
    }
}

impl From<Attempt> for AttemptAnswer {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            at: attempt.at,
            duration_ms: attempt.duration_ms,
            status: attempt.status,
            error: attempt.error,
            response: attempt.response,
        }
    }
}

impl From<Replayed> for ReplayedAnswer {
    fn from(replayed: Replayed) -> Self {
        Self {
            replayed: replayed.ids.len(),
            delivery_ids: replayed.ids.into_iter().map(Uuid::from).collect(),
            more: replayed.next.is_some(),
            next: replayed.next.map(Uuid::from),
        }
    }
}

//! The notifications that an ended background request asks for, and where they stand.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    actors::services::Services,
    domain::{
        background::{Status, header},
        delivery::{BACKGROUND_FINISHED, State},
        ids::{BackgroundId, DeliveryId, TenantId},
    },
    error::{Error, Result},
    store::{Store, deliveries::NewDelivery},
};

/// A background request that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Which.
    pub background_id: BackgroundId,
    /// `none`, `subscription` or a URL.
    pub webhook_address: &'a str,
    /// Further headers, as JSON pairs.
    pub notify_pairs: Option<&'a str>,
    /// The caller's own reference.
    pub reference: Option<&'a str>,
    /// How it ended.
    pub status: Status,
    /// HTTP status of its answer; 0 without one.
    pub status_code: u16,
    /// Scheme, host and port that links begin with.
    pub base_url: &'a str,
    /// Whether there is content to fetch.
    pub has_response: bool,
}

/// The body of a notification.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    id: BackgroundId,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    status: Status,
    status_code: u16,
    state_location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_location: Option<String>,
}

/// Where the notification of a background request stands. Where several subscriptions are told, the one that is furthest from
/// its end, and the attempts of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationState {
    /// `pending`, `delivered`, `failed` or `gone`.
    pub state: State,
    /// Attempts so far.
    pub attempts: u32,
    /// HTTP status of the last attempt.
    pub last_status: Option<u16>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When the next attempt is due.
    pub next_at: Option<Timestamp>,
    /// When the receiver took it.
    pub delivered_at: Option<Timestamp>,
    /// The deliveries: for a replay, and for comparison with `webhook-id`.
    pub delivery_ids: Vec<DeliveryId>,
}

/// The deliveries of an ended request: none, one for its URL, or one for each enabled subscription of the event. They belong
/// into the transaction of the end.
///
/// # Errors
/// The store does not answer.
pub async fn deliveries_for(services: &Services, ended: &Ended<'_>) -> Result<Vec<NewDelivery>> {
    let receivers = match ended.webhook_address {
        address if address.eq_ignore_ascii_case(header::NONE) => return Ok(Vec::new()),
        header::SUBSCRIPTION => {
            let targets = services.targets.of(ended.tenant_id).await?;
            targets
                .subscriptions
                .iter()
                .filter(|target| target.enabled && target.events.iter().any(|event| event == BACKGROUND_FINISHED))
                .map(|target| (Some(target.id), target.url.clone()))
                .collect()
        }
        url => vec![(None, url.to_owned())],
    };
    let state_location = format!("{}/api/v1/background/{}", ended.base_url, ended.background_id);
    let payload = Payload {
        id: ended.background_id,
        reference: ended.reference,
        status: ended.status,
        status_code: ended.status_code,
        content_location: ended.has_response.then(|| format!("{state_location}/content")),
        state_location,
    };
    let payload = serde_json::to_string(&payload).map_err(Error::internal)?;
    let now = services.clock.now();
    let new = receivers.into_iter().map(|(subscription_id, url)| NewDelivery {
        id: services.clock.new_id().into(),
        tenant_id: ended.tenant_id,
        subscription_id,
        background_id: Some(ended.background_id),
        event: BACKGROUND_FINISHED,
        url,
        headers: ended.notify_pairs.map(str::to_owned),
        payload: payload.clone(),
        created_at: now,
        next_at: now,
    });
    Ok(new.collect())
}

/// Where the notification of a background request stands; none if nobody is told.
///
/// # Errors
/// The store does not answer.
pub async fn of_background(store: &Store, tenant_id: TenantId, id: BackgroundId) -> Result<Option<NotificationState>> {
    let deliveries = store.deliveries_of_background(tenant_id, id).await?;
    let distance = |state: State| match state {
        State::Pending => 0,
        State::Failed => 1,
        State::Gone => 2,
        State::Delivered => 3,
    };
    let attempts = deliveries.iter().map(|delivery| delivery.attempt_count).sum();
    let delivery_ids = deliveries.iter().map(|delivery| delivery.id).collect();
    let shown = deliveries.into_iter().min_by_key(|delivery| distance(delivery.state));
    Ok(shown.map(|delivery| NotificationState {
        state: delivery.state,
        attempts,
        last_status: delivery.last_status,
        last_error: delivery.last_error,
        next_at: delivery.next_at,
        delivered_at: delivery.ended_at.filter(|_| delivery.state == State::Delivered),
        delivery_ids,
    }))
}

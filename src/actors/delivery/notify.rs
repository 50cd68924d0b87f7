//! The notifications that an ended background request asks for, and where they stand.

use std::net::SocketAddr;

use jiff::Timestamp;
use serde::Serialize;
use url::Url;

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
    /// Where links began for who sent or cancelled it: partly in his own words, see [`links_begin`].
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
                .filter(|target| target.hears(BACKGROUND_FINISHED))
                .map(|target| (Some(target.id), target.url.clone()))
                .collect()
        }
        url => vec![(None, url.to_owned())],
    };
    let public_url = &services.settings.server.public_url;
    let links_begin = links_begin(public_url, services.address.get(), ended.base_url);
    let state_location = format!("{links_begin}/api/v1/background/{}", ended.background_id);
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

/// Where links in notifications begin: `server.public_url`, else the address at which our own server answers. Where neither is
/// known, or it answers at all addresses, the link is a path.
///
/// Never with the host that the sender of the request named: the notification is signed by us, so its receiver believes it.
/// Of `base_url` only the path is taken, under which a host app has mounted us.
pub(in crate::actors) fn links_begin(public_url: &str, address: Option<&SocketAddr>, base_url: &str) -> String {
    let public_url = public_url.trim_end_matches('/');
    if !public_url.is_empty() {
        return public_url.to_owned();
    }
    if let Some(address) = address.filter(|address| !address.ip().is_unspecified()) {
        return format!("http://{address}");
    }
    let mount = Url::parse(base_url).map(|url| url.path().trim_end_matches('/').to_owned());
    mount.unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_do_not_begin_with_what_a_caller_wrote() {
        let at = |text: &str| Some(text.parse::<SocketAddr>().unwrap());
        let (own, all) = (at("192.0.2.1:8080"), at("0.0.0.0:8080"));
        for (public_url, address, base_url, expected) in [
            (
                "https://orrery.example/",
                own,
                "http://evil.example",
                "https://orrery.example",
            ),
            (
                "https://a.example/b/",
                None,
                "http://evil.example/x",
                "https://a.example/b",
            ),
            ("", own, "http://evil.example", "http://192.0.2.1:8080"),
            ("", at("[::1]:80"), "http://evil.example", "http://[::1]:80"),
            ("", all, "http://evil.example", ""),
            ("", at("[::]:80"), "http://evil.example:7/", ""),
            ("", None, "http://evil.example", ""),
            ("", None, "https://evil.example/host/orrery", "/host/orrery"),
            ("", None, "", ""),
        ] {
            let begin = links_begin(public_url, address.as_ref(), base_url);
            assert_eq!(begin, expected, "{public_url} {address:?} {base_url}");
        }
    }
}

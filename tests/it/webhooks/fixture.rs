//! What the tests of webhooks begin with: an engine, a receiver, deliveries to it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use orrery::{
    actors::delivery::notify::{Ended, deliveries_for},
    clock::{Clock, ManualClock},
    domain::{
        background::Status,
        ids::{BackgroundId, DeliveryId, SubscriptionId, TenantId},
    },
    engine::{
        Engine,
        caller::Caller,
        webhooks::{Shown, SubscriptionInput, WebhookSubscription},
    },
    events::Event,
    store::{
        Page,
        deliveries::{Delivery, NewDelivery},
    },
};
use tokio::sync::broadcast::Receiver;

use crate::support::{
    api,
    engine::TestEngine,
    upstream::{Recorded, Upstream},
};

pub struct Hooks {
    pub engine: Engine,
    pub tenant: TenantId,
    pub caller: Caller,
    pub events: Receiver<Event>,
    pub test: Arc<TestEngine>,
}

impl Hooks {
    /// On the database at this address; may reach these receivers and nothing else on this machine.
    pub async fn on(url: &str, receivers: &[&Upstream]) -> Self {
        Self::with(url, receivers, Clock::system(), |_| {}).await
    }

    /// With a clock that the test moves.
    pub async fn with_manual_clock(url: &str, receivers: &[&Upstream], start: &str) -> (Self, ManualClock) {
        let (clock, manual) = Clock::manual(start.parse().unwrap());
        // Purges are the test's own.
        let hooks = Self::with(url, receivers, clock, |settings| settings.purge.interval_minutes = 0);
        (hooks.await, manual)
    }

    pub async fn with(
        url: &str,
        receivers: &[&Upstream],
        clock: Clock,
        change: impl FnOnce(&mut orrery::settings::Settings),
    ) -> Self {
        let mut start = TestEngine::prepare();
        url.clone_into(&mut start.settings.database.url);
        start.settings.egress.allow = receivers.iter().map(|receiver| receiver.address()).collect();
        start.clock = clock;
        // An attempt ends when its receiver says so, however slow this machine is.
        start.settings.webhooks.timeout_ms = 300_000;
        start.settings.server.public_url = "https://orrery.example/".to_owned();
        change(&mut start.settings);
        let test = start.start().await;
        let me = test.api.get("/api/v1/me").await.expect(200);
        let tenant: TenantId = me.json["tenant"]["id"].as_str().unwrap().parse().unwrap();
        Self {
            engine: test.engine.clone(),
            tenant,
            caller: Caller::embedded(tenant),
            events: test.engine.subscribe(),
            test: Arc::new(test),
        }
    }

    pub async fn subscribe(&self, url: &str) -> Shown<WebhookSubscription> {
        let input = SubscriptionInput {
            url: Some(url.to_owned()),
            events: Some(vec!["background.finished".to_owned()]),
            ..SubscriptionInput::default()
        };
        self.engine.webhooks().create(&self.caller, input).await.unwrap()
    }

    /// What the end of a request makes, for a URL or `subscription`.
    pub async fn deliveries_for(&self, address: &str, pairs: Option<&str>) -> (BackgroundId, Vec<NewDelivery>) {
        let background_id = self.engine.clock().new_id().into();
        let ended = Ended {
            tenant_id: self.tenant,
            background_id,
            webhook_address: address,
            notify_pairs: pairs,
            reference: Some("order 42"),
            status: Status::Finished,
            status_code: 200,
            base_url: "http://evil.example",
            has_response: true,
        };
        let made = deliveries_for(self.engine.services(), &ended).await.unwrap();
        (background_id, made)
    }

    /// Commits deliveries and tells the actor of them.
    pub async fn send(&self, deliveries: Vec<NewDelivery>) {
        self.engine.store().create_deliveries(deliveries.clone()).await.unwrap();
        self.engine.services().deliveries.created(&deliveries);
    }

    /// One notification on its way; its id.
    pub async fn notify(&self, address: &str) -> DeliveryId {
        let (_, made) = self.deliveries_for(address, None).await;
        let id = made[0].id;
        self.send(made).await;
        id
    }

    pub async fn event(&mut self, kind: &str, id: DeliveryId) -> Event {
        api::event(&mut self.events, kind, &id.to_string()).await
    }

    pub async fn delivery(&self, id: DeliveryId) -> Delivery {
        let found = self.engine.store().delivery(self.tenant, id).await.unwrap();
        found.unwrap()
    }

    /// With attempts, newest first.
    pub async fn of_subscription(&self, id: SubscriptionId) -> Vec<Delivery> {
        let webhooks = self.engine.webhooks();
        let paged = webhooks.deliveries(&self.caller, id, Page::default()).await;
        paged.unwrap().items
    }

    pub fn now(&self) -> Timestamp {
        self.engine.clock().now()
    }
}

/// Whether a request carries a signature that the specification's own library makes with this secret.
pub fn is_signed_with(request: &Recorded, secret: &str) -> bool {
    let timestamp = request.header("webhook-timestamp").unwrap().parse().unwrap();
    let expected = standardwebhooks::Webhook::new(secret)
        .unwrap()
        .sign(request.header("webhook-id").unwrap(), timestamp, &request.body)
        .unwrap();
    let signatures = request.header("webhook-signature").unwrap();
    signatures.split(' ').any(|signature| signature == expected)
}

/// A span in hours.
pub fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3_600)
}

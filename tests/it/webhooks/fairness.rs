//! Nobody waits behind somebody else's dead receiver.

use orrery::{clock::Clock, domain::delivery::State};

use super::fixture::Hooks;
use crate::support::{
    postgres::for_each_database,
    upstream::{Behaviour, Upstream},
};

#[tokio::test]
async fn a_receiver_that_hangs_slows_no_other() {
    for_each_database(|url| async move {
        let (dead, alive) = (Upstream::start(), Upstream::start());
        dead.on("/hook", Behaviour::Hang);
        alive.status("/hook", 200, "");
        let mut hooks = Hooks::with(&url, &[&dead, &alive], Clock::system(), |settings| {
            settings.webhooks.workers = 4;
            settings.webhooks.per_receiver_max = 2;
            settings.webhooks.timeout_ms = 300_000;
        })
        .await;
        let mut all = Vec::new();
        for _ in 0..200 {
            all.extend(hooks.deliveries_for(&dead.url("/hook"), None).await.1);
        }
        hooks.send(all).await;
        dead.wait_for("/hook", 2).await;
        // The receiver takes five minutes until its time-out; the other one must not wait for it.
        let id = hooks.notify(&alive.url("/hook")).await;
        hooks.event("webhook.delivered", id).await;
        assert_eq!(dead.requests_to("/hook").len(), 2, "no more than per_receiver_max");
        let metrics = hooks.test.api.get("/metrics").await;
        let text = String::from_utf8(metrics.body).unwrap();
        assert!(text.contains("orrery_webhook_pending 200"), "{text}");
        assert!(
            text.contains(r#"orrery_webhook_attempts_total{result="delivered"} 1"#),
            "{text}"
        );
        let actors = hooks.test.api.get("/api/v1/actors?kind=delivery").await.expect(200);
        assert_eq!(actors.json["items"][0]["phase"], "running", "{actors:?}");
        assert_eq!(actors.json["items"][0]["queued"], 198, "{actors:?}");
        // The end of the engine does not wait for the receiver either.
        hooks.engine.shutdown(std::time::Duration::ZERO).await;
    })
    .await;
}

#[tokio::test]
async fn more_than_fits_in_memory_arrives_once_each() {
    let receiver = Upstream::start();
    receiver.status("/hook", 200, "");
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let mut hooks = Hooks::on(&url, &[&receiver]).await;
    // A lane holds 256 of them; the others are found in the store when it has room.
    let mut all = Vec::new();
    for _ in 0..1_000 {
        all.extend(hooks.deliveries_for(&receiver.url("/hook"), None).await.1);
    }
    let last = all.last().unwrap().id;
    let expected: std::collections::HashSet<String> = all.iter().map(|new| new.id.to_string()).collect();
    hooks.send(all).await;
    let requests = receiver.wait_for("/hook", 1_000).await;
    let ids: std::collections::HashSet<String> = requests
        .iter()
        .map(|request| request.header("webhook-id").unwrap().to_owned())
        .collect();
    assert_eq!(ids, expected);
    if hooks.delivery(last).await.state != State::Delivered {
        hooks.event("webhook.delivered", last).await;
    }
    assert_eq!(receiver.requests_to("/hook").len(), 1_000);
}

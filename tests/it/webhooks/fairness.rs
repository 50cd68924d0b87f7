//! Nobody waits behind somebody else's dead receiver.

use orrery::{
    clock::Clock,
    domain::{delivery::State, ids::TenantId},
    store::deliveries::NewDelivery,
};

use super::fixture::Hooks;
use crate::support::{
    postgres::for_each_database,
    scene::eventually,
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

/// What somebody else sends, to these receivers in turn.
fn of_another(hooks: &Hooks, tenant_id: TenantId, count: usize, url: impl Fn(usize) -> String) -> Vec<NewDelivery> {
    let now = hooks.now();
    let new = |number| NewDelivery {
        id: hooks.engine.clock().new_id().into(),
        tenant_id,
        subscription_id: None,
        background_id: None,
        event: "background.finished",
        url: url(number),
        headers: None,
        payload: "{}".to_owned(),
        created_at: now,
        next_at: now,
    };
    (0..count).map(new).collect()
}

#[tokio::test]
async fn a_tenant_with_thousands_for_many_dead_receivers_stops_nobody_else() {
    for_each_database(|url| async move {
        let (dead, alive) = (
            [Upstream::start(), Upstream::start(), Upstream::start()],
            Upstream::start(),
        );
        for dead in &dead {
            dead.on("/hook", Behaviour::Hang);
        }
        alive.status("/hook", 200, "");
        let receivers = [&dead[0], &dead[1], &dead[2], &alive];
        let mut hooks = Hooks::with(&url, &receivers, Clock::system(), |settings| {
            settings.webhooks.workers = 4;
            settings.webhooks.per_receiver_max = 1;
        })
        .await;
        let other: TenantId = hooks.engine.clock().new_id().into();
        let hanging = of_another(&hooks, other, 3, |number| dead[number].url("/hook"));
        hooks.send(hanging).await;
        for dead in &dead {
            dead.wait_for("/hook", 1).await;
        }
        // It has as many workers as it may have: these only wait, in more lanes than one look visits.
        let host = |number: usize| format!("http://127.0.0.1:{}/hook", 20_000 + number % 100);
        hooks.send(of_another(&hooks, other, 14_000, host)).await;
        let fresh = hooks.notify(&alive.url("/hook")).await;
        hooks.event("webhook.delivered", fresh).await;
        // What only the store knows is found as well.
        let (_, stored) = hooks.deliveries_for(&alive.url("/hook"), None).await;
        let id = stored[0].id;
        hooks.engine.store().create_deliveries(stored).await.unwrap();
        hooks.engine.services().deliveries.look();
        hooks.event("webhook.delivered", id).await;
        let actors = hooks.test.api.get("/api/v1/actors?kind=delivery").await.expect(200);
        assert_eq!(actors.json["items"][0]["queued"], 2_500, "a quarter of what may wait");
        hooks.engine.shutdown(std::time::Duration::ZERO).await;
    })
    .await;
}

#[tokio::test]
async fn hosts_without_number_all_get_what_is_theirs() {
    let receivers: Vec<Upstream> = (0..3).map(|_| Upstream::start()).collect();
    for receiver in &receivers {
        receiver.status("/hook", 200, "");
    }
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let all: Vec<&Upstream> = receivers.iter().collect();
    let hooks = Hooks::on(&url, &all).await;
    // More lanes of one tenant than one look visits; those that refuse are tried again later.
    let other: TenantId = hooks.engine.clock().new_id().into();
    let new = of_another(&hooks, other, 600, |number| match receivers.get(number % 200) {
        Some(receiver) => receiver.url("/hook"),
        None => format!("http://127.0.0.1:{}/hook", 20_000 + number % 200),
    });
    hooks.engine.store().create_deliveries(new).await.unwrap();
    hooks.engine.services().deliveries.look();
    for receiver in &receivers {
        receiver.wait_for("/hook", 3).await;
    }
    hooks.engine.shutdown(std::time::Duration::ZERO).await;
}

#[tokio::test]
async fn a_delivery_actor_that_panics_is_started_again_and_loses_nothing() {
    let receiver = Upstream::start();
    receiver.status("/hook", 200, "");
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let mut hooks = Hooks::on(&url, &[&receiver]).await;
    let services = hooks.engine.services().clone();
    // What comes together with the panic is lost from memory, and found in the store.
    services.deliveries.fail_on_purpose();
    let id = hooks.notify(&receiver.url("/hook")).await;
    hooks.event("webhook.delivered", id).await;
    eventually("it is shown as started again", || async {
        let registry = hooks.engine.registry();
        let shown = registry.observe_one(hooks.tenant, "delivery", services.node_id).await;
        shown.is_ok_and(|shown| shown.restarts == 1 && shown.last_exit.as_deref() == Some("panicked"))
    })
    .await;
    let after = hooks.notify(&receiver.url("/hook")).await;
    hooks.event("webhook.delivered", after).await;
    assert_eq!(receiver.requests_to("/hook").len(), 2);
}

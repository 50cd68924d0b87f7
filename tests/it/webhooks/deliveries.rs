//! What is sent, what its answer means, when it is sent again.

use std::time::Duration;

use orrery::{
    actors::delivery::notify::of_background,
    clock::Clock,
    domain::delivery::{State, WAITS_MS},
    engine::webhooks::{ReplayFilter, SubscriptionInput},
    error::Code,
    store::PurgeRules,
};
use serde_json::{Value, json};

use super::fixture::{Hooks, hours, is_signed_with};
use crate::support::{
    postgres::for_each_database,
    upstream::{Behaviour, Upstream},
};

const START: &str = "2026-11-22T05:00:00Z";

fn status(status: u16, headers: &[(&str, &str)], body: &str) -> Behaviour {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Behaviour::Respond {
        status,
        headers: headers.iter().map(owned).collect(),
        body: body.into(),
    }
}

#[tokio::test]
async fn a_notification_is_signed_and_carries_the_pairs_as_headers() {
    for_each_database(|url| async move {
        let receiver = Upstream::start();
        receiver.status("/hook", 200, "thanks");
        let mut hooks = Hooks::on(&url, &[&receiver]).await;
        let subscription = hooks.subscribe(&receiver.url("/hook")).await;
        let pairs = r#"[["reference","42"],["X-Shop","Ørsted"],["x-plain","yes"]]"#;
        let (background, made) = hooks.deliveries_for("subscription", Some(pairs)).await;
        assert_eq!(made.len(), 1);
        let id = made[0].id;
        hooks.send(made).await;
        hooks.event("webhook.delivered", id).await;
        let [request] = receiver.requests_to("/hook").try_into().unwrap();
        assert_eq!(request.method, "POST");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let state = format!("https://orrery.example/api/v1/background/{background}");
        let expected = json!({
            "id": background, "reference": "order 42", "status": "Finished", "statusCode": 200,
            "stateLocation": state, "contentLocation": format!("{state}/content"),
        });
        assert_eq!(body, expected);
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("webhook-id"), Some(id.to_string().as_str()));
        assert_eq!(request.header("x-plain"), Some("yes"));
        assert!(is_signed_with(&request, subscription.secret.unwrap().expose()));
        let sent_s: i64 = request.header("webhook-timestamp").unwrap().parse().unwrap();
        assert!((hooks.now().as_second() - sent_s).abs() < 60, "{sent_s}");
        let notification = of_background(hooks.engine.store(), hooks.tenant, background).await;
        let notification = notification.unwrap().unwrap();
        assert_eq!((notification.state, notification.attempts), (State::Delivered, 1));
        assert!(notification.delivered_at.is_some() && notification.delivery_ids == [id]);
        assert!(hooks.deliveries_for("None", None).await.1.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_plain_url_is_signed_with_the_tenants_own_secret_with_both_while_they_overlap() {
    for_each_database(|url| async move {
        let receiver = Upstream::start();
        receiver.status("/hook", 204, "");
        let (mut hooks, clock) = Hooks::with_manual_clock(&url, &[&receiver], START).await;
        let address = receiver.url("/hook");
        let first = hooks.notify(&address).await;
        hooks.event("webhook.delivered", first).await;
        let before = hooks.engine.webhooks().own_secret(&hooks.caller).await.unwrap();
        let mut secrets = Vec::new();
        for _ in 0..2 {
            let rotated = hooks.engine.webhooks().rotate_own_secret(&hooks.caller).await.unwrap();
            assert_ne!(rotated.thing.fingerprint, before.fingerprint);
            secrets.push(rotated.secret.unwrap());
        }
        let second = hooks.notify(&address).await;
        hooks.event("webhook.delivered", second).await;
        clock.advance(hours(25));
        let third = hooks.notify(&address).await;
        hooks.event("webhook.delivered", third).await;
        let requests = receiver.requests_to("/hook");
        let signed = |request: usize, secret: usize| is_signed_with(&requests[request], secrets[secret].expose());
        assert_eq!((signed(0, 0), signed(0, 1)), (false, false));
        assert_eq!(
            (signed(1, 0), signed(1, 1)),
            (true, true),
            "both sign during the overlap"
        );
        assert_eq!(
            (signed(2, 0), signed(2, 1)),
            (false, true),
            "the old one does not sign any more"
        );
    })
    .await;
}

#[tokio::test]
async fn it_is_tried_again_after_the_waits_of_the_table_and_can_be_replayed_after_the_last() {
    for_each_database(|url| async move {
        let receiver = Upstream::start();
        receiver.status("/hook", 500, "no");
        let (mut hooks, clock) = Hooks::with_manual_clock(&url, &[&receiver], START).await;
        let subscription = hooks.subscribe(&receiver.url("/hook")).await.thing.id;
        let id = hooks.notify("subscription").await;
        for (attempt, wait_ms) in (1_u32..).zip(WAITS_MS) {
            hooks.event("webhook.retried", id).await;
            let delivery = hooks.delivery(id).await;
            assert_eq!((delivery.state, delivery.attempt_count), (State::Pending, attempt));
            assert_eq!(delivery.last_status, Some(500));
            let next_at = delivery.next_at.unwrap();
            let waits_ms = u64::try_from(next_at.duration_since(hooks.now()).as_millis()).unwrap();
            let tenth = wait_ms / 10;
            assert!(
                (wait_ms - tenth..=wait_ms + tenth).contains(&waits_ms),
                "{attempt}: {waits_ms}"
            );
            clock.set(next_at.checked_sub(Duration::from_millis(1)).unwrap());
            assert_eq!(
                receiver.requests_to("/hook").len(),
                attempt as usize,
                "not before its time"
            );
            clock.set(next_at);
        }
        hooks.event("webhook.failed", id).await;
        let [delivery] = hooks.of_subscription(subscription).await.try_into().unwrap();
        assert_eq!((delivery.state, delivery.attempts.len()), (State::Failed, 10));
        assert_eq!(delivery.attempts[9].response.as_deref(), Some("no"));
        assert!(delivery.ended_at.is_some() && delivery.next_at.is_none());
        clock.advance(hours(100));
        receiver.status("/hook", 200, "yes");
        let replayed = hooks
            .engine
            .webhooks()
            .replay(&hooks.caller, subscription, ReplayFilter::default())
            .await
            .unwrap();
        assert_eq!(replayed.ids, [id]);
        hooks.event("webhook.delivered", id).await;
        let requests = receiver.requests_to("/hook");
        assert_eq!(requests.len(), 11);
        let same = |request: &crate::support::upstream::Recorded| request.header("webhook-id") == Some(&id.to_string());
        assert!(requests.iter().all(same), "the id is the same in every attempt");
        let mut times: Vec<_> = requests
            .iter()
            .map(|request| request.header("webhook-timestamp"))
            .collect();
        times.dedup();
        assert_eq!(times.len(), 11, "each attempt has its own time");
        let again = hooks.engine.webhooks().replay_one(&hooks.caller, id).await.unwrap();
        assert_eq!(again.ids, [id], "what was delivered can be sent again");
        hooks.event("webhook.delivered", id).await;
        let rules = PurgeRules::from_settings(hooks.engine.settings());
        assert_eq!(
            hooks
                .engine
                .store()
                .purge(&rules, hooks.now())
                .await
                .unwrap()
                .deliveries,
            0
        );
        clock.advance(hours(169));
        assert_eq!(
            hooks
                .engine
                .store()
                .purge(&rules, hooks.now())
                .await
                .unwrap()
                .deliveries,
            1
        );
        assert!(hooks.of_subscription(subscription).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_answers_410_is_told_no_more() {
    for_each_database(|url| async move {
        let receiver = Upstream::start();
        receiver.status("/hook", 410, "go away");
        let mut hooks = Hooks::on(&url, &[&receiver]).await;
        let subscription = hooks.subscribe(&receiver.url("/hook")).await.thing.id;
        let id = hooks.notify("subscription").await;
        hooks.event("webhook.failed", id).await;
        assert_eq!(hooks.delivery(id).await.state, State::Gone);
        let shown = hooks.engine.webhooks().get(&hooks.caller, subscription).await.unwrap();
        assert!(!shown.enabled && shown.version == 2);
        assert!(shown.disabled_reason.unwrap().contains("410"));
        let log = hooks
            .test
            .api
            .get("/api/v1/audit?resourceKind=webhook_subscription")
            .await;
        assert_eq!(log.json["items"][0]["action"], "webhook_subscription.disable");
        assert!(hooks.deliveries_for("subscription", None).await.1.is_empty());
        let refused = hooks.engine.webhooks().replay_one(&hooks.caller, id).await.unwrap_err();
        assert_eq!(refused.code, Code::WrongState);
        receiver.status("/hook", 200, "back again");
        let enable = SubscriptionInput {
            enabled: Some(true),
            ..SubscriptionInput::default()
        };
        let enabled = hooks
            .engine
            .webhooks()
            .update(&hooks.caller, subscription, None, false, enable)
            .await
            .unwrap();
        assert_eq!(enabled.disabled_reason, None);
        hooks.engine.webhooks().replay_one(&hooks.caller, id).await.unwrap();
        hooks.event("webhook.delivered", id).await;
        let plain = receiver.url("/gone");
        receiver.status("/gone", 410, "");
        let id = hooks.notify(&plain).await;
        hooks.event("webhook.failed", id).await;
        assert_eq!(hooks.delivery(id).await.state, State::Gone);
    })
    .await;
}

#[tokio::test]
async fn redirects_long_answers_and_retry_after() {
    let receiver = Upstream::start();
    let other = Upstream::start();
    other.status("/there", 200, "");
    let location = other.url("/there");
    receiver.on("/moved", status(308, &[("location", &location)], ""));
    receiver.on("/busy", status(503, &[("retry-after", "7200")], "later"));
    receiver.on(
        "/long",
        Behaviour::Endless {
            bytes: 50_000_000,
            announced: true,
        },
    );
    receiver.on("/half", Behaviour::HangAfterHead);
    receiver.on("/echo", status(500, &[], &"secret value 42 ".repeat(100)));
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let mut hooks = Hooks::with(&url, &[&receiver, &other], Clock::system(), |settings| {
        // What `/half` runs into.
        settings.webhooks.timeout_ms = 15_000;
    })
    .await;
    let moved = hooks.notify(&receiver.url("/moved")).await;
    hooks.event("webhook.retried", moved).await;
    let shown = hooks.delivery(moved).await;
    assert_eq!(shown.last_status, Some(308));
    assert!(shown.last_error.unwrap().contains("redirects"));
    assert!(other.requests().is_empty());
    let busy = hooks.notify(&receiver.url("/busy")).await;
    hooks.event("webhook.retried", busy).await;
    let next_at = hooks.delivery(busy).await.next_at.unwrap();
    let waits_s = next_at.duration_since(hooks.now()).as_secs();
    assert!((7_100..=7_200).contains(&waits_s), "{waits_s}");
    for path in ["/long", "/half"] {
        let id = hooks.notify(&receiver.url(path)).await;
        hooks.event("webhook.delivered", id).await;
    }
    let subscription = hooks.subscribe(&receiver.url("/echo")).await.thing.id;
    let pairs = r#"[["x-key","secret value 42"]]"#;
    let (background, made) = hooks.deliveries_for("subscription", Some(pairs)).await;
    let id = made[0].id;
    hooks.send(made).await;
    hooks.event("webhook.retried", id).await;
    let notification = of_background(hooks.engine.store(), hooks.tenant, background).await;
    let notification = notification.unwrap().unwrap();
    assert_eq!(
        (notification.state, notification.last_status),
        (State::Pending, Some(500))
    );
    let [delivery] = hooks.of_subscription(subscription).await.try_into().unwrap();
    let kept = delivery.attempts[0].response.clone().unwrap();
    assert!(kept.contains("[redacted]") && kept.chars().count() == 500, "{kept}");
    assert!(!kept.contains("secret value"), "{kept}");
}

#[tokio::test]
async fn what_the_policy_refuses_and_what_does_not_resolve_is_an_attempt_with_its_reason() {
    let receiver = Upstream::start();
    let closed = Upstream::start();
    let nobody = closed.url("/hook");
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let mut hooks = Hooks::on(&url, &[&receiver]).await;
    for (address, expected) in [
        (nobody.as_str(), "egress: "),
        ("http://receiver.invalid/hook", "dns: "),
        ("nonsense", "request: "),
    ] {
        let id = hooks.notify(address).await;
        hooks.event("webhook.retried", id).await;
        let shown = hooks.delivery(id).await;
        let error = shown.last_error.unwrap();
        assert!(error.starts_with(expected), "{address}: {error}");
        assert_eq!((shown.attempt_count, shown.last_status), (1, None));
    }
    assert!(closed.requests().is_empty());
}

#[tokio::test]
async fn what_waits_survives_the_end_of_the_engine_under_its_id() {
    for_each_database(|url| async move {
        let receiver = Upstream::start();
        receiver.on("/hook", Behaviour::Hang);
        let hooks = Hooks::with(&url, &[&receiver], Clock::system(), |settings| {
            settings.secrets.key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".to_owned();
        })
        .await;
        let id = hooks.notify(&receiver.url("/hook")).await;
        receiver.wait_for("/hook", 1).await;
        // As a crash would: what is on its way is cut.
        hooks.engine.shutdown(Duration::ZERO).await;
        drop(hooks);
        receiver.status("/hook", 200, "");
        let mut hooks = Hooks::with(&url, &[&receiver], Clock::system(), |settings| {
            settings.secrets.key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".to_owned();
        })
        .await;
        let requests = receiver.wait_for("/hook", 2).await;
        let ids: Vec<_> = requests.iter().map(|request| request.header("webhook-id")).collect();
        let expected = id.to_string();
        assert_eq!(ids, [Some(expected.as_str()), Some(expected.as_str())]);
        if hooks.delivery(id).await.state != State::Delivered {
            hooks.event("webhook.delivered", id).await;
        }
        assert_eq!(
            hooks.delivery(id).await.attempt_count,
            1,
            "an attempt that was cut is not recorded"
        );
    })
    .await;
}

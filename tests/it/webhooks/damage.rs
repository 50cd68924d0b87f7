//! Rows that are damaged, receivers that change while they answer, the actor itself failing.

use orrery::{
    actors::delivery::notify::of_background,
    domain::delivery::{State, WAITS_MS},
    engine::webhooks::{ReplayFilter, SubscriptionInput},
    store::audit::Entry,
};
use sea_orm::{ConnectionTrait, Database, Statement};

use super::fixture::Hooks;
use crate::support::{
    api,
    postgres::for_each_database,
    upstream::{Behaviour, Upstream},
};

const START: &str = "2026-11-22T05:00:00Z";

fn entry(hooks: &Hooks) -> Entry {
    hooks.caller.audit("test.damage", "test", "it", None, None)
}

async fn execute(url: &str, sql: &str) {
    let database = Database::connect(url).await.unwrap();
    let statement = Statement::from_string(database.get_database_backend(), sql);
    database.execute_raw(statement).await.unwrap();
    database.close().await.unwrap();
}

async fn count(url: &str, sql: &str) -> i64 {
    let database = Database::connect(url).await.unwrap();
    let statement = Statement::from_string(database.get_database_backend(), sql);
    let row = database.query_one_raw(statement).await.unwrap().unwrap();
    database.close().await.unwrap();
    row.try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn a_secret_that_does_not_open_stops_nothing_but_its_own_and_comes_to_an_end() {
    for_each_database(|url| async move {
        let receiver = Upstream::start();
        for path in ["/good", "/bad", "/plain"] {
            receiver.status(path, 200, "");
        }
        let (mut hooks, clock) = Hooks::with_manual_clock(&url, &[&receiver], START).await;
        let good = hooks.subscribe(&receiver.url("/good")).await.thing.id;
        let bad = hooks.subscribe(&receiver.url("/bad")).await.thing.id;
        let eventless = hooks.subscribe(&receiver.url("/eventless")).await.thing.id;
        let sql = format!(
            "UPDATE webhook_subscription SET events = '[' WHERE url = '{}'",
            receiver.url("/eventless")
        );
        execute(&url, &sql).await;
        let store = hooks.engine.store().clone();
        let mut damaged = store.subscription(hooks.tenant, bad).await.unwrap().unwrap();
        damaged.secret.current = vec![1, 2, 3];
        damaged.version += 1;
        store.update_subscription(damaged, entry(&hooks)).await.unwrap();
        hooks.engine.services().targets.forget(hooks.tenant);
        let (background, made) = hooks.deliveries_for("subscription", None).await;
        let ids: Vec<_> = made.iter().map(|new| (new.subscription_id.unwrap(), new.id)).collect();
        let [(first, delivered), (second, id)] = ids.try_into().unwrap();
        assert_eq!(
            (first, second),
            (good, bad),
            "who has no events that can be read is told of none"
        );
        let mut others = hooks.engine.subscribe();
        hooks.send(made).await;
        api::event(&mut others, "webhook.delivered", &delivered.to_string()).await;
        for attempt in 1..=WAITS_MS.len() {
            hooks.event("webhook.retried", id).await;
            let shown = hooks.delivery(id).await;
            assert_eq!(shown.attempt_count as usize, attempt);
            assert!(shown.last_error.unwrap().contains("signing secret"));
            clock.set(shown.next_at.unwrap());
        }
        hooks.event("webhook.failed", id).await;
        let notification = of_background(&store, hooks.tenant, background).await.unwrap().unwrap();
        assert_eq!(notification.state, State::Failed);
        assert!(notification.last_error.unwrap().contains("signing secret"));
        assert!(receiver.requests_to("/bad").is_empty());
        hooks.engine.webhooks().rotate(&hooks.caller, bad, None).await.unwrap();
        hooks.engine.webhooks().replay_one(&hooks.caller, id).await.unwrap();
        hooks.event("webhook.delivered", id).await;
        let shown = hooks.engine.webhooks().get(&hooks.caller, eventless).await.unwrap();
        assert!(shown.events.is_empty(), "its owner can see and mend it");

        hooks.engine.webhooks().own_secret(&hooks.caller).await.unwrap();
        let (mut own, version) = store.webhook_secret(hooks.tenant).await.unwrap().unwrap();
        own.current = vec![1, 2, 3];
        store
            .rotate_webhook_secret(hooks.tenant, own, version + 1, entry(&hooks))
            .await
            .unwrap();
        hooks.engine.services().targets.forget(hooks.tenant);
        let id = hooks.notify(&receiver.url("/plain")).await;
        hooks.event("webhook.retried", id).await;
        assert_eq!(hooks.delivery(id).await.attempt_count, 1);
        hooks.engine.webhooks().rotate_own_secret(&hooks.caller).await.unwrap();
        clock.set(hooks.delivery(id).await.next_at.unwrap());
        hooks.event("webhook.delivered", id).await;
    })
    .await;
}

#[tokio::test]
async fn a_410_of_an_old_url_disables_nothing() {
    for_each_database(|url| async move {
        let receiver = Upstream::start();
        let gone = Behaviour::Respond {
            status: 410,
            headers: Vec::new(),
            body: "".into(),
        };
        receiver.on("/old", Behaviour::Gated(Box::new(gone)));
        receiver.status("/new", 200, "");
        let mut hooks = Hooks::on(&url, &[&receiver]).await;
        let subscription = hooks.subscribe(&receiver.url("/old")).await.thing.id;
        let id = hooks.notify("subscription").await;
        receiver.wait_for("/old", 1).await;
        let input = SubscriptionInput {
            url: Some(receiver.url("/new")),
            ..SubscriptionInput::default()
        };
        let webhooks = hooks.engine.webhooks();
        webhooks
            .update(&hooks.caller, subscription, None, false, input)
            .await
            .unwrap();
        receiver.open_gate();
        hooks.event("webhook.failed", id).await;
        let shown = hooks.engine.webhooks().get(&hooks.caller, subscription).await.unwrap();
        assert!(shown.enabled && shown.disabled_reason.is_none() && shown.version == 2);
        let next = hooks.notify("subscription").await;
        hooks.event("webhook.delivered", next).await;
    })
    .await;
}

#[tokio::test]
async fn a_replay_of_many_goes_on_where_the_one_before_ended() {
    let receiver = Upstream::start();
    receiver.status("/hook", 200, "");
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let mut hooks = Hooks::on(&url, &[&receiver]).await;
    // Its first look for what waits is over: it finds none of the rows below.
    let first = hooks.notify(&receiver.url("/hook")).await;
    hooks.event("webhook.delivered", first).await;
    let subscription = hooks.subscribe(&receiver.url("/hook")).await.thing.id;
    let mut all = Vec::new();
    for _ in 0..2_500 {
        all.extend(hooks.deliveries_for("subscription", None).await.1);
    }
    hooks.engine.store().create_deliveries(all.clone()).await.unwrap();
    // As if they had been sent.
    execute(&url, "UPDATE webhook_delivery SET state = 1, ended_at = created_at").await;
    let mut filter = ReplayFilter {
        state: Some(State::Delivered),
        ..ReplayFilter::default()
    };
    let mut ids = Vec::new();
    for expected in [1_000, 1_000, 500] {
        let webhooks = hooks.engine.webhooks();
        let replayed = webhooks
            .replay(&hooks.caller, subscription, filter.clone())
            .await
            .unwrap();
        assert_eq!(replayed.ids.len(), expected);
        assert_eq!(replayed.next.is_some(), expected == 1_000);
        ids.extend(replayed.ids);
        filter.after = replayed.next;
    }
    let made: Vec<_> = all.iter().map(|new| new.id).collect();
    assert_eq!(ids, made, "each once, oldest first");
}

#[tokio::test]
async fn nothing_is_kept_of_an_attempt_whose_delivery_was_purged() {
    for_each_database(|url| async move {
        let receiver = Upstream::start();
        receiver.on(
            "/hook",
            Behaviour::Gated(Box::new(Behaviour::Respond {
                status: 500,
                headers: Vec::new(),
                body: "".into(),
            })),
        );
        let mut hooks = Hooks::on(&url, &[&receiver]).await;
        let id = hooks.notify(&receiver.url("/hook")).await;
        receiver.wait_for("/hook", 1).await;
        execute(&url, "DELETE FROM webhook_delivery").await;
        receiver.open_gate();
        hooks.event("webhook.retried", id).await;
        assert_eq!(count(&url, "SELECT count(*) FROM delivery_attempt").await, 0);
    })
    .await;
}

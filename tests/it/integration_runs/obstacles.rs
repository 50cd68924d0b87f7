//! Runs that go on although something is in the way: a selection that is refused, an actor that panics.

use std::time::Duration;

use entity::integration_queue;
use orrery::{
    actors::{
        api_call::messages::{FailOnPurpose, Failing},
        integration::IntegrationActor,
        observed::KIND_CLIENT_INTEGRATION,
    },
    domain::ids::TenantId,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DbBackend};
use serde_json::json;

use super::fixture::{Definition, INTERVAL, Runs, count, keys, large, sent};
use crate::support::{
    postgres::for_each_database,
    scene::eventually,
    upstream::{Behaviour, Upstream},
};

/// Refuses each new item, until [`let_in`].
async fn keep_out(runs: &Runs) {
    let statements: &[&str] = match runs.database.get_database_backend() {
        DbBackend::Sqlite => {
            &["CREATE TRIGGER full BEFORE INSERT ON integration_queue BEGIN SELECT RAISE(ABORT, 'full'); END"]
        }
        _ => &[
            "CREATE FUNCTION full_up() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''full''; END'",
            "CREATE TRIGGER full_up BEFORE INSERT ON integration_queue FOR EACH ROW EXECUTE FUNCTION full_up()",
        ],
    };
    for statement in statements {
        runs.database.execute_unprepared(statement).await.unwrap();
    }
}

async fn let_in(runs: &Runs) {
    let statement = match runs.database.get_database_backend() {
        DbBackend::Sqlite => "DROP TRIGGER full",
        _ => "DROP TRIGGER full_up ON integration_queue",
    };
    runs.database.execute_unprepared(statement).await.unwrap();
}

#[tokio::test]
async fn what_is_in_the_queue_is_sent_although_the_database_refuses_the_selection() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.on("/hook", Behaviour::Json(json!({})));
        let mut line = None;
        let mut runs = Runs::open(&url, &[&target], |tenant| {
            let definition = Definition::new(1, tenant, &target.url("/hook"));
            vec![line.insert(definition).clone()]
        })
        .await;
        let line = line.unwrap();
        let queued = runs.transaction("queued", large()).await;
        let now = runs.scene.engine.clock().now().as_microsecond();
        let row = integration_queue::ActiveModel {
            id: Set(1_000),
            tenant_id: Set(line.tenant),
            integration_id: Set(line.number),
            client_integration_id: Set(line.number),
            item_id: Set(queued.id.to_string()),
            item_name: Set("queued".to_owned()),
            item_version: Set(queued.version),
            item_updated_on: Set(now),
            attempt: Set(0),
            round: Set(1),
            state: Set("Pending".to_owned()),
            // Not before the next due time.
            due_at: Set(now + INTERVAL * 1_000_000),
            bare: Set(false),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        row.insert(&runs.database).await.unwrap();
        runs.transaction("new", large()).await;
        keep_out(&runs).await;
        let ended = runs.next_run(&line).await;
        assert_eq!(
            (&ended["trigger"], &ended["outcome"], &ended["completed"]),
            (&json!("Schedule"), &json!("Failed"), &json!(1))
        );
        assert_eq!(sent(&target, "/hook"), ["queued"]);
        let log = runs.logs(&line).await.remove(0);
        assert!(log.message.as_deref().unwrap().contains("refuses to select"), "{log:?}");

        // It is tried again at the next due time, not all the time.
        let_in(&runs).await;
        let ended = runs.next_run(&line).await;
        assert_eq!(
            (&ended["trigger"], &ended["outcome"]),
            (&json!("Schedule"), &json!("Succeeded"))
        );
        assert_eq!(sent(&target, "/hook"), ["queued", "new"]);
    })
    .await;
}

#[tokio::test]
async fn the_run_of_an_actor_that_panics_ends_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let target = Upstream::start();
    target.on("/hook", Behaviour::Gated(Box::new(Behaviour::Json(json!({})))));
    let mut line = None;
    let runs = Runs::open(&url, &[&target], |tenant| {
        let definition = Definition::new(1, tenant, &target.url("/hook"));
        vec![line.insert(definition).clone()]
    })
    .await;
    let line = line.unwrap();
    for name in ["a", "b", "c"] {
        runs.transaction(name, large()).await;
    }
    eventually("the actor waits", || async {
        runs.actor(&line).await.is_some_and(|actor| actor.phase == "waiting")
    })
    .await;
    runs.clock.advance(Duration::from_secs(INTERVAL.unsigned_abs()));
    target.wait_for("/hook", 1).await;
    let registry = runs.scene.engine.registry();
    let tenant = TenantId::from(line.tenant);
    let actor = registry.member::<IntegrationActor>(KIND_CLIENT_INTEGRATION, tenant, line.uuid);
    // It does not answer: it has gone.
    let _ = actor.await.unwrap().unwrap().send(FailOnPurpose(Failing::Actor)).await;
    eventually("the next instance sends it", || async {
        runs.clock.advance(Duration::from_secs(1));
        target.requests_to("/hook").len() >= 2
    })
    .await;
    target.open_gate();
    eventually("all are done", || async {
        count(&runs.database, &line, "Completed").await == 3
    })
    .await;
    assert_eq!(
        sent(&target, "/hook"),
        ["a", "a", "b", "c"],
        "one run, one after the other"
    );
    let keys = keys(&target, "/hook");
    assert_eq!(keys[0], keys[1]);
    let logs = runs.logs(&line).await;
    assert_eq!(logs[0].outcome.as_deref(), Some("Interrupted"), "{logs:?}");
    assert_eq!(
        (logs[0].completed, logs.iter().map(|log| log.completed).sum::<i64>()),
        (0, 3),
        "{logs:?}"
    );
}

//! Items that fail, and what people do with them.

use orrery::error::Code;
use serde_json::json;

use super::fixture::{Definition, Runs, keys, large};
use crate::support::{
    postgres::for_each_database,
    scene::eventually,
    upstream::{Behaviour, Upstream},
};

fn refusal() -> Behaviour {
    Behaviour::Respond {
        status: 500,
        headers: Vec::new(),
        body: b"closed for lunch".to_vec(),
    }
}

async fn open(url: &str, target: &Upstream, max_attempts: i64) -> (Runs, Definition) {
    let mut line = None;
    let runs = Runs::open(url, &[target], |tenant| {
        let definition = Definition {
            max_attempts,
            ..Definition::new(1, tenant, &target.url("/hook"))
        };
        vec![line.insert(definition).clone()]
    })
    .await;
    (runs, line.unwrap())
}

#[tokio::test]
async fn a_target_that_fails_twice_gets_the_item_on_the_third_attempt() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.on_each("/hook", vec![refusal(), refusal(), Behaviour::Json(json!({}))]);
        let (mut runs, line) = open(&url, &target, 3).await;
        runs.transaction("a", large()).await;
        let first = runs.next_run(&line).await;
        assert_eq!((&first["outcome"], &first["failed"]), (&json!("Partial"), &json!(1)));
        let failed = &runs.items(&line).await[0];
        assert_eq!((failed.state.as_str(), failed.attempt), ("Failed", 1));
        assert!(failed.result.as_deref().unwrap().contains("500"), "{failed:?}");
        let wait = failed.due_at - failed.updated_at;
        assert!((400_000..=5_000_000).contains(&wait), "{wait} microseconds");
        let second = runs.next_run(&line).await;
        assert_eq!((&second["trigger"], &second["failed"]), (&json!("Queue"), &json!(1)));
        assert_eq!(runs.items(&line).await[0].attempt, 2);
        let third = runs.next_run(&line).await;
        assert_eq!(
            (&third["outcome"], &third["completed"]),
            (&json!("Succeeded"), &json!(1))
        );
        let item = &runs.items(&line).await[0];
        assert_eq!((item.state.as_str(), item.attempt), ("Completed", 0), "{item:?}");
        let keys = keys(&target, "/hook");
        assert_eq!(keys.len(), 3);
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        assert_eq!(runs.logs(&line).await.len(), 3, "one log for each run");
    })
    .await;
}

#[tokio::test]
async fn one_that_always_fails_is_abandoned_and_shows_why() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.on("/hook", refusal());
        let (mut runs, line) = open(&url, &target, 2).await;
        runs.transaction("a", large()).await;
        runs.next_run(&line).await;
        let ended = runs.next_run(&line).await;
        assert_eq!((&ended["outcome"], &ended["abandoned"]), (&json!("Partial"), &json!(1)));
        let told = runs.scene.heard.next("integration.item.abandoned", line.uuid).await;
        assert_eq!(told.data["attempts"], json!(2));
        let item = runs.items(&line).await.remove(0);
        assert_eq!((item.state.as_str(), item.attempt), ("Abandoned", 2));
        assert!(item.result.as_deref().unwrap().contains("closed for lunch"), "{item:?}");
        // Nothing more comes of it by itself.
        runs.next_run(&line).await;
        assert_eq!(keys(&target, "/hook").len(), 2);

        // A person cannot cancel it, but has it tried again from the first attempt on.
        let refused = runs.act(item.id, "Cancel").await.unwrap_err();
        assert_eq!(refused.code, Code::WrongState, "{refused:?}");
        assert_eq!(runs.act(item.id, "Burn").await.unwrap_err().code, Code::NotFound);
        assert_eq!(runs.act(item.id + 99, "Retry").await.unwrap_err().code, Code::NotFound);
        target.on("/hook", Behaviour::Json(json!({})));
        runs.act(item.id, "Retry").await.unwrap();
        eventually("it is done", || async {
            runs.items(&line).await[0].state == "Completed"
        })
        .await;
        assert_eq!(runs.items(&line).await[0].attempt, 0);
    })
    .await;
}

#[tokio::test]
async fn a_person_cancels_and_executes_items() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let target = Upstream::start();
    target.on_each("/hook", vec![refusal(), refusal(), Behaviour::Json(json!({}))]);
    let (mut runs, line) = open(&url, &target, 9).await;
    runs.transaction("a", large()).await;
    runs.transaction("b", large()).await;
    runs.next_run(&line).await;
    let items = runs.items(&line).await;
    assert!(items.iter().all(|item| item.state == "Failed"), "{items:?}");
    runs.act(items[0].id, "Cancel").await.unwrap();
    // It is not due, and answered when it is done: the clock stands.
    runs.act(items[1].id, "Execute").await.unwrap();
    let after = runs.items(&line).await;
    assert_eq!(
        (after[0].state.as_str(), after[1].state.as_str()),
        ("Cancelled", "Completed")
    );
    assert_eq!(keys(&target, "/hook").len(), 3);
    let logs = runs.logs(&line).await;
    assert_eq!(logs[1].trigger, "Person");
    // What is done can be had again.
    runs.act(items[0].id, "Execute").await.unwrap();
    assert_eq!(runs.items(&line).await[0].state, "Completed");
}

//! Panics: of one item, which is tried again while the others go on, and of a whole run.

use std::time::Duration;

use orrery::actors::{
    api_call::messages::{FailOnPurpose, Failing},
    integration::FailNextItem,
};
use serde_json::json;

use super::fixture::{Definition, Runs, keys, large, sent};
use crate::support::{
    postgres::for_each_database,
    scene::eventually,
    upstream::{Behaviour, Upstream},
};

async fn open(url: &str, target: &Upstream) -> (Runs, Definition) {
    target.on("/hook", Behaviour::Json(json!({})));
    let mut line = None;
    let runs = Runs::open(url, &[target], |tenant| {
        let definition = Definition {
            batch_size: 3,
            parallel: true,
            ..Definition::new(1, tenant, &target.url("/hook"))
        };
        vec![line.insert(definition).clone()]
    })
    .await;
    for identifier in ["a", "b", "c", "d"] {
        runs.transaction(identifier, large()).await;
    }
    let line = line.unwrap();
    runs.waits(&line).await;
    (runs, line)
}

fn sorted(target: &Upstream) -> Vec<String> {
    let mut sent = sent(target, "/hook");
    sent.sort_unstable();
    sent
}

#[tokio::test]
async fn an_item_that_panics_is_tried_again_and_the_others_go_on() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        let (mut runs, line) = open(&url, &target).await;
        runs.address(&line).await.send(FailNextItem).await.unwrap();
        let ended = runs.next_run(&line).await;
        assert_eq!(
            (&ended["outcome"], &ended["completed"], &ended["failed"]),
            (&json!("Partial"), &json!(3), &json!(1)),
            "{ended}"
        );
        assert_eq!(sorted(&target), ["b", "c", "d"]);
        let failed = runs.items(&line).await.remove(0);
        assert_eq!((failed.state.as_str(), failed.attempt), ("Failed", 1), "{failed:?}");
        assert!(
            failed.result.as_deref().unwrap().contains("The engine failed"),
            "{failed:?}"
        );
        assert!(failed.due_at > failed.updated_at, "{failed:?}");

        let ended = runs.next_run(&line).await;
        assert_eq!(
            (&ended["trigger"], &ended["outcome"], &ended["completed"]),
            (&json!("Queue"), &json!("Succeeded"), &json!(1)),
            "{ended}"
        );
        assert_eq!(sorted(&target), ["a", "b", "c", "d"], "each once");
        let item = runs.items(&line).await.remove(0);
        assert_eq!((item.state.as_str(), item.attempt), ("Completed", 0), "{item:?}");
        let actor = runs.actor(&line).await.unwrap();
        assert_eq!(
            (actor.restarts, actor.counters.runs),
            (0, 2),
            "the actor has not noticed"
        );
    })
    .await;
}

#[tokio::test]
async fn what_a_run_that_panics_was_to_do_is_done_by_the_next_instance() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        let (runs, line) = open(&url, &target).await;
        let failing = FailOnPurpose(Failing::NextRun);
        runs.address(&line).await.send(failing).await.unwrap();
        let due = runs.actor(&line).await.unwrap().next_due_at.unwrap();
        let wait = due.duration_since(runs.scene.engine.clock().now());
        runs.clock.advance(Duration::try_from(wait).unwrap());
        eventually("all are sent by the next instance", || async {
            // How long it stays down is the registry's matter.
            runs.clock.advance(Duration::from_secs(1));
            let items = runs.items(&line).await;
            items.len() == 4 && items.iter().all(|item| item.state == "Completed")
        })
        .await;
        assert_eq!(sorted(&target), ["a", "b", "c", "d"], "each once");
        assert_eq!(keys(&target, "/hook").len(), 4);
        eventually("it waits again", || async {
            let actor = runs.actor(&line).await;
            actor.is_some_and(|actor| (actor.phase, actor.restarts) == ("waiting", 1))
        })
        .await;
        let logs = runs.logs(&line).await;
        assert_eq!(logs[0].outcome.as_deref(), Some("Interrupted"), "{logs:?}");
        assert_eq!(logs.iter().map(|log| log.completed).sum::<i64>(), 4, "{logs:?}");
    })
    .await;
}

//! What is fetched when its due time comes: records and transactions, each once however often it comes.

use std::time::Duration;

use entity::transaction;
use orrery::domain::odata::EntitySet::Integrations;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::fixture::{Definition, INTERVAL, Runs};
use crate::support::{
    postgres::for_each_database,
    scene::eventually,
    upstream::{Behaviour, Upstream},
};

async fn open(url: &str, target: &Upstream, entity: &'static str) -> (Runs, Definition) {
    let mut line = None;
    let runs = Runs::open(url, &[target], |tenant| {
        let definition = Definition {
            entity,
            direction: "Inbound",
            filter: None,
            method: "GET",
            url: target.url("/list"),
            ..Definition::new(1, tenant, "")
        };
        vec![line.insert(definition).clone()]
    })
    .await;
    (runs, line.unwrap())
}

/// The data and the version of a record.
async fn person(runs: &Runs, key: &str) -> (Value, i64) {
    let records = runs.scene.engine.records();
    let found = records.get(&runs.scene.caller(), "person", key).await.unwrap();
    (serde_json::from_str(found.data.get()).unwrap(), found.version)
}

/// How the run at the next due time ends, and what its item says.
async fn fetched(runs: &mut Runs, line: &Definition) -> (Value, String) {
    let ended = runs.next_run(line).await;
    let item = runs.items(line).await.pop().unwrap();
    (ended["outcome"].clone(), item.result.unwrap())
}

#[tokio::test]
async fn records_are_fetched_at_each_due_time() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.items("/list", json!([{"id": "1", "Name": "Ada"}, {"id": "2", "Name": "Bob"}]));
        let (mut runs, line) = open(&url, &target, "Person").await;
        runs.waits(&line).await;
        let due = runs.actor(&line).await.unwrap().next_due_at.unwrap();
        let succeeded = |result: &str| (json!("Succeeded"), result.to_owned());
        assert_eq!(
            fetched(&mut runs, &line).await,
            succeeded("2 fetched: 2 created, 0 updated, 0 unchanged")
        );
        assert_eq!(person(&runs, "2").await, (json!({"id": "2", "Name": "Bob"}), 1));
        let item = runs.items(&line).await.remove(0);
        assert_eq!((item.item_id, item.state.as_str()), (due.to_string(), "Completed"));
        let log = &runs.logs(&line).await[0];
        assert_eq!((log.trigger.as_str(), log.selected, log.completed), ("Schedule", 1, 1));

        // The same again is nothing new.
        assert_eq!(
            fetched(&mut runs, &line).await,
            succeeded("2 fetched: 0 created, 0 updated, 2 unchanged")
        );
        assert_eq!(person(&runs, "1").await.1, 1);

        // One fetch fails: its item is tried again, before the next due time.
        let closed = Behaviour::Respond {
            status: 500,
            headers: Vec::new(),
            body: b"closed".to_vec(),
        };
        let changed = Behaviour::Json(json!([{"id": "1", "Name": "Ada Byron"}]));
        target.on_each("/list", vec![closed, changed]);
        assert_eq!(fetched(&mut runs, &line).await.0, "Partial");
        assert_eq!(
            fetched(&mut runs, &line).await,
            succeeded("1 fetched: 0 created, 1 updated, 0 unchanged")
        );
        assert_eq!(person(&runs, "1").await, (json!({"id": "1", "Name": "Ada Byron"}), 2));
        assert_eq!(runs.items(&line).await.len(), 3, "one for each due time");
        let keys: Vec<_> = target
            .requests_to("/list")
            .iter()
            .map(|it| it.header("idempotency-key").unwrap().to_owned())
            .collect();
        assert!(keys[2] == keys[3] && keys[1] != keys[2], "{keys:?}");
    })
    .await;
}

#[tokio::test]
async fn due_times_that_come_while_one_is_fetched_are_one() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.on(
            "/list",
            Behaviour::Gated(Box::new(Behaviour::Json(json!([{"id": "1"}])))),
        );
        let (mut runs, line) = open(&url, &target, "Person").await;
        runs.waits(&line).await;
        runs.clock.advance(Duration::from_secs(INTERVAL.unsigned_abs()));
        target.wait_for("/list", 1).await;
        runs.clock.advance(Duration::from_secs(3 * INTERVAL.unsigned_abs()));
        target.open_gate();
        for _ in 0..2 {
            assert_eq!(runs.end_of_run(&line).await["completed"], json!(1));
        }
        runs.waits(&line).await;
        assert_eq!(runs.items(&line).await.len(), 2);
        assert_eq!(person(&runs, "1").await.1, 1);
    })
    .await;
}

#[tokio::test]
async fn transactions_are_fetched_at_each_due_time_and_made_once() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.items("/list", json!([{"id": "a", "Amount": 5}, {"id": "b", "Amount": 50}]));
        let (mut runs, line) = open(&url, &target, "Transaction").await;
        // As people write it.
        runs.patch(
            Integrations,
            line.number,
            json!({"Filter": "Amount > 1 and Identifier != \"c\""}),
        )
        .await;
        let identifiers = async |runs: &Runs| {
            let rows = transaction::Entity::find().all(&runs.database).await.unwrap();
            let mut found: Vec<_> = rows
                .into_iter()
                .map(|row| (row.identifier, row.owner_id, row.version))
                .collect();
            found.sort_unstable();
            found
        };
        let (outcome, result) = fetched(&mut runs, &line).await;
        assert_eq!(
            (outcome, result.as_str()),
            (json!("Succeeded"), "2 fetched: 2 created, 0 updated, 0 unchanged")
        );
        let made = identifiers(&runs).await;
        assert_eq!(made, [("a".to_owned(), line.uuid, 1), ("b".to_owned(), line.uuid, 1)]);
        target.items(
            "/list",
            json!([{"id": "b", "Amount": 51}, {"id": "c", "Amount": 9}, {"id": "d", "Amount": 7}]),
        );
        for expected in [
            "3 fetched: 1 created, 0 updated, 1 unchanged, 1 left out",
            "3 fetched: 0 created, 0 updated, 2 unchanged, 1 left out",
        ] {
            assert_eq!(fetched(&mut runs, &line).await.1, expected);
        }
        let all = identifiers(&runs).await;
        assert_eq!(all.len(), 3, "{all:?}");
        assert_eq!(all[..2], made[..], "those that were there are as they were");
        eventually("it waits", || async {
            runs.actor(&line).await.is_some_and(|actor| actor.phase == "waiting")
        })
        .await;
    })
    .await;
}

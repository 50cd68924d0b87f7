//! Which rows are sent, and how often.

use std::time::Duration;

use serde_json::json;

use super::fixture::{Definition, INTERVAL, Runs, keys, large, sent};
use crate::support::{
    postgres::for_each_database,
    scene::eventually,
    upstream::{Behaviour, Upstream},
};

fn good() -> Upstream {
    let target = Upstream::start();
    target.on("/hook", Behaviour::Json(json!({})));
    target
}

#[tokio::test]
async fn each_transaction_that_meets_the_filter_is_sent_once() {
    for_each_database(|url| async move {
        let target = good();
        let mut line = None;
        let mut runs = Runs::open(&url, &[&target], |tenant| {
            let definition = Definition::new(1, tenant, &target.url("/hook"));
            vec![line.insert(definition).clone()]
        })
        .await;
        let line = line.unwrap();
        let first = runs.transaction("a", large()).await;
        runs.transaction("small", json!({"Amount": 900, "Customer": {"Country": "NO"}}))
            .await;
        runs.transaction("away", json!({"Amount": 1500, "Customer": {"Country": "DE"}}))
            .await;
        runs.transaction("without", json!({"Amount": 1500})).await;
        runs.transaction("b", json!({"amount": 1001, "customer": {"country": "SE"}}))
            .await;
        let ended = runs.next_run(&line).await;
        assert_eq!(
            (
                &ended["trigger"],
                &ended["outcome"],
                &ended["selected"],
                &ended["completed"]
            ),
            (&json!("Schedule"), &json!("Succeeded"), &json!(2), &json!(2))
        );
        assert_eq!(sent(&target, "/hook"), ["a", "b"], "in the order of the rows");
        assert_eq!(keys(&target, "/hook")[0], format!("1:{}:{}", first.id, first.version));

        runs.transaction("c", large()).await;
        runs.next_run(&line).await;
        runs.next_run(&line).await;
        assert_eq!(sent(&target, "/hook"), ["a", "b", "c"]);
        let items = runs.items(&line).await;
        assert_eq!(items.len(), 3);
        for item in &items {
            assert_eq!((item.state.as_str(), item.attempt), ("Completed", 0), "{item:?}");
            assert!(item.result.is_some(), "{item:?}");
        }
        let logs = runs.logs(&line).await;
        let counts: Vec<_> = logs.iter().map(|log| (log.selected, log.completed)).collect();
        assert_eq!(counts, [(2, 2), (1, 1), (0, 0)], "one log for each run");
        assert_eq!(items[2].action_log_id, Some(logs[1].id));
        assert!(
            logs.iter()
                .all(|log| log.finished_at.is_some() && log.outcome.as_deref() == Some("Succeeded"))
        );
    })
    .await;
}

#[tokio::test]
async fn a_change_is_sent_once_more_where_updates_are_included() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        let fails = Behaviour::Respond {
            status: 500,
            headers: Vec::new(),
            body: b"not today".to_vec(),
        };
        let good = Behaviour::Json(json!({}));
        target.on_each("/hook", vec![good.clone(), good.clone(), fails, good]);
        target.on("/once", Behaviour::Json(json!({})));
        let mut lines = Vec::new();
        let mut runs = Runs::open(&url, &[&target], |tenant| {
            lines.push(Definition {
                include_update: true,
                ..Definition::of_records(1, tenant, &target.url("/hook"))
            });
            lines.push(Definition::of_records(2, tenant, &target.url("/once")));
            lines.clone()
        })
        .await;
        let (line, once) = (&lines[0], &lines[1]);
        runs.invoice("i1", json!({"total": 1})).await;
        runs.next_run(line).await;
        runs.end_of_run(once).await;
        runs.invoice("i1", json!({"total": 2})).await;
        // The same data is no change.
        runs.invoice("i1", json!({"total": 2})).await;
        for _ in 0..2 {
            runs.next_run(line).await;
            runs.end_of_run(once).await;
        }
        let number = |key: &String| key.rsplit(':').next().unwrap().parse::<i64>().unwrap();
        let versions: Vec<_> = keys(&target, "/hook").iter().map(number).collect();
        assert_eq!(versions.len(), 2, "{versions:?}");
        assert!(versions[0] < versions[1]);
        assert_eq!(keys(&target, "/once").len(), 1, "without the flag a row is sent once");

        // One that failed is not tried again once its row has changed.
        runs.invoice("i1", json!({"total": 3})).await;
        let ended = runs.next_run(line).await;
        assert_eq!((&ended["outcome"], &ended["failed"]), (&json!("Partial"), &json!(1)));
        runs.invoice("i1", json!({"total": 4})).await;
        // Whichever comes first, the next attempt or the next run: both find the change at the latest with the run.
        runs.clock.advance(Duration::from_secs(INTERVAL.unsigned_abs()));
        let last = versions[1] + 2;
        eventually("the last version is sent", || async {
            let items = runs.items(line).await;
            let sent = items.last().unwrap();
            (sent.item_version, sent.state.as_str()) == (last, "Completed")
        })
        .await;
        // The next attempt takes the change over; the next run queues it, and cancels what it supersedes.
        let items = runs.items(line).await;
        assert!(
            items.len() == 3 || items.len() == 4 && items[2].state == "Cancelled",
            "{items:?}"
        );
        let keys = keys(&target, "/hook");
        assert_eq!(number(keys.last().unwrap()), last, "{keys:?}");
    })
    .await;
}

#[tokio::test]
async fn a_continuous_integration_polls_until_its_expiry() {
    for_each_database(|url| async move {
        let target = good();
        let mut line = None;
        let mut runs = Runs::open(&url, &[&target], |tenant| {
            let definition = Definition {
                filter: Some(r#"State == "open" and Until > DateTime.UtcNow"#.to_owned()),
                include_update: true,
                continuous: true,
                ..Definition::of_records(1, tenant, &target.url("/hook"))
            };
            vec![line.insert(definition).clone()]
        })
        .await;
        let line = line.unwrap();
        let now = runs.scene.engine.clock().now();
        let until = now
            .checked_add(jiff::SignedDuration::from_secs(INTERVAL * 2 + 60))
            .unwrap();
        runs.invoice("open", json!({"State": "open", "Until": until.to_string()}))
            .await;
        runs.invoice("shut", json!({"State": "shut", "Until": until.to_string()}))
            .await;
        for run in 1..=4 {
            let ended = runs.next_run(&line).await;
            assert_eq!(ended["selected"], json!(if run <= 2 { 1 } else { 0 }), "run {run}");
        }
        assert_eq!(sent(&target, "/hook"), ["open", "open"]);
        let first = keys(&target, "/hook").remove(0);
        assert_eq!(
            keys(&target, "/hook")[1],
            format!("{first}.2"),
            "who knows the first key does not drop the second"
        );
        let items = runs.items(&line).await;
        assert_eq!(items.len(), 1, "the same item again: {items:?}");
        assert_eq!((items[0].state.as_str(), items[0].attempt), ("Completed", 0));
    })
    .await;
}

#[tokio::test]
async fn many_due_times_that_nobody_was_there_for_are_one_run() {
    let target = good();
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let mut line = None;
    let mut runs = Runs::open(&url, &[&target], |tenant| {
        let definition = Definition::new(1, tenant, &target.url("/hook"));
        vec![line.insert(definition).clone()]
    })
    .await;
    let line = line.unwrap();
    runs.transaction("a", large()).await;
    runs.next_run(&line).await;
    runs.transaction("b", large()).await;
    let later = runs
        .scene
        .engine
        .clock()
        .now()
        .checked_add(jiff::SignedDuration::from_hours(100))
        .unwrap();
    let place = runs.scene.stop().await;
    let (scene, clock) = place.start_at(later).await;
    runs.scene = scene;
    runs.clock = clock;
    let have_ended = async |runs: &Runs, count: usize| {
        let logs = runs.logs(&line).await;
        logs.len() == count && logs.iter().all(|log| log.finished_at.is_some())
    };
    eventually("the run is made up for", || have_ended(&runs, 2)).await;
    eventually("the actor waits", || async {
        runs.actor(&line).await.is_some_and(|actor| actor.phase == "waiting")
    })
    .await;
    runs.clock.advance(Duration::from_secs(INTERVAL.unsigned_abs()));
    eventually("there is one for the next due time", || have_ended(&runs, 3)).await;
    assert_eq!(sent(&target, "/hook"), ["a", "b"]);
}

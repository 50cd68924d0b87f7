//! kill -9 and SIGTERM in the middle of a run: nothing is lost, and what is repeated has the same key.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::json;

use super::fixture::{Definition, count, keys, logs, sent};
use crate::{
    crash::{PASSWORD, start},
    support::{
        engine::Api,
        postgres::for_each_database,
        scene::eventually,
        upstream::{Behaviour, Upstream},
    },
};

const ITEMS: u64 = 240;

/// A binary that has made its tables, and the rows of a definition and of what it sends.
async fn prepared(url: &str, data: &std::path::Path, target: &Upstream) -> Definition {
    let (mut orrery, address) = start(url, data);
    let api = Api::anonymous(address).sign_in("admin", PASSWORD).await;
    let me = api.get("/api/v1/me").await.expect(200);
    let tenant = me.json["tenant"]["id"].as_str().unwrap().parse().unwrap();
    for number in 0..ITEMS {
        let body = json!({
            "identifier": format!("t{number}"),
            "data": {"Amount": 1500, "Customer": {"Country": "NO"}},
        });
        api.post("/api/v1/transactions", &body).await.expect(201);
    }
    assert_eq!(orrery.terminate(), Some(0), "{}", orrery.stderr());
    let definition = Definition {
        interval: 1,
        batch_size: 4,
        parallel: true,
        ..Definition::new(1, tenant, &target.url("/hook"))
    };
    let database = sea_orm::Database::connect(url).await.unwrap();
    definition.insert(&database, orrery::clock::Clock::system().now()).await;
    database.close().await.unwrap();
    definition
}

fn slow(latency_ms: u64) -> Upstream {
    let target = Upstream::start();
    let answer = Box::new(Behaviour::Json(json!({})));
    target.on("/hook", Behaviour::Late(Duration::from_millis(latency_ms), answer));
    target
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_in_the_middle_loses_nothing_and_repeats_under_the_same_key() {
    for_each_database(|url| async move {
        // Far from done in all of these lives, however late each is killed.
        let target = slow(1_000);
        let data = tempfile::tempdir().unwrap();
        let definition = prepared(&url, data.path(), &target).await;
        for _ in 1..=3 {
            let before = target.requests_to("/hook").len();
            let (orrery, _) = start(&url, data.path());
            // In the middle: some more have arrived, and others are on their way.
            target.wait_for("/hook", before + 8).await;
            orrery.kill();
        }
        target.on("/hook", Behaviour::Json(json!({})));
        let (mut orrery, _) = start(&url, data.path());
        let database = sea_orm::Database::connect(&url).await.unwrap();
        eventually("all are done", || async {
            count(&database, &definition, "Completed").await == ITEMS
        })
        .await;
        assert_eq!(orrery.terminate(), Some(0), "{}", orrery.stderr());

        let mut by_row: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (row, key) in sent(&target, "/hook").into_iter().zip(keys(&target, "/hook")) {
            by_row.entry(row).or_default().insert(key);
        }
        assert_eq!(by_row.len() as u64, ITEMS, "every row arrived");
        assert!(by_row.values().all(|keys| keys.len() == 1), "{by_row:?}");
        let logs = logs(&database, &definition).await;
        let cut = logs
            .iter()
            .filter(|log| log.outcome.as_deref() == Some("Interrupted"))
            .count();
        assert!(cut >= 3, "{logs:?}");
        assert!(logs.iter().all(|log| log.finished_at.is_some()), "{logs:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_lets_what_is_on_its_way_end_and_begins_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let target = slow(60);
    let definition = prepared(&url, directory.path(), &target).await;
    let database = sea_orm::Database::connect(&url).await.unwrap();
    for life in 1..=2 {
        let (mut orrery, _) = start(&url, directory.path());
        target.wait_for("/hook", life * 12).await;
        assert_eq!(orrery.terminate(), Some(0), "{}", orrery.stderr());
        assert_eq!(count(&database, &definition, "Processing").await, 0);
        let arrived = sent(&target, "/hook").len() as u64;
        assert_eq!(
            count(&database, &definition, "Completed").await,
            arrived,
            "what arrived is known"
        );
    }
    let (mut orrery, _) = start(&url, directory.path());
    eventually("all are done", || async {
        count(&database, &definition, "Completed").await == ITEMS
    })
    .await;
    assert_eq!(orrery.terminate(), Some(0), "{}", orrery.stderr());
    assert_eq!(sent(&target, "/hook").len() as u64, ITEMS, "nothing was sent twice");
}

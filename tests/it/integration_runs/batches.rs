//! How many items are processed at the same time, and in which order.

use serde_json::json;

use super::fixture::{Definition, Runs, count, large, sent};
use crate::support::{
    scene::eventually,
    upstream::{Behaviour, Upstream},
};

const ITEMS: usize = 8;

async fn open(target: &Upstream, batch_size: i64, parallel: bool) -> (Runs, Definition, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let mut line = None;
    let runs = Runs::open(&url, &[target], |tenant| {
        let definition = Definition {
            batch_size,
            parallel,
            ..Definition::new(1, tenant, &target.url("/hook"))
        };
        vec![line.insert(definition).clone()]
    })
    .await;
    for number in 0..ITEMS {
        runs.transaction(&number.to_string(), large()).await;
    }
    (runs, line.unwrap(), directory)
}

/// The most items that were on their way at once, looked at until all are done.
async fn most_at_once(runs: &mut Runs, line: &Definition, target: &Upstream, first: usize) -> u64 {
    let most = std::sync::atomic::AtomicU64::new(0);
    let begin = async {
        runs.clock
            .advance(std::time::Duration::from_secs(super::fixture::INTERVAL.unsigned_abs()));
        target.wait_for("/hook", first).await;
    };
    begin.await;
    // All that may be on their way are, and wait for the gate.
    most.store(
        count(&runs.database, line, "Processing").await,
        std::sync::atomic::Ordering::SeqCst,
    );
    assert_eq!(target.requests_to("/hook").len(), first);
    target.open_gate();
    eventually("all are done", || async {
        let going = count(&runs.database, line, "Processing").await;
        most.fetch_max(going, std::sync::atomic::Ordering::SeqCst);
        count(&runs.database, line, "Completed").await == ITEMS as u64
    })
    .await;
    most.into_inner()
}

#[tokio::test]
async fn in_parallel_no_more_than_the_batch_size_are_on_their_way() {
    let target = Upstream::start();
    target.on("/hook", Behaviour::Gated(Box::new(Behaviour::Json(json!({})))));
    let (mut runs, line, _directory) = open(&target, 3, true).await;
    runs.waits(&line).await;
    assert_eq!(most_at_once(&mut runs, &line, &target, 3).await, 3);
    assert_eq!(runs.end_of_run(&line).await["completed"], json!(ITEMS));
}

#[tokio::test]
async fn without_it_one_after_the_other_in_their_order() {
    let target = Upstream::start();
    target.on("/hook", Behaviour::Gated(Box::new(Behaviour::Json(json!({})))));
    let (mut runs, line, _directory) = open(&target, 3, false).await;
    runs.waits(&line).await;
    assert_eq!(most_at_once(&mut runs, &line, &target, 1).await, 1);
    let order: Vec<String> = (0..ITEMS).map(|number| number.to_string()).collect();
    assert_eq!(sent(&target, "/hook"), order);
}

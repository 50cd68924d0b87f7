//! A client integration that is disabled while items are on their way: these end, nothing more begins, and the rest waits for its day.

use std::time::Duration;

use orrery::domain::odata::EntitySet::ClientIntegrations;
use serde_json::json;

use super::fixture::{Definition, INTERVAL, Runs, count, large, sent};
use crate::support::{
    postgres::for_each_database,
    scene::eventually,
    upstream::{Behaviour, Upstream},
};

#[tokio::test]
async fn what_is_on_its_way_ends_and_nothing_more_begins() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.on("/hook", Behaviour::Gated(Box::new(Behaviour::Json(json!({})))));
        let mut line = None;
        let mut runs = Runs::open(&url, &[&target], |tenant| {
            let definition = Definition {
                batch_size: 2,
                parallel: true,
                ..Definition::new(1, tenant, &target.url("/hook"))
            };
            vec![line.insert(definition).clone()]
        })
        .await;
        let line = line.unwrap();
        for number in 0..8 {
            runs.transaction(&number.to_string(), large()).await;
        }
        runs.waits(&line).await;
        runs.clock.advance(Duration::from_secs(INTERVAL.unsigned_abs()));
        target.wait_for("/hook", 2).await;
        runs.patch(ClientIntegrations, line.number, json!({"Enabled": false}))
            .await;
        eventually("it is told", || async {
            runs.actor(&line).await.is_some_and(|actor| actor.phase == "stopping")
        })
        .await;
        assert_eq!(count(&runs.database, &line, "Processing").await, 2);
        target.open_gate();
        let ended = runs.end_of_run(&line).await;
        assert_eq!(ended["completed"], json!(2), "{ended}");
        assert_eq!(sent(&target, "/hook").len(), 2);
        let counts = async || {
            let mut counts = Vec::new();
            for state in ["Completed", "Pending", "Processing"] {
                counts.push(count(&runs.database, &line, state).await);
            }
            counts
        };
        assert_eq!(counts().await, [2, 6, 0]);
        let log = &runs.logs(&line).await[0];
        assert!(log.message.as_deref().unwrap().contains("disabled"), "{log:?}");
        eventually("it has gone", || async { runs.actor(&line).await.is_none() }).await;
        // Due times pass.
        runs.clock.advance(Duration::from_secs(3 * INTERVAL.unsigned_abs()));

        runs.patch(ClientIntegrations, line.number, json!({"Enabled": true}))
            .await;
        eventually("the rest is sent", || async { counts().await == [8, 0, 0] }).await;
        let mut all = sent(&target, "/hook");
        all.sort_unstable();
        let expected: Vec<String> = (0..8).map(|number| number.to_string()).collect();
        assert_eq!(all, expected, "each once");
        runs.waits(&line).await;
        let logs = runs.logs(&line).await;
        assert_eq!(logs.len(), 2, "nothing ran meanwhile: {logs:?}");
    })
    .await;
}

//! Filters for which the database takes too long.

use serde_json::json;

use super::fixture::{Definition, Runs, sent};
use crate::support::{
    postgres::for_each_database,
    slow::{as_before, slow_down},
    upstream::{Behaviour, Upstream},
};

#[tokio::test]
async fn a_run_whose_rows_take_too_long_to_find_fails_and_says_why() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.on("/hook", Behaviour::Json(json!({})));
        let mut line = None;
        let limited = |settings: &mut orrery::settings::Settings| settings.database.statement_seconds = 5;
        let mut runs = Runs::open_with(&url, &[&target], limited, |tenant| {
            let definition = Definition::of_records(1, tenant, &target.url("/hook"));
            vec![line.insert(definition).clone()]
        })
        .await;
        let line = line.unwrap();
        runs.invoice("A", json!({})).await;
        slow_down(&runs.database, "record").await;
        let ended = runs.next_run(&line).await;
        assert_eq!(ended["outcome"], "Failed", "{ended}");
        let log = runs.logs(&line).await.pop().unwrap();
        let why = log.message.unwrap_or_default();
        assert!(why.contains("took too long to find the rows"), "{why}");
        as_before(&runs.database, "record").await;
        // The next due time looks again.
        let ended = runs.next_run(&line).await;
        assert_eq!(ended["outcome"], "Succeeded", "{ended}");
        assert_eq!(sent(&target, "/hook"), ["A"]);
    })
    .await;
}

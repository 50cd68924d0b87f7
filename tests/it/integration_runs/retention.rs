//! What is old goes, but no row is sent twice for that.

use std::time::Duration;

use orrery::store::PurgeRules;
use serde_json::json;

use super::fixture::{Definition, Runs, sent};
use crate::support::{
    postgres::for_each_database,
    upstream::{Behaviour, Upstream},
};

#[tokio::test]
async fn old_items_go_but_rows_are_not_sent_again() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.on("/once", Behaviour::Json(json!({})));
        target.on("/updates", Behaviour::Json(json!({})));
        let mut lines = Vec::new();
        let mut runs = Runs::open(&url, &[&target], |tenant| {
            lines.push(Definition::of_records(1, tenant, &target.url("/once")));
            lines.push(Definition {
                include_update: true,
                ..Definition::of_records(2, tenant, &target.url("/updates"))
            });
            lines.clone()
        })
        .await;
        runs.invoice("i", json!({"n": 1})).await;
        runs.next_run(&lines[0]).await;
        runs.end_of_run(&lines[1]).await;
        runs.invoice("i", json!({"n": 2})).await;
        runs.next_run(&lines[0]).await;
        runs.end_of_run(&lines[1]).await;
        assert_eq!((sent(&target, "/once").len(), sent(&target, "/updates").len()), (1, 2));

        let store = runs.scene.engine.store().clone();
        let rules = PurgeRules::from_settings(&runs.scene.place.settings);
        let soon = runs.scene.engine.clock().now();
        assert_eq!(
            store.purge(&rules, soon).await.unwrap().integrations,
            Default::default()
        );
        let later = soon.checked_add(Duration::from_secs(40 * 86_400)).unwrap();
        let purged = store.purge(&rules, later).await.unwrap().integrations;
        assert_eq!(
            (purged.items, purged.bared, purged.logs),
            (1, 2, 4),
            "the earlier version is not needed"
        );
        assert_eq!(
            store.purge(&rules, later).await.unwrap().integrations,
            Default::default()
        );
        for line in &lines {
            let items = runs.items(line).await;
            assert!(
                items.len() == 1 && items[0].bare && items[0].result.is_none(),
                "{items:?}"
            );
        }
        runs.next_run(&lines[0]).await;
        runs.end_of_run(&lines[1]).await;
        assert_eq!((sent(&target, "/once").len(), sent(&target, "/updates").len()), (1, 2));
        // With the next version, the bare one is not needed any more.
        runs.invoice("i", json!({"n": 3})).await;
        runs.next_run(&lines[0]).await;
        runs.end_of_run(&lines[1]).await;
        assert_eq!((sent(&target, "/once").len(), sent(&target, "/updates").len()), (1, 3));
        let items = runs.items(&lines[1]).await;
        assert!(items.len() == 1 && !items[0].bare, "{items:?}");
    })
    .await;
}

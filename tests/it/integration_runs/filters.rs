//! Filters that change in the middle of a selection: the new one holds for all rows, also for those that were passed already.

use orrery::domain::odata::EntitySet::Integrations;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, TransactionTrait};
use serde_json::json;

use super::fixture::{Definition, Runs, count, items, many, selects};
use crate::support::{
    postgres::{self, for_each_database},
    scene::eventually,
    upstream::{Behaviour, Upstream},
};

/// Rows that a selection queues at once.
const PAGE: usize = 500;
/// Half of the rows are of each kind.
const KIND: &str = r#"CASE WHEN i % 2 = 0 THEN '{"Kind": "a"}' ELSE '{"Kind": "b"}' END"#;

/// An engine with rows, and a definition for those of the kind `a` whose items are never done, so many at once.
async fn open(url: &str, target: &Upstream, rows: u64, at_once: i64) -> (Runs, Definition) {
    target.on("/hook", Behaviour::Hang);
    let mut line = None;
    let runs = Runs::open(url, &[target], |tenant| {
        let definition = Definition {
            filter: Some(r#"Kind == "a""#.to_owned()),
            batch_size: at_once,
            parallel: true,
            ..Definition::new(1, tenant, &target.url("/hook"))
        };
        vec![line.insert(definition).clone()]
    })
    .await;
    let line = line.unwrap();
    many(&runs.database, line.tenant, rows, KIND).await;
    (runs, line)
}

/// Items of the kinds `a` and `b`; each row must be there once.
async fn kinds(runs: &Runs, of: &Definition) -> (usize, usize) {
    let items = items(&runs.database, of).await;
    let rows: std::collections::BTreeSet<_> = items.iter().map(|item| &item.item_id).collect();
    assert_eq!(rows.len(), items.len(), "each row once");
    let number = |name: &str| name.trim_start_matches('t').parse::<u64>().unwrap();
    let (a, b): (Vec<_>, Vec<_>) = items.iter().partition(|item| number(&item.item_name).is_multiple_of(2));
    (a.len(), b.len())
}

/// From now on the database takes no items after these many, or all again.
async fn take_items(database: &DatabaseConnection, up_to: Option<usize>) {
    let is_sqlite = database.get_database_backend() == DbBackend::Sqlite;
    let texts = match (up_to, is_sqlite) {
        (Some(last), true) => vec![format!(
            "CREATE TRIGGER full BEFORE INSERT ON integration_queue WHEN NEW.id > {last} \
             BEGIN SELECT RAISE(ABORT, 'the queue is full'); END"
        )],
        (Some(last), false) => vec![
            "CREATE FUNCTION full_up() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'the queue is full'; END $$"
                .to_owned(),
            format!(
                "CREATE TRIGGER full_up BEFORE INSERT ON integration_queue FOR EACH ROW WHEN (NEW.id > {last}) \
                 EXECUTE FUNCTION full_up()"
            ),
        ],
        (None, true) => vec!["DROP TRIGGER full".to_owned()],
        (None, false) => vec!["DROP TRIGGER full_up ON integration_queue".to_owned()],
    };
    for text in texts {
        database.execute_unprepared(&text).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_refused_selection_left_is_selected_by_the_filter_of_the_next_due_time() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        let (mut runs, line) = open(&url, &target, 1_500, 50).await;
        // What is in the queue is processed all the same.
        target.status("/hook", 200, "{}");
        take_items(&runs.database, Some(PAGE)).await;
        let ended = runs.next_run(&line).await;
        assert_eq!(
            (&ended["outcome"], &ended["selected"], &ended["completed"]),
            (&json!("Failed"), &json!(PAGE), &json!(PAGE)),
            "{ended}"
        );
        assert_eq!(kinds(&runs, &line).await, (PAGE, 0));
        take_items(&runs.database, None).await;

        runs.patch(Integrations, line.number, json!({"Filter": r#"Kind == "b""#}))
            .await;
        let ended = runs.next_run(&line).await;
        assert_eq!(
            (&ended["outcome"], &ended["selected"]),
            (&json!("Succeeded"), &json!(750)),
            "{ended}"
        );
        assert_eq!(kinds(&runs, &line).await, (PAGE, 750));
        assert!(!selects(&runs.database, &line).await);
    })
    .await;
}

/// Here the database can keep the queue shut while everything else goes on.
#[tokio::test]
async fn a_selection_that_is_going_begins_anew_with_another_filter() {
    let Some(url) = postgres::database() else { return };
    let target = Upstream::start();
    let (runs, line) = open(&url, &target, 4_000, 1).await;
    runs.waits(&line).await;
    // One page is let in, and the next one waits for the lock that this test holds.
    let shut = runs.database.begin().await.unwrap();
    for text in [
        format!(
            "CREATE FUNCTION one_page() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN IF (SELECT count(*) FROM integration_queue) >= {PAGE} THEN \
             PERFORM pg_advisory_xact_lock_shared(77); END IF; RETURN NULL; END $$"
        ),
        "CREATE TRIGGER one_page BEFORE INSERT ON integration_queue FOR EACH STATEMENT EXECUTE FUNCTION one_page()"
            .to_owned(),
    ] {
        runs.database.execute_unprepared(&text).await.unwrap();
    }
    shut.execute_unprepared("SELECT pg_advisory_xact_lock(77)")
        .await
        .unwrap();
    runs.clock
        .advance(std::time::Duration::from_secs(super::fixture::INTERVAL.unsigned_abs()));
    eventually("a page is selected", || async {
        kinds(&runs, &line).await == (PAGE, 0)
    })
    .await;
    runs.patch(Integrations, line.number, json!({"Filter": r#"Kind == "b""#}))
        .await;
    // It has heard of that before it answers.
    assert_eq!(runs.actor(&line).await.unwrap().phase, "running");
    shut.commit().await.unwrap();
    eventually("the selection has ended", || async {
        !selects(&runs.database, &line).await && count(&runs.database, &line, "Processing").await == 1
    })
    .await;
    let (a, b) = kinds(&runs, &line).await;
    assert!(a == PAGE || a == 2 * PAGE, "at most the page that was on its way: {a}");
    assert_eq!(b, 2_000);
    assert_eq!(runs.logs(&line).await.len(), 1, "in one run");
}

//! Selections of many rows that are cut in the middle, by kill -9 and by a signal: each row that meets the filter is in the queue once.

use std::collections::BTreeSet;

use entity::integration_queue::{Column, Entity};
use jiff::SignedDuration;
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, PaginatorTrait, QueryFilter};

use super::fixture::{Definition, items, logs, many, selects};
use crate::{
    crash::{PASSWORD, start},
    support::{
        engine::Api,
        postgres::for_each_database,
        scene::eventually,
        upstream::{Behaviour, Upstream},
    },
};

const ROWS: u64 = 45_000;
/// Every third row is too small.
const SELECTED: u64 = 30_000;
const DAY: i64 = 86_400;

async fn queued(database: &DatabaseConnection, of: &Definition) -> u64 {
    let of = Entity::find().filter(Column::ClientIntegrationId.eq(of.number));
    of.count(database).await.unwrap()
}

/// Each page takes a while from now on, so that a selection is far from its end however late it is cut.
async fn slow_pages(database: &DatabaseConnection) {
    let texts: &[&str] = match database.get_database_backend() {
        DbBackend::Sqlite => &[
            "CREATE VIEW a_while AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000) \
             SELECT count(*) FROM n",
            "CREATE TRIGGER slow BEFORE INSERT ON integration_queue WHEN NEW.id % 500 = 0 BEGIN SELECT * FROM a_while; END",
        ],
        _ => &[
            "CREATE FUNCTION a_while() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$",
            "CREATE TRIGGER slow BEFORE INSERT ON integration_queue FOR EACH STATEMENT EXECUTE FUNCTION a_while()",
        ],
    };
    for text in texts {
        database.execute_unprepared(text).await.unwrap();
    }
}

async fn quick_pages(database: &DatabaseConnection) {
    let text = match database.get_database_backend() {
        DbBackend::Sqlite => "DROP TRIGGER slow",
        _ => "DROP TRIGGER slow ON integration_queue",
    };
    database.execute_unprepared(text).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_selection_that_is_cut_goes_on_and_queues_each_row_once() {
    for_each_database(|url| async move {
        // Nothing is processed, so that all that is looked at is the selection.
        let target = Upstream::start();
        target.on("/hook", Behaviour::Hang);
        let data = tempfile::tempdir().unwrap();
        let (mut orrery, address) = start(&url, data.path());
        let api = Api::anonymous(address).sign_in("admin", PASSWORD).await;
        let me = api.get("/api/v1/me").await.expect(200);
        assert_eq!(orrery.terminate(), Some(0), "{}", orrery.stderr());
        let definition = Definition {
            interval: DAY,
            ..Definition::new(
                1,
                me.json["tenant"]["id"].as_str().unwrap().parse().unwrap(),
                &target.url("/hook"),
            )
        };
        let database = sea_orm::Database::connect(&url).await.unwrap();
        let amount =
            r#"'{"Customer": {"Country": "NO"}, "Amount": ' || CASE WHEN i % 3 = 0 THEN '900' ELSE '1500' END || '}'"#;
        many(&database, definition.tenant, ROWS, amount).await;
        // One due time has just come, and the next one is a day away: what follows the first run is the rest of its selection.
        let anchor = orrery::clock::Clock::system().now() - SignedDuration::from_secs(DAY + 60);
        definition.insert(&database, anchor).await;

        slow_pages(&database).await;
        for life in 0..3 {
            let before = queued(&database, &definition).await;
            let (mut orrery, _) = start(&url, data.path());
            eventually("more rows are queued", || async {
                queued(&database, &definition).await > before
            })
            .await;
            if life % 2 == 0 {
                orrery.kill();
            } else {
                assert_eq!(orrery.terminate(), Some(0), "{}", orrery.stderr());
            }
            let after = queued(&database, &definition).await;
            assert!(after < SELECTED, "it was cut after its end: {after}");
            assert!(selects(&database, &definition).await, "the rest is to be selected");
        }
        quick_pages(&database).await;
        let (orrery, _) = start(&url, data.path());
        eventually("the selection has ended", || async {
            !selects(&database, &definition).await
        })
        .await;
        orrery.kill();

        let items = items(&database, &definition).await;
        assert_eq!(items.len() as u64, SELECTED);
        let rows: BTreeSet<_> = items.iter().map(|item| item.item_id.as_str()).collect();
        assert_eq!(rows.len() as u64, SELECTED, "each row once");
        let names: BTreeSet<_> = items.into_iter().map(|item| item.item_name).collect();
        let large = (1..=ROWS).filter(|number| number % 3 != 0);
        assert_eq!(
            names,
            large.map(|number| format!("t{number}")).collect(),
            "these rows, and no other"
        );
        let logs = logs(&database, &definition).await;
        assert_eq!(logs.len(), 4);
        assert_eq!(
            logs.iter().map(|log| log.selected).sum::<i64>() as u64,
            SELECTED,
            "{logs:?}"
        );
        assert!(logs.iter().skip(1).all(|log| log.trigger == "Queue"), "{logs:?}");
        assert!(
            logs.iter().all(|log| log.selected > 0),
            "each began where the one before ended: {logs:?}"
        );
    })
    .await;
}

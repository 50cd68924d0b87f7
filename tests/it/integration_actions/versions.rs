//! Which version of its record an item is sent in, under which key, and what is stored with its end.

use std::time::Duration;

use entity::integration_queue;
use orrery::{
    engine::caller::Caller,
    store::{Page, audit::Filter},
};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait};
use serde_json::{Value, json};

use super::fixture::{Acts, Line, result};
use crate::support::{
    postgres::for_each_database,
    scene::eventually,
    upstream::{Behaviour, Upstream},
};

fn keys(target: &Upstream) -> Vec<String> {
    let requests = target.requests_to("/hook");
    let key = |request: &crate::support::upstream::Recorded| request.header("idempotency-key").unwrap().to_owned();
    requests.iter().map(key).collect()
}

#[tokio::test]
async fn a_change_that_came_after_an_item_was_queued_is_sent_under_its_own_key() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.status("/hook", 500, "not now");
        let acts = Acts::on(&url).await;
        let action = json!({"Url": target.url("/hook"), "Body": "{{ item.Amount }} {{ queueItem.version }}"});
        let updates = acts
            .line(action.clone(), json!({"IncludeUpdate": true}), json!({}))
            .await;
        let once = acts.line(action, json!({}), json!({})).await;
        acts.put("invoice", "A", json!({"Amount": 1})).await;
        let item = acts.send(updates, "A", 1).await;
        let row = acts.send(once, "A", 1).await;
        acts.put("invoice", "A", json!({"Amount": 2})).await;
        target.items("/hook", json!({}));
        let item = acts.execute(item.id).await;
        assert_eq!((item.state.as_str(), item.item_version), ("Completed", 2), "{item:?}");
        let row = acts.execute(row.id).await;
        assert_eq!((row.state.as_str(), row.item_version), ("Completed", 1), "{row:?}");
        let key = |line: Line, version: i64| format!("{}:A:{version}", line.client);
        let expected = [key(updates, 1), key(once, 1), key(updates, 2), key(once, 1)];
        assert_eq!(keys(&target), expected, "where changes are not sent, a row has one key");
        let bodies: Vec<String> = target
            .requests_to("/hook")
            .iter()
            .map(|request| request.text())
            .collect();
        assert_eq!(bodies, ["1 1", "1 1", "2 2", "2 1"]);

        // Another item stands for a newer version: that one sends it.
        acts.put("invoice", "B", json!({"Amount": 1})).await;
        acts.put("invoice", "B", json!({"Amount": 2})).await;
        let newer = acts.queue(updates, "B", 2).await;
        let older = acts.send(updates, "B", 1).await;
        assert_eq!(older.state, "Cancelled", "{older:?}");
        assert!(result(&older).contains("Superseded by version 2"), "{older:?}");
        let newer = acts.execute(newer).await;
        assert_eq!(newer.state, "Completed", "{newer:?}");
        assert_eq!(keys(&target)[4..], [format!("{}:B:2", updates.client)]);

        // What is done and wanted once more is not what the other side has had.
        acts.execute(newer.id).await;
        assert_eq!(keys(&target)[5..], [format!("{}:B:2.2", updates.client)]);
    })
    .await;
}

/// Refuses each item that is completed, until [`let_in`].
async fn keep_open(acts: &Acts) {
    let statements: &[&str] = match acts.database.get_database_backend() {
        DbBackend::Sqlite => &[
            "CREATE TRIGGER shut BEFORE UPDATE ON integration_queue WHEN NEW.state = 'Completed' \
              BEGIN SELECT RAISE(ABORT, 'shut'); END",
        ],
        _ => &[
            "CREATE FUNCTION shut() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''shut''; END'",
            "CREATE TRIGGER shut BEFORE UPDATE ON integration_queue FOR EACH ROW WHEN (NEW.state = 'Completed') \
             EXECUTE FUNCTION shut()",
        ],
    };
    for statement in statements {
        acts.database.execute_unprepared(statement).await.unwrap();
    }
}

async fn let_in(acts: &Acts) {
    let statement = match acts.database.get_database_backend() {
        DbBackend::Sqlite => "DROP TRIGGER shut",
        _ => "DROP TRIGGER shut ON integration_queue",
    };
    acts.database.execute_unprepared(statement).await.unwrap();
}

#[tokio::test]
async fn what_is_written_back_is_stored_with_the_end_of_its_item_or_not_at_all() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.items("/hook", json!({"id": 7}));
        let acts = Acts::on(&url).await;
        let action =
            json!({"Url": target.url("/hook"), "ResultScript": "return {record: {RemoteId: response.json.id}}"});
        let line = acts.line(action, json!({"IncludeUpdate": true}), json!({})).await;
        acts.put("invoice", "A", json!({"Amount": 1})).await;
        let item = acts.queue(line, "A", 1).await;
        keep_open(&acts).await;
        let looks = async {
            target.wait_for("/hook", 1).await;
            // While the end of the item is refused, so is what belongs to it, at each moment.
            for _ in 0..200 {
                let (item, record) = (acts.item(item).await, acts.record("invoice", "A").await.unwrap());
                assert_eq!((item.state.as_str(), item.item_version), ("Processing", 1), "{item:?}");
                assert_eq!(record.1, 1, "{record:?}");
            }
            let_in(&acts).await;
            eventually("the end is tried again, and written", || async {
                acts.clock.advance(Duration::from_secs(1));
                acts.item(item).await.state != "Processing"
            })
            .await;
        };
        let (ended, ()) = tokio::join!(acts.execute(item), looks);
        assert_eq!(
            (ended.state.as_str(), ended.item_version),
            ("Completed", 2),
            "{ended:?}"
        );
        assert_eq!(acts.record("invoice", "A").await.unwrap().1, 2);
        assert_eq!(keys(&target).len(), 1);
        let logs = entity::action_log::Entity::find().all(&acts.database).await.unwrap();
        assert_eq!(logs.iter().map(|log| log.completed).sum::<i64>(), 1, "{logs:?}");
    })
    .await;
}

#[tokio::test]
async fn what_a_failed_item_writes_back_does_not_count_as_sent() {
    let target = Upstream::start();
    target.items("/hook", json!({}));
    let acts = Acts::open().await;
    let action = json!({"Url": target.url("/hook"), "ResultScript": "return {failed: true, message: 'no', record: {Seen: true}}"});
    let line = acts.line(action, json!({"IncludeUpdate": true}), json!({})).await;
    acts.put("invoice", "A", json!({"Amount": 1})).await;
    let item = acts.send(line, "A", 1).await;
    assert_eq!(
        (item.state.as_str(), item.item_version, item.attempt),
        ("Failed", 1, 1),
        "{item:?}"
    );
    let (data, version) = acts.record("invoice", "A").await.unwrap();
    assert_eq!((&data["Seen"], version), (&json!(true), 2));
}

/// The audit rows about client integrations that name no person.
async fn disabled(acts: &Acts) -> Vec<(Option<String>, Value)> {
    let filter = Filter {
        resource_kind: Some("client_integration".to_owned()),
        ..Filter::default()
    };
    let caller = Caller::embedded(acts.tenant);
    let log = acts.engine.engine.audit_log(&caller, filter, Page::default()).await;
    let rows = log.unwrap().items.into_iter();
    rows.filter(|row| row.action == "client_integration.disable")
        .map(|row| (row.resource_id, row.after.unwrap_or_default()))
        .collect()
}

#[tokio::test]
async fn a_script_that_was_mended_while_it_broke_disables_nothing() {
    let target = Upstream::start();
    target.on("/hook", Behaviour::Gated(Box::new(Behaviour::Json(json!({})))));
    let acts = Acts::open().await;
    let action = json!({"Url": target.url("/hook"), "ResultScript": "throw new Error('oh no')"});
    let line = acts.line(action, json!({}), json!({})).await;
    let client = format!("/OData/ClientIntegrations({})", line.client);
    for key in ["A", "B"] {
        acts.put("invoice", key, json!({})).await;
    }
    let item = acts.queue(line, "A", 1).await;
    let mend = async {
        target.wait_for("/hook", 1).await;
        let integration = acts
            .api
            .get(&format!("/OData/Integrations({})", line.integration))
            .await;
        let action = format!("/OData/Actions({})", integration.expect(200).json["ActionId"]);
        let mended = json!({"ResultScript": "return 'fine'"});
        acts.api.patch(&action, &mended).await.expect(200);
        target.open_gate();
    };
    let (broken, ()) = tokio::join!(acts.execute(item), mend);
    assert_eq!(broken.state, "Abandoned", "{broken:?}");
    let run = broken.action_log_id.unwrap();
    eventually("its run has ended", || async {
        let log = entity::action_log::Entity::find_by_id(run).one(&acts.database).await;
        log.unwrap().unwrap().finished_at.is_some()
    })
    .await;
    let shown = acts.api.get(&client).await.expect(200).json;
    assert_eq!(
        (&shown["Enabled"], &shown["DisabledReason"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(disabled(&acts).await, []);
    let item = acts.send(line, "B", 1).await;
    assert_eq!((item.state.as_str(), result(&item)), ("Completed", "fine"), "{item:?}");
    let all = integration_queue::Entity::find().all(&acts.database).await.unwrap();
    assert_eq!(all.len(), 2);
}

#[tokio::test]
async fn that_the_engine_disables_an_integration_is_audited() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.items("/hook", json!({}));
        let acts = Acts::on(&url).await;
        let action = json!({"Url": target.url("/hook"), "ResultScript": "throw new Error('oh no')"});
        let line = acts.line(action, json!({}), json!({})).await;
        acts.put("invoice", "A", json!({})).await;
        acts.send(line, "A", 1).await;
        eventually("it is audited", || async { !disabled(&acts).await.is_empty() }).await;
        let rows = disabled(&acts).await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0].0, Some(line.client.to_string()));
        assert_eq!(rows[0].1["Enabled"], json!(false));
        assert!(
            rows[0].1["DisabledReason"].as_str().unwrap().contains("oh no"),
            "{rows:?}"
        );
    })
    .await;
}

//! Items that fetch: pages, keys, filters, what becomes records and transactions.

use orrery::events::Event;
use serde_json::{Value, json};

use super::fixture::{Acts, result};
use crate::support::{postgres::for_each_database, upstream::Upstream};

const INBOUND: &str = "Inbound";

#[tokio::test]
async fn records_are_fetched_page_by_page() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.items(
            "/list",
            json!({"value": [{"Id": 1, "Name": "Ada", "Age": 40}, {"Id": 2, "Name": "Bob", "Age": 10}], "@odata.nextLink": "/more"}),
        );
        target.items("/more", json!([{"key": "3", "data": {"Name": "Eve", "Age": 50}}, {"Name": "no key"}]));
        let acts = Acts::on(&url).await;
        acts.put("person", "1", json!({"Name": "Ada", "Ours": true})).await;
        let more = json!({"EntityId": "Person", "IntegrationDirectionId": INBOUND, "Filter": "Age > 18 and Key != \"9\""});
        let line = acts.line(json!({"Url": target.url("/list")}), more, json!({})).await;
        let item = acts.send(line, "2026-01-01T00:00:00Z", 0).await;
        assert_eq!(item.state, "Completed", "{item:?}");
        let expected = "4 fetched: 1 created, 1 updated, 0 unchanged, 1 left out, 1 refused (record 2: it has no key";
        assert!(result(&item).starts_with(expected), "{item:?}");
        let (data, version) = acts.record("person", "1").await.unwrap();
        assert_eq!((data, version), (json!({"Id": 1, "Name": "Ada", "Age": 40, "Ours": true}), 2));
        assert_eq!(acts.record("person", "3").await.unwrap(), (json!({"Name": "Eve", "Age": 50}), 1));
        assert!(acts.record("person", "2").await.is_none());
        let keys: Vec<String> = target
            .requests()
            .iter()
            .map(|request| request.header("idempotency-key").unwrap().to_owned())
            .collect();
        assert_eq!(keys[1], format!("{}:2", keys[0]), "each page is a request of its own");
        assert_eq!(target.requests()[0].method, "GET");

        let again = acts.send(line, "2026-01-02T00:00:00Z", 0).await;
        assert!(result(&again).starts_with("4 fetched: 0 created, 0 updated, 2 unchanged"), "{again:?}");
        assert_eq!(acts.record("person", "1").await.unwrap().1, 2);
    })
    .await;
}

#[tokio::test]
async fn a_result_script_says_what_the_records_are_and_where_they_go_on() {
    let (target, elsewhere) = (Upstream::start(), Upstream::start());
    target.items("/list", json!({"rows": [["a", 1], ["b", 2]], "more": "/list2"}));
    target.items("/list2", json!({"rows": [["c", 3]], "more": null}));
    let acts = Acts::open().await;
    let more = || json!({"EntityId": "row", "IntegrationDirectionId": INBOUND});
    let script = "return {records: response.json.rows.map(([key, n]) => ({key, data: {n, of: queueItem.itemId}})), next: \
                  response.json.more}";
    let action = json!({"Url": target.url("/list"), "ResultScript": script});
    let line = acts.line(action, more(), json!({})).await;
    let item = acts.send(line, "due", 0).await;
    assert_eq!(
        result(&item),
        "3 fetched: 3 created, 0 updated, 0 unchanged",
        "{item:?}"
    );
    assert_eq!(acts.record("row", "c").await.unwrap().0, json!({"n": 3, "of": "due"}));

    let foreign = elsewhere.url("/list");
    for (script, state, said) in [
        (
            format!("return {{records: [], next: {foreign:?}}}"),
            "Failed",
            "pages are fetched from",
        ),
        (
            "return {records: [], next: response.json.more ? '/list' : ''}".to_owned(),
            "Failed",
            "does not move on",
        ),
        ("return 'a text'".to_owned(), "Abandoned", "returned a text"),
        ("return {rows: []}".to_owned(), "Abandoned", "without a list"),
        (
            "return {failed: true, message: 'try again'}".to_owned(),
            "Failed",
            "try again",
        ),
        ("return null".to_owned(), "Completed", "0 fetched"),
    ] {
        let action = json!({"Url": target.url("/list"), "ResultScript": script});
        let line = acts.line(action, more(), json!({})).await;
        let item = acts.send(line, "due", 0).await;
        assert_eq!(item.state, state, "{script}: {item:?}");
        assert!(result(&item).contains(said), "{script}: {item:?}");
    }
    assert!(elsewhere.requests().is_empty());
    let line = acts.line(json!({"Url": target.url("/list")}), more(), json!({})).await;
    let item = acts.send(line, "due", 0).await;
    assert!(result(&item).contains("Name a ResultScript"), "{item:?}");
}

#[tokio::test]
async fn transactions_are_created_once() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.items(
            "/list",
            json!([{"id": "a", "n": 1}, {"id": "b", "n": 2}, {"id": "a", "n": 3}]),
        );
        let acts = Acts::on(&url).await;
        let mut events = acts.engine.engine.subscribe();
        let more = json!({"EntityId": "Transaction", "IntegrationDirectionId": INBOUND});
        let line = acts.line(json!({"Url": target.url("/list")}), more, json!({})).await;
        let item = acts.send(line, "one", 0).await;
        assert_eq!(
            result(&item),
            "3 fetched: 2 created, 0 updated, 1 unchanged",
            "{item:?}"
        );
        assert_eq!(acts.identifiers().await, ["a", "b"]);
        let mut ready: Vec<Value> = Vec::new();
        while let Ok(Event { kind, data, .. }) = events.try_recv() {
            if kind == "transaction.ready" {
                ready.push(data["identifier"].clone());
            }
        }
        assert_eq!(ready, [json!("a"), json!("b")]);
        let again = acts.send(line, "two", 0).await;
        assert_eq!(
            result(&again),
            "3 fetched: 0 created, 0 updated, 3 unchanged",
            "{again:?}"
        );
        assert_eq!(acts.identifiers().await.len(), 2);
    })
    .await;
}

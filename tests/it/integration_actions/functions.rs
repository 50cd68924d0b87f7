//! Partner functions: sent once, updated after a change, sent again as it was when an answer is lost; fetched with links.

use orrery::clock::Clock;
use serde_json::json;

use super::fixture::{Acts, result};
use crate::support::fake_xero;

async fn sending(acts: &Acts, xero: &fake_xero::FakeXero, entity: &str) -> super::fixture::Line {
    let connection = acts.connect(xero).await;
    let function = acts.function(&connection, "EXPORT").await;
    let action = json!({"Kind": "PartnerFunction", "PartnerFunctionUuid": function});
    let client = json!({"ConnectionUuid": connection});
    acts.line(action, json!({"EntityId": entity, "IncludeUpdate": true}), client)
        .await
}

#[tokio::test]
async fn a_record_is_made_once_and_updated_after_a_change() {
    let xero = fake_xero::start(Clock::system());
    let acts = Acts::open().await;
    let line = sending(&acts, &xero, "Supplier").await;
    acts.put("supplier", "S-1", json!({"Name": "Ada"})).await;
    let item = acts.send(line, "S-1", 1).await;
    assert_eq!(item.state, "Completed", "{item:?}");
    let record = acts.api.get("/api/v1/records/supplier/S-1").await.expect(200);
    let remote = record.json["links"][0]["remoteId"].as_str().unwrap().to_owned();
    assert_eq!(result(&item), format!("Created as {remote}"));
    let again = acts.execute(item.id).await;
    assert_eq!(result(&again), format!("Is there as {remote}"));
    assert_eq!(xero.with(|xero| xero.count("Contacts")), 1);

    acts.put("supplier", "S-1", json!({"Name": "Ada Byron"})).await;
    let item = acts.send(line, "S-1", 2).await;
    assert_eq!(result(&item), format!("Updated {remote}"), "{item:?}");
    let name = xero.with(|xero| xero.object("Contacts", &remote).unwrap()["Name"].clone());
    assert_eq!(
        (name, xero.with(|xero| xero.count("Contacts"))),
        (json!("Ada Byron"), 1)
    );
    let keys: Vec<String> = xero
        .requests_to("/Contacts")
        .iter()
        .filter_map(|request| request.header("idempotency-key").map(str::to_owned))
        .collect();
    assert!(keys.len() >= 2 && keys[0] != keys[1], "{keys:?}");
    assert!(keys.iter().all(|key| key.len() == 32), "{keys:?}");
}

#[tokio::test]
async fn what_may_have_arrived_is_sent_again_as_it_was() {
    let xero = fake_xero::start(Clock::system());
    let acts = Acts::open().await;
    let line = sending(&acts, &xero, "Transaction").await;
    let id = acts.transaction("T-1", json!({"Name": "Grace"})).await;
    xero.lose_answers("/Contacts", 1);
    let item = acts.send(line, &id, 1).await;
    assert_eq!((item.state.as_str(), item.attempt), ("Failed", 1), "{item:?}");
    let item = acts.execute(item.id).await;
    assert_eq!(item.state, "Completed", "{item:?}");
    assert_eq!(
        xero.with(|xero| xero.count("Contacts")),
        1,
        "the key tells the second from another one"
    );
    let sent = xero.requests_to("/Contacts");
    let key = |at: usize| sent[at].header("idempotency-key").unwrap().to_owned();
    assert_eq!((key(0), &sent[0].body), (key(1), &sent[1].body));
}

#[tokio::test]
async fn what_the_provider_refuses_is_shown() {
    let xero = fake_xero::start(Clock::system());
    let acts = Acts::open().await;
    let line = sending(&acts, &xero, "Supplier").await;
    acts.put("supplier", "S-1", json!({"EmailAddress": "nobody"})).await;
    let item = acts.send(line, "S-1", 1).await;
    assert_eq!((item.state.as_str(), item.attempt), ("Failed", 1), "{item:?}");
    assert!(result(&item).contains("Xero"), "{item:?}");
    acts.put("supplier", "S-1", json!({"Name": "Now with a name"})).await;
    let item = acts.execute(item.id).await;
    assert_eq!(item.state, "Completed", "{item:?}");
}

#[tokio::test]
async fn a_list_is_fetched_with_links() {
    let xero = fake_xero::start(Clock::system());
    xero.with(|xero| xero.put_contacts(5));
    let acts = Acts::open().await;
    let connection = acts.connect(&xero).await;
    let function = acts.function(&connection, "IMPORT").await;
    let action = json!({"Kind": "PartnerFunction", "PartnerFunctionUuid": function});
    let more = json!({
        "EntityId": "supplier", "IntegrationDirectionId": "Inbound", "Filter": "Name != \"Contact 2\"",
    });
    let line = acts.line(action, more, json!({"ConnectionUuid": connection})).await;
    let item = acts.send(line, "one", 0).await;
    assert_eq!(
        result(&item),
        "5 fetched: 4 created, 0 updated, 0 unchanged, 1 left out",
        "{item:?}"
    );
    let records = acts.api.get("/api/v1/records/supplier").await.expect(200);
    let records = records.json["items"].as_array().unwrap().clone();
    assert_eq!(records.len(), 4);
    assert!(
        records.iter().all(|record| record["links"][0]["object"] == "Contacts"),
        "{records:?}"
    );
    let item = acts.send(line, "two", 0).await;
    assert_eq!(
        result(&item),
        "5 fetched: 0 created, 0 updated, 4 unchanged, 1 left out",
        "{item:?}"
    );
}

//! Scripts of actions: bodies, results, what is written back, and what a broken one does.

use serde_json::{Value, json};

use super::fixture::{Acts, result};
use crate::support::{postgres::for_each_database, scene::eventually, upstream::Upstream};

#[tokio::test]
async fn scripts_make_the_body_and_write_back_into_the_record() {
    for_each_database(|url| async move {
        let target = Upstream::start();
        target.items("/hook", json!({"id": 77, "large": 9_007_199_254_740_993_i64}));
        let acts = Acts::on(&url).await;
        let action = json!({
            "Url": target.url("/hook"),
            "BodyScript": "return {key: item.Key, twice: item.Amount * 2, of: integration.name, try: queueItem.attempt, id: item.Id2}",
            "ResultScript": "return {result: `taken as ${response.json.id} by ${request.method} ${response.statusCode}`, \
                             record: {RemoteId: response.json.id, Note: null}}",
        });
        let line = acts.line(action, json!({"IncludeUpdate": true}), json!({})).await;
        acts.put("invoice", "A", json!({"Amount": 2, "Note": "x", "Id2": 9_007_199_254_740_993_i64})).await;
        let item = acts.send(line, "A", 1).await;
        assert_eq!((item.state.as_str(), result(&item)), ("Completed", "taken as 77 by POST 200"), "{item:?}");
        let body: Value = serde_json::from_slice(&target.requests_to("/hook")[0].body).unwrap();
        assert_eq!(body["twice"], 4);
        assert_eq!(body["id"], "9007199254740993", "digits are kept");
        let (data, version) = acts.record("invoice", "A").await.unwrap();
        assert_eq!((&data["RemoteId"], data.get("Note"), version), (&json!(77), None, 2));
        assert_eq!(item.item_version, 2, "what was written back is no change that is to be sent");

        // The same again changes nothing.
        let again = acts.execute(item.id).await;
        assert_eq!(again.state, "Completed", "{again:?}");
        assert_eq!(acts.record("invoice", "A").await.unwrap().1, 2);

        // Somebody changed it since it was queued: that change is still to be sent.
        acts.put("invoice", "B", json!({"Amount": 1})).await;
        acts.put("invoice", "B", json!({"Amount": 3})).await;
        let item = acts.send(line, "B", 1).await;
        let version = acts.record("invoice", "B").await.unwrap().1;
        assert_eq!((item.item_version, version), (3, 3), "it was sent as it was at version 2");
    })
    .await;
}

#[tokio::test]
async fn a_result_script_can_say_that_it_failed() {
    let target = Upstream::start();
    target.items("/hook", json!({"ok": false}));
    let acts = Acts::open().await;
    acts.put("invoice", "A", json!({})).await;
    for (script, state, said) in [
        (
            "return {failed: !response.json.ok, message: 'not ok'}",
            "Failed",
            "not ok",
        ),
        ("return {failed: true, final: true}", "Abandoned", "says that it failed"),
        ("return 'fine'", "Completed", "fine"),
        ("", "Completed", ""),
    ] {
        let action = json!({"Url": target.url("/hook"), "ResultScript": format!("{script} // as it is")});
        let line = acts.line(action, json!({}), json!({})).await;
        let item = acts.send(line, "A", 1).await;
        assert_eq!(item.state, state, "{script}: {item:?}");
        assert!(result(&item).contains(said), "{script}: {item:?}");
    }
}

#[tokio::test]
async fn a_script_that_breaks_ends_its_item_for_good_and_disables_the_integration_for_its_client() {
    let target = Upstream::start();
    target.items("/hook", json!({}));
    for (script, entity, said) in [
        ("\nthrow new Error('oh no')", "invoice", "oh no"),
        ("return [1]", "invoice", "an array"),
        ("return {reslt: 1}", "invoice", "\"reslt\""),
        ("return 5", "invoice", "the number 5"),
        ("for (;;) {}", "invoice", "1000 ms"),
        ("return 'x'.repeat(1e9)", "invoice", "script"),
        ("return {record: {a: 1}}", "Transaction", "transactions"),
    ] {
        // The short time is for the one that runs into it: the others have time enough on a busy machine.
        let wall_ms = if said == "1000 ms" { 1_000 } else { 10_000 };
        let acts = Acts::open_with(|settings| settings.script.wall_ms = wall_ms).await;
        acts.put("invoice", "A", json!({})).await;
        let transaction = acts.transaction("T", json!({"Amount": 1})).await;
        let action = json!({"Url": target.url("/hook"), "ResultScript": script});
        let line = acts.line(action, json!({"EntityId": entity}), json!({})).await;
        let id = if entity == "invoice" { "A" } else { transaction.as_str() };
        let item = acts.send(line, id, 1).await;
        assert_eq!(
            (item.state.as_str(), item.attempt),
            ("Abandoned", 1),
            "{script}: {item:?}"
        );
        assert!(result(&item).contains(said), "{script}: {item:?}");
        assert!(result(&item).len() < 8_200);
        // It would break for the next item as well, so a person has to look first.
        let client = format!("/OData/ClientIntegrations({})", line.client);
        eventually("it is disabled for the client", || async {
            acts.api.get(&client).await.expect(200).json["Enabled"] == false
        })
        .await;
        let shown = acts.api.get(&client).await.expect(200).json;
        assert!(shown["DisabledReason"].as_str().unwrap().contains(said), "{shown}");
        let enabled = acts
            .api
            .patch(&client, &json!({"Enabled": true}))
            .await
            .expect(200)
            .json;
        assert_eq!(
            (&enabled["Enabled"], &enabled["DisabledReason"]),
            (&json!(true), &Value::Null)
        );
    }
}

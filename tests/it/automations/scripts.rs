//! Scripts of partner functions on the way of records.

use serde_json::json;

use super::fixture::{Books, counts, text};

async fn script(books: &Books, name: &str, source: &str) -> String {
    let body = json!({"name": name, "source": source});
    text(&books.api.post("/api/v1/scripts", &body).await.expect(201).json["id"])
}

#[tokio::test]
async fn scripts_change_records_and_leave_some_out() {
    let mut books = Books::open().await;
    books.xero.with(|xero| {
        xero.put("Contacts", json!({"Name": " Ada "}));
        xero.put("Contacts", json!({"Name": "Test"}));
        xero.put("Contacts", json!({"Name": "Bob"}));
    });
    let before = script(
        &books,
        "tidy",
        "record.Name = record.Name.trim(); return record.Name === 'Test' ? null : record",
    )
    .await;
    let after = script(
        &books,
        "mark",
        "return {name: record.Name, from: context.provider, was: context.remoteId.length}",
    )
    .await;
    let more = json!({"pre_run_script_id": before, "post_run_script_id": after});
    let function = books.function("In", "IMPORT", more).await;
    let rules = json!([{"rules": [{"field_name": "Name", "operator": "IN", "value": "Ada, Bob, Test"}]}]);
    let automation = books.automation("Scripted", &function, json!({}), rules).await;
    let run = books.run(&automation).await;
    assert_eq!(counts(&run), [3, 2, 2, 0, 0, 0, 0], "{run}");
    assert_eq!(books.names("supplier", "name").await, ["Ada", "Bob"]);
    assert_eq!(books.records("supplier").await[0]["data"]["from"], "XERO");
}

#[tokio::test]
async fn a_script_that_throws_deactivates_the_automation_and_stores_nothing_of_its_page() {
    let mut books = Books::open().await;
    books.xero.with(|xero| {
        xero.put("Contacts", json!({"Name": "Ada"}));
        xero.put("Contacts", json!({"Name": "Bob"}));
    });
    let wrong = script(
        &books,
        "wrong",
        "if (record.Name === 'Bob') throw new Error('no Bobs here'); return record",
    )
    .await;
    let function = books
        .function("In", "IMPORT", json!({"pre_run_script_id": wrong}))
        .await;
    let automation = books
        .automation(
            "Scripted",
            &function,
            json!({"additional_criteria": "false"}),
            json!([]),
        )
        .await;
    let run = books.run(&automation).await;
    assert_eq!(run["outcome"], "script_error", "{run}");
    assert!(
        run["errors"][0]["message"].as_str().unwrap().contains("no Bobs here"),
        "{run}"
    );
    let id: uuid::Uuid = automation.parse().unwrap();
    let event = books.heard.next("automation.deactivated", id).await;
    assert!(event.data["reason"].as_str().unwrap().contains("no Bobs here"));
    assert_eq!(books.records("supplier").await.len(), 0);
    let shown = books
        .api
        .get(&books.at(&format!("/automation/{automation}")))
        .await
        .expect(200);
    assert_eq!(shown.json["integration_automation"]["status"], "INACTIVE");
    assert_eq!(books.ask(&automation).await.status, 409);
    let log = books
        .api
        .get("/api/v1/audit?resourceKind=automation")
        .await
        .expect(200)
        .json;
    let mut rows = log["items"].as_array().unwrap().iter();
    let row = rows.find(|row| row["action"] == "automation.disable").unwrap();
    assert!(
        row["after"]["reason"].as_str().unwrap().contains("no Bobs here"),
        "{log}"
    );
}

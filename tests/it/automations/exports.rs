//! Exports: sent once, linked, not sent again, on top of what somebody else changed, and once only over crashes.

use std::time::Duration;

use serde_json::{Value, json};

use super::fixture::{Books, counts};
use crate::support::{fake_quickbooks, scene::eventually};

async fn exporting(books: &Books, more: Value) -> String {
    let function = books.function("Send suppliers", "EXPORT", json!({})).await;
    let mut details = json!({"direction": "EXPORT", "additional_criteria": "false", "since_last_look_up": "false"});
    for (name, value) in more.as_object().unwrap() {
        details[name] = value.clone();
    }
    books.automation("Out", &function, details, json!([])).await
}

#[tokio::test]
async fn a_record_is_sent_linked_and_sent_again_only_when_it_changes() {
    let mut books = Books::open().await;
    let automation = exporting(&books, json!({})).await;
    books
        .put(
            "supplier",
            "S-1",
            json!({"Name": "Ada", "EmailAddress": "ada@example.com"}),
        )
        .await;
    books.put("supplier", "S-2", json!({"Name": "Bob"})).await;
    books.put("customer", "C-1", json!({"Name": "Not a supplier"})).await;
    let run = books.run(&automation).await;
    assert_eq!(run["outcome"], "success", "{run}");
    assert_eq!(counts(&run), [2, 2, 2, 0, 0, 0, 0]);
    assert_eq!(books.xero.with(|xero| xero.count("Contacts")), 2);
    let record = books.api.get("/api/v1/records/supplier/S-1").await.expect(200);
    let remote = record.json["links"][0]["remoteId"].as_str().unwrap().to_owned();
    let name = books
        .xero
        .with(|xero| xero.object("Contacts", &remote).unwrap()["Name"].clone());
    assert_eq!(name, "Ada");

    let writes = books.writes();
    assert_eq!(counts(&books.run(&automation).await), [0; 7]);
    assert_eq!(books.writes(), writes, "nothing is sent again");

    books
        .put(
            "supplier",
            "S-1",
            json!({"Name": "Ada Byron", "EmailAddress": "ada@example.com"}),
        )
        .await;
    let run = books.run(&automation).await;
    assert_eq!(counts(&run), [1, 1, 0, 1, 0, 0, 0]);
    let name = books
        .xero
        .with(|xero| xero.object("Contacts", &remote).unwrap()["Name"].clone());
    assert_eq!(name, "Ada Byron");
    assert_eq!(books.xero.with(|xero| xero.count("Contacts")), 2);
}

#[tokio::test]
async fn what_the_provider_refuses_fails_alone_and_is_said() {
    let mut books = Books::open().await;
    let automation = exporting(&books, json!({})).await;
    books
        .put("supplier", "S-1", json!({"EmailAddress": "nobody@example.com"}))
        .await;
    books.put("supplier", "S-2", json!({"Name": "Bob"})).await;
    let run = books.run(&automation).await;
    assert_eq!(run["outcome"], "partial", "{run}");
    assert_eq!(counts(&run), [2, 2, 1, 0, 0, 0, 1]);
    assert_eq!(run["errors"][0]["key"], "S-1");
    books.put("supplier", "S-1", json!({"Name": "Ada"})).await;
    assert_eq!(counts(&books.run(&automation).await), [1, 1, 1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn what_was_refused_is_tried_again_however_long_ago_it_changed() {
    let mut books = Books::open().await;
    let automation = exporting(&books, json!({"since_last_look_up": "true"})).await;
    books
        .put("supplier", "S-1", json!({"EmailAddress": "nobody@example.com"}))
        .await;
    let refused = [1, 1, 0, 0, 0, 0, 1];
    assert_eq!(counts(&books.run(&automation).await), refused);
    for _ in 0..2 {
        books.pass(Duration::from_secs(2 * 3_600)).await;
        assert_eq!(counts(&books.run(&automation).await), refused);
    }
}

#[tokio::test]
async fn an_answer_that_gets_lost_makes_no_second_object() {
    let mut books = Books::open().await;
    let automation = exporting(&books, json!({})).await;
    books.put("supplier", "S-1", json!({"Name": "Ada"})).await;
    // The fake acts, and the connection ends before its answer.
    books.xero.lose_answers("/Contacts", 1);
    books.begin(&automation);
    eventually("it was sent", || async {
        books.xero.with(|xero| xero.count("Contacts")) == 1
    })
    .await;
    let run = books.ended_with_time(&automation).await;
    assert_eq!(run["outcome"], "success", "{run}");
    assert_eq!(counts(&run)[2], 1);
    assert_eq!(books.xero.with(|xero| xero.count("Contacts")), 1);
    let keys = books.writes();
    assert!(
        keys.len() >= 2 && keys.windows(2).all(|two| two[0] == two[1]),
        "{keys:?}"
    );
}

#[tokio::test]
async fn what_is_only_for_new_records_sends_no_changes() {
    let mut books = Books::open().await;
    let automation = exporting(&books, json!({"applies_to_function": "new"})).await;
    books.put("supplier", "S-1", json!({"Name": "Ada"})).await;
    books.run(&automation).await;
    books.put("supplier", "S-1", json!({"Name": "Ada Byron"})).await;
    assert_eq!(counts(&books.run(&automation).await)[2..4], [0, 0]);
}

#[tokio::test]
async fn a_record_goes_on_top_of_what_somebody_changed_there_meanwhile() {
    let mut books = Books::open().await;
    let quickbooks = fake_quickbooks::start(books.engine.engine.clock().clone());
    let connection = json!({
        "provider": "QuickBooks",
        "remote_instance_id": fake_quickbooks::REALM,
        "integration_client_id": "app",
        "integration_client_secret": "app-secret",
        "integration_refresh_token": "refresh-0",
        "account_server": quickbooks.url(),
        "api_domain": quickbooks.url(),
    });
    books.connection = books.connect_with(&connection).await;
    let function = books
        .function("Out", "EXPORT", json!({"object_name": "customer"}))
        .await;
    let more = json!({"direction": "EXPORT", "additional_criteria": "false", "applies_to": "customer"});
    let automation = books.automation("Out", &function, more, json!([])).await;
    books.put("customer", "C-1", json!({"DisplayName": "Ada"})).await;
    let run = books.run(&automation).await;
    assert_eq!(counts(&run)[2..4], [1, 0], "{run}");
    let record = books.api.get("/api/v1/records/customer/C-1").await.expect(200);
    let id = record.json["links"][0]["remoteId"].as_str().unwrap().to_owned();
    quickbooks.with(|company| company.change("Customer", &id, json!({"Notes": "Pays late"})));
    books.put("customer", "C-1", json!({"DisplayName": "Ada Byron"})).await;
    let run = books.run(&automation).await;
    assert_eq!((&run["outcome"], counts(&run)[3]), (&json!("success"), 1), "{run}");
    let now = quickbooks
        .with(|company| company.object("Customer", &id).cloned())
        .unwrap();
    assert_eq!(
        (&now["DisplayName"], &now["Notes"]),
        (&json!("Ada Byron"), &json!("Pays late"))
    );
}

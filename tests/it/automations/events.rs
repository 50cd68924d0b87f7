//! Automations that changes of records start.

use serde_json::json;

use super::fixture::{Books, counts};
use crate::support::scene::eventually;

#[tokio::test]
async fn a_change_of_a_record_is_sent_and_does_not_come_back() {
    let mut books = Books::open().await;
    let out = books.function("Out", "EXPORT", json!({})).await;
    let into = books.function("In", "IMPORT", json!({})).await;
    let more = json!({
        "automation_type": "eventBased", "direction": "EXPORT", "additional_criteria": "false", "check_on": "",
    });
    let sending = books.automation("Send changes", &out, more, json!([])).await;
    let fetching = books
        .automation("Fetch", &into, json!({"additional_criteria": "false"}), json!([]))
        .await;

    books.put("supplier", "S-1", json!({"Name": "Ada"})).await;
    let run = books.ended(&sending).await;
    assert_eq!((&run["trigger"], counts(&run)[2]), (&json!("event"), 1), "{run}");
    books.put("customer", "C-1", json!({"Name": "Of another entity"})).await;
    books.put("supplier", "S-1", json!({"Name": "Ada Byron"})).await;
    let run = books.ended(&sending).await;
    assert_eq!(counts(&run)[3], 1, "{run}");

    // The counterpart comes back with what the other side adds, as an import: no loop.
    books.xero.with(|xero| xero.put("Contacts", json!({"Name": "Bob"})));
    books.run(&fetching).await;
    assert_eq!(books.names("supplier", "Name").await, ["Ada Byron", "Bob"]);
    books.in_phase(&sending, "idle").await;
    assert_eq!(
        books.runs(&sending).await.len(),
        2,
        "what came from there does not go there"
    );
    assert_eq!(books.xero.with(|xero| xero.count("Contacts")), 2);
}

#[tokio::test]
async fn only_changes_of_the_named_member_count() {
    let mut books = Books::open().await;
    let out = books.function("Out", "EXPORT", json!({})).await;
    let more = json!({
        "automation_type": "eventBased", "direction": "EXPORT", "additional_criteria": "false", "check_on": "",
        "property_name": "Email Address",
    });
    let sending = books.automation("Send addresses", &out, more, json!([])).await;
    books.put("supplier", "S-1", json!({"Name": "Ada"})).await;
    assert_eq!(counts(&books.ended(&sending).await), [0; 7]);
    books
        .put(
            "supplier",
            "S-1",
            json!({"Name": "Ada", "EmailAddress": "ada@example.com"}),
        )
        .await;
    assert_eq!(counts(&books.ended(&sending).await)[2], 1);
    eventually("it is there", || async {
        books.xero.with(|xero| xero.count("Contacts")) == 1
    })
    .await;
}

#[tokio::test]
async fn an_import_ends_the_changes_that_started_it() {
    let mut books = Books::open().await;
    books.xero.with(|xero| xero.put("Contacts", json!({"Name": "Ada"})));
    let into = books.function("In", "IMPORT", json!({})).await;
    let more = json!({"automation_type": "eventBased", "additional_criteria": "false", "check_on": ""});
    let fetching = books.automation("Fetch on change", &into, more, json!([])).await;
    books.put("supplier", "S-1", json!({"Name": "Bob"})).await;
    let run = books.ended(&fetching).await;
    assert_eq!((&run["trigger"], counts(&run)[2]), (&json!("event"), 1), "{run}");
    let store = books.engine.engine.store();
    let tenant = store.tenant_by_company_id("1").await.unwrap().unwrap().id;
    let id: uuid::Uuid = fetching.parse().unwrap();
    assert!(!store.has_events(tenant, id.into()).await.unwrap());
}

#[tokio::test]
async fn changes_wait_for_a_partner_function_that_is_missing() {
    let mut books = Books::open().await;
    let more = json!({
        "automation_type": "eventBased", "direction": "EXPORT", "additional_criteria": "false", "check_on": "",
    });
    let sending = books.automation("Send changes", "Out", more, json!([])).await;
    books.put("supplier", "S-1", json!({"Name": "Ada"})).await;
    assert_eq!(books.ended(&sending).await["outcome"], "not_found");
    books.in_phase(&sending, "idle").await;
    books.function("Out", "EXPORT", json!({})).await;
    // A run that had begun before may have looked for it in vain once more.
    let run = loop {
        let run = books.ended(&sending).await;
        if run["outcome"] != "not_found" {
            break run;
        }
    };
    assert_eq!((&run["outcome"], counts(&run)[2]), (&json!("success"), 1), "{run}");
}

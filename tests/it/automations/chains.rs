//! Automations that start others.

use serde_json::json;

use super::fixture::{Books, counts};

#[tokio::test]
async fn a_success_starts_the_next_one_and_a_failure_does_not() {
    let mut books = Books::open().await;
    books.xero.with(|xero| xero.put("Contacts", json!({"Name": "Ada"})));
    let function = books.function("In", "IMPORT", json!({})).await;
    let plain = json!({"additional_criteria": "false"});
    let second = books
        .automation(
            "Second",
            &function,
            json!({"additional_criteria": "false", "applies_to": "customer"}),
            json!([]),
        )
        .await;
    let more = json!({"additional_criteria": "false", "another_automation": "Second"});
    let first = books.automation("First", &function, more, json!([])).await;
    let missing = json!({"additional_criteria": "false", "another_automation": "Second"});
    let failing = books
        .automation("Failing", "no such function", missing, json!([]))
        .await;
    let lost = json!({"additional_criteria": "false", "another_automation": "Automation four", "applies_to": "item"});
    let lost = books.automation("Lost", &function, lost, json!([])).await;
    let _ = plain;

    assert_eq!(books.run(&failing).await["outcome"], "not_found");
    assert_eq!(books.runs(&second).await.len(), 0);

    assert_eq!(books.run(&first).await["outcome"], "success");
    let run = books.ended(&second).await;
    assert_eq!(
        (&run["outcome"], &run["trigger"]),
        (&json!("success"), &json!("chained")),
        "{run}"
    );
    assert_eq!(counts(&run)[2], 1);
    assert_eq!(books.runs(&second).await.len(), 1);

    let run = books.run(&lost).await;
    assert_eq!((&run["outcome"], counts(&run)[2]), (&json!("not_found"), 1), "{run}");
    let said = run["errors"][0]["message"].as_str().unwrap();
    assert!(
        said.contains("\"Automation four\"") && said.contains("does not exist"),
        "{said}"
    );
}

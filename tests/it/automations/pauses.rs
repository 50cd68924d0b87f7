//! What holds runs up: tokens that end, credentials that are refused, a provider that wants to be asked later.

use std::time::Duration;

use serde_json::json;

use super::fixture::{Books, counts, text};
use crate::support::scene::eventually;

#[tokio::test]
async fn fifty_automations_that_find_an_ended_token_make_one_refresh() {
    let mut books = Books::open_with(|settings| settings.automations.runs_at_once_max = 50).await;
    books.xero.with(|xero| xero.put("Contacts", json!({"Name": "Ada"})));
    let function = books.function("In", "IMPORT", json!({})).await;
    let mut automations = Vec::new();
    for number in 0..50 {
        let more = json!({"additional_criteria": "false", "applies_to": format!("entity{number}")});
        let name = format!("Number {number}");
        automations.push(books.automation(&name, &function, more, json!([])).await);
    }
    books.run(&automations[0]).await;
    let before = books.xero.with(|xero| xero.tokens.issued);
    assert_eq!(before, 1);
    for automation in &automations {
        books.in_phase(automation, "waiting").await;
    }
    books.pass(Duration::from_secs(8 * 3_600)).await;
    for automation in &automations {
        assert_eq!(books.ended(automation).await["outcome"], "success");
    }
    assert_eq!(books.xero.with(|xero| xero.tokens.issued), 2, "one refresh for all");
}

#[tokio::test]
async fn refused_credentials_pause_automations_until_new_ones_are_entered() {
    let mut books = Books::open().await;
    books.xero.with(|xero| xero.put("Contacts", json!({"Name": "Ada"})));
    let function = books.function("In", "IMPORT", json!({})).await;
    let more = json!({"additional_criteria": "false"});
    let automation = books.automation("In", &function, more, json!([])).await;
    books.xero.with(|xero| xero.tokens.revoke_all());
    assert!(matches!(books.ask(&automation).await.status, 200 | 202));
    books.in_phase(&automation, "paused").await;
    // The run and the connection write down on their own how they stand.
    let path = format!("/integration-connections/{}", books.connection);
    eventually("the connection needs new credentials", || async {
        let shown = books.api.get(&path).await.expect(200);
        shown.json["integration_connection"]["status"] == "NEEDS_REAUTHORISATION"
    })
    .await;
    let waiting = &books.runs(&automation).await[0];
    assert_eq!(waiting["finishedAt"], json!(null), "{waiting}");
    assert_eq!(books.ask(&automation).await.status, 409);

    books.xero.with(|xero| xero.tokens.sign_in("refresh-new"));
    let change = json!({"integration_refresh_token": "refresh-new"});
    let path = format!("/integration/{}", books.connection);
    books.api.patch(&path, &change).await.expect(200);
    let run = books.ended(&automation).await;
    assert_eq!((&run["outcome"], counts(&run)[2]), (&json!("success"), 1), "{run}");
    assert_eq!(
        books.runs(&automation).await.len(),
        1,
        "it is the same run that went on"
    );
    assert_eq!(text(&run["id"]), text(&waiting_id(&books, &automation).await));
}

async fn waiting_id(books: &Books, automation: &str) -> serde_json::Value {
    books.runs(automation).await[0]["id"].clone()
}

#[tokio::test]
async fn a_throttled_run_waits_and_goes_on_where_it_was() {
    let mut books = Books::open_with(|settings| settings.automations.wait_seconds_max = 10).await;
    books.xero.with(|xero| {
        for number in 0..250 {
            xero.put("Contacts", json!({"Name": format!("Contact {number}")}));
        }
    });
    let function = books.function("In", "IMPORT", json!({})).await;
    let more = json!({"additional_criteria": "false"});
    let automation = books.automation("In", &function, more, json!([])).await;
    // A token and the first page come, then the limit is reached, for 17 s.
    books.xero.throttle_after(2);
    assert!(matches!(books.ask(&automation).await.status, 200 | 202));
    books.in_phase(&automation, "suspended").await;
    assert_eq!(books.records("supplier").await.len(), 100);
    let asked = books.lists();
    books.pass(Duration::from_secs(16)).await;
    books.in_phase(&automation, "suspended").await;
    assert_eq!(books.lists(), asked, "it is not asked before it wants to be");
    books.pass(Duration::from_secs(60)).await;
    let run = books.ended(&automation).await;
    assert_eq!(
        (&run["outcome"], counts(&run)),
        (&json!("success"), [250, 250, 250, 0, 0, 0, 0])
    );
}

#[tokio::test]
async fn a_run_ends_over_its_disabled_connection_and_over_the_next_actor() {
    for comes_back in [false, true] {
        let mut books = Books::open().await;
        books.xero.with(|xero| xero.put_contacts(250));
        let function = books.function("In", "IMPORT", json!({})).await;
        let more = json!({"additional_criteria": "false"});
        let automation = books.automation("In", &function, more, json!([])).await;
        // A token and the first page come, then the limit is reached: the run waits, and is still going.
        books.xero.throttle_after(2);
        books.begin(&automation);
        eventually("the second page was asked for", || async { books.lists() == 2 }).await;
        let path = format!("/integration-connections/{}", books.connection);
        books
            .api
            .post(&format!("{path}/disable"), &json!(null))
            .await
            .expect(200);
        let check = books.at("/check-connection");
        let refused = books.api.post(&check, &json!(null)).await.expect(409);
        assert_eq!(refused.code(), "wrong_state", "nothing new is let in");
        if comes_back {
            books
                .api
                .post(&format!("{path}/enable"), &json!(null))
                .await
                .expect(200);
        }
        let run = books.ended_with_time(&automation).await;
        assert_eq!((&run["outcome"], counts(&run)[2]), (&json!("success"), 250), "{run}");
    }
}

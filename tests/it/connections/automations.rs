//! Automations over HTTP: what they say of themselves, chains that lead back, criteria explained, runs on request.

use serde_json::{Value, json};

use super::fixture::{AUTOMATION, automation, connection, first_message, partner_function, send, uuid};
use crate::support::{
    engine::{Reply, TestEngine},
    postgres::for_each_database,
    upstream::{Behaviour, Upstream},
};

/// The seed's automation under another name, which chains to `another`.
fn chained(name: &str, another: &str) -> Value {
    let mut body: Value = serde_json::from_str(AUTOMATION).unwrap();
    let details = &mut body["integration"]["automation_details"];
    (details["name"], details["another_automation"]) = (json!(name), json!(another));
    body
}

fn warnings(reply: &Reply) -> String {
    reply.json["warnings"].to_string()
}

#[actix_rt::test]
async fn warnings_go_when_what_was_missing_is_there() {
    let test = TestEngine::start().await;
    let connection = connection(&test).await;
    let path = format!("/integration/{connection}/automation");
    let function = partner_function(&test, &connection).await;
    let mut body = chained("one", "");
    for (action, expected) in [(json!("PartnerRole"), "null"), (json!(function), "null")] {
        body["integration"]["automation_details"]["perform_action"] = action.clone();
        body["integration"]["automation_details"]["name"] = action;
        let made = test.api.post(&path, &body).await.expect(201);
        assert_eq!(warnings(&made), expected);
        let text = made.json["integration_automation"]["performActionText"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(text.contains("PartnerRole"), "{text}");
    }
    body["integration"]["automation_details"]["name"] = json!("export");
    body["integration"]["automation_details"]["direction"] = json!("EXPORT");
    let made = test.api.post(&path, &body).await.expect(201);
    assert!(warnings(&made).contains("IMPORT"), "{made:?}");
    let id = uuid(&made.json["integration_automation"]);
    let disable = format!("/integration/{connection}/partner-function/{function}/disable");
    test.api.post(&disable, &Value::Null).await.expect(200);
    let got = test.api.get(&format!("{path}/{id}")).await.expect(200);
    assert!(warnings(&got).contains("is disabled"), "{got:?}");
}

#[actix_rt::test]
async fn a_chain_that_leads_back_is_refused_wherever_it_closes() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let connection = connection(&test).await;
        let path = format!("/integration/{connection}/automation");
        // Each names the next before it is there.
        let first = test.api.post(&path, &chained("one", "two")).await.expect(201);
        test.api.post(&path, &chained("two", "three")).await.expect(201);
        let closing = test.api.post(&path, &chained("three", "one")).await.expect(422);
        assert!(
            closing.json["errors"].to_string().contains("another_automation"),
            "{closing:?}"
        );
        let own = test.api.post(&path, &chained("itself", "itself")).await.expect(422);
        assert!(!first_message(&own).is_empty());
        let third = test.api.post(&path, &chained("three", "")).await.expect(201);
        let (first, third) = (
            uuid(&first.json["integration_automation"]),
            uuid(&third.json["integration_automation"]),
        );
        // By id, and by a new name.
        let change = json!({ "another_automation": first });
        test.api.patch(&format!("{path}/{third}"), &change).await.expect(422);
        test.api
            .patch(&format!("{path}/{third}"), &json!({ "another_automation": "four" }))
            .await
            .expect(200);
        test.api
            .patch(&format!("{path}/{first}"), &json!({ "name": "four" }))
            .await
            .expect(422);
        test.api
            .patch(&format!("{path}/{first}"), &json!({ "name": "five" }))
            .await
            .expect(200);
        // Another connection may use the same names.
        let other = super::fixture::connection(&test).await;
        test.api
            .post(&format!("/integration/{other}/automation"), &chained("three", "one"))
            .await
            .expect(201);
    })
    .await;
}

#[actix_rt::test]
async fn two_halves_of_a_circle_at_the_same_time_do_not_close_it() {
    let test = TestEngine::start().await;
    let connection = connection(&test).await;
    let path = format!("/integration/{connection}/automation");
    let (one, two) = (chained("one", "two"), chained("two", "one"));
    let (one, two) = tokio::join!(test.api.post(&path, &one), test.api.post(&path, &two));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422]);
}

#[actix_rt::test]
async fn criteria_are_explained_with_the_values_that_were_found() {
    let test = TestEngine::start().await;
    let connection = connection(&test).await;
    let id = automation(&test, &connection).await;
    let path = format!("/integration/{connection}/automation/{id}");
    let explain = format!("{path}/explain");
    let met = test
        .api
        .post(&explain, &json!({ "AccountNumber": "1QKGUL", "Name": "x" }))
        .await
        .expect(200);
    assert_eq!(met.json["matches"], true, "{met:?}");
    let unmet = test
        .api
        .post(&explain, &json!({ "AccountNumber": "1QKGUL", "ContactID": "77-a" }))
        .await
        .expect(200);
    assert_eq!(unmet.json["matches"], false);
    let tree = unmet.json["criteria"].to_string();
    for part in ["Account Number", "Contact ID", "1QKGUL", "77-a"] {
        assert!(tree.contains(part), "{part} in {tree}");
    }
    let wrong = send(&test.api, "POST", &explain, "[1]").await.expect(422);
    assert!(first_message(&wrong).contains("JSON object"));
    test.api
        .patch(&path, &json!({ "additional_criteria": "false" }))
        .await
        .expect(200);
    let all = test.api.post(&explain, &json!({ "ContactID": "1" })).await.expect(200);
    assert_eq!(all.json, json!({ "matches": true, "criteria": null }));
}

#[actix_rt::test]
async fn a_changed_schedule_is_counted_anew_and_a_disabled_automation_has_none() {
    let test = TestEngine::start().await;
    let connection = connection(&test).await;
    let id = automation(&test, &connection).await;
    let path = format!("/integration/{connection}/automation/{id}");
    let shown = async || test.api.get(&path).await.expect(200).json["integration_automation"].clone();
    let due = async || {
        let mut events = test.engine.subscribe();
        loop {
            let now = shown().await;
            if let Some(at) = now["next_due"].as_str() {
                return at.parse::<jiff::Timestamp>().unwrap();
            }
            // Its actor writes it down soon after it has read the change.
            let _ = tokio::time::timeout(std::time::Duration::from_millis(100), events.recv()).await;
        }
    };
    let now = test.engine.clock().now();
    let first = due().await.duration_since(now).as_secs();
    assert!((8 * 3600 - 60..=8 * 3600).contains(&first), "{first} s");
    test.api
        .patch(&path, &json!({ "check_on": "2 days" }))
        .await
        .expect(200);
    let now = test.engine.clock().now();
    let changed = due().await.duration_since(now).as_secs();
    assert!((48 * 3600 - 60..=48 * 3600).contains(&changed), "{changed} s");
    test.api.put(&format!("{path}/disable"), &Value::Null).await.expect(200);
    assert_eq!(shown().await["status"], "INACTIVE");
}

#[actix_rt::test]
async fn a_run_on_request_is_answered_when_it_has_ended() {
    let test = TestEngine::start().await;
    let xero = Upstream::start();
    xero.on(
        "/api.xro/2.0/Contacts",
        Behaviour::Json(json!({
            "Status": "OK", "pagination": { "page": 1, "pageSize": 100, "pageCount": 1, "itemCount": 2 },
            "Contacts": [
                { "ContactID": "c-1", "Name": "One", "UpdatedDateUTC": "/Date(1700000000000+0000)/" },
                { "ContactID": "c-2", "Name": "Two", "UpdatedDateUTC": "/Date(1700000000000+0000)/" },
            ],
        })),
    );
    let body = json!({
        "provider": "XERO", "remote_instance_id": "8f9d6a2e-0b1c-4d3e-9f00-000000000001", "integration_access_token": "t0ken",
        "api_domain": xero.url(""),
    });
    let made = test.api.post("/integration", &body).await.expect(201);
    let connection = uuid(&made.json["integration"]["integration_connection"]);
    partner_function(&test, &connection).await;
    let mut body = chained("import", "");
    body["integration"]["automation_details"]["perform_action"] = json!("PartnerRole");
    body["integration"]["automation_details"]["additional_criteria"] = json!(false);
    let path = format!("/integration/{connection}/automation");
    let made = test.api.post(&path, &body).await.expect(201);
    let path = format!("{path}/{}", uuid(&made.json["integration_automation"]));
    let run = test.api.post(&format!("{path}/run"), &Value::Null).await.expect(200);
    assert_eq!(
        (&run.json["outcome"], &run.json["trigger"]),
        (&json!("success"), &json!("manual")),
        "{run:?}"
    );
    assert_eq!(
        (&run.json["counts"]["seen"], &run.json["counts"]["created"]),
        (&json!(2), &json!(2))
    );
    for member in ["matched", "updated", "unchanged", "skipped_newer", "failed"] {
        assert!(run.json["counts"][member].is_u64(), "{member}");
    }
    assert!(run.json["startedAt"].is_string() && run.json["finishedAt"].is_string());
    assert_eq!(run.json["errors"], json!([]));
    let runs = test.api.get(&format!("{path}/runs")).await.expect(200);
    assert_eq!(runs.json["items"], json!([run.json]));
    let location = run.header("location").unwrap().to_owned();
    let origin = format!("http://{}", test.api.address);
    let one = test.api.get(location.strip_prefix(&origin).unwrap()).await.expect(200);
    assert_eq!(one.json, run.json);
    test.api
        .post(&format!("{path}/disable"), &Value::Null)
        .await
        .expect(200);
    let refused = test.api.post(&format!("{path}/run"), &Value::Null).await;
    assert_eq!((refused.status, refused.code()), (409, "wrong_state"), "{refused:?}");
}

#[actix_rt::test]
async fn a_run_of_what_is_not_there_says_what_is_missing() {
    let test = TestEngine::start().await;
    let connection = connection(&test).await;
    let id = automation(&test, &connection).await;
    let run = test
        .api
        .post(&format!("/integration/{connection}/automation/{id}/run"), &Value::Null)
        .await
        .expect(200);
    assert_eq!(run.json["outcome"], "not_found", "{run:?}");
    assert!(
        run.json["detail"]
            .as_str()
            .unwrap()
            .contains("49f4b6b2-c3a5-4f74-a044-8452ffc52eec"),
        "{run:?}"
    );
}

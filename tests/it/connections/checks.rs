//! check-connection: the provider is tried, and what it answers is told; what it refuses, with its own words.

use serde_json::{Value, json};

use super::fixture::{first_message, uuid};
use crate::support::{
    engine::TestEngine,
    upstream::{Behaviour, Upstream},
};

const TENANT: &str = "8f9d6a2e-0b1c-4d3e-9f00-000000000001";

/// A Xero connection to this upstream, with a token that nobody renews; its path.
async fn connected(test: &TestEngine, xero: &Upstream) -> String {
    let body = json!({
        "provider": "Xero", "remote_instance_id": TENANT, "integration_access_token": "sample-access-token",
        "api_domain": xero.url(""), "account_server": xero.url(""),
    });
    let made = test.api.post("/integration", &body).await.expect(201);
    format!(
        "/integration/{}",
        uuid(&made.json["integration"]["integration_connection"])
    )
}

fn organisations() -> Behaviour {
    Behaviour::Json(
        json!([{ "id": "1", "tenantId": TENANT, "tenantName": "Xero Demo Company", "tenantType": "ORGANISATION" }]),
    )
}

#[actix_rt::test]
async fn a_provider_that_answers_is_said_to_answer() {
    let (test, xero) = (TestEngine::start().await, Upstream::start());
    xero.on("/connections", organisations());
    let path = connected(&test, &xero).await;
    let checked = test
        .api
        .post(&format!("{path}/check-connection"), &Value::Null)
        .await
        .expect(200);
    assert!(
        checked.json["message"].as_str().unwrap().contains("Xero Demo Company"),
        "{checked:?}"
    );
    assert_eq!(checked.json["status"], "ACTIVE");
    let sent = xero.requests_to("/connections");
    assert_eq!(sent[0].header("authorization"), Some("Bearer sample-access-token"));
    let audit = test.api.get("/api/v1/audit?resourceKind=connection").await.expect(200);
    assert_eq!(audit.json["items"][0]["action"], "connection.check");
}

#[actix_rt::test]
async fn a_refusal_is_shown_with_the_providers_own_answer_and_without_secrets() {
    let (test, xero) = (TestEngine::start().await, Upstream::start());
    let body = r#"{"Title":"Forbidden","Detail":"AuthenticationUnsuccessful for sample-access-token"}"#;
    xero.status("/connections", 403, body);
    let path = connected(&test, &xero).await;
    let check = format!("{path}/check-connection");
    let refused = test.api.post(&check, &Value::Null).await.expect(422);
    assert_eq!(
        (refused.code(), &refused.json["step"]),
        ("test_failed", &json!("provider")),
        "{refused:?}"
    );
    assert!(!first_message(&refused).is_empty());
    assert_eq!(refused.json["backend"]["status"], 403);
    assert!(
        refused.json["backend"]["body"]
            .as_str()
            .unwrap()
            .contains("AuthenticationUnsuccessful")
    );
    assert!(
        !String::from_utf8_lossy(&refused.body).contains("sample-access-token"),
        "{refused:?}"
    );
    // A long answer is cut.
    xero.status("/connections", 500, &"x".repeat(100_000));
    let refused = test.api.post(&check, &Value::Null).await.expect(422);
    assert_eq!(refused.json["backend"]["body"].as_str().unwrap().len(), 20_000);
    // What was wrong is put right, and tried at once.
    xero.on("/connections", organisations());
    test.api.post(&check, &Value::Null).await.expect(200);
}

#[actix_rt::test]
async fn changed_credentials_are_those_that_are_tried() {
    let (test, xero) = (TestEngine::start().await, Upstream::start());
    xero.on("/connections", organisations());
    let path = connected(&test, &xero).await;
    let check = format!("{path}/check-connection");
    for token in ["first-token", "second-token", "third-token"] {
        let change = json!({ "integration_access_token": token });
        test.api.patch(&path, &change).await.expect(200);
        test.api.post(&check, &Value::Null).await.expect(200);
        let sent = xero.requests_to("/connections");
        let bearer = format!("Bearer {token}");
        assert_eq!(sent.last().unwrap().header("authorization"), Some(bearer.as_str()));
    }
}

#[actix_rt::test]
async fn a_disabled_connection_sends_nothing() {
    let (test, xero) = (TestEngine::start().await, Upstream::start());
    xero.on("/connections", organisations());
    let path = connected(&test, &xero).await;
    test.api
        .post(&format!("{path}/disable"), &Value::Null)
        .await
        .expect(200);
    let check = format!("{path}/check-connection");
    let refused = test.api.post(&check, &Value::Null).await.expect(409);
    assert_eq!(refused.code(), "wrong_state");
    assert!(first_message(&refused).contains("disabled"), "{refused:?}");
    assert_eq!(xero.requests().len(), 0);
    test.api.post(&format!("{path}/enable"), &Value::Null).await.expect(200);
    test.api.post(&check, &Value::Null).await.expect(200);
}

#[actix_rt::test]
async fn nobody_at_the_other_end_is_a_refusal_too() {
    let test = TestEngine::start().await;
    let body = json!({
        "provider": "Xero", "remote_instance_id": TENANT, "integration_access_token": "sample-access-token",
        "api_domain": "http://127.0.0.1:9",
    });
    let made = test.api.post("/integration", &body).await.expect(201);
    let id = uuid(&made.json["integration"]["integration_connection"]);
    let refused = test
        .api
        .post(&format!("/integration/{id}/check-connection"), &Value::Null)
        .await
        .expect(422);
    assert_eq!(
        (refused.code(), &refused.json["step"]),
        ("test_failed", &json!("connect")),
        "{refused:?}"
    );
    assert_eq!(refused.json.get("backend"), None);
}

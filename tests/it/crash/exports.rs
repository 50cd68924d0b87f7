//! kill -9 after a record was sent and before its answer came: it is sent again under the same key, and there once.

use orrery::clock::Clock;
use serde_json::json;

use super::start;
use crate::support::{engine::Api, fake_xero, scene::eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_whose_answer_never_came_is_there_once() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let xero = fake_xero::start(Clock::system());
    let (orrery, address) = start(&url, directory.path());
    let api = Api::anonymous(address).sign_in("admin", super::PASSWORD).await;
    let body = json!({
        "provider": "XERO", "remote_instance_id": fake_xero::TENANT, "integration_client_id": "app",
        "integration_client_secret": "app-secret", "integration_refresh_token": "refresh-0",
        "account_server": xero.url(), "api_domain": xero.url(),
    });
    let made = api.post("/integration/", &body).await.expect(201);
    let uuid = made.json["integration"]["integration_connection"]["uuid"]
        .as_str()
        .unwrap();
    let function = json!({"partner_function": {"name": "Out", "direction": "EXPORT", "object_name": "supplier"}});
    let path = format!("/integration/{uuid}/partner-function/");
    api.post(&path, &function).await.expect(201);
    let details = json!({"name": "Out", "applies_to": "supplier", "automation_type": "timerBased", "direction": "EXPORT",
        "check_on": "8 hours", "perform_action": "Out"});
    let body = json!({"integration": {"automation_details": details}});
    let made = api
        .post(&format!("/integration/{uuid}/automation"), &body)
        .await
        .expect(201);
    let id = made.json["integration_automation"]["uuid"].as_str().unwrap();
    let path = format!("/integration/{uuid}/automation/{id}");
    let put = api.put("/api/v1/records/supplier/S-1", &json!({"Name": "Ada"})).await;
    assert!(matches!(put.status, 200 | 201), "{put:?}");

    // The fake acts; every answer to a write gets lost for as long as the first engine lives.
    xero.lose_answers("/Contacts", u64::MAX);
    // Of the tries that a line has, this takes as few as can be.
    let aimed = orrery.aim();
    let (asking, run) = (api.clone(), format!("{path}/run"));
    drop(tokio::spawn(async move { asking.ask("POST", &run).attempt().await }));
    eventually("it was sent", || async {
        xero.with(|xero| xero.count("Contacts")) == 1
    })
    .await;
    aimed.fire();
    orrery.gone();
    xero.lose_answers("/Contacts", 0);

    let (_orrery, address) = start(&url, directory.path());
    let api = api.at(address);
    eventually("the run has ended", || async {
        let runs = api.get(&format!("{path}/runs")).await.expect(200);
        runs.json["items"][0]["outcome"] == "success"
    })
    .await;
    let runs = api.get(&format!("{path}/runs")).await.expect(200);
    assert_eq!(runs.json["items"].as_array().unwrap().len(), 1);
    assert_eq!(runs.json["items"][0]["counts"]["created"], 1);
    assert_eq!(xero.with(|xero| xero.count("Contacts")), 1);
    let requests = xero.requests();
    let writes = requests
        .iter()
        .filter(|request| request.method != "GET" && request.path().ends_with("/Contacts"));
    let keys: Vec<&str> = writes
        .map(|request| request.header("idempotency-key").unwrap())
        .collect();
    assert!(keys.len() >= 2 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    let record = api.get("/api/v1/records/supplier/S-1").await.expect(200);
    assert_eq!(record.json["links"].as_array().unwrap().len(), 1);
}

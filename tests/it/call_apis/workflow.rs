//! The workflow of the product text, end to end: configure, test, write the script, activate, transactions appear.

use serde_json::{Value, json};

use crate::support::{
    api::{Api, event},
    postgres::for_each_database,
    upstream::Upstream,
};

fn example() -> Value {
    json!([{
        "rfqId": 1, "createdTime": "2023-10-18T06:20:10.705Z", "userId": 1, "modelId": 1, "modelVersionId": 1,
        "configurationId": 2, "name": "Admin", "email": "", "comment": "Dette er en test", "customFields": [],
    }])
}

#[actix_web::test]
async fn the_example_workflow() {
    for_each_database(the_example_workflow_on).await;
}

async fn the_example_workflow_on(url: String) {
    let upstream = Upstream::start();
    upstream.items("/rfqs", example());
    let api = Api::start_on(Some(url), &[&upstream]).await;
    let mut events = api.engine.subscribe();

    // 1 to 3: endpoint, authentication header, request body.
    let mut definition = api.definition("RFQ import", &upstream.url("/rfqs"));
    definition["headers"] = json!([{"name": "X-Key", "value": "hush-hush-key", "secret": true}]);
    definition["method"] = json!("POST");
    definition["bodyScript"] = json!("return JSON.stringify({\nid: 1001,\nstatus: \"New\"\n});");
    definition["responseScript"] = json!("return 1;");
    let created = api.post("/api/v1/call-apis", definition).await.expect(201);
    let id = created.id();
    let path = format!("/api/v1/call-apis/{id}");
    assert_eq!(created.header("location"), Some(path.as_str()));
    assert_eq!(created.body["status"], "inactive");
    assert_eq!(created.body["lastRun"], Value::Null);
    assert_eq!(created.body["createdBy"], api.admin_id.as_str());

    // 4: Test URL sends the real request, shows the real answer, and keeps the secret.
    let tested = api.post(&format!("{path}/test"), json!({})).await.expect(200);
    assert_eq!(tested.body["response"]["statusCode"], 200);
    let text = tested.body["response"]["body"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), example());
    assert!(!tested.body.to_string().contains("hush-hush"), "{}", tested.body);
    let sent = &upstream.requests_to("/rfqs")[0];
    assert_eq!(sent.header("x-key"), Some("hush-hush-key"));
    assert_eq!(sent.text(), r#"{"id":1001,"status":"New"}"#);

    // 5: the response script, tried on that answer before it is saved.
    let script = "return response.json.map(r => ({rfqId: r.rfqId, comment: r.comment, customer: r.name}));";
    let body = json!({"response": tested.body["response"], "responseScript": script});
    let tried = api.post(&format!("{path}/test/response"), body).await.expect(200);
    assert_eq!(tried.body["outcome"], "transactions", "{}", tried.body);
    assert_eq!(tried.body["transactions"][0]["identifier"], "1");
    assert_eq!(tried.body["transactions"][0]["exists"], false);
    assert_eq!(tried.body["transactions"][0]["data"]["comment"], "Dette er en test");
    let patched = api.patch(&path, json!({"responseScript": script})).await.expect(200);
    assert_eq!(patched.body["version"], 2);
    assert_eq!(patched.header("etag"), Some("\"2\""));

    // 6 and 7: activated, it runs at once, and the transaction is there.
    let activated = api.post(&format!("{path}/activate"), json!({})).await.expect(200);
    assert_eq!(activated.body["active"], true);
    let finished = event(&mut events, "run.finished", &id).await;
    assert_eq!(finished.data["outcome"], "created", "{}", finished.data);
    let list = api
        .get(&format!("/api/v1/transactions?callApiId={id}"))
        .await
        .expect(200);
    assert_eq!(list.each("identifier"), ["1"]);
    assert_eq!(list.each("status"), ["ready"]);
    assert_eq!(list.body["items"][0]["data"]["customer"], "Admin");
    assert_eq!(list.body["items"][0]["createdBy"], api.admin_id.as_str());
    let shown = api.get(&path).await.expect(200);
    assert_eq!(shown.body["status"], "idle");
    assert_eq!(shown.body["lastRun"]["outcome"], "created");
    assert_eq!(shown.body["lastRun"]["created"], 1);
    assert_eq!(shown.body["lastRun"]["httpStatus"], 200);
    assert!(shown.body["nextDueAt"].is_string(), "{}", shown.body);

    // The same answer again creates nothing.
    let again = api.post(&format!("{path}/run"), json!({})).await.expect(200);
    assert_eq!(again.body["outcome"], "nothing_new", "{}", again.body);
    assert_eq!(
        (&again.body["created"], &again.body["duplicates"]),
        (&json!(0), &json!(1))
    );
    let tried = api
        .post(
            &format!("{path}/test/response"),
            json!({"response": {"body": example()}}),
        )
        .await;
    assert_eq!(tried.expect(200).body["transactions"][0]["exists"], true);

    // While active it cannot be edited; deactivated it can.
    api.patch(&path, json!({"name": "x"}))
        .await
        .problem(409, "call_api_active");
    let stopped = api.post(&format!("{path}/deactivate"), json!({})).await.expect(200);
    assert_eq!(stopped.body["status"], "inactive");
    assert_eq!(stopped.body["nextDueAt"], Value::Null);
    api.patch(&path, json!({"name": "x"})).await.expect(200);
}

#[actix_web::test]
async fn abort_keeps_the_call_active_and_an_error_deactivates_it() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([]));
    let api = Api::start(&[&upstream]).await;
    let mut events = api.engine.subscribe();

    let mut definition = api.definition("aborts", &upstream.url("/items"));
    definition["responseScript"] = json!("return \"Abort\";");
    definition["active"] = json!(true);
    let aborts = api.create(definition.clone()).await;
    let finished = event(&mut events, "run.finished", &aborts).await;
    assert_eq!(finished.data["outcome"], "aborted");
    let shown = api.get(&format!("/api/v1/call-apis/{aborts}")).await.expect(200);
    assert_eq!(shown.body["status"], "idle");

    definition["name"] = json!("throws");
    definition["responseScript"] = json!("const a = 1;\nthrow new Error('no such customer');");
    let throws = api.create(definition.clone()).await;
    let deactivated = event(&mut events, "call.deactivated", &throws).await;
    assert!(
        deactivated.data["reason"]
            .as_str()
            .unwrap()
            .contains("no such customer")
    );
    let path = format!("/api/v1/call-apis/{throws}");
    let shown = api.get(&path).await.expect(200);
    assert_eq!(shown.body["status"], "deactivated");
    assert_eq!(shown.body["active"], false);
    let reason = shown.body["statusReason"].as_str().unwrap();
    assert!(
        reason.contains("no such customer") && reason.contains("line 2"),
        "{reason}"
    );
    assert_eq!(shown.body["lastRun"]["outcome"], "script_error");
    let audited = api.get(&format!("/api/v1/audit?resourceId={throws}")).await.expect(200);
    let row = &audited.body["items"][0];
    assert_eq!(
        (&row["action"], &row["userId"], &row["after"]["statusReason"]),
        (&json!("call_api.deactivate"), &Value::Null, &json!(reason)),
        "{row:#}"
    );

    // The engine's deactivation opens it for editing; the reason stays until somebody acts on it.
    let patched = api
        .patch(&path, json!({"responseScript": "return [];"}))
        .await
        .expect(200);
    assert_eq!(patched.body["status"], "deactivated");
    let activated = api.post(&format!("{path}/activate"), json!({})).await.expect(200);
    assert_eq!(activated.body["statusReason"], Value::Null);
    event(&mut events, "run.finished", &throws).await;

    definition["name"] = json!("goes on");
    definition["onScriptError"] = json!("continue");
    let goes_on = api.create(definition).await;
    let finished = event(&mut events, "run.finished", &goes_on).await;
    assert_eq!(finished.data["outcome"], "script_error");
    let shown = api.get(&format!("/api/v1/call-apis/{goes_on}")).await.expect(200);
    assert_eq!(shown.body["status"], "idle");
}

#[actix_web::test]
async fn history_shows_runs_with_what_was_kept() {
    for_each_database(history_shows_runs_with_what_was_kept_on).await;
}

async fn history_shows_runs_with_what_was_kept_on(url: String) {
    let upstream = Upstream::start();
    upstream.items("/items", json!([{"rfqId": 7}]));
    let api = Api::start_on(Some(url), &[&upstream]).await;
    let mut definition = api.definition("history", &upstream.url("/items"));
    definition["headers"] = json!([{"name": "Authorization", "value": "Bearer very-secret-token", "secret": true}]);
    definition["responseScript"] = json!("console.log('seen', response.json.length); return response.json;");
    let id = api.create(definition).await;
    let path = format!("/api/v1/call-apis/{id}");
    let runs = [
        api.post(&format!("{path}/run"), json!({})).await.expect(200),
        api.post(&format!("{path}/run"), json!({})).await.expect(200),
    ];
    assert_eq!(runs[0].body["outcome"], "created");
    let list = api.get(&format!("{path}/runs?limit=1")).await.expect(200);
    assert_eq!(list.each("id"), [runs[1].body["runId"].clone()]);
    let cursor = list.body["nextCursor"].as_str().unwrap();
    let list = api
        .get(&format!("{path}/runs?limit=1&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(list.each("id"), [runs[0].body["runId"].clone()]);
    assert_eq!(list.each("trigger"), ["manual"]);

    let run_path = format!("/api/v1/runs/{}", runs[0].body["runId"].as_str().unwrap());
    let run = api.get(&run_path).await.expect(200);
    assert_eq!(run.body["callApiId"], id.as_str());
    assert_eq!(run.body["logs"][0]["text"], "seen 1");
    assert_eq!(run.body["response"]["statusCode"], 200);
    assert_eq!(run.body["request"]["method"], "GET");
    assert!(!run.body.to_string().contains("very-secret"), "{}", run.body);
    assert_eq!(run.body["error"], Value::Null);

    api.in_other_tenant()
        .await
        .get(&run_path)
        .await
        .problem(404, "not_found");
    api.with_rights(&["calls.run"])
        .await
        .get(&run_path)
        .await
        .problem(403, "forbidden");
    api.get("/api/v1/runs/nonsense").await.problem(404, "not_found");
}

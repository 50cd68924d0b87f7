//! What may be changed when, by whom, and what activation looks at.

use serde_json::{Value, json};

use crate::support::{
    api::{Api, event},
    postgres::for_each_database,
    upstream::{Behaviour, Upstream},
};

#[actix_web::test]
async fn an_active_call_cannot_be_edited_or_deleted() {
    for_each_database(an_active_call_cannot_be_edited_or_deleted_on).await;
}

async fn an_active_call_cannot_be_edited_or_deleted_on(url: String) {
    let upstream = Upstream::start();
    upstream.items("/items", json!([]));
    let api = Api::start_on(Some(url), &[&upstream]).await;
    let definition = api.definition("a", &upstream.url("/items"));
    let id = api.create(definition.clone()).await;
    let path = format!("/api/v1/call-apis/{id}");
    api.post(&format!("{path}/activate"), json!({})).await.expect(200);
    let version = api.get(&path).await.body["version"].clone();

    api.put(&path, definition.clone()).await.problem(409, "call_api_active");
    api.patch(&path, json!({"active": false}))
        .await
        .problem(409, "call_api_active");
    let refused = api.delete(&path).await.problem(409, "call_api_active");
    assert!(refused.body["detail"].as_str().unwrap().contains("deactivate it first"));
    let again = api.post(&format!("{path}/activate"), json!({})).await.expect(200);
    assert_eq!(again.body["version"], version, "activating twice changes nothing");

    api.post(&format!("{path}/deactivate"), json!({})).await.expect(200);
    let mut renamed = definition;
    renamed["name"] = json!("b");
    assert_eq!(api.put(&path, renamed).await.expect(200).body["name"], "b");
    api.delete(&path).await.expect(204);
    api.get(&path).await.problem(404, "not_found");
    api.delete(&path).await.problem(404, "not_found");
}

#[actix_web::test]
async fn versions_are_honoured() {
    for_each_database(versions_are_honoured_on).await;
}

async fn versions_are_honoured_on(url: String) {
    let upstream = Upstream::start();
    let api = Api::start_on(Some(url), &[&upstream]).await;
    let created = api
        .post("/api/v1/call-apis", api.definition("a", &upstream.url("/items")))
        .await
        .expect(201);
    assert_eq!(created.header("etag"), Some("\"1\""));
    let path = format!("/api/v1/call-apis/{}", created.id());
    let change = Some(json!({"preparation": true}));
    let stale = [("If-Match", "\"7\"")];
    let current = [("If-Match", "\"1\"")];
    api.send("PATCH", &path, change.clone(), &stale)
        .await
        .problem(412, "stale_version");
    api.send("DELETE", &path, None, &stale)
        .await
        .problem(412, "stale_version");
    let activate = format!("{path}/activate");
    api.send("POST", &activate, Some(json!({})), &stale)
        .await
        .problem(412, "stale_version");
    let patched = api.send("PATCH", &path, change, &current).await.expect(200);
    assert_eq!(patched.header("etag"), Some("\"2\""));

    // What was shown can be sent back whole.
    let mut shown = api.get(&path).await.expect(200).body;
    shown["timeoutMs"] = json!(5000);
    let put = api
        .send("PUT", &path, Some(shown), &[("If-Match", "\"2\"")])
        .await
        .expect(200);
    assert_eq!(
        (&put.body["timeoutMs"], &put.body["version"]),
        (&json!(5000), &json!(3))
    );
    assert_eq!(put.body["preparation"], true);
}

#[actix_web::test]
async fn what_is_wrong_is_named() {
    for_each_database(what_is_wrong_is_named_on).await;
}

async fn what_is_wrong_is_named_on(url: String) {
    let upstream = Upstream::start();
    let api = Api::start_on(Some(url), &[&upstream]).await;
    let good = api.definition("a", &upstream.url("/items"));
    api.create(good.clone()).await;
    api.post("/api/v1/call-apis", good.clone())
        .await
        .problem(409, "name_in_use");

    let post = async |member: &str, value: Value| {
        let mut definition = good.clone();
        definition["name"] = json!("b");
        definition[member] = value;
        api.post("/api/v1/call-apis", definition).await
    };
    let unknown = post("bogus", json!(1)).await.problem(400, "bad_request");
    assert!(unknown.body["detail"].as_str().unwrap().contains("bogus"));
    post("status", json!("idle")).await.problem(400, "bad_request");
    post("method", json!("HEAD")).await.problem(400, "bad_request");
    let nested = post("url", json!({"kind": "text", "value": "https://e.com", "x": 1})).await;
    assert_eq!(nested.problem(400, "bad_request").fields(), ["url.x"]);

    let table = [
        ("frequencySeconds", json!(0), "frequencySeconds"),
        ("frequencySeconds", json!(31_536_001), "frequencySeconds"),
        ("frequencySeconds", Value::Null, "frequencySeconds"),
        ("schedule", json!({"cron": "nonsense"}), "schedule.cron"),
        (
            "schedule",
            json!({"cron": "0 6 * * *", "timeZone": "Mars/Base"}),
            "schedule.timeZone",
        ),
        (
            "url",
            json!({"kind": "text", "value": "ftp://example.com"}),
            "url.value",
        ),
        ("url", json!({"kind": "script", "value": " "}), "url.value"),
        ("headers", json!([{"name": "Host", "value": "x"}]), "headers[0].name"),
        ("headers", json!([{"name": "A", "value": "x\ny"}]), "headers[0].value"),
        ("headers", json!([{"name": "A", "secret": true}]), "headers[0].value"),
        ("identifier", json!(["rfqId"]), "identifier[0]"),
        ("responseScript", json!(""), "responseScript"),
        ("failuresBeforeDeactivation", json!(0), "failuresBeforeDeactivation"),
        ("limits", json!({"scriptMs": 0}), "limits.scriptMs"),
    ];
    for (member, value, field) in table {
        let refused = post(member, value).await.problem(422, "invalid");
        assert!(refused.fields().contains(&field), "{field}: {}", refused.body);
    }

    let warned = post("frequencySeconds", json!(1)).await.expect(201);
    assert!(warned.body["warnings"][0].as_str().unwrap().contains("very low"));
    assert_eq!(warned.body["failuresBeforeDeactivation"], 20);
    let path = format!("/api/v1/call-apis/{}", warned.id());
    let never = api
        .patch(&path, json!({"failuresBeforeDeactivation": null}))
        .await
        .expect(200);
    assert_eq!(never.body["failuresBeforeDeactivation"], Value::Null);
    api.patch(&path, json!({"name": "a"})).await.problem(409, "name_in_use");
    api.patch(&path, json!({"method": null}))
        .await
        .problem(400, "bad_request");
    api.patch(&path, json!([])).await.problem(400, "bad_request");
}

#[actix_web::test]
async fn secret_headers_are_kept_and_never_shown() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([]));
    let api = Api::start(&[&upstream]).await;
    let mut definition = api.definition("a", &upstream.url("/items"));
    definition["headers"] = json!([
        {"name": "X-Key", "value": "first-secret-value", "secret": true}, {"name": "X-Open", "value": "open"},
    ]);
    let created = api.post("/api/v1/call-apis", definition).await.expect(201);
    let mask = &created.body["headers"][0]["value"];
    assert_eq!(mask["set"], true);
    assert!(mask["fingerprint"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(created.body["headers"][1]["value"], "open");
    let path = format!("/api/v1/call-apis/{}", created.id());

    let sent = async |count: usize| {
        api.post(&format!("{path}/test"), json!({})).await.expect(200);
        upstream.wait_for("/items", count).await[count - 1]
            .header("x-key")
            .map(str::to_owned)
    };
    assert_eq!(sent(1).await.as_deref(), Some("first-secret-value"));
    // Another member, then the whole as it was shown, then the header without a value: kept each time.
    api.patch(&path, json!({"timeoutMs": 60_000})).await.expect(200);
    let shown = api.get(&path).await.body;
    api.put(&path, shown).await.expect(200);
    let headers = json!({"headers": [{"name": "x-key", "secret": true}]});
    api.patch(&path, headers).await.expect(200);
    assert_eq!(sent(2).await.as_deref(), Some("first-secret-value"));
    let headers = json!({"headers": [{"name": "X-Key", "value": "second-secret-value", "secret": true}]});
    let changed = api.patch(&path, headers).await.expect(200);
    assert_ne!(&changed.body["headers"][0]["value"], mask);
    assert_eq!(sent(3).await.as_deref(), Some("second-secret-value"));

    // Another path of the server keeps it; another server, or a script, needs it again.
    api.patch(
        &path,
        json!({"url": {"kind": "text", "value": upstream.url("/others")}}),
    )
    .await
    .expect(200);
    for url in [
        json!({"kind": "text", "value": "https://elsewhere.example/items"}),
        json!({"kind": "script", "value": "return 'https://elsewhere.example/items';"}),
    ] {
        let refused = api.patch(&path, json!({"url": url})).await.problem(422, "invalid");
        assert_eq!(refused.fields(), ["headers[0].value"], "{}", refused.body);
        let headers = json!([{"name": "X-Key", "value": "third-secret-value", "secret": true}]);
        api.patch(&path, json!({"url": url, "headers": headers}))
            .await
            .expect(200);
    }
    assert!(!api.text("/api/v1/call-apis").await.contains("secret-value"));
    assert!(!api.text(&path).await.contains("secret-value"));
}

#[actix_web::test]
async fn activation_checks_everything_first() {
    let upstream = Upstream::start();
    let api = Api::start(&[&upstream]).await;
    let mut bad = api.definition("bad", "http://169.254.169.254/latest/meta-data");
    bad["runAsUserId"] = json!("0190b5a8-7c3e-7d10-8f00-0123456789ab");
    bad["clientId"] = json!("0190b5a8-7c3e-7d10-8f00-0123456789ac");
    bad["bodyScript"] = json!("return {;");
    bad["responseScript"] = json!("return [;");
    bad["active"] = json!(true);
    let all = ["bodyScript", "responseScript", "url.value", "clientId", "runAsUserId"];
    let refused = api
        .post("/api/v1/call-apis", bad.clone())
        .await
        .problem(409, "cannot_activate");
    assert_eq!(refused.fields(), all, "{}", refused.body);
    let list = api.get("/api/v1/call-apis").await.expect(200);
    assert_eq!(list.body["items"], json!([]), "nothing was created");

    bad["active"] = json!(false);
    let id = api.create(bad.clone()).await;
    let path = format!("/api/v1/call-apis/{id}");
    let refused = api.post(&format!("{path}/activate"), json!({})).await;
    assert_eq!(refused.problem(409, "cannot_activate").fields(), all);
    let refused = api.patch(&path, json!({"active": true, "timeoutMs": 1})).await;
    refused.problem(409, "cannot_activate");
    let shown = api.get(&path).await.expect(200);
    assert_eq!(
        (&shown.body["version"], &shown.body["active"]),
        (&json!(1), &json!(false))
    );

    // One thing after the other is put right; the last change activates.
    let url = json!({"kind": "script", "value": format!("return {:?};", upstream.url("/items"))});
    let fix = json!({"url": url, "bodyScript": null, "clientId": null, "responseScript": "return [];"});
    api.patch(&path, fix).await.expect(200);
    let refused = api.post(&format!("{path}/activate"), json!({})).await;
    assert_eq!(refused.problem(409, "cannot_activate").fields(), ["runAsUserId"]);
    upstream.items("/items", json!([]));
    let mut events = api.engine.subscribe();
    let fix = json!({"runAsUserId": api.admin_id, "active": true});
    let activated = api.patch(&path, fix).await.expect(200);
    assert_eq!(activated.body["active"], true);
    event(&mut events, "run.finished", &id).await;
}

#[actix_web::test]
async fn a_call_runs_once_at_a_time_and_says_that_it_runs() {
    let upstream = Upstream::start();
    upstream.on("/slow", Behaviour::Gated(Box::new(Behaviour::Json(json!([])))));
    let api = Api::start(&[&upstream]).await;
    let id = api.create(api.definition("slow", &upstream.url("/slow"))).await;
    let path = format!("/api/v1/call-apis/{id}");
    let run_path = format!("{path}/run");
    let both = async {
        upstream.wait_for("/slow", 1).await;
        let shown = api.get(&path).await.expect(200);
        assert_eq!(shown.body["status"], "running", "{}", shown.body);
        let running = api.get("/api/v1/call-apis?status=running").await.expect(200);
        assert_eq!(running.each("id"), [id.as_str()]);
        let idle = api.get("/api/v1/call-apis?status=inactive").await.expect(200);
        assert_eq!(idle.body["items"], json!([]));
        api.post(&run_path, json!({})).await.problem(409, "wrong_state");
        upstream.open_gate();
    };
    let (first, ()) = futures_util::join!(api.post(&run_path, json!({})), both);
    assert_eq!(first.expect(200).body["outcome"], "nothing_new");
    let shown = api.get(&path).await.expect(200);
    assert_eq!(shown.body["status"], "inactive");
}

#[actix_web::test]
async fn rights_and_tenants_are_kept_apart() {
    let upstream = Upstream::start();
    let api = Api::start(&[&upstream]).await;
    let definition = api.definition("a", &upstream.url("/items"));
    let id = api.create(definition.clone()).await;
    let path = format!("/api/v1/call-apis/{id}");
    let at = |end: &str| format!("{path}{end}");
    let response = json!({"response": {"body": "[]"}});

    let reader = api.with_rights(&["calls.read"]).await;
    reader.get(&path).await.expect(200);
    let refused = reader
        .post("/api/v1/call-apis", definition.clone())
        .await
        .problem(403, "forbidden");
    assert!(refused.body["detail"].as_str().unwrap().contains("calls.manage"));
    reader.put(&path, definition.clone()).await.problem(403, "forbidden");
    reader.patch(&path, json!({})).await.problem(403, "forbidden");
    reader.delete(&path).await.problem(403, "forbidden");
    reader.post(&at("/activate"), json!({})).await.problem(403, "forbidden");
    reader
        .post(&at("/deactivate"), json!({}))
        .await
        .problem(403, "forbidden");
    reader.post(&at("/run"), json!({})).await.problem(403, "forbidden");
    reader.post(&at("/test"), json!({})).await.problem(403, "forbidden");
    reader
        .post(&at("/test/response"), response.clone())
        .await
        .problem(403, "forbidden");
    reader
        .post("/api/v1/call-apis/test", definition.clone())
        .await
        .problem(403, "forbidden");
    let runner = api.with_rights(&["calls.run"]).await;
    runner.get(&path).await.problem(403, "forbidden");
    runner.get(&at("/runs")).await.problem(403, "forbidden");
    runner.get("/api/v1/call-apis").await.problem(403, "forbidden");

    let other = api.in_other_tenant().await;
    other.get(&path).await.problem(404, "not_found");
    other.put(&path, definition.clone()).await.problem(404, "not_found");
    other.patch(&path, json!({})).await.problem(404, "not_found");
    other.delete(&path).await.problem(404, "not_found");
    for end in ["/activate", "/deactivate", "/run", "/test"] {
        other.post(&at(end), json!({})).await.problem(404, "not_found");
    }
    other
        .post(&at("/test/response"), response)
        .await
        .problem(404, "not_found");
    other.get(&at("/runs")).await.problem(404, "not_found");
    assert_eq!(
        other.get("/api/v1/call-apis").await.expect(200).body["items"],
        json!([])
    );
    other.post("/api/v1/call-apis", definition).await.expect(201);
}

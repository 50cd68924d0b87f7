//! Local records over HTTP: put, patched, deleted, listed, under versions, and told of.

use orrery::{domain::record::subject_id, engine::caller::Caller};
use serde_json::{Value, json};

use crate::support::{
    api::{Api, event},
    postgres::for_each_database,
};

const PATH: &str = "/api/v1/records/supplier";

/// The id by which events tell of a record of the first tenant.
async fn subject(api: &Api, key: &str) -> String {
    let me = api.get("/api/v1/me").await.expect(200);
    let tenant = me.body["tenant"]["id"].as_str().unwrap().parse().unwrap();
    subject_id(tenant, "supplier", key).to_string()
}

#[actix_web::test]
async fn a_record_is_put_patched_and_deleted_under_versions() {
    for_each_database(a_record_is_put_patched_and_deleted_under_versions_on).await;
}

async fn a_record_is_put_patched_and_deleted_under_versions_on(url: String) {
    let api = Api::start_on(Some(url), &[]).await;
    let mut events = api.engine.subscribe();
    let path = format!("{PATH}/A-1");
    let text = r#"{"Name":"Ada","Big":12345678901234567890123,"Address":{"City":"Oslo","Zip":"0150"}}"#;
    api.get(&path).await.problem(404, "not_found");
    let made = api.put(&path, json!(text)).await.expect(201);
    assert_eq!(made.header("location"), Some(path.as_str()));
    assert_eq!(made.header("etag"), Some("\"1\""));
    assert_eq!(
        (&made.body["entity"], &made.body["key"], &made.body["version"]),
        (&json!("supplier"), &json!("A-1"), &json!(1))
    );
    assert!(made.body["updatedAt"].is_string() && made.body["links"] == json!([]));
    let subject = subject(&api, "A-1").await;
    let told = event(&mut events, "record.created", &subject).await;
    let expected = json!({"event": "supplier.created", "entity": "supplier", "key": "A-1", "version": 1});
    assert_eq!(**told.data, expected);
    let shown = api.text(&path).await;
    assert!(shown.contains(text), "digits and order are kept: {shown}");

    // The same again is no change; another case of the entity is the same entity.
    let same = api.put("/api/v1/records/Supplier/A-1", json!(text)).await.expect(200);
    assert_eq!(same.body["version"], 1);
    let stale = [("If-Match", "\"7\"")];
    let other = Some(json!({"Name": "Eve"}));
    for method in ["PUT", "PATCH", "DELETE"] {
        let refused = api.send(method, &path, other.clone(), &stale).await;
        refused.problem(412, "stale_version");
    }
    let seen = [("If-Match", "\"1\"")];
    let patch = json!({"Address": {"City": "Bergen", "Zip": null}, "Tags": ["x"]});
    let patched = api.send("PATCH", &path, Some(patch), &seen).await.expect(200);
    assert_eq!(patched.header("etag"), Some("\"2\""));
    let shown = api.text(&path).await;
    let expected = r#"{"Name":"Ada","Big":12345678901234567890123,"Address":{"City":"Bergen"},"Tags":["x"]}"#;
    assert!(shown.contains(expected), "{shown}");
    event(&mut events, "record.updated", &subject).await;

    let audit = api.get("/api/v1/audit?resourceKind=record").await.expect(200);
    assert_eq!(audit.each("action"), ["record.update", "record.create"]);
    assert_eq!(audit.body["items"][0]["before"]["data"]["Address"]["City"], "Oslo");
    assert_eq!(audit.body["items"][0]["after"]["data"]["Address"]["City"], "Bergen");

    let other = api.in_other_tenant().await;
    other.get(&path).await.problem(404, "not_found");
    other.delete(&path).await.problem(404, "not_found");
    api.send("DELETE", &path, None, &[("If-Match", "\"2\"")])
        .await
        .expect(204);
    let told = event(&mut events, "record.deleted", &subject).await;
    assert_eq!(told.data["version"], 3);
    api.get(&path).await.problem(404, "not_found");
    api.delete(&path).await.problem(404, "not_found");
    api.patch(&path, json!({"a": 1})).await.problem(404, "not_found");
    let refused = api.send("PUT", &path, Some(json!({})), &[("If-Match", "\"2\"")]).await;
    refused.problem(412, "stale_version");
    let again = api.put(&path, json!({})).await.expect(201);
    assert_eq!(again.body["version"], 1);
}

#[actix_web::test]
async fn a_list_goes_on_by_key_and_names_nothing_of_others() {
    for_each_database(a_list_goes_on_by_key_and_names_nothing_of_others_on).await;
}

async fn a_list_goes_on_by_key_and_names_nothing_of_others_on(url: String) {
    let api = Api::start_on(Some(url), &[]).await;
    for key in ["INV-1%2F2026%20%C3%A4", "b", "a", "c"] {
        api.put(&format!("{PATH}/{key}"), json!({"key": key})).await.expect(201);
    }
    api.put("/api/v1/records/customer/z", json!({})).await.expect(201);
    let other = api.in_other_tenant().await;
    other.put(&format!("{PATH}/0"), json!({})).await.expect(201);
    let mut keys: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("{PATH}?limit=3{cursor}")).await.expect(200);
        assert!(page.body["items"].as_array().unwrap().len() <= 3);
        keys.extend(page.each("key"));
        match page.body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(keys, ["INV-1/2026 ä", "a", "b", "c"]);
    let found = api.get(&format!("{PATH}/INV-1%2F2026%20%C3%A4")).await.expect(200);
    assert_eq!(found.body["key"], "INV-1/2026 ä");
    assert_eq!(other.get(PATH).await.expect(200).each("key"), ["0"]);
    api.get(&format!("{PATH}?limit=0")).await.problem(400, "bad_request");
    api.get(&format!("{PATH}?cursor=%21")).await.problem(400, "bad_request");
}

#[actix_web::test]
async fn what_cannot_be_a_record_is_refused() {
    let api = Api::start(&[]).await;
    let path = format!("{PATH}/A");
    for (body, status, code) in [
        (json!([]), 422, "invalid"),
        (json!("1"), 422, "invalid"),
        (json!("{\"a\":1e400}"), 422, "invalid"),
        (json!({"a": "x".repeat(1024 * 1024)}), 422, "invalid"),
        (json!("{"), 400, "bad_request"),
        (json!(""), 400, "bad_request"),
    ] {
        api.put(&path, body).await.problem(status, code);
    }
    api.put(&path, json!({"a": 1})).await.expect(201);
    api.patch(&path, json!([])).await.problem(422, "invalid");
    api.patch(&path, json!("{\"a\":1e400}")).await.problem(422, "invalid");
    for wrong in ["/api/v1/records/1st/A", "/api/v1/records/a%20b/A"] {
        let refused = api.put(wrong, json!({})).await.problem(422, "invalid");
        assert_eq!(refused.fields(), ["entity"]);
    }
    let long = format!("{PATH}/{}", "k".repeat(201));
    assert_eq!(
        api.put(&long, json!({})).await.problem(422, "invalid").fields(),
        ["key"]
    );
    api.get(&format!("{PATH}/a%00b")).await.problem(422, "invalid");
    api.get("/api/v1/records/1st").await.problem(422, "invalid");
    let reader = api.with_rights(&["transactions.read", "audit.read"]).await;
    for (method, body) in [
        ("GET", None),
        ("PUT", Some(json!({}))),
        ("PATCH", Some(json!({}))),
        ("DELETE", None),
    ] {
        reader.send(method, &path, body, &[]).await.problem(403, "forbidden");
    }
    reader.get(PATH).await.problem(403, "forbidden");
}

#[actix_web::test]
async fn two_that_patch_at_once_both_count() {
    for_each_database(two_that_patch_at_once_both_count_on).await;
}

async fn two_that_patch_at_once_both_count_on(url: String) {
    let api = Api::start_on(Some(url), &[]).await;
    let made = api.put(&format!("{PATH}/A"), json!({})).await.expect(201);
    assert_eq!(made.body["version"], 1);
    let me = api.get("/api/v1/me").await.expect(200);
    let caller = Caller::embedded(me.body["tenant"]["id"].as_str().unwrap().parse().unwrap());
    let patches = (0..8).map(|number| {
        let patch = serde_json::value::to_raw_value(&json!({ format!("m{number}"): number })).unwrap();
        let (api, caller) = (&api, &caller);
        async move { api.engine.records().patch(caller, "supplier", "A", None, &patch).await }
    });
    for patched in futures_util::future::join_all(patches).await {
        patched.unwrap();
    }
    let shown = api.get(&format!("{PATH}/A")).await.expect(200);
    assert_eq!(shown.body["version"], 9);
    assert_eq!(shown.body["data"].as_object().unwrap().len(), 8);
}

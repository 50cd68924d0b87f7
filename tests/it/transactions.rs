//! Transactions over HTTP: by hand, in preparation, committed one by one and many at a time.

use serde_json::{Value, json};

use crate::support::{
    api::{Api, event},
    postgres::for_each_database,
    upstream::Upstream,
};

const PATH: &str = "/api/v1/transactions";

async fn by_hand(api: &Api, identifier: &str, preparation: bool) -> String {
    let body = json!({"identifier": identifier, "data": {"a": 1}, "preparation": preparation});
    api.post(PATH, body).await.expect(201).id()
}

#[actix_web::test]
async fn made_by_hand_they_keep_their_digits_and_are_announced() {
    for_each_database(made_by_hand_they_keep_their_digits_and_are_announced_on).await;
}

async fn made_by_hand_they_keep_their_digits_and_are_announced_on(url: String) {
    let api = Api::start_on(Some(url), &[]).await;
    let mut events = api.engine.subscribe();
    let text = r#"{"identifier":"A-1","data":{"z":12345678901234567890123,"a":1.50}}"#;
    let created = api.post(PATH, json!(text)).await.expect(201);
    let id = created.id();
    let path = format!("{PATH}/{id}");
    assert_eq!(created.header("location"), Some(path.as_str()));
    assert_eq!(created.header("etag"), Some("\"1\""));
    assert_eq!(created.body["status"], "ready");
    assert_eq!(created.body["createdBy"], api.admin_id.as_str());
    assert_eq!(created.body["callApiId"], Value::Null);
    let ready = event(&mut events, "transaction.ready", &id).await;
    assert_eq!(ready.data["identifier"], "A-1");
    let shown = api.text(&path).await;
    assert!(
        shown.contains(r#""data":{"z":12345678901234567890123,"a":1.50}"#),
        "{shown}"
    );

    let again = api.post(PATH, json!({"identifier": "A-1", "data": {}})).await;
    assert_eq!(again.problem(409, "identifier_in_use").fields(), ["identifier"]);
    let other = api.in_other_tenant().await;
    other
        .post(PATH, json!({"identifier": "A-1", "data": {}}))
        .await
        .expect(201);
    other.get(&path).await.problem(404, "not_found");

    let table = [
        (json!({"identifier": " ", "data": {}}), "identifier"),
        (json!({"identifier": "x".repeat(513), "data": {}}), "identifier"),
        (json!({"identifier": "x", "data": []}), "data"),
        (
            json!({"identifier": "x", "data": {"text": "x".repeat(1024 * 1024)}}),
            "data",
        ),
    ];
    for (body, field) in table {
        assert_eq!(api.post(PATH, body).await.problem(422, "invalid").fields(), [field]);
    }
    let refused = api.post(PATH, json!({"identifier": "x", "data": {}, "bogus": 1})).await;
    refused.problem(400, "bad_request");
    let reader = api.with_rights(&["transactions.read", "transactions.commit"]).await;
    reader
        .post(PATH, json!({"identifier": "x", "data": {}}))
        .await
        .problem(403, "forbidden");
}

#[actix_web::test]
async fn in_preparation_they_are_edited_then_committed() {
    for_each_database(in_preparation_they_are_edited_then_committed_on).await;
}

async fn in_preparation_they_are_edited_then_committed_on(url: String) {
    let api = Api::start_on(Some(url), &[]).await;
    let mut events = api.engine.subscribe();
    let text = r#"{"identifier":"B","preparation":true,"data":{"big":12345678901234567890,"lines":[1],"note":"x"}}"#;
    let id = api.post(PATH, json!(text)).await.expect(201).id();
    let path = format!("{PATH}/{id}");
    let patch = json!({"data": {"note": null, "lines": [], "who": {"name": "Kari"}}});
    let stale = [("If-Match", "\"9\"")];
    let patched = api.send("PATCH", &path, Some(patch.clone()), &stale).await;
    patched.problem(412, "stale_version");
    let patched = api.patch(&path, patch).await.expect(200);
    assert_eq!(patched.header("etag"), Some("\"2\""));
    let shown = api.text(&path).await;
    let expected = r#""data":{"big":12345678901234567890,"lines":[],"who":{"name":"Kari"}}"#;
    assert!(shown.contains(expected), "{shown}");
    api.patch(&path, json!({"data": []})).await.problem(422, "invalid");
    api.patch(&path, json!({"identifier": "C"}))
        .await
        .problem(400, "bad_request");

    let committed = api.post(&format!("{path}/commit"), json!({})).await.expect(200);
    assert_eq!(committed.body["status"], "ready");
    assert_eq!(committed.body["committedBy"], api.admin_id.as_str());
    assert!(committed.body["committedAt"].is_string());
    assert_eq!(committed.body["version"], 3);
    event(&mut events, "transaction.ready", &id).await;
    api.patch(&path, json!({"data": {}})).await.problem(409, "wrong_state");
    api.post(&format!("{path}/commit"), json!({}))
        .await
        .problem(409, "wrong_state");
    api.post(&format!("{path}/discard"), json!({}))
        .await
        .problem(409, "wrong_state");

    let changes = api.get(&format!("{path}/changes")).await.expect(200);
    assert_eq!(changes.each("kind"), ["edit", "commit"]);
    assert_eq!(changes.each("userId"), [api.admin_id.as_str(), api.admin_id.as_str()]);
    assert_eq!(changes.body["items"][0]["before"]["note"], "x");
    assert_eq!(changes.body["items"][0]["after"]["who"]["name"], "Kari");
    let page = api.get(&format!("{path}/changes?limit=1")).await.expect(200);
    let cursor = page.body["nextCursor"].as_str().unwrap();
    let page = api
        .get(&format!("{path}/changes?limit=1&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(page.each("kind"), ["commit"]);

    let discarded = by_hand(&api, "D", true).await;
    let path = format!("{PATH}/{discarded}");
    let shown = api.post(&format!("{path}/discard"), json!({})).await.expect(200);
    assert_eq!(shown.body["status"], "discarded");
    assert_eq!(shown.body["committedAt"], Value::Null);
    api.post(&format!("{path}/commit"), json!({}))
        .await
        .problem(409, "wrong_state");

    let reader = api.with_rights(&["transactions.read", "transactions.create"]).await;
    reader.patch(&path, json!({"data": {}})).await.problem(403, "forbidden");
    reader
        .post(&format!("{path}/commit"), json!({}))
        .await
        .problem(403, "forbidden");
    reader
        .post(&format!("{path}/discard"), json!({}))
        .await
        .problem(403, "forbidden");
    reader
        .post(&format!("{PATH}/commit"), json!({"ids": [discarded]}))
        .await
        .problem(403, "forbidden");
    let other = api.in_other_tenant().await;
    other
        .post(&format!("{path}/commit"), json!({}))
        .await
        .problem(404, "not_found");
    other.patch(&path, json!({"data": {}})).await.problem(404, "not_found");
    other.get(&format!("{path}/changes")).await.problem(404, "not_found");
}

#[actix_web::test]
async fn many_are_committed_at_once_and_each_is_answered() {
    for_each_database(many_are_committed_at_once_and_each_is_answered_on).await;
}

async fn many_are_committed_at_once_and_each_is_answered_on(url: String) {
    let api = Api::start_on(Some(url), &[]).await;
    let mut events = api.engine.subscribe();
    let waiting = by_hand(&api, "1", true).await;
    let also = by_hand(&api, "2", true).await;
    let ready = by_hand(&api, "3", false).await;
    let missing = "0190b5a8-7c3e-7d10-8f00-0123456789ab";
    let path = format!("{PATH}/commit");
    let answer = api
        .post(&path, json!({"ids": [ready, waiting, missing, also, waiting]}))
        .await
        .expect(200);
    assert_eq!(answer.each("id"), [ready.as_str(), &waiting, missing, &also]);
    assert_eq!(answer.each("committed"), [false, true, false, true]);
    assert_eq!(
        answer.each("status"),
        [json!("ready"), json!("ready"), Value::Null, json!("ready")]
    );
    let codes: Vec<Value> = answer.each("error").iter().map(|error| error["code"].clone()).collect();
    assert_eq!(
        codes,
        [json!("wrong_state"), Value::Null, json!("not_found"), Value::Null]
    );
    event(&mut events, "transaction.ready", &waiting).await;
    event(&mut events, "transaction.ready", &also).await;
    let shown = api.get(&format!("{PATH}/{also}")).await.expect(200);
    assert_eq!(
        (&shown.body["status"], &shown.body["version"]),
        (&json!("ready"), &json!(2))
    );

    api.post(&path, json!({"ids": []})).await.problem(422, "invalid");
    let many: Vec<&str> = vec![missing; 1_001];
    api.post(&path, json!({"ids": many})).await.problem(422, "invalid");
    api.post(&path, json!({"ids": ["x"]})).await.problem(400, "bad_request");
    let other = api.in_other_tenant().await;
    let foreign = other.post(&path, json!({"ids": [also]})).await.expect(200);
    assert_eq!(foreign.body["items"][0]["error"]["code"], "not_found");
}

#[actix_web::test]
async fn lists_are_newest_first_and_filtered() {
    for_each_database(lists_are_newest_first_and_filtered_on).await;
}

async fn lists_are_newest_first_and_filtered_on(url: String) {
    let upstream = Upstream::start();
    upstream.items("/items", json!([{"rfqId": 1}, {"rfqId": 2}]));
    let api = Api::start_on(Some(url), &[&upstream]).await;
    let mut definition = api.definition("prepares", &upstream.url("/items"));
    definition["preparation"] = json!(true);
    let call = api.create(definition).await;
    let run = api
        .post(&format!("/api/v1/call-apis/{call}/run"), json!({}))
        .await
        .expect(200);
    assert_eq!(run.body["created"], 2, "{}", run.body);
    by_hand(&api, "2", false).await;

    let get = async |query: &str| api.get(&format!("{PATH}?{query}")).await.expect(200);
    let all = get("").await;
    assert_eq!(all.each("identifier"), ["2", "2", "1"]);
    let page = get("limit=2").await;
    let cursor = page.body["nextCursor"].as_str().unwrap().to_owned();
    assert_eq!(get(&format!("limit=2&cursor={cursor}")).await.each("identifier"), ["1"]);
    let prepared = get("status=preparation").await;
    assert_eq!(prepared.each("callApiId"), [call.as_str(), &call]);
    assert_eq!(
        prepared.each("runId"),
        [run.body["runId"].clone(), run.body["runId"].clone()]
    );
    assert_eq!(
        get(&format!("callApiId={call}&identifier=2")).await.each("identifier"),
        ["2"]
    );
    assert_eq!(get("identifier=2").await.each("status"), ["ready", "preparation"]);
    let last = all.body["items"][0]["createdAt"].as_str().unwrap();
    assert_eq!(get(&format!("before={last}")).await.each("identifier"), ["2", "1"]);
    assert_eq!(get(&format!("after={last}")).await.body["items"], json!([]));
    for query in ["status=gone", "after=yesterday", "callApiId=x", "bogus=1", "limit=0"] {
        api.get(&format!("{PATH}?{query}")).await.problem(400, "bad_request");
    }
    api.with_rights(&["calls.read"])
        .await
        .get(PATH)
        .await
        .problem(403, "forbidden");
    assert_eq!(
        api.in_other_tenant().await.get(PATH).await.expect(200).body["items"],
        json!([])
    );

    // A call's transactions stay when it is deleted.
    api.delete(&format!("/api/v1/call-apis/{call}")).await.expect(204);
    assert_eq!(get(&format!("callApiId={call}")).await.each("identifier"), ["2", "1"]);
}

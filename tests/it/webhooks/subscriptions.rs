//! Subscriptions and secrets over HTTP.

use serde_json::{Value, json};

use crate::support::{api::Api, postgres::for_each_database, upstream::Upstream};

const PATH: &str = "/api/v1/webhook-subscriptions";
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

fn body() -> Value {
    json!({ "url": "https://shop.example/hook", "events": ["background.finished"] })
}

#[tokio::test]
async fn a_subscription_is_made_shown_changed_and_deleted() {
    for_each_database(|url| async move {
        let api = Api::start_on(Some(url), &[]).await;
        let made = api.post(PATH, body()).await.expect(201);
        assert!(made.body["secret"].as_str().unwrap().starts_with("whsec_"), "{made:?}");
        assert_eq!(
            (&made.body["enabled"], &made.body["version"]),
            (&json!(true), &json!(1))
        );
        let path = format!("{PATH}/{}", made.id());
        assert_eq!(made.header("location"), Some(path.as_str()));
        let shown = api.get(&path).await.expect(200);
        assert_eq!(shown.header("etag"), Some("\"1\""));
        assert_eq!(shown.body["secret"]["set"], true);
        let fingerprint = shown.body["secret"]["fingerprint"].clone();
        // What was read can be changed and sent back; the secret stays.
        let mut whole = shown.body.clone();
        whole["description"] = json!("for the shop");
        whole["enabled"] = json!(false);
        let put = api.put(&path, whole).await.expect(200);
        assert_eq!(put.body["secret"]["fingerprint"], fingerprint);
        assert_eq!(put.body["description"], "for the shop");
        assert_eq!(put.body["enabled"], false);
        let patched = api
            .patch(&path, json!({ "enabled": true, "description": null }))
            .await
            .expect(200);
        assert_eq!(patched.body["description"], Value::Null);
        assert_eq!(patched.body["version"], 3);
        let stale = api
            .send(
                "PATCH",
                &path,
                Some(json!({"enabled": false})),
                &[("if-match", "\"1\"")],
            )
            .await;
        stale.problem(412, "stale_version");
        let rotated = api
            .post(&format!("{path}/rotate-secret"), json!({ "secret": SECRET }))
            .await
            .expect(200);
        assert_eq!(rotated.body["secret"], SECRET);
        let shown = api.get(&path).await.expect(200);
        assert_ne!(shown.body["secret"]["fingerprint"], fingerprint);
        assert!(shown.body["secret"]["previousUntil"].is_string());
        let made = api.post(&format!("{path}/rotate-secret"), json!({})).await.expect(200);
        assert_ne!(made.body["secret"], SECRET);
        assert_eq!(api.get(PATH).await.expect(200).each("id"), [shown.body["id"].clone()]);
        assert!(
            api.get(&format!("{path}/deliveries"))
                .await
                .expect(200)
                .each("id")
                .is_empty()
        );
        let log = api.text("/api/v1/audit").await;
        assert!(log.contains("webhook_subscription.rotate_secret") && !log.contains("whsec_"));
        api.in_other_tenant().await.get(&path).await.problem(404, "not_found");
        api.delete(&path).await.expect(204);
        api.get(&path).await.problem(404, "not_found");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_work_is_refused_by_its_name() {
    let api = Api::start(&[]).await;
    for (change, field) in [
        (json!({ "url": "http://127.0.0.1:9/hook" }), "url"),
        (json!({ "url": "ftp://shop.example/hook" }), "url"),
        (json!({ "url": "https://u:p@shop.example/" }), "url"),
        (json!({ "url": "shop" }), "url"),
        (
            json!({ "url": format!("https://shop.example/{}", "x".repeat(2_048)) }),
            "url",
        ),
        (json!({ "events": [] }), "events"),
        (json!({ "events": ["background.finished", "order.made"] }), "events[1]"),
        (json!({ "secret": "sesame" }), "secret"),
        (json!({ "description": "x".repeat(1_001) }), "description"),
    ] {
        let mut whole = body();
        whole
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let refused = api.post(PATH, whole).await.problem(422, "invalid");
        assert_eq!(refused.fields(), [field], "{refused:?}");
        assert!(!refused.body.to_string().contains("sesame"));
    }
    api.post(PATH, json!({ "url": "https://shop.example/" }))
        .await
        .problem(400, "bad_request");
    let mut more = body();
    more["owner"] = json!("me");
    api.post(PATH, more).await.problem(400, "bad_request");
    let id = "0190b5a8-7c3e-7d10-8f00-0123456789ab";
    api.post(&format!("{PATH}/replay"), json!({ "deliveryId": id }))
        .await
        .problem(404, "not_found");
    api.post(&format!("{PATH}/{id}/replay"), json!({}))
        .await
        .problem(404, "not_found");
    let made = api.post(PATH, body()).await.expect(201).id();
    let replay = format!("{PATH}/{made}/replay");
    let none = api.post(&replay, json!({ "deliveryIds": [id] })).await.expect(200);
    assert_eq!(none.body, json!({ "replayed": 0, "deliveryIds": [], "more": false }));
    api.post(&replay, json!({ "status": "pending" }))
        .await
        .problem(422, "invalid");
    for number in 1..100 {
        let mut whole = body();
        whole["url"] = json!(format!("https://shop.example/{number}"));
        api.post(PATH, whole).await.expect(201);
    }
    api.post(PATH, body()).await.problem(409, "in_use");
}

#[tokio::test]
async fn rights_are_asked_for() {
    let receiver = Upstream::start();
    let api = Api::start(&[&receiver]).await;
    let id = api.post(PATH, body()).await.expect(201).id();
    let path = format!("{PATH}/{id}");
    let user = api.with_rights(&["background.use"]).await;
    user.get(PATH).await.expect(200);
    user.get(&path).await.expect(200);
    user.get("/api/v1/webhook-secret").await.expect(200);
    let forbidden = |answer: crate::support::api::Answer| answer.problem(403, "forbidden");
    forbidden(user.post(PATH, body()).await);
    forbidden(user.put(&path, body()).await);
    forbidden(user.patch(&path, json!({})).await);
    forbidden(user.delete(&path).await);
    forbidden(user.get(&format!("{path}/deliveries")).await);
    forbidden(user.post(&format!("{path}/replay"), json!({})).await);
    forbidden(user.post(&format!("{PATH}/replay"), json!({ "deliveryId": id })).await);
    forbidden(user.post("/api/v1/webhook-secret/rotate", json!({})).await);
    forbidden(api.with_rights(&["calls.read"]).await.get(PATH).await);
}

#[tokio::test]
async fn the_tenants_own_secret_is_made_on_first_need_and_shown_after_a_rotation_only() {
    for_each_database(|url| async move {
        let api = Api::start_on(Some(url), &[]).await;
        let path = "/api/v1/webhook-secret";
        let first = api.get(path).await.expect(200).body;
        assert!(first["fingerprint"].as_str().unwrap().starts_with("sha256:"));
        assert_eq!(first.get("secret"), None);
        assert_eq!(api.get(path).await.expect(200).body, first);
        let rotated = api.post(&format!("{path}/rotate"), json!({})).await.expect(200).body;
        assert!(rotated["secret"].as_str().unwrap().starts_with("whsec_"));
        assert!(rotated["previousUntil"].is_string());
        let shown = api.get(path).await.expect(200).body;
        assert_eq!(shown["fingerprint"], rotated["fingerprint"]);
        assert_ne!(shown["fingerprint"], first["fingerprint"]);
        assert_eq!(shown.get("secret"), None);
        let other = api.in_other_tenant().await.get(path).await.expect(200).body;
        assert_ne!(other["fingerprint"], shown["fingerprint"]);
    })
    .await;
}

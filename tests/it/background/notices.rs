//! Who is told of the end: subscriptions at acceptance, and the notification of a cancel.

use serde_json::json;

use super::{HEADER, Made};
use crate::support::{engine::TestEngine, postgres::for_each_database, scene::eventually, upstream::Upstream};

#[tokio::test]
async fn somebody_has_to_be_subscribed() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let background = test.api.with(HEADER, "subscription:reference=7");
        let is_refused = || async {
            let reply = background.get("/api/v1/me").await;
            assert_eq!(
                (reply.status, reply.code()),
                (400, "bad_background_header"),
                "{reply:?}"
            );
            let detail = reply.json["detail"].as_str().unwrap();
            assert!(detail.contains("/api/v1/webhook-subscriptions"), "{detail}");
        };
        is_refused().await;
        let subscription = json!({
            "url": format!("http://{}/hook", test.api.address), "events": ["background.finished"], "enabled": false,
        });
        let made = test
            .api
            .post("/api/v1/webhook-subscriptions", &subscription)
            .await
            .expect(201);
        is_refused().await;
        let path = format!("/api/v1/webhook-subscriptions/{}", made.id());
        test.api.patch(&path, &json!({"enabled": true})).await.expect(200);
        background.get("/api/v1/me").await.expect(202);
        // Another tenant's subscriptions are no concern of this one.
        let tenant = json!({"companyId": "2", "name": "Second"});
        test.api.post("/api/v1/tenants", &tenant).await.expect(201);
        let there = background.in_tenant("2").get("/api/v1/me").await;
        assert_eq!((there.status, there.code()), (400, "bad_background_header"));
        test.api.delete(&path).await.expect(204);
        is_refused().await;
    })
    .await;
}

#[tokio::test]
async fn a_cancel_is_told_like_every_end() {
    let receiver = Upstream::start();
    receiver.status("/hook", 204, "");
    let test = TestEngine::start().await;
    let made = Made::of(&test).await;
    let id = made.queued_for(&receiver.url("/hook")).await;
    let path = format!("/api/v1/background/{id}");
    let queued = test.api.get(&path).await.expect(200).json;
    assert!(queued.get("notification").is_none(), "{queued}");
    test.api.delete(&path).await.expect(204);
    receiver.wait_for("/hook", 1).await;
    let told: serde_json::Value = serde_json::from_slice(&receiver.requests_to("/hook")[0].body).unwrap();
    let state = format!("http://{}{path}", test.api.address);
    assert_eq!(
        told,
        json!({"id": id, "status": "Cancelled", "statusCode": 0, "stateLocation": state})
    );
    let shown = || async { test.api.get(&path).await.expect(200).json["notification"].clone() };
    eventually("it is shown as delivered", || async {
        shown().await["state"] == "delivered"
    })
    .await;
    let notification = shown().await;
    assert_eq!(
        (&notification["attempts"], &notification["lastStatus"]),
        (&json!(1), &json!(204))
    );
    assert!(notification["deliveredAt"].is_string() && notification.get("nextAt").is_none());
}

#[tokio::test]
async fn links_in_notifications_do_not_have_the_host_of_a_caller() {
    let receiver = Upstream::start();
    receiver.status("/hook", 204, "");
    let test = TestEngine::start().await;
    let made = Made::of(&test).await;
    let told = |number: usize| {
        let receiver = &receiver;
        async move {
            receiver.wait_for("/hook", number).await;
            let request = &receiver.requests_to("/hook")[number - 1];
            serde_json::from_slice::<serde_json::Value>(&request.body).unwrap()
        }
    };
    // The authority of the request line is what a client says of where it is going, as the header Host is.
    let ask = test.api.ask("GET", "http://evil.example/api/v1/me");
    let reply = ask.header(HEADER, &receiver.url("/hook")).send().await.expect(202);
    let own = reply.header("location").unwrap();
    assert!(own.starts_with("http://evil.example/api/v1/background/"), "{own}");
    let state = format!("http://{}/api/v1/background/{}", test.api.address, reply.id());
    let end = told(1).await;
    assert_eq!(end["stateLocation"], state, "{end}");
    assert_eq!(end["contentLocation"], format!("{state}/content"), "{end}");
    let id = made.queued_for(&receiver.url("/hook")).await;
    let path = format!("http://evil.example/api/v1/background/{id}");
    test.api.delete(&path).await.expect(204);
    let end = told(2).await;
    let state = format!("http://{}/api/v1/background/{id}", test.api.address);
    assert_eq!(end["stateLocation"], state, "{end}");
}

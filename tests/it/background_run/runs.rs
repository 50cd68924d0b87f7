//! Executions: answers that are kept, order, limits, cancels, and what goes wrong.

use serde_json::{Value, json};

use super::*;
use crate::support::{postgres::for_each_database, upstream::Behaviour};

#[tokio::test]
async fn our_own_resources_answer_from_within() {
    for_each_database(our_own_resources_answer_from_within_on).await;
}

async fn our_own_resources_answer_from_within_on(url: String) {
    let mut place = Place::new(&[]);
    place.settings.database.url = url;
    let mut scene = place.start().await;
    let me = get("/api/v1/me").sent(&scene).await;
    let event = scene.heard.next("background.finished", me).await;
    assert_eq!(**event.data, json!({"status": "Finished", "statusCode": 200}));
    let row = ended(&scene, me).await;
    assert_eq!((row.status, row.status_code, row.attempts), (Status::Finished, 200, 1));
    assert_eq!(row.content_type.as_deref(), Some("application/json"));
    let body: Value = serde_json::from_slice(&content(&scene, &row).await).unwrap();
    assert_eq!(body["user"]["id"], scene.user.to_string());

    let data = "x".repeat(100_000);
    let large = json!({"identifier": "1", "data": {"text": data}}).to_string();
    let made = post("/api/v1/transactions", large.clone()).sent(&scene).await;
    let again = post("/api/v1/transactions", large).sent(&scene).await;
    let made = ended(&scene, made).await;
    assert_eq!(made.status_code, 201, "{made:?}");
    let body: Value = serde_json::from_slice(&content(&scene, &made).await).unwrap();
    assert_eq!(
        (&body["identifier"], &body["data"]["text"]),
        (&json!("1"), &json!(data))
    );
    assert!(made.response_chunks >= 2 && made.response_headers.unwrap().contains("/api/v1/transactions/"));
    let again = ended(&scene, again).await;
    assert_eq!(
        (again.status, again.status_code),
        (Status::Finished, 409),
        "in order, and refused"
    );

    for (request, expected) in [
        (get("/api/v1/nothing"), 404),
        (get("/api/v1/me?limit=x"), 200),
        (post("/api/v1/me", "{}"), 405),
        (post("/api/v1/transactions", "nonsense"), 400),
    ] {
        let id = request.sent(&scene).await;
        assert_eq!(ended(&scene, id).await.status_code, expected);
    }
    let refused = Given {
        token_id: Some(ApiTokenId::from(uuid::Uuid::from_u128(7))),
        ..get("/api/v1/me")
    };
    let refused = refused.sent(&scene).await;
    let refused = ended(&scene, refused).await;
    assert_eq!((refused.status, refused.status_code), (Status::Finished, 401));
    let body: Value = serde_json::from_slice(&content(&scene, &refused).await).unwrap();
    assert_eq!(body["code"], "unauthorized");
    scene.stop().await;
}

#[tokio::test]
async fn who_lost_the_right_since_is_refused() {
    let upstream = Upstream::start();
    upstream.on("/base/x", Behaviour::Json(json!({})));
    let scene = place(&upstream, |_| {}).start().await;
    let (_, token_id) = token(&scene, Right::CallsRead).await;
    for given in [get("/api/v1/me"), get("/erp/x").to("/erp")] {
        let given = Given {
            token_id: Some(token_id),
            ..given
        };
        let id = given.sent(&scene).await;
        let row = ended(&scene, id).await;
        assert_eq!((row.status, row.status_code), (Status::Finished, 403), "{row:?}");
        let body: Value = serde_json::from_slice(&content(&scene, &row).await).unwrap();
        assert!(body["detail"].as_str().unwrap().contains("background.use"), "{body}");
    }
    assert!(upstream.requests_to("/base/x").is_empty());
    scene.stop().await;
}

#[tokio::test]
async fn upstreams_answer_and_get_what_the_caller_sent() {
    let upstream = Upstream::start();
    upstream.on("/base/echo", Behaviour::Echo);
    upstream.on(
        "/base/large",
        Behaviour::Endless {
            bytes: 200_000,
            announced: true,
        },
    );
    let scene = place(&upstream, |_| {}).start().await;
    let body = "y".repeat(150_000);
    let id = post("/erp/echo?a=b", body.clone())
        .to("/erp")
        .header("ipp-company-id", "7")
        .sent(&scene)
        .await;
    let row = ended(&scene, id).await;
    assert_eq!((row.status, row.status_code), (Status::Finished, 200), "{row:?}");
    let seen = &upstream.requests_to("/base/echo")[0];
    assert_eq!((seen.target.as_str(), seen.text() == body), ("/base/echo?a=b", true));
    assert_eq!(seen.header("idempotency-key"), Some(id.to_string().as_str()));
    assert_eq!(
        (seen.header("ipp-company-id"), seen.header("x-forwarded-for")),
        (Some("7"), Some("192.0.2.7"))
    );
    let id = get("/erp/large").to("/erp").sent(&scene).await;
    let row = ended(&scene, id).await;
    assert_eq!((row.response_chunks, content(&scene, &row).await.len()), (4, 200_000));
    scene.stop().await;
}

#[tokio::test]
async fn what_goes_wrong_is_said() {
    let upstream = Upstream::start();
    upstream.on("/base/cut", Behaviour::CloseMidBody);
    upstream.on(
        "/base/large",
        Behaviour::Endless {
            bytes: 200_000,
            announced: false,
        },
    );
    upstream.on("/base/hang", Behaviour::Hang);
    upstream.on("/base/closes", Behaviour::CloseAtOnce);
    let mut place = place(&upstream, |_| {});
    // The short time is for the one that runs into it.
    let mut hasty = place.settings.upstreams[0].clone();
    (hasty.prefix, hasty.background_timeout_ms) = ("/hasty".to_owned(), 8_000);
    place.settings.upstreams.push(hasty);
    place.settings.background.response_bytes_max = 100_000;
    let scene = place.start().await;
    let cases = [
        (get("/erp/cut").to("/erp"), "ended the connection before the end"),
        (get("/erp/large").to("/erp"), "larger than 100000 bytes"),
        (get("/hasty/hang").to("/hasty"), "did not answer within 8000 ms"),
        (
            post("/erp/closes", "{}").to("/erp"),
            "ended the connection without an answer",
        ),
        (get("/gone/x").to("/gone"), "/gone is no longer in the settings"),
    ];
    let mut sent = Vec::new();
    for (given, why) in cases {
        sent.push((given.sent(&scene).await, why));
    }
    for (id, why) in sent {
        let row = ended(&scene, id).await;
        assert_eq!((row.status, row.status_code), (Status::Failed, 0), "{why}");
        assert!(row.error.as_deref().unwrap().contains(why), "{why}: {row:?}");
        assert_eq!(
            scene
                .engine
                .store()
                .body_chunk(scene.tenant, id, BodyKind::Response, 0)
                .await
                .unwrap(),
            None
        );
    }
    assert_eq!(
        upstream.requests_to("/base/closes").len(),
        1,
        "an unsafe method is not sent again"
    );
    scene.stop().await;
}

#[tokio::test]
async fn a_safe_method_is_sent_again_when_no_answer_begins() {
    let upstream = Upstream::start();
    upstream.on_each(
        "/base/shy",
        vec![
            Behaviour::CloseAtOnce,
            Behaviour::CloseAtOnce,
            Behaviour::Json(json!({})),
        ],
    );
    let scene = place(&upstream, |_| {}).start().await;
    let id = get("/erp/shy").to("/erp").sent(&scene).await;
    let row = ended(&scene, id).await;
    assert_eq!((row.status, row.status_code), (Status::Finished, 200), "{row:?}");
    assert_eq!(row.attempts, 1);
    scene.stop().await;
}

#[tokio::test]
async fn one_path_in_order_and_an_upstream_within_its_limit() {
    let upstream = Upstream::start();
    for path in ["/base/a", "/base/b", "/base/c", "/base/d"] {
        upstream.on(path, Behaviour::Gated(Box::new(Behaviour::Json(json!({})))));
    }
    let scene = place(&upstream, |erp| erp.at_once_max = Some(2)).start().await;
    let mut sent = Vec::new();
    for target in ["/erp/a?n=1", "/erp/a?n=2", "/erp/b", "/erp/c", "/erp/d"] {
        sent.push(get(target).to("/erp").sent(&scene).await);
    }
    let me = get("/api/v1/me").sent(&scene).await;
    assert_eq!(
        ended(&scene, me).await.status_code,
        200,
        "a full upstream is in nobody else's way"
    );
    upstream.wait_for("/base/a", 1).await;
    upstream.wait_for("/base/b", 1).await;
    let begun = [0, 1, 2, 3, 4].map(|n| sent[n]);
    let mut statuses = Vec::new();
    for id in begun {
        statuses.push(status(&scene, id).await);
    }
    use Status::{Queued, Started};
    assert_eq!(statuses, [Started, Queued, Started, Queued, Queued]);
    // The actor notes its numbers after it has given turns.
    eventually("three wait while two execute", || async {
        let stats = scene.engine.services().background.stats();
        (stats.waiting, stats.executing) == (3, 2)
    })
    .await;
    upstream.open_gate();
    for id in sent {
        assert_eq!(ended(&scene, id).await.status_code, 200);
    }
    let of_a: Vec<_> = upstream
        .requests_to("/base/a")
        .iter()
        .map(|seen| seen.target.clone())
        .collect();
    assert_eq!(of_a, ["/base/a?n=1", "/base/a?n=2"]);
    eventually("all places are given back", || async {
        scene.engine.services().background.taken() == 0
    })
    .await;
    scene.stop().await;
}

#[tokio::test]
async fn a_cancel_takes_what_waits_and_lets_go_what_runs() {
    let upstream = Upstream::start();
    upstream.on("/base/hang", Behaviour::Hang);
    let scene = place(&upstream, |erp| erp.at_once_max = Some(1)).start().await;
    let running = post("/erp/hang", "{}").to("/erp").sent(&scene).await;
    let waiting = post("/erp/hang", "{}").to("/erp").sent(&scene).await;
    upstream.wait_for("/base/hang", 1).await;
    let next = get("/erp/none").to("/erp").sent(&scene).await;
    let caller = Caller::embedded(scene.tenant);
    for id in [waiting, running] {
        scene
            .engine
            .background()
            .cancel(&caller, id, "https://a")
            .await
            .unwrap();
        assert_eq!(status(&scene, id).await, Status::Cancelled);
    }
    assert_eq!(ended(&scene, next).await.status_code, 404, "its slot is free");
    assert_eq!(upstream.requests_to("/base/hang").len(), 1);
    scene.stop().await;
}

//! `Idempotency-Key` on requests for the background.

use futures_util::future::join_all;
use serde_json::json;

use super::{HEADER, person};
use crate::support::{engine::TestEngine, postgres::for_each_database};

#[tokio::test]
async fn fifty_at_once_with_one_key_are_one_operation() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let body = json!({"name": "A", "rights": []});
        let posts = (0..50).map(|_| {
            let api = test.api.with("idempotency-key", "one").with(HEADER, "none");
            let body = body.clone();
            async move { api.post("/api/v1/groups", &body).await.expect(202) }
        });
        let replies = join_all(posts).await;
        let first = replies
            .iter()
            .filter(|reply| reply.header("idempotency-replayed").is_none());
        assert_eq!(first.count(), 1);
        for reply in &replies {
            assert_eq!(reply.json, replies[0].json);
            assert_eq!(reply.header("location"), replies[0].header("location"));
        }
        let list = test.api.get("/api/v1/background").await.expect(200);
        assert_eq!(list.json["items"].as_array().unwrap().len(), 1, "{list:?}");
    })
    .await;
}

#[tokio::test]
async fn a_key_stands_for_one_request() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let api = test.api.with("idempotency-key", "one").with(HEADER, "none");
        let body = json!({"name": "A", "rights": []});
        let first = api.post("/api/v1/groups", &body).await.expect(202);
        let again = api.post("/api/v1/groups", &body).await.expect(202);
        assert_eq!(
            (again.header("idempotency-replayed"), again.id()),
            (Some("true"), first.id())
        );
        let large = json!({"name": "x".repeat(300_000), "rights": []});
        for other in [
            api.post("/api/v1/groups", &json!({"name": "B", "rights": []})).await,
            api.post("/api/v1/groups", &large).await,
            api.post("/api/v1/groups?x=1", &body).await,
            api.put("/api/v1/groups", &body).await,
            api.with(HEADER, "https://receiver.invalid/")
                .post("/api/v1/groups", &body)
                .await,
        ] {
            assert_eq!((other.status, other.code()), (422, "idempotency_mismatch"), "{other:?}");
        }
        for bad in [String::new(), "k".repeat(256)] {
            let reply = api.with("idempotency-key", &bad).post("/api/v1/groups", &body).await;
            assert_eq!((reply.status, reply.code()), (400, "bad_request"));
        }
        // Keys are each user's own.
        let ola = person(&test.api, "ola", &["background.use"]).await;
        let ola = ola.with("idempotency-key", "one").with(HEADER, "none");
        let other = ola.post("/api/v1/groups", &json!({"name": "C"})).await.expect(202);
        assert_ne!(other.id(), first.id());
    })
    .await;
}

#[tokio::test]
async fn large_bodies_have_keys_too() {
    let test = TestEngine::start().await;
    let api = test.api.with("idempotency-key", "large").with(HEADER, "none");
    let body = "x".repeat(200_000);
    let post = |body: &str| api.ask("POST", "/api/v1/groups").text(body).send();
    let first = post(&body).await.expect(202);
    let again = post(&body).await.expect(202);
    assert_eq!(
        (again.header("idempotency-replayed"), again.id()),
        (Some("true"), first.id())
    );
    let other = post(&format!("{body}y")).await;
    assert_eq!((other.status, other.code()), (422, "idempotency_mismatch"));
}

//! What the audit log has of requests in the background.

use serde_json::json;

use super::{HEADER, taken};
use crate::support::{engine::TestEngine, postgres::for_each_database, upstream::Upstream};

#[tokio::test]
async fn changes_at_upstreams_are_in_the_log_once() {
    for_each_database(|url| async move {
        let upstream = Upstream::start();
        upstream.status("/api/orders", 201, "{}");
        let mut start = TestEngine::prepare();
        url.clone_into(&mut start.settings.database.url);
        let entry = json!({"prefix": "/shop", "target": upstream.url("/api")});
        start.settings.upstreams = vec![serde_json::from_value(entry).unwrap()];
        let test = start.start().await;
        let background = test.api.with(HEADER, "none").with("idempotency-key", "one");
        let order = json!({"amount": 1});
        let first = background.post("/shop/orders?key=hidden", &order).await.expect(202);
        let again = background.post("/shop/orders?key=hidden", &order).await.expect(202);
        assert_eq!(again.id(), first.id());
        background.post("/shop/orders?key=hidden", &json!({})).await.expect(422);
        // What is safe changes nothing, and our own resources write rows of their own.
        taken(&test.api, "GET", "/shop/orders").await;
        taken(&test.api, "POST", "/api/v1/groups").await;
        let log = test.api.get("/api/v1/audit?resourceKind=background").await.expect(200);
        let rows = log.json["items"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{rows:?}");
        let row = &rows[0];
        assert_eq!(
            (&row["action"], &row["resourceId"]),
            (&json!("background.accepted"), &json!(first.id())),
            "{row}"
        );
        let after = json!({"method": "POST", "upstream": "/shop", "path": "/shop/orders"});
        assert_eq!(
            (&row["after"], row.get("before")),
            (&after, Some(&json!(null))),
            "{row}"
        );
        let me = test.api.get("/api/v1/me").await.expect(200).json;
        assert_eq!(row["userId"], me["user"]["id"], "{row}");
    })
    .await;
}

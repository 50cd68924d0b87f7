//! Stored answers: as they were, and never as pages of ours.

use super::Made;
use crate::support::{engine::TestEngine, postgres::for_each_database};

#[tokio::test]
async fn contents_come_back_as_they_were() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let made = Made::of(&test).await;
        let long: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
        for (status, content_type, body, disposition) in [
            (200, Some("application/json"), &b"{\"a\":1.50}"[..], "inline"),
            (404, Some("application/problem+json"), b"{}", "inline"),
            (200, Some("text/plain; charset=latin1"), b"\xe5", "inline"),
            (200, Some("text/html"), b"<script>alert(1)</script>", "attachment"),
            (200, Some("image/svg+xml"), b"<svg onload='alert(1)'/>", "attachment"),
            (500, None, b"\0\xff", "attachment"),
            (200, Some("application/pdf"), &long, "attachment"),
        ] {
            let id = made.finished(status, content_type, body).await;
            let reply = test
                .api
                .get(&format!("/api/v1/background/{id}/content"))
                .await
                .expect(200);
            assert_eq!(reply.body, body);
            let media_type = content_type.unwrap_or("application/octet-stream");
            assert_eq!(reply.header("content-type"), Some(media_type));
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
            let policy = reply.header("content-security-policy").unwrap();
            assert!(policy.starts_with("sandbox;"), "{policy}");
            let shown = reply.header("content-disposition").unwrap();
            assert!(shown.starts_with(disposition), "{media_type}: {shown}");
        }
    })
    .await;
}

#[tokio::test]
async fn there_may_be_none_or_none_yet() {
    let test = TestEngine::start().await;
    let made = Made::of(&test).await;
    let content = |id| format!("/api/v1/background/{id}/content");
    let empty = test.api.get(&content(made.finished(204, None, b"").await)).await;
    assert_eq!((empty.status, empty.body.len()), (204, 0));
    for (id, word) in [(made.queued().await, "Queued"), (made.started().await, "Started")] {
        let early = test.api.get(&content(id)).await;
        assert_eq!((early.status, early.code()), (409, "wrong_state"));
        assert!(early.header("retry-after").is_some());
        assert!(early.json["detail"].as_str().unwrap().contains(word));
    }
}

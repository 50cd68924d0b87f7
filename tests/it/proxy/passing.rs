//! What goes along and what comes back.

use serde_json::{Value, json};

use super::{ask, engine, engine_with, entry};
use crate::support::{
    scene::eventually,
    upstream::{Behaviour, Upstream},
};

fn respond(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Behaviour {
    Behaviour::Respond {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.to_vec(),
    }
}

#[actix_rt::test]
async fn requests_pass_as_they_are() {
    let upstream = Upstream::start();
    upstream.on("/api/a%20b", Behaviour::Echo);
    let engine = engine(&upstream, json!({})).await;
    let asked = engine
        .api
        .ask("POST", "/shop/a%20b?x=1&y=%2F&x=2")
        .header("content-type", "text/plain")
        .header("accept-encoding", "br")
        .header("user-agent", "probe/1")
        .header("ipp-application-type", "Visma.net Financials")
        .header("cookie", "a=1")
        .header("idempotency-key", "k-1")
        .header("connection", "x-hop")
        .header("x-hop", "1")
        .header("te", "trailers")
        .header("x-forwarded-for", "192.0.2.9")
        .header("accept", "a/b")
        .header("accept", "c/d")
        .text("hello");
    asked.send().await.expect(200);
    let seen = &upstream.requests()[0];
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("POST", "/api/a%20b?x=1&y=%2F&x=2")
    );
    assert_eq!(seen.text(), "hello");
    for (name, expected) in [
        ("host", Some(upstream.address())),
        ("content-type", Some("text/plain".to_owned())),
        ("content-length", Some("5".to_owned())),
        ("accept-encoding", Some("br".to_owned())),
        ("user-agent", Some("probe/1".to_owned())),
        ("ipp-application-type", Some("Visma.net Financials".to_owned())),
        ("cookie", None),
        ("idempotency-key", Some("k-1".to_owned())),
        ("x-forwarded-for", Some("192.0.2.9, 127.0.0.1".to_owned())),
        ("x-forwarded-host", Some(engine.api.address.to_string())),
        ("x-forwarded-proto", Some("http".to_owned())),
        ("via", Some("1.1 orrery".to_owned())),
        ("x-hop", None),
        ("te", None),
        ("authorization", None),
    ] {
        assert_eq!(seen.header(name), expected.as_deref(), "{name}");
    }
    let accepted: Vec<_> = seen.headers.iter().filter(|(name, _)| name == "accept").collect();
    assert_eq!(accepted.len(), 2);
    assert!(!seen.headers.iter().any(|(_, value)| value.contains("Bearer")));
}

/// What the upstream takes for the tenant is what was checked here.
#[actix_rt::test]
async fn the_company_goes_along_as_it_was_checked() {
    let upstream = Upstream::start();
    upstream.on("/api/x", Behaviour::Echo);
    let engine = engine(&upstream, json!({})).await;
    let tenant = json!({"companyId": "two", "name": "Two"});
    engine.api.post("/api/v1/tenants", &tenant).await.expect(201);
    for (given, expected) in [
        (vec![], None),
        (vec![("ipp-company-id", "two")], Some("two")),
        (
            vec![("connection", "ipp-company-id"), ("ipp-company-id", " two ")],
            Some("two"),
        ),
        (vec![("ipp_company_id", "two"), ("ipp-company-id", "1")], Some("1")),
    ] {
        let mut raw = ask(&engine, "GET /shop/x", &given).await;
        assert_eq!(raw.head().await.status, 200, "{given:?}");
        let seen = upstream.requests().pop().unwrap();
        let names = |name: &str| name.replace('_', "-") == "ipp-company-id";
        let found: Vec<_> = seen.headers.iter().filter(|(name, _)| names(name)).collect();
        let found: Vec<_> = found.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(found, Vec::from_iter(expected), "{given:?}");
    }
    let before = upstream.requests().len();
    for (line, second) in [("GET /shop/x", "two"), ("GET /shop/x", "1"), ("GET /api/v1/me", "two")] {
        let both = [("ipp-company-id", "1"), ("ipp-company-id", second)];
        let mut raw = ask(&engine, line, &both).await;
        let head = raw.head().await;
        let (text, _) = raw.text(&head).await;
        assert!(head.status == 400 && text.contains("more than once"), "{line}: {text}");
    }
    assert_eq!(upstream.requests().len(), before);
}

#[actix_rt::test]
async fn what_changes_something_is_in_the_audit_log() {
    let upstream = Upstream::start();
    upstream.on("/api/x", Behaviour::Echo);
    upstream.status("/api/refused", 409, "no");
    upstream.on("/api/lost", Behaviour::CloseAtOnce);
    upstream.on("/api/hang", Behaviour::Hang);
    let engine = engine(&upstream, json!({})).await;
    for (method, path, status) in [
        ("GET", "/shop/x", 200),
        ("HEAD", "/shop/x", 200),
        ("OPTIONS", "/shop/x", 200),
        ("POST", "/shop/x?secret=1", 200),
        ("DELETE", "/shop/refused", 409),
        ("PROPFIND", "/shop/lost", 502),
        ("PUT", "/shop/..", 400),
    ] {
        engine.api.ask(method, path).send().await.expect(status);
    }
    let log = || async {
        let log = engine.api.get("/api/v1/audit?resourceKind=upstream").await.expect(200);
        log.json["items"].as_array().unwrap().clone()
    };
    let rows = log().await;
    let shown: Vec<_> = rows.iter().map(|row| row["after"].clone()).collect();
    assert_eq!(
        shown,
        [
            json!({"method": "PROPFIND", "path": "/shop/lost", "status": 502}),
            json!({"method": "DELETE", "path": "/shop/refused", "status": 409}),
            json!({"method": "POST", "path": "/shop/x", "status": 200}),
        ]
    );
    for row in &rows {
        assert_eq!(
            (&row["action"], &row["resourceId"]),
            (&json!("upstream.request"), &json!("/shop"))
        );
        assert!(row["userId"].is_string() && row["tokenId"].is_string() && row["requestId"].is_string());
    }

    // Who goes away does not take the row along.
    let raw = ask(&engine, "POST /shop/hang", &[("content-length", "0")]).await;
    upstream.wait_for("/api/hang", 1).await;
    drop(raw);
    eventually("the row of a request whose caller is gone", async || {
        log().await.len() == 4
    })
    .await;
    let gone = json!({"method": "POST", "path": "/shop/hang", "status": null});
    assert_eq!(log().await[0]["after"], gone);
}

#[actix_rt::test]
async fn every_method_passes_but_those_that_cannot() {
    let upstream = Upstream::start();
    upstream.on("/api/x", Behaviour::Echo);
    let engine = engine(&upstream, json!({})).await;
    for method in [
        "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "M-SEARCH",
    ] {
        let reply = engine.api.ask(method, "/shop/x").send().await.expect(200);
        assert_eq!(reply.json["method"], method);
    }
    let seen = upstream.requests();
    let length = |method: &str| {
        let request = seen.iter().find(|request| request.method == method).unwrap();
        request.header("content-length").map(ToOwned::to_owned)
    };
    assert_eq!((length("GET"), length("POST")), (None, Some("0".to_owned())));
    let reply = engine.api.ask("TRACE", "/shop/x").send().await.expect(405);
    assert_eq!(reply.code(), "method_not_allowed");
    let websocket = engine.api.ask("GET", "/shop/x").header("upgrade", "websocket");
    let reply = websocket.header("connection", "upgrade").send().await.expect(400);
    assert!(reply.json["detail"].as_str().unwrap().contains("upgraded"), "{reply:?}");
    assert_eq!(upstream.requests().len(), seen.len());
}

#[actix_rt::test]
async fn answers_come_back_as_they_are() {
    let upstream = Upstream::start();
    let packed = b"\x1f\x8b not really gzip".to_vec();
    let headers = [
        ("content-type", "text/html"),
        ("content-encoding", "gzip"),
        ("cache-control", "max-age=60"),
        ("x-content-type-options", "theirs"),
        ("set-cookie", "a=1"),
        ("strict-transport-security", "max-age=1"),
        ("clear-site-data", "*"),
        ("service-worker-allowed", "/"),
        ("retry-after", "7"),
        ("connection", "x-internal"),
        ("x-internal", "1"),
    ];
    upstream.on("/api/page", respond(503, &headers, &packed));
    upstream.on(
        "/api/lost",
        respond(404, &[("x-request-id", "theirs")], b"{\"mine\":true}"),
    );
    upstream.on("/api/none", respond(204, &[], b""));
    upstream.on("/api/same", respond(304, &[("etag", "\"1\"")], b""));
    upstream.on("/api/odd", respond(799, &[], b"odd"));
    let engine = engine(&upstream, json!({})).await;
    let reply = engine.api.get("/shop/page").await.expect(503);
    assert_eq!(reply.body, packed);
    for (name, expected) in [
        ("content-type", Some("text/html")),
        ("content-encoding", Some("gzip")),
        ("cache-control", Some("max-age=60")),
        ("x-content-type-options", Some("theirs")),
        ("retry-after", Some("7")),
        ("set-cookie", None),
        ("strict-transport-security", None),
        ("clear-site-data", None),
        ("service-worker-allowed", None),
        ("x-internal", None),
        ("content-security-policy", None),
    ] {
        assert_eq!(reply.header(name), expected, "{name}");
    }
    assert!(reply.header("x-request-id").is_some());
    let reply = engine.api.get("/shop/lost").await.expect(404);
    assert_eq!(
        (&reply.json, reply.header("x-request-id")),
        (&json!({"mine": true}), Some("theirs"))
    );
    let reply = engine.api.get("/shop/none").await.expect(204);
    assert_eq!((reply.body.len(), reply.header("content-length")), (0, None));
    let reply = engine.api.get("/shop/same").await.expect(304);
    assert_eq!(reply.header("etag"), Some("\"1\""));
    let reply = engine.api.get("/shop/odd").await.expect(799);
    assert_eq!(reply.body, b"odd");
}

#[actix_rt::test]
async fn head_tells_the_length_and_sends_nothing() {
    let upstream = Upstream::start();
    upstream.on("/api/x", respond(200, &[], b"0123456789"));
    let engine = engine(&upstream, json!({})).await;
    let mut raw = ask(&engine, "HEAD /shop/x", &[]).await;
    let head = raw.head().await;
    assert_eq!((head.status, head.header("content-length")), (200, Some("10")));
    // The next answer on the connection begins where the first one ended.
    let token = engine.api.headers()[0].1.clone();
    let again = format!("GET /shop/x HTTP/1.1\r\nhost: a\r\nauthorization: {token}\r\n\r\n");
    raw.send(again.as_bytes()).await;
    let head = raw.head().await;
    assert_eq!(raw.text(&head).await, ("0123456789".to_owned(), true));
}

#[actix_rt::test]
async fn redirects_come_back_and_lead_through_the_gateway() {
    let upstream = Upstream::start();
    let redirect = |status: u16, location: String| Behaviour::Redirect { status, location };
    upstream.on("/api/absolute", redirect(302, upstream.url("/api/there?x=1")));
    upstream.on("/api/rooted", redirect(307, "/api/there".to_owned()));
    upstream.on("/api/elsewhere", redirect(301, "https://b.example/x".to_owned()));
    upstream.on("/api/outside", redirect(301, "/login".to_owned()));
    let engine = engine(&upstream, json!({})).await;
    for (path, status, expected) in [
        (
            "/shop/absolute",
            302,
            format!("http://{}/shop/there?x=1", engine.api.address),
        ),
        ("/shop/rooted", 307, "/shop/there".to_owned()),
        ("/shop/elsewhere", 301, "https://b.example/x".to_owned()),
        ("/shop/outside", 301, "/login".to_owned()),
    ] {
        let reply = engine.api.get(path).await.expect(status);
        assert_eq!(reply.header("location"), Some(expected.as_str()), "{path}");
    }
    assert_eq!(upstream.requests().len(), 4);
}

#[actix_rt::test]
async fn paths_stay_below_the_target() {
    let upstream = Upstream::start();
    let engine = engine(&upstream, json!({})).await;
    for path in [
        "/shop/../secret",
        "/shop/%2e%2e/secret",
        "/shop/..%2Fsecret",
        "/shop/..;/secret",
    ] {
        let reply = engine.api.get(path).await.expect(400);
        assert_eq!(reply.code(), "bad_request", "{path}");
    }
    assert!(upstream.requests().is_empty());
    let reply = engine.api.get("/shops/x").await.expect(404);
    assert_eq!(reply.code(), "not_found");
    // Names of other hosts are parts of the path like others.
    engine.api.get("/shop//b.example/x").await.expect(404);
    assert_eq!(upstream.requests()[0].target, "/api//b.example/x");
    engine.api.get("/%73hop/x").await.expect(404);
    assert_eq!(upstream.requests()[1].target, "/api/x");
}

#[actix_rt::test]
async fn own_resources_stay_in_front_and_each_upstream_has_its_place() {
    let (one, other) = (Upstream::start(), Upstream::start());
    one.on("/x", Behaviour::Json(json!(1)));
    other.on("/v2/x", Behaviour::Json(json!(2)));
    let engine = engine_with(vec![
        entry("/shop", &one.url(""), json!({})),
        entry("/erp/v2", &other.url("/v2/"), json!({})),
    ])
    .await;
    assert_eq!(engine.api.get("/shop/x").await.expect(200).json, 1);
    assert_eq!(engine.api.get("/erp/v2/x").await.expect(200).json, 2);
    assert_ne!(engine.api.get("/api/v1/me").await.expect(200).json, Value::Null);
    let text = String::from_utf8(engine.api.get("/metrics").await.body).unwrap();
    for line in [
        r#"route="/shop",status="200"} 1"#,
        r#"orrery_upstream_requests_total{status="200",upstream="/shop"} 1"#,
        r#"orrery_upstream_requests_total{status="200",upstream="/erp/v2"} 1"#,
        r#"orrery_upstream_requests_going{upstream="/shop"} 0"#,
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[actix_rt::test]
async fn with_the_header_a_request_is_taken_for_the_background() {
    let upstream = Upstream::start();
    let engine = engine(&upstream, json!({})).await;
    let ask = |method: &str, path: &str| engine.api.ask(method, path).header("erp-api-background", "none");
    let reply = ask("POST", "/shop/x").text("later").send().await.expect(202);
    assert!(reply.header("location").unwrap().ends_with(&reply.id()), "{reply:?}");
    ask("TRACE", "/shop/x").send().await.expect(405);
    ask("GET", "/shop/%2e%2e/x").send().await.expect(400);
}

//! Upstreams that give no usable answer, and limits.

use serde_json::json;

use super::{ask, engine, engine_with, entry};
use crate::support::{
    outbound::closed_port,
    process::orrery,
    upstream::{Behaviour, Upstream},
};

#[actix_rt::test]
async fn no_answer_is_a_problem_that_names_the_prefix_and_nothing_behind_it() {
    let upstream = Upstream::start();
    upstream.on("/api/close", Behaviour::CloseAtOnce);
    upstream.on("/api/words", Behaviour::NotHttp);
    upstream.on("/api/huge", Behaviour::HugeHead { bytes: 80_000 });
    upstream.on("/api/hang", Behaviour::Hang);
    let (_nobody, closed) = closed_port();
    let engine = engine_with(vec![
        entry("/shop", &upstream.url("/api"), json!({})),
        entry("/slow", &upstream.url("/api"), json!({"timeout_ms": 3_000})),
        entry("/closed", &format!("http://{closed}/api"), json!({})),
        entry("/secure", &upstream.url("/api").replace("http:", "https:"), json!({})),
        entry("/private", "http://10.255.1.2/api", json!({})),
        entry("/unknown", "http://nobody.invalid/api", json!({})),
    ])
    .await;
    for (path, status, code, part) in [
        ("/shop/close", 502, "bad_gateway", "without an answer"),
        ("/shop/words", 502, "bad_gateway", "HTTP"),
        ("/shop/huge", 502, "bad_gateway", "too large"),
        ("/slow/hang", 504, "gateway_timeout", "3000 ms"),
        ("/closed/x", 502, "bad_gateway", "no connection"),
        ("/secure/x", 502, "bad_gateway", "TLS"),
        ("/private/x", 502, "bad_gateway", "egress.allow"),
        ("/unknown/x", 502, "bad_gateway", "name of its host"),
    ] {
        let reply = engine.api.get(path).await.expect(status);
        assert_eq!(
            (reply.code(), reply.header("content-type")),
            (code, Some("application/problem+json"))
        );
        let detail = reply.json["detail"].as_str().unwrap();
        let prefix = path.rsplit_once('/').unwrap().0;
        assert!(detail.contains(part) && detail.contains(prefix), "{path}: {detail}");
        let text = String::from_utf8(reply.body.clone()).unwrap();
        for inside in ["127.0.0.1", "10.255", "invalid", "/api/"] {
            assert!(!text.contains(inside), "{path}: {text}");
        }
    }
}

#[actix_rt::test]
async fn a_client_that_stops_sending_is_told_so() {
    let upstream = Upstream::start();
    upstream.on("/api/up", Behaviour::Echo);
    let engine = engine(&upstream, json!({"timeout_ms": 10_000})).await;
    let mut raw = ask(&engine, "POST /shop/up", &[("transfer-encoding", "chunked")]).await;
    raw.send_chunk(b"the first part").await;
    let head = raw.head().await;
    let (text, _) = raw.text(&head).await;
    assert_eq!(head.status, 408, "{text}");
    assert!(upstream.requests().is_empty());
}

#[actix_rt::test]
async fn more_at_once_than_allowed_are_asked_to_come_again() {
    let upstream = Upstream::start();
    upstream.on("/api/slow", Behaviour::Gated(Box::new(Behaviour::Json(json!(1)))));
    upstream.on("/api/quick", Behaviour::Json(json!(2)));
    let engine = engine(&upstream, json!({"at_once_max": 1})).await;
    let slow = engine.api.get("/shop/slow");
    let second = async {
        upstream.wait_for("/api/slow", 1).await;
        let refused = engine.api.get("/shop/quick").await.expect(503);
        assert_eq!(
            (refused.code(), refused.header("retry-after")),
            ("unavailable", Some("1"))
        );
        assert!(refused.json["detail"].as_str().unwrap().contains("/shop"));
        upstream.open_gate();
    };
    let (slow, ()) = futures_util::join!(slow, second);
    assert_eq!(slow.expect(200).json, 1);
    assert_eq!(engine.api.get("/shop/quick").await.expect(200).json, 2);
    assert_eq!(upstream.requests_to("/api/quick").len(), 1);
}

#[actix_rt::test]
async fn one_tenant_cannot_keep_others_out() {
    let upstream = Upstream::start();
    upstream.on("/api/slow", Behaviour::Gated(Box::new(Behaviour::Json(json!(1)))));
    upstream.on("/api/quick", Behaviour::Json(json!(2)));
    let engine = engine(&upstream, json!({"at_once_max": 2})).await;
    let tenant = json!({"companyId": "two", "name": "Two"});
    engine.api.post("/api/v1/tenants", &tenant).await.expect(201);
    let slow = engine.api.get("/shop/slow");
    let others = async {
        upstream.wait_for("/api/slow", 1).await;
        let refused = engine.api.get("/shop/quick").await.expect(503);
        let detail = refused.json["detail"].as_str().unwrap();
        assert!(
            detail.contains("tenant has 1 requests") && detail.contains("limit 2"),
            "{detail}"
        );
        assert_eq!(refused.header("retry-after"), Some("1"));
        engine.api.in_tenant("two").get("/shop/quick").await.expect(200);
        upstream.open_gate();
    };
    let (slow, ()) = futures_util::join!(slow, others);
    assert_eq!(slow.expect(200).json, 1);
}

/// A body that does not come holds nothing that others need.
#[actix_rt::test]
async fn small_bodies_are_read_before_there_is_a_place() {
    let upstream = Upstream::start();
    upstream.on("/api/quick", Behaviour::Json(json!(2)));
    let engine = engine(&upstream, json!({"at_once_max": 1})).await;
    let stalled = ask(&engine, "POST /shop/quick", &[("content-length", "10")]).await;
    engine.api.get("/shop/quick").await.expect(200);
    drop(stalled);
}

#[test]
fn check_says_where_upstreams_lead() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("upstreams.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let database = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
        let variables = [
            ("ORRERY__DATABASE__URL", database.as_str()),
            ("ORRERY__DATA__DIR", directory.path().to_str().unwrap()),
            ("ORRERY__EGRESS__ALLOW", "127.0.0.1"),
        ];
        orrery(&["check", "--settings", file.to_str().unwrap()], &variables, "")
    };
    let good = "[[upstreams]]\nprefix = \"/a\"\ntarget = \"http://127.0.0.1:9/x\"\nclient = \"shop\"\n";
    let found = check(good);
    assert_eq!(found.code, Some(0), "{}", found.stdout);
    let line = found.stdout.lines().find(|line| line.starts_with("upstream")).unwrap();
    assert!(
        line.contains("ok: /a leads to http://127.0.0.1:9/x") && line.contains("\"shop\""),
        "{line}"
    );

    let found = check(&format!(
        "{good}[[upstreams]]\nprefix = \"/b\"\ntarget = \"http://10.0.0.1\"\n"
    ));
    assert_eq!(found.code, Some(1));
    let line = found.stdout.lines().find(|line| line.contains("/b")).unwrap();
    assert!(line.contains("WRONG") && line.contains("egress.allow"), "{line}");

    for (wrong, part) in [
        ("prefix = \"/api/v1\"\ntarget = \"http://a.example\"", "/api/v1"),
        ("prefix = \"/b\"\ntarget = \"a.example\"", "target"),
        ("prefix = \"/a/b\"\ntarget = \"http://a.example\"", "/a"),
        ("prefix = \"/b\"\ntarget = \"http://a.example\"\nspeed = 1", "speed"),
    ] {
        let found = check(&format!("{good}[[upstreams]]\n{wrong}\n"));
        assert_eq!(found.code, Some(1), "{wrong}");
        assert!(
            found.stdout.contains("settings  WRONG") && found.stdout.contains(part),
            "{}",
            found.stdout
        );
    }
}

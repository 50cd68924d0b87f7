//! Bodies: large, slow, cut off, refused.

use serde_json::{Value, json};

use super::{ask, engine, engine_with, entry};
use crate::support::{
    engine::Api,
    process::Orrery,
    raw::Raw,
    upstream::{Behaviour, Upstream, pattern},
};

const MIB: u64 = 1 << 20;

fn piece(at: u64, bytes: u64) -> Vec<u8> {
    (at..at + bytes).map(pattern).collect()
}

async fn json_of(raw: &mut Raw) -> Value {
    let head = raw.head().await;
    let (text, whole) = raw.text(&head).await;
    assert!(whole && head.status == 200, "{head:?} {text}");
    serde_json::from_str(&text).unwrap()
}

/// The real binary, so that its memory can be measured.
#[actix_rt::test]
async fn large_bodies_flow_through_little_memory() {
    const BYTES: u64 = 64 * MIB;
    let upstream = Upstream::start();
    upstream.on("/up", Behaviour::Count);
    upstream.on("/down", Behaviour::Pattern(BYTES));
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("shop.toml");
    let text = format!(
        "[[upstreams]]\nprefix = \"/shop\"\ntarget = \"{}\"\ntimeout_ms = 3600000\n",
        upstream.url("")
    );
    std::fs::write(&settings, text).unwrap();
    let database = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let orrery = Orrery::start(
        &["serve", "--settings", settings.to_str().unwrap()],
        &[
            ("ORRERY__DATABASE__URL", &database),
            ("ORRERY__DATA__DIR", directory.path().to_str().unwrap()),
            ("ORRERY__SERVER__PORT", "0"),
            ("ORRERY__SCRIPT__WORKERS", "1"),
            ("ORRERY__ADMIN__PASSWORD", "correct horse"),
            ("ORRERY__EGRESS__ALLOW", &upstream.address()),
        ],
    );
    let line = orrery.stdout_line_with("listening");
    let address = line.strip_prefix("orrery listening on http://").unwrap();
    let address = address.split(' ').next().unwrap().parse().unwrap();
    let api = Api::anonymous(address).sign_in("admin", "correct horse").await;
    let before = orrery.resident_bytes();

    let mut most = before;
    let length = ("content-length".to_owned(), BYTES.to_string());
    let chunked = ("transfer-encoding".to_owned(), "chunked".to_owned());
    for framing in [length, chunked] {
        let in_chunks = framing.1 == "chunked";
        let mut headers = api.headers().to_vec();
        headers.push(framing);
        let mut raw = Raw::ask(address, "POST /shop/up", &headers).await;
        for at in (0..BYTES).step_by(MIB as usize) {
            match in_chunks {
                true => raw.send_chunk(&piece(at, MIB)).await,
                false => raw.send(&piece(at, MIB)).await,
            }
            most = most.max(orrery.resident_bytes());
        }
        if in_chunks {
            raw.send_chunk(b"").await;
        }
        assert_eq!(json_of(&mut raw).await, json!({"bytes": BYTES, "right": true}));
    }
    let mut raw = Raw::ask(address, "GET /shop/down", api.headers()).await;
    let head = raw.head().await;
    let (mut received, mut right) = (0, true);
    let take = |bytes: &[u8]| {
        right &= bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| pattern(received + at as u64) == *byte);
        received += bytes.len() as u64;
        most = most.max(orrery.resident_bytes());
    };
    assert!(raw.body(&head, take).await);
    assert_eq!((received, right), (BYTES, true));
    let grown = most.saturating_sub(before);
    assert!(grown < 16 * MIB, "64 MiB passed through {} MiB of memory", grown / MIB);
}

#[actix_rt::test]
async fn slow_bodies_pass() {
    let upstream = Upstream::start();
    upstream.on("/api/drip", Behaviour::Drip(b"one drop after the other".to_vec()));
    upstream.on("/api/echo", Behaviour::Echo);
    upstream.on("/api/old", Behaviour::UntilClose(b"until the end".to_vec()));
    let engine = engine(&upstream, json!({})).await;
    let reply = engine.api.get("/shop/drip").await.expect(200);
    assert_eq!(reply.body, b"one drop after the other");
    let reply = engine.api.get("/shop/old").await.expect(200);
    assert_eq!(reply.body, b"until the end");

    let mut raw = ask(&engine, "POST /shop/echo", &[("transfer-encoding", "chunked")]).await;
    for byte in b"slowly" {
        raw.send_chunk(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    raw.send_chunk(b"").await;
    assert_eq!(json_of(&mut raw).await["body"], "slowly");
}

#[actix_rt::test]
async fn answers_that_are_cut_off_do_not_look_whole() {
    let upstream = Upstream::start();
    upstream.on("/api/length", Behaviour::CloseMidBody);
    upstream.on("/api/chunks", Behaviour::CloseMidChunks);
    upstream.on("/api/late", Behaviour::HangAfterHead);
    let engine = engine_with(vec![
        entry("/shop", &upstream.url("/api"), json!({})),
        entry("/slow", &upstream.url("/api"), json!({"timeout_ms": 10_000})),
    ])
    .await;
    for path in ["/shop/length", "/shop/chunks", "/slow/late"] {
        let mut raw = ask(&engine, &format!("GET {path}"), &[]).await;
        let head = raw.head().await;
        let (_, whole) = raw.text(&head).await;
        assert_eq!((head.status, whole), (200, false), "{path}");
    }
}

#[actix_rt::test]
async fn requests_that_are_cut_off_do_not_look_whole() {
    let upstream = Upstream::start();
    upstream.on("/api/up", Behaviour::Echo);
    let engine = engine(&upstream, json!({})).await;
    for framing in [("content-length", "100000"), ("transfer-encoding", "chunked")] {
        let mut raw = ask(&engine, "POST /shop/up", &[framing]).await;
        raw.send(b"a\r\n0123456789\r\n").await;
        drop(raw);
    }
    upstream.wait_for_closed(upstream.connections()).await;
    assert!(upstream.requests().is_empty(), "{:?}", upstream.requests());
}

#[actix_rt::test]
async fn bodies_over_the_cap_are_refused() {
    let upstream = Upstream::start();
    upstream.on("/api/up", Behaviour::Count);
    let engine = engine(&upstream, json!({"body_bytes_max": 100_000})).await;
    let mut raw = ask(&engine, "POST /shop/up", &[("content-length", "100001")]).await;
    assert_eq!(raw.head().await.status, 413);
    assert!(upstream.requests().is_empty());

    let mut raw = ask(&engine, "POST /shop/up", &[("transfer-encoding", "chunked")]).await;
    for _ in 0..4 {
        raw.send_chunk(&piece(0, 30_000)).await;
    }
    raw.send_chunk(b"").await;
    let head = raw.head().await;
    let (text, _) = raw.text(&head).await;
    assert_eq!(head.status, 413);
    assert!(text.contains("100000 bytes") && text.contains("/shop"), "{text}");

    let mut raw = ask(&engine, "POST /shop/up", &[("content-length", "100000")]).await;
    raw.send(&piece(0, 100_000)).await;
    assert_eq!(json_of(&mut raw).await["bytes"], 100_000);
}

/// Above what the server's own bodies may have: what flows through needs no such limit.
#[actix_rt::test]
async fn the_cap_is_the_upstreams_own() {
    let upstream = Upstream::start();
    upstream.on("/api/up", Behaviour::Count);
    let engine = engine(&upstream, json!({})).await;
    let mut raw = ask(&engine, "POST /shop/up", &[("content-length", "6291456")]).await;
    for at in 0..6 {
        raw.send(&piece(at * MIB, MIB)).await;
    }
    assert_eq!(json_of(&mut raw).await, json!({"bytes": 6 * MIB, "right": true}));
}

#[actix_rt::test]
async fn early_answers_to_large_bodies_come_back() {
    let upstream = Upstream::start();
    upstream.on(
        "/api/closes",
        Behaviour::Refuse {
            status: 413,
            stays: false,
        },
    );
    upstream.on(
        "/api/stays",
        Behaviour::Refuse {
            status: 401,
            stays: true,
        },
    );
    upstream.on("/api/echo", Behaviour::Echo);
    let engine = engine(&upstream, json!({})).await;
    for (path, status) in [("/shop/closes", 413), ("/shop/stays", 401)] {
        let length = (16 * MIB).to_string();
        let mut raw = ask(&engine, &format!("POST {path}"), &[("content-length", &length)]).await;
        for at in 0..16 {
            raw.send(&piece(at * MIB, MIB)).await;
        }
        let head = raw.head().await;
        let (text, whole) = raw.text(&head).await;
        assert_eq!(
            (head.status, text.as_str(), whole),
            (status, "no more of this", true),
            "{path}"
        );
    }
    // Nothing of those connections is left for others.
    engine
        .api
        .ask("POST", "/shop/echo")
        .text("next")
        .send()
        .await
        .expect(200);
}

#[actix_rt::test]
async fn a_client_that_goes_away_closes_the_connection_of_the_upstream() {
    let upstream = Upstream::start();
    upstream.on("/api/hang", Behaviour::Hang);
    upstream.on("/api/head", Behaviour::HangAfterHead);
    let endless = Behaviour::Endless {
        bytes: 1 << 40,
        announced: true,
    };
    upstream.on("/api/endless", endless);
    let engine = engine(&upstream, json!({})).await;
    for (closed, path) in ["/hang", "/head", "/endless"].into_iter().enumerate() {
        let mut raw = ask(&engine, &format!("GET /shop{path}"), &[]).await;
        upstream.wait_for(&format!("/api{path}"), 1).await;
        if path != "/hang" {
            raw.head().await;
        }
        drop(raw);
        upstream.wait_for_closed(closed + 1).await;
    }
}

/// The server asks for more of an answer only when its client takes it, so the deadline must not depend on that.
#[actix_rt::test]
async fn a_client_that_does_not_read_holds_nothing_beyond_the_deadline() {
    for announced in [true, false] {
        let upstream = Upstream::start();
        let bytes = 1 << 40;
        upstream.on("/api/endless", Behaviour::Endless { bytes, announced });
        upstream.on("/api/echo", Behaviour::Echo);
        let settings = json!({"timeout_ms": 15_000, "at_once_max": 1, "client": "shop"});
        let engine = engine(&upstream, settings).await;
        let client = json!({"name": "shop", "auth": {"kind": "none"}, "limits": {"concurrent": 1}});
        engine.api.post("/api/v1/clients", &client).await.expect(201);
        let mut raw = ask(&engine, "GET /shop/endless", &[]).await;
        upstream.wait_for_closed(1).await;
        // The place is free, and so is that of the client's budget.
        engine.api.get("/shop/echo").await.expect(200);
        let head = raw.head().await;
        let mut received = 0;
        let whole = raw.body(&head, |bytes| received += bytes.len()).await;
        assert!(!whole && received > 0, "{announced}: {received}");
    }
}

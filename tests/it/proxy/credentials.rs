//! Whose credentials go along, and who may pass.

use serde_json::{Value, json};

use super::{ask, engine, engine_with, entry};
use crate::support::{
    engine::{Api, TestEngine},
    upstream::{Behaviour, Upstream},
};

async fn client(api: &Api, name: &str, auth: Value) -> String {
    let made = api.post("/api/v1/clients", &json!({"name": name, "auth": auth})).await;
    made.expect(201).id()
}

async fn other_tenant(engine: &TestEngine) -> Api {
    let tenant = json!({"companyId": "two", "name": "Two"});
    engine.api.post("/api/v1/tenants", &tenant).await.expect(201);
    engine.api.in_tenant("two")
}

fn oauth(upstream: &Upstream) -> Value {
    json!({
        "kind": "oauth2ClientCredentials", "tokenUrl": upstream.url("/token"), "clientId": "a", "clientSecret": "hush-hush",
    })
}

#[actix_rt::test]
async fn only_callers_with_the_right_pass() {
    let upstream = Upstream::start();
    upstream.on("/api/x", Behaviour::Echo);
    let engine = engine(&upstream, json!({})).await;
    let anonymous = Api::anonymous(engine.api.address);
    for stranger in [
        anonymous.clone(),
        anonymous.with_token("wrong"),
        anonymous.with("x-orrery-token", "wrong"),
        engine.api.with("x-orrery-token", ""),
    ] {
        let reply = stranger.get("/shop/x").await.expect(401);
        assert_eq!(reply.code(), "unauthorized");
    }
    let token = |rights: &[&str]| json!({"name": rights.join(" "), "rights": rights});
    let weak = engine
        .api
        .post("/api/v1/tokens", &token(&["calls.read"]))
        .await
        .expect(201);
    let weak = anonymous.with_token(weak.json["token"].as_str().unwrap());
    let reply = weak.get("/shop/x").await.expect(403);
    assert_eq!(reply.code(), "forbidden");
    assert!(reply.json["detail"].as_str().unwrap().contains("background.use"));
    assert!(upstream.requests().is_empty());

    let fits = engine
        .api
        .post("/api/v1/tokens", &token(&["background.use"]))
        .await
        .expect(201);
    let fits = fits.json["token"].as_str().unwrap().to_owned();
    anonymous.with_token(&fits).get("/shop/x").await.expect(200);
    anonymous.with("x-orrery-token", &fits).get("/shop/x").await.expect(200);
    let bearer = format!("Bearer {fits}");
    let reply = anonymous
        .with("x-orrery-token", &bearer)
        .get("/shop/x")
        .await
        .expect(200);
    assert_eq!(reply.header("cache-control"), Some("private"));
    // That header is for upstreams only.
    anonymous
        .with("x-orrery-token", &fits)
        .get("/api/v1/me")
        .await
        .expect(401);
    let seen = format!("{:?}", upstream.requests());
    assert!(!seen.contains(&fits));
}

#[actix_rt::test]
async fn authorization_goes_along_only_where_it_is_the_upstreams() {
    let upstream = Upstream::start();
    upstream.on("/api/x", Behaviour::Echo);
    upstream.on("/y", Behaviour::Echo);
    let passing = entry("/shop", &upstream.url("/api"), json!({"pass_credentials": true}));
    let engine = engine_with(vec![passing, entry("/plain", &upstream.url(""), json!({}))]).await;
    let (_, ours) = engine.api.headers()[0].clone();
    let ours = ours.strip_prefix("Bearer ").unwrap().to_owned();
    let both = Api::anonymous(engine.api.address)
        .with("authorization", "Bearer theirs")
        .with("x-orrery-token", &ours);
    both.get("/shop/x").await.expect(200);
    both.get("/plain/y").await.expect(200);
    engine.api.get("/shop/x").await.expect(200);
    let seen = upstream.requests();
    let authorizations: Vec<_> = seen.iter().map(|request| request.header("authorization")).collect();
    assert_eq!(authorizations, [Some("Bearer theirs"), None, None]);
    assert!(!format!("{seen:?}").contains(&ours));
}

fn respond(headers: &[(&str, &str)]) -> Behaviour {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Behaviour::Respond {
        status: 200,
        headers: headers.iter().map(own).collect(),
        body: b"{}".to_vec(),
    }
}

/// Connections to upstreams are everybody's.
#[actix_rt::test]
async fn credentials_of_a_connection_do_not_pass() {
    let upstream = Upstream::start();
    let challenges = [
        ("www-authenticate", "Negotiate"),
        ("www-authenticate", "NTLM, Basic realm=\"a\""),
    ];
    upstream.on("/api/x", respond(&challenges));
    let passing = entry("/shop", &upstream.url("/api"), json!({"pass_credentials": true}));
    let engine = engine_with(vec![passing]).await;
    let (_, ours) = engine.api.headers()[0].clone();
    let ours = Api::anonymous(engine.api.address).with("x-orrery-token", &ours);
    for scheme in ["NTLM TlRMTVNTUAAB", "negotiate YII=", "Negotiate"] {
        let theirs = ours.with("authorization", scheme);
        let reply = theirs.get("/shop/x").await.expect(400);
        assert!(reply.json["detail"].as_str().unwrap().contains("NTLM"), "{reply:?}");
        let later = theirs.ask("GET", "/shop/x").header("erp-api-background", "none");
        later.send().await.expect(400);
    }
    assert!(upstream.requests().is_empty());
    let reply = ours
        .with("authorization", "Basic dTpw")
        .get("/shop/x")
        .await
        .expect(200);
    let challenges = reply.headers.iter().filter(|(name, _)| name == "www-authenticate");
    let challenges: Vec<_> = challenges.map(|(_, value)| value.as_str()).collect();
    assert_eq!(challenges, ["Basic realm=\"a\""]);
}

#[actix_rt::test]
async fn cookies_and_caches_are_the_callers_own() {
    let upstream = Upstream::start();
    let shared = [
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("cache-control", "public, max-age=60"),
    ];
    upstream.on("/api/x", respond(&shared));
    upstream.on("/api/never", respond(&[("cache-control", "no-store")]));
    let passing = entry("/shop", &upstream.url("/api"), json!({"pass_credentials": true}));
    let engine = engine_with(vec![passing, entry("/plain", &upstream.url("/api"), json!({}))]).await;
    let (_, ours) = engine.api.headers()[0].clone();
    let ours = Api::anonymous(engine.api.address)
        .with("x-orrery-token", &ours)
        .with("cookie", "c=3");
    for (path, passes) in [("/shop/x", true), ("/plain/x", false)] {
        let reply = ours.get(path).await.expect(200);
        let cookies = reply.headers.iter().filter(|(name, _)| name == "set-cookie");
        assert_eq!(cookies.count(), if passes { 2 } else { 0 }, "{path}");
        assert_eq!(reply.header("cache-control"), Some("private, max-age=60"), "{path}");
        let seen = upstream.requests().pop().unwrap();
        assert_eq!(seen.header("cookie"), passes.then_some("c=3"), "{path}");
    }
    let reply = ours.get("/shop/never").await.expect(200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[actix_rt::test]
async fn each_tenant_has_its_own_client() {
    let upstream = Upstream::start();
    upstream.on("/api/x", Behaviour::Echo);
    let engine = engine(&upstream, json!({"client": "shop"})).await;
    let reply = engine.api.get("/shop/x").await.expect(502);
    assert!(reply.json["detail"].as_str().unwrap().contains("\"shop\""), "{reply:?}");
    let id = client(&engine.api, "shop", json!({"kind": "bearer", "token": "first-tenants"})).await;
    let other = other_tenant(&engine).await;
    other.get("/shop/x").await.expect(502);
    client(
        &other,
        "shop",
        json!({"kind": "basic", "username": "u", "password": "p"}),
    )
    .await;
    engine
        .api
        .ask("GET", "/shop/x")
        .header("authorization-extra", "x")
        .send()
        .await
        .expect(200);
    other.get("/shop/x").await.expect(200);
    let seen: Vec<_> = upstream
        .requests()
        .iter()
        .map(|request| request.header("authorization").unwrap().to_owned())
        .collect();
    assert_eq!(seen, ["Bearer first-tenants", "Basic dTpw"]);

    // By its id, too, and never across tenants.
    let by_id = super::engine(&upstream, json!({"client": id})).await;
    assert_eq!(by_id.api.get("/shop/x").await.expect(502).code(), "bad_gateway");
    // What is deleted is not used any more, also by its name.
    engine.api.delete(&format!("/api/v1/clients/{id}")).await.expect(204);
    engine.api.get("/shop/x").await.expect(502);
}

#[actix_rt::test]
async fn a_client_is_found_by_its_id() {
    let upstream = Upstream::start();
    upstream.on("/api/x", Behaviour::Echo);
    let directory = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let start = |client: Option<&str>| {
        let mut start = TestEngine::prepare();
        database.clone_into(&mut start.settings.database.url);
        start.settings.data.dir = directory.path().to_owned();
        let more = client.map_or(json!({}), |client| json!({"client": client}));
        start.settings.upstreams = vec![entry("/shop", &upstream.url("/api"), more)];
        start.start()
    };
    let first = start(None).await;
    let id = client(&first.api, "shop", json!({"kind": "bearer", "token": "by-its-id"})).await;
    drop(first);
    let second = start(Some(&id)).await;
    second.api.get("/shop/x").await.expect(200);
    assert_eq!(upstream.requests()[0].header("authorization"), Some("Bearer by-its-id"));
    let other = other_tenant(&second).await;
    other.get("/shop/x").await.expect(502);
}

#[actix_rt::test]
async fn a_token_that_is_void_is_renewed_once() {
    let upstream = Upstream::start();
    upstream.on("/token", Behaviour::Token);
    upstream.on("/api/x", Behaviour::Protected(json!("in")));
    let engine = engine(&upstream, json!({"client": "shop"})).await;
    client(&engine.api, "shop", oauth(&upstream)).await;
    engine.api.get("/shop/x").await.expect(200);
    upstream.revoke();
    let reply = engine.api.ask("POST", "/shop/x").text("small").send().await.expect(200);
    assert_eq!(reply.json, "in");
    let bodies: Vec<String> = upstream
        .requests_to("/api/x")
        .iter()
        .map(|request| request.text())
        .collect();
    assert_eq!(
        (bodies, upstream.issued()),
        (vec![String::new(), "small".into(), "small".into()], 2)
    );

    // A body that has flown by cannot be sent again, but the next request has another token.
    upstream.revoke();
    let mut raw = ask(&engine, "POST /shop/x", &[("transfer-encoding", "chunked")]).await;
    raw.send_chunk(b"flows").await;
    raw.send_chunk(b"").await;
    assert_eq!(raw.head().await.status, 401);
    upstream.wait_for("/token", 3).await;
    engine.api.get("/shop/x").await.expect(200);
    assert_eq!(upstream.issued(), 3);
    for request in upstream.requests() {
        assert!(request.path() == "/token" || !format!("{request:?}").contains("hush-hush"));
    }
}

#[actix_rt::test]
async fn what_an_upstream_tells_of_credentials_stays_here() {
    let upstream = Upstream::start();
    let location = upstream.url("/api/there?key=hush-hush&x=1");
    upstream.on("/api/x", Behaviour::Redirect { status: 302, location });
    upstream.status("/token", 400, "{\"error\":\"invalid_client hush-hush\"}");
    let engine = engine_with(vec![
        entry("/shop", &upstream.url("/api"), json!({"client": "key"})),
        entry("/refused", &upstream.url("/api"), json!({"client": "oauth"})),
    ])
    .await;
    let key = json!({"kind": "apiKey", "in": "query", "name": "key", "value": "hush-hush"});
    client(&engine.api, "key", key).await;
    client(&engine.api, "oauth", oauth(&upstream)).await;
    let reply = engine.api.get("/shop/x?y=2").await.expect(302);
    assert_eq!(upstream.requests()[0].target, "/api/x?y=2&key=hush-hush");
    assert!(!format!("{:?}", reply.headers).contains("hush"), "{reply:?}");
    assert!(reply.header("location").unwrap().contains("/shop/there"), "{reply:?}");
    let reply = engine.api.get("/refused/x").await.expect(502);
    let text = String::from_utf8(reply.body.clone()).unwrap();
    assert!(
        text.contains("/refused") && !text.contains("hush") && !text.contains("127.0.0.1"),
        "{text}"
    );
}

#[actix_rt::test]
async fn bodies_that_flow_are_signed_like_others() {
    let upstream = Upstream::start();
    upstream.on("/api/x", Behaviour::Echo);
    let engine = engine(&upstream, json!({"client": "shop"})).await;
    let hmac = json!({
        "kind": "hmac", "secret": "hush-hush", "header": "x-signature", "algorithm": "sha256", "encoding": "hex",
    });
    client(&engine.api, "shop", hmac).await;
    engine
        .api
        .ask("POST", "/shop/x")
        .text("signed")
        .send()
        .await
        .expect(200);
    let mut raw = ask(&engine, "POST /shop/x", &[("transfer-encoding", "chunked")]).await;
    for part in [b"sig".as_slice(), b"ned", b""] {
        raw.send_chunk(part).await;
    }
    assert_eq!(raw.head().await.status, 200);
    let seen = upstream.requests();
    let shown: Vec<_> = seen
        .iter()
        .map(|request| (request.text(), request.header("x-signature")))
        .collect();
    assert!(shown[0].1.is_some());
    assert_eq!(shown[0], shown[1]);
}

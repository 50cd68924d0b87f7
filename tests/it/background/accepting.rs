//! What is taken, what is refused, and before what.

use actix_web::{App, web};
use serde_json::json;

use super::{HEADER, members, person, state_path, taken};
use crate::support::{
    engine::{Api, TestEngine},
    postgres::for_each_database,
};

#[tokio::test]
async fn every_method_is_answered_202_with_two_members() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
            let ask = test.api.ask(method, "/api/v1/users?limit=3").header(HEADER, "None");
            let reply = ask.send().await.expect(202);
            assert_eq!(members(&reply.json), ["id", "stateLocation"], "{reply:?}");
            let state = format!("http://{}/api/v1/background/{}", test.api.address, reply.id());
            assert_eq!(reply.json["stateLocation"], state);
            assert_eq!(reply.header("location"), Some(state.as_str()));
            assert_eq!(reply.header("content-type"), Some("application/json"));
            assert_eq!(reply.header("idempotency-replayed"), None);
            assert!(reply.header("x-request-id").is_some());
            let state = test.api.get(&state_path(&reply)).await.expect(200).json;
            assert_eq!(state["id"], reply.json["id"]);
            assert_eq!(state["method"], method);
            assert_eq!(state["originalUri"], "/api/v1/users?limit=3");
            assert_eq!(state["webhookAddress"], "none");
            assert_eq!(state["hasRequestContent"], false);
            assert!(state["receivedUtc"].as_str().unwrap().ends_with('Z'), "{state}");
            assert!(
                !state.as_object().unwrap().values().any(serde_json::Value::is_null),
                "{state}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn it_is_taken_before_it_is_routed() {
    let test = TestEngine::start().await;
    // Neither the path nor the body nor the media type is looked at.
    for (method, path) in [
        ("GET", "/api/v1/nothing/here"),
        ("DELETE", "/api/v1/me"),
        ("POST", "/api/v1/groups"),
        ("GET", "/api/v1/users?limit=0"),
        ("GET", "/api/v1/backgrounds"),
        ("GET", "/api/v1/tokens"),
        ("DELETE", "/api/v1/tokens/7"),
        ("GET", "/api/v1/webhook-subscriptions"),
        ("POST", "/api/v1/webhook-subscriptions/7/replay"),
    ] {
        let reply = test.api.ask(method, path).header(HEADER, "none").text("{").send().await;
        assert_eq!(reply.status, 202, "{method} {path}: {reply:?}");
        let state = test.api.get(&state_path(&reply)).await.expect(200).json;
        assert_eq!(
            (&state["originalUri"], &state["hasRequestContent"]),
            (&json!(path), &json!(true))
        );
    }
}

#[tokio::test]
async fn what_the_header_must_not_say_is_a_400() {
    let test = TestEngine::start().await;
    let huge = format!("https://example.com/{}", "x".repeat(3_000));
    for value in [
        "",
        " ",
        "yes",
        "nonee",
        "none, none",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@example.com/",
        "https://a.example, https://b.example",
        "https://\u{e5}.example/",
        "subscription:",
        "subscription:a",
        "subscription:content-type=text/html",
        "subscription:Host=example.com",
        "subscription:webhook-signature=v1,aaaa",
        "subscription:authorization=Bearer x",
        "subscription:a=1,a=2",
        &huge,
        // Of the policy, not of the parser.
        "http://10.0.0.1/hook",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:10.0.0.1]/",
        "http://2130706434/",
    ] {
        let reply = test.api.ask("GET", "/api/v1/me").header(HEADER, value).send().await;
        let got = (reply.status, reply.code());
        assert_eq!(got, (400, "bad_background_header"), "{value}: {reply:?}");
        let detail = reply.json["detail"].as_str().unwrap();
        assert!(detail.contains(HEADER) && !detail.contains("secret"), "{detail}");
    }
    let twice = test.api.ask("GET", "/api/v1/me").header(HEADER, "none");
    let reply = twice.header("ERP-API-Background", "none").send().await;
    assert_eq!((reply.status, reply.code()), (400, "bad_background_header"));
    let list = test.api.get("/api/v1/background").await.expect(200);
    assert_eq!(list.json["items"], json!([]), "nothing was taken");
}

#[tokio::test]
async fn receivers_that_do_not_resolve_are_accepted() {
    let test = TestEngine::start().await;
    for url in ["https://receiver.invalid/hook?key=1", "HTTP://Example.COM"] {
        let reply = test.api.ask("GET", "/api/v1/me").header(HEADER, url).send().await;
        let state = test.api.get(&state_path(&reply.expect(202))).await.expect(200).json;
        assert_eq!(state["webhookAddress"], url);
    }
}

#[tokio::test]
async fn some_paths_are_asked_directly() {
    let test = TestEngine::start().await;
    let state = taken(&test.api, "GET", "/api/v1/me").await;
    let content = format!("{state}/content");
    for (method, path, word) in [
        ("GET", "/api/v1/background", "directly"),
        ("GET", "/api/v1/background?limit=1", "directly"),
        ("GET", state.as_str(), "directly"),
        ("DELETE", state.as_str(), "directly"),
        ("GET", content.as_str(), "directly"),
        ("GET", "/api/v1/%62ackground", "directly"),
        ("GET", "/api/v1/events", "stream"),
        ("GET", "/api/v1/%65vents", "stream"),
        ("POST", "/api/v1/tokens", "secret"),
        ("POST", "/api/v1/%74okens", "secret"),
        ("GET", "/api/v1/webhook-secret", "secret"),
        ("POST", "/api/v1/webhook-secret/rotate", "secret"),
        ("POST", "/api/v1/webhook-subscriptions", "secret"),
        ("POST", "/api/v1/webhook-subscriptions/7/rotate-secret", "secret"),
        ("GET", "/health/live", "no token"),
        ("GET", "/metrics", "no token"),
        ("GET", "/openapi.json", "no token"),
        ("POST", "/api/authentication/gettoken", "no token"),
    ] {
        let reply = test.api.ask(method, path).header(HEADER, "none").send().await;
        let got = (reply.status, reply.code());
        assert_eq!(got, (400, "bad_background_header"), "{method} {path}: {reply:?}");
        let detail = reply.json["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{path}: {detail}");
    }
}

#[tokio::test]
async fn it_needs_a_token_and_the_right() {
    let test = TestEngine::start().await;
    let anonymous = Api::anonymous(test.api.address);
    let refused = anonymous.with(HEADER, "none").get("/api/v1/me").await;
    assert_eq!((refused.status, refused.code()), (401, "unauthorized"));
    let kari = person(&test.api, "kari", &["calls.read"]).await;
    let refused = kari.with(HEADER, "none").get("/api/v1/me").await;
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));
    assert!(refused.json["detail"].as_str().unwrap().contains("background.use"));
    let ola = person(&test.api, "ola", &["background.use"]).await;
    taken(&ola, "GET", "/api/v1/users").await;
    let elsewhere = ola.in_tenant("2").with(HEADER, "none").get("/api/v1/me").await;
    assert_eq!((elsewhere.status, elsewhere.code()), (403, "forbidden"));
}

#[tokio::test]
async fn links_begin_where_the_caller_reached_us() {
    let mut start = TestEngine::prepare();
    let test = TestEngine::start().await;
    let told = |name: &str, value: &str| {
        test.api
            .ask("GET", "/api/v1/me")
            .header(HEADER, "none")
            .header(name, value)
    };
    let own = format!("http://{}/api/v1/background/", test.api.address);
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "host=evil.example;proto=https"),
    ] {
        let reply = told(name, value).send().await.expect(202);
        let location = reply.header("location").unwrap();
        assert!(location.starts_with(&own), "{name}: {location}");
    }
    start.settings.server.public_url = "https://orrery.example/api-of/orrery/".to_owned();
    let public = start.start().await;
    let reply = public.api.with(HEADER, "none").get("/api/v1/me").await.expect(202);
    let location = format!("https://orrery.example/api-of/orrery/api/v1/background/{}", reply.id());
    assert_eq!(reply.header("location"), Some(location.as_str()));
}

#[tokio::test]
async fn more_than_the_queue_holds_is_told_to_come_again() {
    for (per_tenant, all, status, code) in [(1, 9, 429, "rate_limited"), (9, 1, 503, "unavailable")] {
        let mut start = TestEngine::prepare();
        start.settings.background.queue_per_tenant_max = per_tenant;
        start.settings.background.queue_max = all;
        let test = start.start().await;
        // Its place is taken before its body is read, and this one never comes.
        let mut slow = super::bodies::Slow::open(&test.api, "POST", "/api/v1/groups", 10).await;
        slow.write(b"{").await;
        slow.arrives(&test).await;
        let reply = test.api.with(HEADER, "none").get("/api/v1/me").await;
        assert_eq!((reply.status, reply.code()), (status, code), "{reply:?}");
        assert!(reply.header("retry-after").is_some(), "{reply:?}");
        slow.write(b"\"name\":1}").await;
        assert_eq!(slow.reply().await.status, 202);
    }
}

#[tokio::test]
async fn links_know_where_a_host_app_mounted_us() {
    let test = TestEngine::start().await;
    let (engine, token) = (test.engine.clone(), test.api.headers()[0].1.clone());
    let mounted = move |config: &mut web::ServiceConfig| engine.configure(config);
    let local = tokio::task::LocalSet::new();
    let asked = local.run_until(async move {
        let app = App::new().service(web::scope("/host/orrery").configure(mounted));
        let app = actix_web::test::init_service(app).await;
        let request = |path: &str| {
            let request = actix_web::test::TestRequest::get().uri(path);
            request
                .insert_header(("authorization", token.clone()))
                .insert_header(("host", "host.example"))
        };
        let background = request("/host/orrery/api/v1/users?limit=3").insert_header((HEADER, "none"));
        let response = actix_web::test::call_service(&app, background.to_request()).await;
        assert_eq!(response.status(), 202);
        let location = response.headers().get("location").unwrap().to_str().unwrap().to_owned();
        let path = location.strip_prefix("http://host.example").unwrap();
        assert!(path.starts_with("/host/orrery/api/v1/background/"), "{location}");
        let response = actix_web::test::call_service(&app, request(path).to_request()).await;
        let state: serde_json::Value = actix_web::test::read_body_json(response).await;
        assert_eq!(state["originalUri"], "/api/v1/users?limit=3", "{state}");
    });
    asked.await;
}

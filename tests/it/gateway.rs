//! What every route has in common: problems, request ids, limits, versions, idempotency, headers, health, documentation.

use std::time::Duration;

use orrery::clock::Clock;
use serde_json::json;

use crate::support::{
    engine::{Api, TestEngine},
    postgres::for_each_database,
    scene::eventually,
};

#[tokio::test]
async fn everything_that_goes_wrong_is_a_problem_document() {
    let test = TestEngine::start().await;
    let api = &test.api;
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(5 << 20));
    let anonymous = Api::anonymous(api.address);
    let table = [
        (api.ask("GET", "/nothing"), 404, "not_found"),
        (api.ask("GET", "/api/v1/nothing"), 404, "not_found"),
        (api.ask("GET", "/api/v1/users/42"), 404, "not_found"),
        (
            api.ask("GET", "/api/v1/users/0190b5a8-7c3e-7d10-8f00-0123456789ab"),
            404,
            "not_found",
        ),
        (api.ask("DELETE", "/api/v1/me"), 405, "method_not_allowed"),
        (
            api.ask("GET", "/api/authentication/gettoken"),
            405,
            "method_not_allowed",
        ),
        (anonymous.ask("GET", "/api/v1/me"), 401, "unauthorized"),
        (
            anonymous.with_token("orr_wrong").ask("GET", "/api/v1/me"),
            401,
            "unauthorized",
        ),
        (
            anonymous.with("authorization", "Basic eDp5").ask("GET", "/api/v1/me"),
            401,
            "unauthorized",
        ),
        (api.in_tenant("2").ask("GET", "/api/v1/me"), 403, "forbidden"),
        (api.ask("GET", "/api/v1/users?limit=0"), 400, "bad_request"),
        (api.ask("GET", "/api/v1/users?limit=201"), 400, "bad_request"),
        (api.ask("GET", "/api/v1/users?limit=x"), 400, "bad_request"),
        (api.ask("GET", "/api/v1/users?more=1"), 400, "bad_request"),
        (api.ask("GET", "/api/v1/users?cursor=!!"), 400, "bad_request"),
        (
            api.ask("POST", "/api/v1/groups")
                .text("{")
                .header("content-type", "application/json"),
            400,
            "bad_request",
        ),
        (
            api.ask("POST", "/api/v1/groups")
                .header("content-type", "application/json"),
            400,
            "bad_request",
        ),
        (
            api.ask("POST", "/api/v1/groups").text("{}"),
            415,
            "unsupported_media_type",
        ),
        (
            api.ask("POST", "/api/v1/groups")
                .text("a=b")
                .header("content-type", "application/x-www-form-urlencoded"),
            415,
            "unsupported_media_type",
        ),
        (
            api.ask("POST", "/api/v1/groups")
                .text(&large)
                .header("content-type", "application/json"),
            413,
            "too_large",
        ),
        (
            api.ask("POST", "/api/v1/groups")
                .json(&json!({"name": "", "rights": []})),
            422,
            "invalid",
        ),
    ];
    for (ask, status, code) in table {
        let reply = ask.send().await;
        assert_eq!((reply.status, reply.code()), (status, code), "{reply:?}");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json"),
            "{reply:?}"
        );
        for member in [
            "type",
            "title",
            "status",
            "detail",
            "instance",
            "code",
            "requestId",
            "errors",
        ] {
            assert!(!reply.json[member].is_null(), "{member}: {reply:?}");
        }
        assert_eq!(reply.json["requestId"].as_str(), reply.header("x-request-id"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
    let refused = api.ask("DELETE", "/api/v1/users").send().await;
    let allowed = refused.header("allow").unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
}

#[tokio::test]
async fn unknown_members_and_wrong_types_are_named() {
    let test = TestEngine::start().await;
    for (body, field) in [
        (json!({"name": "a", "rights": [], "colour": "red"}), "colour"),
        (json!({"name": 1, "rights": []}), "name"),
        (json!({"name": "a", "rights": ["calls.write"]}), "rights[0]"),
        (json!({"rights": []}), "name"),
    ] {
        let reply = test.api.post("/api/v1/groups", &body).await.expect(400);
        assert_eq!(reply.json["errors"][0]["field"], field, "{reply:?}");
    }
}

#[tokio::test]
async fn request_ids_are_taken_if_sane() {
    let test = TestEngine::start().await;
    let own = test.api.with("x-request-id", "my.id-1_A").get("/api/v1/me").await;
    assert_eq!(own.header("x-request-id"), Some("my.id-1_A"));
    for bad in ["a b", "<x>", &"a".repeat(129)] {
        let made = test.api.with("x-request-id", bad).get("/api/v1/me").await;
        let id = made.header("x-request-id").unwrap();
        assert!(id != bad && id.len() == 36, "{id}");
    }
}

#[tokio::test]
async fn versions_guard_changes() {
    let test = TestEngine::start().await;
    let api = &test.api;
    let made = api
        .post("/api/v1/groups", &json!({"name": "A", "rights": []}))
        .await
        .expect(201);
    assert_eq!(made.header("etag"), Some("\"1\""));
    let path = made.header("location").unwrap().to_owned();
    assert_eq!(path, format!("/api/v1/groups/{}", made.id()));
    let seen = api.with("if-match", "\"1\"");
    let changed = seen.patch(&path, &json!({"name": "B"})).await.expect(200);
    assert_eq!(
        (changed.header("etag"), &changed.json["version"]),
        (Some("\"2\""), &json!(2))
    );
    for stale in ["\"1\"", "W/\"2\"", "\"x\""] {
        let api = api.with("if-match", stale);
        for reply in [
            api.patch(&path, &json!({"name": "C"})).await,
            api.put(&path, &json!({"name": "C", "rights": []})).await,
            api.delete(&path).await,
        ] {
            assert_eq!((reply.status, reply.code()), (412, "stale_version"), "{stale}");
        }
    }
    api.with("if-match", "*")
        .patch(&path, &json!({"name": "C"}))
        .await
        .expect(200);
    api.with("if-match", "\"3\"").delete(&path).await.expect(204);
    api.get(&path).await.expect(404);
}

#[tokio::test]
async fn changes_without_a_version_do_not_get_in_each_others_way() {
    let test = TestEngine::start().await;
    let path = format!(
        "/api/v1/groups/{}",
        test.api
            .post("/api/v1/groups", &json!({"name": "A", "rights": []}))
            .await
            .id()
    );
    let changes = (0..8).map(|index| {
        let (api, path) = (test.api.clone(), path.clone());
        async move { api.patch(&path, &json!({ "name": format!("B{index}") })).await.status }
    });
    let statuses = futures_util::future::join_all(changes).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(test.api.get(&path).await.json["version"], 9);
}

#[tokio::test]
async fn a_repeated_post_is_answered_from_the_first() {
    let test = TestEngine::start().await;
    let api = test.api.with("idempotency-key", "one");
    let body = json!({"name": "robot", "rights": ["calls.read"]});
    let first = api.post("/api/v1/tokens", &body).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = api.post("/api/v1/tokens", &body).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("etag"), first.header("etag"));
    let other = api
        .post("/api/v1/tokens", &json!({"name": "other", "rights": ["calls.read"]}))
        .await;
    assert_eq!((other.status, other.code()), (422, "idempotency_mismatch"));
    let elsewhere = api.post("/api/v1/groups", &body).await;
    assert_eq!((elsewhere.status, elsewhere.code()), (422, "idempotency_mismatch"));
    assert_eq!(
        test.api.get("/api/v1/tokens").await.json["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    for bad in [String::new(), "k".repeat(256)] {
        let reply = test
            .api
            .with("idempotency-key", &bad)
            .post("/api/v1/tokens", &body)
            .await;
        assert_eq!((reply.status, reply.code()), (400, "bad_request"));
    }
}

#[tokio::test]
async fn a_refusal_is_repeated_as_it_was() {
    let test = TestEngine::start().await;
    let api = test.api.with("idempotency-key", "two");
    let first = api
        .post("/api/v1/groups", &json!({"name": "", "rights": []}))
        .await
        .expect(422);
    let again = api
        .post("/api/v1/groups", &json!({"name": "", "rights": []}))
        .await
        .expect(422);
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("content-type"), Some("application/problem+json"));
    assert_eq!(first.json["requestId"].as_str(), first.header("x-request-id"));
}

#[tokio::test]
async fn a_key_that_a_crash_left_behind_becomes_free() {
    use orrery::store::idempotency::{Answer, Begun, Key};

    for_each_database(|url| async move {
        let mut start = TestEngine::prepare();
        let (clock, time) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        (start.clock, start.settings.database.url) = (clock, url);
        let test = start.start().await;
        let me = test.api.get("/api/v1/me").await.json;
        let id = |value: &serde_json::Value| value["id"].as_str().unwrap().parse::<uuid::Uuid>().unwrap();
        let key = Key {
            tenant_id: id(&me["tenant"]).into(),
            user_id: id(&me["user"]).into(),
            key: "lost".to_owned(),
        };
        let store = test.engine.store();
        let begin = |hash: u8| store.begin_idempotent(key.clone(), [hash; 32]);
        assert_eq!(begin(1).await.unwrap(), Begun::Run);
        assert_eq!(begin(1).await.unwrap(), Begun::Running);
        let api = test.api.with("idempotency-key", "lost");
        let body = json!({"name": "A", "rights": []});
        let other = api.post("/api/v1/groups", &body).await;
        assert_eq!((other.status, other.code()), (422, "idempotency_mismatch"));
        time.advance(Duration::from_secs(61));
        api.post("/api/v1/groups", &body).await.expect(201);
        let again = api.post("/api/v1/groups", &body).await.expect(201);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        // A day later the answer is gone and the key is free.
        time.advance(Duration::from_secs(86_401));
        assert_eq!(begin(2).await.unwrap(), Begun::Run);
        let answer = Answer {
            status: 204,
            headers: "{}".to_owned(),
            body: vec![1],
        };
        store.keep_answer(key.clone(), answer.clone()).await.unwrap();
        assert_eq!(begin(2).await.unwrap(), Begun::Answered(answer));
        store.free_key(key.clone()).await.unwrap();
        assert_eq!(begin(3).await.unwrap(), Begun::Run);
    })
    .await;
}

#[tokio::test]
async fn fifty_parallel_posts_with_one_key_make_one() {
    let test = TestEngine::start().await;
    let api = test.api.with("idempotency-key", "many");
    let body = json!({"name": "once", "rights": []});
    let posts = (0..50).map(|_| api.post("/api/v1/groups", &body));
    let replies = futures_util::future::join_all(posts).await;
    let made = replies.iter().filter(|reply| reply.status == 201).count();
    let waits = replies
        .iter()
        .filter(|reply| reply.code() == "idempotency_in_progress")
        .count();
    assert!(made >= 1 && made + waits == 50, "{made} made, {waits} wait");
    let groups = test.api.get("/api/v1/groups").await;
    let of_name = |group: &&serde_json::Value| group["name"] == "once";
    assert_eq!(
        groups.json["items"].as_array().unwrap().iter().filter(of_name).count(),
        1
    );
}

#[tokio::test]
async fn a_token_has_its_own_rate() {
    let mut start = TestEngine::prepare();
    (
        start.settings.gateway.rate_per_second,
        start.settings.gateway.rate_burst,
    ) = (1, 5);
    let test = start.start().await;
    // At once, so that what is admitted again while they are answered is not enough for all.
    let replies = futures_util::future::join_all((0..50).map(|_| test.api.get("/api/v1/me"))).await;
    let refused = replies.iter().find(|reply| reply.status == 429).unwrap();
    assert_eq!(refused.code(), "rate_limited");
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    let other = Api::anonymous(test.api.address)
        .sign_in("admin", crate::support::engine::PASSWORD)
        .await;
    other.get("/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn behind_a_proxy_each_address_has_its_own_sign_ins() {
    let mut start = TestEngine::prepare();
    start.settings.server.trusted_proxies = vec!["127.0.0.1".to_owned().try_into().unwrap()];
    let test = start.start().await;
    // Counted as a sign-in, and quick: one more is admitted each half second, however slow this machine is.
    let path = "/OData/Consents/callback?state=nobodys&code=1";
    let [guesser, person] = ["198.51.100.1", "198.51.100.2"].map(|address| {
        let claimed = format!("192.0.2.9, {address}");
        Api::anonymous(test.api.address).with("x-forwarded-for", &claimed)
    });
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) && statuses.len() < 1_000 {
        let replies = futures_util::future::join_all((0..50).map(|_| guesser.get(path))).await;
        statuses.extend(replies.iter().map(|reply| reply.status));
        statuses.sort_unstable();
    }
    assert_eq!(statuses.last(), Some(&429));
    assert_ne!(person.get(path).await.status, 429);
}

#[tokio::test]
async fn lists_are_paged() {
    let test = TestEngine::start().await;
    for index in 0..5 {
        let body = json!({"name": format!("G{index}"), "rights": []});
        test.api.post("/api/v1/groups", &body).await.expect(201);
    }
    let (mut names, mut path) = (Vec::new(), "/api/v1/groups?limit=2".to_owned());
    loop {
        let page = test.api.get(&path).await.expect(200);
        let items = page.json["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        match page.json["nextCursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/groups?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(names, ["Administrators", "G0", "G1", "G2", "G3", "G4"]);
}

#[tokio::test]
async fn health_metrics_and_documentation_need_no_token() {
    let test = TestEngine::start().await;
    let api = Api::anonymous(test.api.address);
    api.get("/health/live").await.expect(200);
    // The first script worker has so long to start and no longer.
    eventually("it is ready", || async { api.get("/health/ready").await.status == 200 }).await;
    let ready = api.get("/health/ready").await.expect(200);
    assert_eq!(ready.json["ready"], true, "{ready:?}");
    assert!(ready.json["scripts"]["missingConfinement"].is_array());
    let metrics = api.get("/metrics").await.expect(200);
    let text = String::from_utf8(metrics.body).unwrap();
    assert!(
        text.contains(r#"orrery_http_requests_total{method="GET",route="/health/live",status="200"} 1"#),
        "{text}"
    );
    let document = api.get("/openapi.json").await.expect(200);
    assert!(document.json["paths"]["/api/v1/users/{id}"]["put"].is_object());
    assert_eq!(api.get("/docs").await.expect(308).header("location"), Some("/docs/"));
    let page = api.get("/docs/").await.expect(200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("script-src 'self'")
    );
    let script = api.get("/docs/swagger-initializer.js").await.expect(200);
    assert!(String::from_utf8(script.body).unwrap().contains("openapi.json"));
    api.get("/docs/nothing.js").await.expect(404);
}

#[tokio::test]
async fn documentation_can_be_switched_off() {
    let mut start = TestEngine::prepare();
    start.settings.gateway.docs = false;
    let test = start.start().await;
    for path in ["/docs", "/docs/", "/openapi.json"] {
        test.api.get(path).await.expect(404);
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let mut start = TestEngine::prepare();
    start.settings.server.request_timeout_ms = 5_000;
    let test = start.start().await;
    let reply = test
        .api
        .ask("POST", "/api/v1/groups")
        .header("content-type", "application/json")
        .header("content-length", "100")
        .send()
        .await;
    assert_eq!((reply.status, reply.code()), (408, "request_timeout"));
}

#[actix_web::test]
async fn a_host_app_mounts_the_gateway_where_it_wants() {
    use actix_web::{App, http::header, test, web};

    let engine = TestEngine::start().await;
    let mounted = engine.engine.clone();
    let app = test::init_service(
        App::new()
            .service(web::scope("/orrery").configure(|config| mounted.configure(config)))
            .route("/own", web::get().to(|| async { "the host's own" })),
    )
    .await;
    let own = test::call_service(&app, test::TestRequest::get().uri("/own").to_request()).await;
    assert_eq!(own.status(), 200);
    let health = test::TestRequest::get().uri("/orrery/health/live").to_request();
    assert_eq!(test::call_service(&app, health).await.status(), 200);
    let refused = test::TestRequest::get().uri("/orrery/api/v1/me").to_request();
    let refused = test::call_service(&app, refused).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.headers().get(header::CONTENT_TYPE).unwrap(),
        "application/problem+json"
    );
    assert!(refused.headers().contains_key("x-request-id"));
}

#[actix_web::test]
async fn a_panic_is_an_answer() {
    use actix_web::{App, test, web};

    let engine = TestEngine::start().await;
    let mounted = engine.engine.clone();
    let app = test::init_service(App::new().configure(|config| {
        orrery::gateway::mount(config, &mounted, "/mine", |config| {
            config.route("/panic", web::get().to(|| async { broken() }));
        });
    }))
    .await;
    let request = test::TestRequest::get().uri("/mine/panic").to_request();
    let Err(error) = test::try_call_service(&app, request).await else {
        panic!("no error");
    };
    let response = error.error_response();
    assert_eq!(response.status(), 500);
    assert!(response.headers().contains_key("x-request-id"));
    let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["code"], "internal");
    assert!(!problem.to_string().contains("planned"), "{problem}");
}

fn broken() -> actix_web::HttpResponse {
    panic!("planned")
}

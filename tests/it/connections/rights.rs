//! Who may: rights and tenants, and the problem documents of this API, in which clients read the messages of `errors` only.

use serde_json::{Value, json};

use super::fixture::{
    self, CONNECTION, PARTNER_FUNCTION, ROOTS, automation, connection, first_message, partner_function, send,
};
use crate::support::engine::{Api, TestEngine};

async fn token(api: &Api, rights: &[&str]) -> Api {
    let body = json!({ "name": rights.join(" "), "rights": rights });
    let made = api.post("/api/v1/tokens", &body).await.expect(201);
    api.with_token(made.json["token"].as_str().unwrap())
}

/// Every request of this API about one connection, one partner function and one automation.
fn requests(connection: &str, function: &str, automation: &str) -> Vec<(&'static str, String)> {
    let (one, another) = (
        format!("/{connection}/partner-function/{function}"),
        format!("/{connection}/automation/{automation}"),
    );
    let mut all = vec![
        ("GET", String::new()),
        ("POST", String::new()),
        ("POST", format!("/{connection}/check-connection")),
        ("GET", format!("/{connection}/mapping")),
        ("GET", format!("/{connection}/mapping/m")),
        ("PUT", format!("/{connection}/mapping/m")),
        ("DELETE", format!("/{connection}/mapping/m")),
        ("GET", format!("/{connection}/partner-function")),
        ("POST", format!("/{connection}/partner-function")),
        ("GET", format!("/{connection}/automation")),
        ("POST", format!("/{connection}/automation")),
        ("POST", format!("{another}/explain")),
        ("POST", format!("{another}/run")),
        ("GET", format!("{another}/runs")),
    ];
    for path in [format!("/{connection}"), one, another] {
        for (method, more) in [
            ("POST", "/enable"),
            ("PUT", "/disable"),
            ("GET", ""),
            ("PATCH", ""),
            ("DELETE", ""),
        ] {
            all.push((method, format!("{path}{more}")));
        }
    }
    all
}

#[actix_rt::test]
async fn nothing_goes_without_the_right_nor_without_a_token() {
    let test = TestEngine::start().await;
    let connection = connection(&test).await;
    let function = partner_function(&test, &connection).await;
    let automation = automation(&test, &connection).await;
    let reader = token(&test.api, &["clients.manage", "calls.manage", "integrations.manage"]).await;
    let anonymous = Api::anonymous(test.api.address);
    for (method, path) in requests(&connection, &function, &automation) {
        let path = format!("/integration{path}");
        let refused = send(&reader, method, &path, "{}").await;
        assert_eq!((refused.status, refused.code()), (403, "forbidden"), "{method} {path}");
        assert!(first_message(&refused).contains("connections.manage"), "{refused:?}");
        let unknown = send(&anonymous, method, &path, "{}").await;
        assert_eq!(unknown.status, 401, "{method} {path}");
        assert!(first_message(&unknown).contains("token"), "{unknown:?}");
    }
    let manager = token(&test.api, &["connections.manage"]).await;
    manager
        .get(&format!("/integration/{connection}/automation/{automation}"))
        .await
        .expect(200);
}

#[actix_rt::test]
async fn what_belongs_to_another_tenant_does_not_exist() {
    let test = TestEngine::start().await;
    let connection = connection(&test).await;
    let function = partner_function(&test, &connection).await;
    let automation = automation(&test, &connection).await;
    let tenant = json!({ "companyId": "other", "name": "Other" });
    test.api.post("/api/v1/tenants", &tenant).await.expect(201);
    let other = test.api.in_tenant("other");
    for (method, path) in requests(&connection, &function, &automation) {
        if path.is_empty() {
            continue;
        }
        let path = format!("/api/v3/integration{path}");
        let missing = send(&other, method, &path, "{}").await;
        assert_eq!(
            (missing.status, missing.code()),
            (404, "not_found"),
            "{method} {path} {missing:?}"
        );
        assert!(!first_message(&missing).is_empty());
    }
    assert_eq!(
        other.get("/integration").await.expect(200).json["pagination"]["records"],
        0
    );
    // And what belongs to another connection of the same tenant.
    let second = fixture::connection(&test).await;
    for path in [
        format!("partner-function/{function}"),
        format!("automation/{automation}"),
    ] {
        let path = format!("/integration/{second}/{path}");
        test.api.get(&path).await.expect(404);
        test.api.patch(&path, &json!({ "description": "x" })).await.expect(404);
        test.api
            .post(&format!("{path}/disable"), &Value::Null)
            .await
            .expect(404);
        test.api.delete(&path).await.expect(404);
    }
    test.api
        .get(&format!("/integration/{connection}/partner-function/{function}"))
        .await
        .expect(200);
}

#[actix_rt::test]
async fn every_problem_says_in_its_errors_what_is_wrong() {
    let test = TestEngine::start().await;
    let api = &test.api;
    let id = connection(&test).await;
    let nowhere = "0190b5a8-7c3e-7d10-8f00-0123456789ab";
    for root in ROOTS {
        for (method, path, body, status, code, part) in [
            ("GET", format!("/{nowhere}"), "{}", 404, "not_found", nowhere),
            ("GET", "/not-an-id".to_owned(), "{}", 404, "not_found", "ids are UUIDs"),
            (
                "GET",
                format!("/{id}/nothing"),
                "{}",
                404,
                "not_found",
                "nothing at this path",
            ),
            (
                "PUT",
                format!("/{id}"),
                "{}",
                405,
                "method_not_allowed",
                "does not know this method",
            ),
            ("POST", String::new(), "{", 400, "bad_request", "not valid JSON"),
            ("POST", String::new(), "", 400, "bad_request", "needs a JSON body"),
            (
                "POST",
                String::new(),
                r#"{"provider":"Sage"}"#,
                422,
                "invalid",
                "XERO, QUICKBOOKS, NETSUITE, REST",
            ),
            (
                "POST",
                String::new(),
                r#"{"provider":"Xero","colour":"red"}"#,
                400,
                "bad_request",
                "colour",
            ),
            (
                "POST",
                format!("/{id}/partner-function"),
                r#"{"partner_function":{"name":"x"}}"#,
                422,
                "invalid",
                "direction",
            ),
        ] {
            let path = format!("{root}{path}");
            let refused = send(api, method, &path, body).await;
            assert_eq!(
                (refused.status, refused.code()),
                (status, code),
                "{method} {path} {refused:?}"
            );
            let messages = refused.json["errors"].to_string();
            assert!(messages.contains(part), "{method} {path}: {messages}");
            for error in refused.json["errors"].as_array().unwrap() {
                assert!(
                    error["message"].as_str().is_some_and(|message| !message.is_empty()),
                    "{refused:?}"
                );
            }
        }
    }
    let text = api
        .ask("POST", "/integration")
        .text("x")
        .header("content-type", "text/plain")
        .send()
        .await;
    assert_eq!((text.status, first_message(&text).is_empty()), (415, false));
}

#[actix_rt::test]
async fn a_host_that_the_policy_refuses_cannot_be_connected() {
    let test = TestEngine::start().await;
    for (member, value) in [
        ("api_domain", "http://169.254.169.254"),
        ("account_server", "http://10.0.0.1/token"),
        ("api_domain", "ftp://files.example"),
        ("account_server", "https://user:hush@id.example"),
    ] {
        let mut body: Value = serde_json::from_str(CONNECTION).unwrap();
        body[member] = json!(value);
        let refused = test.api.post("/integration/", &body).await;
        assert_eq!(
            (refused.status, &refused.json["errors"][0]["field"]),
            (422, &json!(member)),
            "{refused:?}"
        );
        assert!(!String::from_utf8_lossy(&refused.body).contains("hush"));
    }
    let id = connection(&test).await;
    let refused = test
        .api
        .patch(
            &format!("/integration/{id}"),
            &json!({ "api_domain": "http://10.1.2.3" }),
        )
        .await;
    assert_eq!(
        (refused.status, &refused.json["errors"][0]["field"]),
        (422, &json!("api_domain"))
    );
}

#[actix_rt::test]
async fn a_repeated_request_is_answered_from_the_first_and_one_in_the_background_later() {
    let test = TestEngine::start().await;
    let once = async |path: &str, body: &str| {
        let ask = test.api.ask("POST", path).header("idempotency-key", "k1");
        ask.header("content-type", "application/json").text(body).send().await
    };
    let (first, second) = (
        once("/integration/", CONNECTION).await.expect(201),
        once("/integration/", CONNECTION).await,
    );
    assert_eq!((second.status, &second.json), (201, &first.json));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    let other = once("/integration/", PARTNER_FUNCTION).await;
    assert_eq!((other.status, other.code()), (422, "idempotency_mismatch"));
    assert!(first_message(&other).contains("Idempotency-Key"));
    let ask = test
        .api
        .ask("GET", "/api/v2/integration-connections?fields=uuid")
        .header("erp-api-background", "none");
    let taken = ask.send().await.expect(202);
    let state = format!("/api/v1/background/{}", taken.id());
    assert!(
        taken.json["stateLocation"].as_str().unwrap().ends_with(&state),
        "{taken:?}"
    );
    let mut events = test.engine.subscribe();
    while test.api.get(&state).await.expect(200).json["status"] != "Finished" {
        events.recv().await.unwrap();
    }
    let content = test.api.get(&format!("{state}/content")).await.expect(200);
    assert_eq!(content.json["pagination"]["records"], 1);
    // A refusal has its messages there, too.
    let ask = test
        .api
        .ask("GET", "/integration/not-an-id")
        .header("erp-api-background", "none");
    let taken = ask.send().await.expect(202);
    let state = format!("/api/v1/background/{}", taken.id());
    while test.api.get(&state).await.expect(200).json["status"] != "Finished" {
        events.recv().await.unwrap();
    }
    let content = test.api.get(&format!("{state}/content")).await;
    assert!(first_message(&content).contains("ids are UUIDs"), "{content:?}");
}

#[actix_rt::test]
async fn the_openapi_document_has_every_path_once() {
    let test = TestEngine::start().await;
    let document = test.api.get("/openapi.json").await.expect(200).json;
    let connection = "/integration/{connection}";
    for (path, methods) in [
        ("/integration".to_owned(), vec!["post"]),
        ("/integration-connections".to_owned(), vec!["get"]),
        ("/integration-connections/{connection}".to_owned(), vec!["get"]),
        (connection.to_owned(), vec!["patch", "delete"]),
        ("/integration-connections/{connection}/enable".to_owned(), vec!["post"]),
        ("/integration-connections/{connection}/disable".to_owned(), vec!["post"]),
        (format!("{connection}/check-connection"), vec!["post"]),
        (format!("{connection}/partner-function"), vec!["get", "post"]),
        (
            format!("{connection}/partner-function/{{id}}"),
            vec!["get", "patch", "delete"],
        ),
        (format!("{connection}/automation"), vec!["get", "post"]),
        (
            format!("{connection}/automation/{{id}}"),
            vec!["get", "patch", "delete"],
        ),
        (format!("{connection}/automation/{{id}}/explain"), vec!["post"]),
        (format!("{connection}/automation/{{id}}/run"), vec!["post"]),
        (format!("{connection}/automation/{{id}}/runs"), vec!["get"]),
        (format!("{connection}/mapping"), vec!["get"]),
        (format!("{connection}/mapping/{{name}}"), vec!["get", "put", "delete"]),
    ] {
        for method in methods {
            let operation = &document["paths"][&path][method];
            assert!(operation.is_object(), "{method} {path}");
            assert!(
                operation["responses"]["202"].is_object(),
                "{method} {path} in the background"
            );
        }
    }
}

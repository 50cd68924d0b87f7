//! From the request to its content: what was sent is what is executed, in the caller's tenant and with the caller's rights.

use serde_json::{Value, json};

use super::{HEADER, person, state_path, taken};
use crate::support::{
    engine::{Api, Reply, TestEngine},
    postgres::for_each_database,
    scene::eventually,
};

/// An engine whose states may be asked for as often as one likes.
async fn start(url: Option<&str>) -> TestEngine {
    let mut start = TestEngine::prepare();
    start.settings.gateway.rate_burst = 100_000;
    if let Some(url) = url {
        url.clone_into(&mut start.settings.database.url);
    }
    start.start().await
}

/// The state of an operation once it has ended.
async fn ended(api: &Api, state: &str) -> Value {
    let shown = || async { api.get(state).await.expect(200).json };
    eventually("the operation ends", || async {
        shown().await["finishedUtc"].is_string()
    })
    .await;
    shown().await
}

/// The operation of a request that was taken, once it has ended.
async fn end_of(api: &Api, reply: Reply) -> Value {
    ended(api, &state_path(&reply.expect(202))).await
}

#[tokio::test]
async fn what_was_sent_is_what_is_executed() {
    for_each_database(|url| async move {
        let test = start(Some(&url)).await;
        let background = test.api.with(HEADER, "none");
        // A body that is kept in parts, with digits that a number would lose.
        let text = "å".repeat(150_000);
        let body = format!("{{\"identifier\":\"one\",\"data\":{{\"amount\":1.5000,\"text\":\"{text}\"}}}}");
        let ask = background.ask("POST", "/api/v1/transactions").text(&body);
        let reply = ask.header("content-type", "application/json").send().await;
        let end = end_of(&test.api, reply).await;
        assert_eq!(
            (&end["status"], &end["statusCode"]),
            (&json!("Finished"), &json!(201)),
            "{end}"
        );
        assert_eq!(end["hasRequestContent"], true);
        let made = end["responseHeaders"]["location"].as_str().unwrap();
        let transaction = test.api.get(made).await.expect(200);
        assert!(String::from_utf8_lossy(&transaction.body).contains("1.5000"));
        assert_eq!(transaction.json["data"]["text"], text);
        let location = end["contentLocation"].as_str().unwrap();
        let path = &location[location.find("/api/v1").unwrap()..];
        let content = test.api.get(path).await.expect(200);
        assert_eq!(content.json["id"], transaction.json["id"]);
        // The version is looked at when it is executed, not when it is taken.
        let group = json!({"name": "A", "rights": []});
        let group = test.api.post("/api/v1/groups", &group).await.expect(201);
        let path = group.header("location").unwrap();
        for (tag, status) in [("\"7\"", 412), ("\"1\"", 200), ("\"1\"", 412)] {
            let ask = background.ask("PATCH", path).json(&json!({"name": "B"}));
            let end = end_of(&test.api, ask.header("if-match", tag).send().await).await;
            assert_eq!(
                (&end["status"], &end["statusCode"]),
                (&json!("Finished"), &json!(status)),
                "{end}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn it_is_executed_in_the_tenant_of_the_request() {
    let test = start(None).await;
    let tenant = json!({"companyId": "2", "name": "Second"});
    test.api.post("/api/v1/tenants", &tenant).await.expect(201);
    let second = test.api.in_tenant("2");
    let group = json!({"name": "there", "rights": []});
    let reply = second.with(HEADER, "none").post("/api/v1/groups", &group).await;
    let end = end_of(&second, reply).await;
    assert_eq!(end["statusCode"], 201, "{end}");
    let names = |list: Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(second.get("/api/v1/groups").await.json), ["there"]);
    assert!(!names(test.api.get("/api/v1/groups").await.json).contains(&"there".to_owned()));
}

#[tokio::test]
async fn a_refusal_is_an_answer() {
    let test = start(None).await;
    let ola = person(&test.api, "ola", &["background.use"]).await;
    for (method, path, status, code) in [
        ("GET", "/api/v1/nothing/here", 404, "not_found"),
        ("DELETE", "/api/v1/me", 405, "method_not_allowed"),
        ("GET", "/api/v1/users", 403, "forbidden"),
        ("POST", "/api/v1/groups", 415, "unsupported_media_type"),
    ] {
        let state = taken(&ola, method, path).await;
        let end = ended(&ola, &state).await;
        assert_eq!(
            (&end["status"], &end["statusCode"]),
            (&json!("Finished"), &json!(status)),
            "{end}"
        );
        assert!(end.get("errorMessage").is_none(), "{end}");
        let content = ola.get(&format!("{state}/content")).await.expect(200);
        assert_eq!(content.code(), code);
        assert_eq!(content.header("content-type"), Some("application/problem+json"));
    }
}

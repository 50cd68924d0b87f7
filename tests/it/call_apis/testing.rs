//! Test URL and Run response.

use serde_json::{Value, json};

use crate::support::{
    api::Api,
    upstream::{Behaviour, Upstream},
};

const TEST: &str = "/api/v1/call-apis/test";
const RESPONSE: &str = "/api/v1/call-apis/test/response";

#[actix_web::test]
async fn test_url_shows_what_was_sent_and_what_came() {
    let upstream = Upstream::start();
    upstream.on("/echo", Behaviour::Echo);
    let api = Api::start(&[&upstream]).await;
    let mut definition = api.definition("a", &upstream.url("/echo"));
    definition["url"] =
        json!({"kind": "script", "value": format!("console.log('url'); return {:?};", upstream.url("/echo?a=1"))});
    definition["method"] = json!("PUT");
    definition["bodyScript"] = json!("console.warn('body', call.name); return {id: 1001};");
    definition["headers"] = json!([
        {"name": "X-Key", "value": "hush-hush-key", "secret": true}, {"name": "X-Open", "value": "yes"},
    ]);
    let tested = api.post(TEST, definition).await.expect(200).body;
    assert_eq!(tested["request"]["method"], "PUT");
    assert_eq!(tested["request"]["url"], upstream.url("/echo?a=1").as_str());
    assert_eq!(tested["request"]["headers"]["X-Open"], "yes");
    assert_eq!(tested["request"]["headers"]["X-Key"], "[redacted]");
    assert_eq!(tested["request"]["body"], r#"{"id":1001}"#);
    assert_eq!(tested["response"]["statusCode"], 200);
    assert_eq!(tested["response"]["bodyTruncated"], false);
    assert!(tested["response"]["durationMs"].is_u64());
    let texts = [&tested["logs"][0]["text"], &tested["logs"][1]["text"]];
    assert_eq!(texts, ["url", "body a"]);
    // The server echoes the header; we do not.
    assert_eq!(upstream.requests()[0].header("x-key"), Some("hush-hush-key"));
    assert!(!tested.to_string().contains("hush-hush"), "{tested}");
    assert_eq!(api.get("/api/v1/transactions").await.body["items"], json!([]));
    assert_eq!(api.get("/api/v1/call-apis").await.body["items"], json!([]));
}

#[actix_web::test]
async fn a_refusal_is_shown_and_a_long_body_is_cut() {
    let upstream = Upstream::start();
    upstream.status("/down", 503, "come back later");
    let long = "ø".repeat(200 * 1024);
    upstream.on(
        "/long",
        Behaviour::Respond {
            status: 200,
            headers: Vec::new(),
            body: long.into_bytes(),
        },
    );
    let api = Api::start(&[&upstream]).await;
    let tested = api
        .post(TEST, api.definition("a", &upstream.url("/down")))
        .await
        .expect(200);
    assert_eq!(tested.body["response"]["statusCode"], 503);
    assert_eq!(tested.body["response"]["body"], "come back later");
    let tested = api
        .post(TEST, api.definition("a", &upstream.url("/long")))
        .await
        .expect(200);
    assert_eq!(tested.body["response"]["bodyTruncated"], true);
    let shown = tested.body["response"]["body"].as_str().unwrap();
    assert_eq!(shown.len(), 256 * 1024);
}

#[actix_web::test]
async fn a_failure_names_its_step() {
    let upstream = Upstream::start();
    upstream.on("/cut", Behaviour::CloseAtOnce);
    upstream.on("/hang", Behaviour::Hang);
    upstream.on(
        "/large",
        Behaviour::Endless {
            bytes: 4_000_000,
            announced: true,
        },
    );
    let api = Api::start(&[&upstream]).await;
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}/", unused.local_addr().unwrap());
    drop(unused);
    let text = |url: &str| json!({"kind": "text", "value": url});
    let ok = upstream.url("/items");
    let rows = [
        (
            "url",
            json!({"kind": "script", "value": "return missing;"}),
            "url_script",
        ),
        ("url", json!({"kind": "script", "value": "return 7;"}), "url_script"),
        (
            "url",
            json!({"kind": "script", "value": "return 'nonsense';"}),
            "request",
        ),
        ("bodyScript", json!("throw new TypeError('odd');"), "body_script"),
        ("url", text("http://10.0.0.1/"), "egress"),
        ("url", text(&closed), "egress"),
        ("url", text(&upstream.url("/cut")), "protocol"),
        ("url", text(&upstream.url("/hang")), "timeout"),
        ("url", text(&upstream.url("/large")), "too_large"),
    ];
    for (member, value, step) in rows {
        let mut definition = api.definition("a", &ok);
        definition["timeoutMs"] = json!(if step == "timeout" { 1_500 } else { 60_000 });
        definition["limits"]["responseBytes"] = json!(1_000_000);
        definition[member] = value;
        let failed = api.post(TEST, definition).await.problem(422, "test_failed");
        assert_eq!(failed.body["step"], step, "{}", failed.body);
        assert!(failed.body["detail"].is_string());
        let is_script = step.ends_with("_script");
        assert_eq!(
            failed.body["script"]["line"].is_u64(),
            is_script && failed.body["script"]["stack"].is_string()
        );
    }
    let mut definition = api.definition("a", &ok);
    definition["bodyScript"] = json!("console.log('before');\nthrow new TypeError('odd');");
    let failed = api.post(TEST, definition).await.problem(422, "test_failed");
    assert_eq!(failed.body["script"]["line"], 2, "{}", failed.body);
    assert!(failed.body["script"]["message"].as_str().unwrap().contains("odd"));
    assert_eq!(failed.body["logs"][0]["text"], "before");
    let mut invalid = api.definition("", &ok);
    invalid["frequencySeconds"] = json!(0);
    let refused = api.post(TEST, invalid).await.problem(422, "invalid");
    assert_eq!(refused.fields(), ["name", "frequencySeconds"]);
}

#[actix_web::test]
async fn run_response_in_all_its_outcomes() {
    let api = Api::start(&[]).await;
    let run = async |script: &str, response: Value| {
        let mut definition = api.definition("a", "https://example.com/items?x=1");
        definition["responseScript"] = json!(script);
        let body = json!({"definition": definition, "response": response});
        api.post(RESPONSE, body).await.expect(200).body
    };
    let response = json!({"statusCode": 200, "headers": {"Content-Type": "application/json", "X-Many": ["a", "b"]},
        "body": "[{\"rfqId\":12345678901234567890},{\"rfqId\":2},{\"rfqId\":2}]"});
    let done = run("return response.json;", response.clone()).await;
    assert_eq!(done["outcome"], "transactions", "{done}");
    let identifiers: Vec<_> = done["transactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["identifier"])
        .collect();
    assert_eq!(identifiers, ["12345678901234567890", "2", "2"]);
    assert_eq!(done["transactions"][1]["exists"], false);
    assert_eq!(done["transactions"][2]["exists"], true, "twice in one answer");
    assert_eq!(done["error"], Value::Null);

    let seen = "console.log(request.method, request.url, response.statusCode, response.headers['x-many']); return [];";
    let done = run(seen, response.clone()).await;
    assert_eq!(done["logs"][0]["text"], "GET https://example.com/items?x=1 200 a, b");
    assert_eq!(done["transactions"], json!([]));

    assert_eq!(run("return 'Abort';", json!({})).await["outcome"], "abort");
    let done = run("console.info('here');\nnull.x;", json!({"body": null})).await;
    assert_eq!(done["outcome"], "error");
    assert_eq!(done["error"]["line"], 2, "{done}");
    assert!(done["error"]["stack"].is_string());
    assert_eq!(done["error"]["script"], "response script");
    assert_eq!(done["logs"][0]["text"], "here");
    for script in ["return 1;", "return [{}];", "1;", "return new String('Abort');"] {
        let done = run(script, json!({})).await;
        assert_eq!(done["outcome"], "error", "{script}: {done}");
    }

    let mut bad = api.definition("a", "nonsense");
    bad["bogus"] = json!(1);
    let body = json!({"definition": bad, "response": {}});
    let refused = api.post(RESPONSE, body).await.problem(400, "bad_request");
    assert_eq!(refused.fields(), ["definition.bogus"]);
    let body = json!({"definition": api.definition("a", "nonsense"), "response": {}});
    let refused = api.post(RESPONSE, body).await.problem(422, "invalid");
    assert_eq!(refused.fields(), ["definition.url.value"]);
    let body = json!({"definition": api.definition("a", "https://example.com"), "response": {"statusCode": 7}});
    api.post(RESPONSE, body).await.problem(422, "invalid");
}

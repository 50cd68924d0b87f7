//! Scripts of integrations: what they see and what they may return.

use orrery::script::{Context, ItemInfo, Job, Kind, RequestInfo, ResponseInfo, Value};

use super::{output, pool, script_error};

fn job(kind: Kind, source: &str) -> Job {
    let scope = r#"{"item": {"Name": "Ada", "Id": 12345678901234567890}, "integration": {"name": "Out"},
        "clientIntegration": {"id": 7}, "queueItem": {"attempt": 2}}"#;
    let is_result = kind == Kind::ItemResult;
    Job {
        kind,
        name: kind.script_name().into(),
        source: source.into(),
        context: Context {
            now: "2026-01-01T00:00:01Z".to_owned(),
            item: Some(ItemInfo { scope: scope.into() }),
            request: is_result.then(|| RequestInfo {
                method: "POST".to_owned(),
                url: "https://a.example/".to_owned(),
            }),
            response: is_result.then(|| ResponseInfo {
                status_code: 201,
                headers: vec![("X-A".to_owned(), "b".to_owned())],
                body: bytes::Bytes::from_static(b"{\"id\": 98765432109876543210}"),
            }),
            ..Context::default()
        },
        wall_ms: None,
    }
}

#[tokio::test]
async fn an_item_is_seen_and_answered_for() {
    let pool = pool(1);
    let json = |text: &str| Value::Json(text.to_owned());
    let text = |text: &str| Value::Text(text.to_owned());
    let cases = [
        (
            Kind::ItemBody,
            "return item.Name + item.Id",
            text("Ada12345678901234567890"),
        ),
        (
            Kind::ItemBody,
            "const item2 = {...item, n: integration.name}; return [item2.n, clientIntegration.id, queueItem.attempt, now]",
            json(r#"["Out",7,2,"2026-01-01T00:00:01Z"]"#),
        ),
        (
            Kind::ItemBody,
            "return {r: typeof response, q: typeof request, c: typeof call, s: typeof state, d: typeof record}",
            json(r#"{"r":"undefined","q":"undefined","c":"undefined","s":"undefined","d":"undefined"}"#),
        ),
        (
            Kind::ItemResult,
            "return [response.json.id, response.statusCode, response.headers['x-a'], request.method, item.Name]",
            json(r#"["98765432109876543210",201,"b","POST","Ada"]"#),
        ),
        (Kind::ItemResult, "return {result: 'x'}", json(r#"{"result":"x"}"#)),
        (Kind::ItemResult, "return 'x'", text("x")),
        (Kind::ItemResult, "", Value::Unchanged),
        (Kind::ItemResult, "return null", Value::Unchanged),
    ];
    for (kind, source, expected) in cases {
        assert_eq!(output(&pool, job(kind, source)).await.value, expected, "{source}");
    }
    for (kind, source, said) in [
        (Kind::ItemBody, "return 5", "A body script must return"),
        (Kind::ItemResult, "return 5", "A result script must return"),
        (Kind::ItemResult, "return async () => {}", "a function"),
        (Kind::ItemResult, "nope()", "nope is not defined (line 1, column 1)"),
    ] {
        let error = script_error(&pool, job(kind, source)).await;
        assert!(error.to_string().contains(said), "{source}: {error}");
    }
    pool.shutdown().await;
}

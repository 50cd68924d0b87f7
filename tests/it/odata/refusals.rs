//! What is refused, and that errors are OData's wherever they come from.

use serde_json::{Value, json};

use super::fixture::{encoded, filled};
use crate::support::engine::{Api, Reply, TestEngine};

fn error(reply: &Reply) -> &Value {
    assert!(
        reply.header("content-type").unwrap().starts_with("application/json"),
        "{reply:?}"
    );
    assert_eq!(reply.header("odata-version"), Some("4.0"), "{reply:?}");
    let error = &reply.json["error"];
    assert!(error["code"].is_string() && error["message"].is_string(), "{reply:?}");
    error
}

#[actix_rt::test]
async fn errors_are_odatas_also_from_the_layers() {
    let test = TestEngine::start().await;
    let anonymous = Api::anonymous(test.api.address);
    let reply = anonymous.get("/OData/Integrations").await.expect(401);
    assert_eq!(error(&reply)["code"], "unauthorized");
    let token = json!({"name": "less", "rights": ["calls.read"]});
    let token = test.api.post("/api/v1/tokens", &token).await.expect(201);
    let less = test.api.with_token(token.json["token"].as_str().unwrap());
    let reply = less.get("/OData/Integrations").await.expect(403);
    assert!(
        error(&reply)["message"]
            .as_str()
            .unwrap()
            .contains("integrations.manage")
    );
    for (path, status, part) in [
        ("Nope", 404, "there is no entity set"),
        ("Integrations(9)", 404, "There is no integration 9"),
        ("Entities('x')", 404, "There is no entity \"x\""),
        ("Integrations(x)", 404, "is no key"),
        ("Integrations?$filter=Nope eq 1", 400, "has no property \"Nope\""),
        ("Integrations?$filter=IntegrationName eq", 400, "$filter: character 19"),
        (
            "Integrations?$frobnicate=1",
            400,
            "$frobnicate: is no option that is known",
        ),
        ("Integrations?$search=x", 400, "$search"),
        ("Integrations(1)?$top=1", 400, "$top: makes no sense on this path"),
        ("IntegrationQueues(1)/Retry", 405, "send it with POST"),
        ("$batch", 501, "$batch is not supported"),
        ("$crossjoin(Integrations,Actions)", 501, "$crossjoin is not supported"),
        (
            "Integrations?$filter=IntegrationQueues/any(q:q/Attempt gt 1)",
            400,
            "(any, all) is not supported",
        ),
        (
            "Integrations?$filter=IntegrationQueues/all(q: q/Attempt gt 1)",
            400,
            "(any, all) is not supported",
        ),
        (
            "Integrations?$filter=IntegrationQueues/any()",
            400,
            "any(…) of a list is not supported",
        ),
    ] {
        let reply = test.api.get(&format!("/OData/{}", encoded(path))).await.expect(status);
        assert!(
            error(&reply)["message"].as_str().unwrap().contains(part),
            "{path}: {reply:?}"
        );
    }
    // As clients send batches.
    for (media_type, body) in [
        (
            "application/json",
            r#"{"requests": [{"id": "1", "method": "get", "url": "Integrations"}]}"#,
        ),
        (
            "multipart/mixed; boundary=b",
            "--b\r\ncontent-type: application/http\r\n\r\n--b--\r\n",
        ),
    ] {
        let batch = test.api.ask("POST", "/OData/$batch").text(body);
        let reply = batch.header("content-type", media_type).send().await.expect(501);
        assert_eq!(error(&reply)["code"], "not_implemented");
        assert!(
            error(&reply)["message"].as_str().unwrap().contains("one by one"),
            "{reply:?}"
        );
    }
    let reply = test.api.get("/OData/Integrations?$orderby=Nope").await.expect(400);
    assert_eq!(error(&reply)["target"], "$orderby");
    assert_eq!(error(&reply)["details"][0]["target"], "$orderby");
    assert!(error(&reply)["innererror"]["requestId"].is_string());
}

#[actix_rt::test]
async fn changes_are_refused_in_the_same_form() {
    let test = TestEngine::start().await;
    let ask = |method: &str, path: &str| test.api.ask(method, &format!("/OData/{path}"));
    let wrong = ask("POST", "Integrations")
        .json(&json!({"Nope": 1, "Schedule": {}}))
        .send()
        .await
        .expect(400);
    let details = error(&wrong)["details"].as_array().unwrap().clone();
    assert_eq!(details.len(), 2, "{wrong:?}");
    assert_eq!(details[0]["target"], "Nope");
    for (method, path, status) in [
        ("PUT", "Integrations(1)", 405),
        ("POST", "IntegrationQueues", 405),
        ("PATCH", "IntegrationQueues(1)", 405),
        ("DELETE", "ConsentTypes('None')", 405),
        ("POST", "ConsentTypes", 405),
        ("PATCH", "Integrations", 405),
        ("DELETE", "Integrations(1)/Comment", 405),
        ("POST", "$metadata", 405),
        ("PATCH", "Integrations(77)", 404),
        ("DELETE", "Integrations(77)", 404),
    ] {
        let reply = ask(method, path).json(&json!({})).send().await;
        assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
        error(&reply);
    }
    let text = ask("POST", "Integrations")
        .text("x")
        .header("content-type", "text/plain")
        .send()
        .await
        .expect(415);
    assert_eq!(error(&text)["code"], "unsupported_media_type");
    let broken = ask("POST", "Integrations")
        .text("{")
        .header("content-type", "application/json")
        .send()
        .await;
    assert_eq!(error(&broken.expect(400))["code"], "bad_request");
    ask("POST", "Integrations").send().await.expect(400);
    let large = "x".repeat(test.engine.settings().server.body_bytes_max + 1);
    let large = ask("POST", "Integrations")
        .text(&large)
        .header("content-type", "application/json")
        .send()
        .await;
    assert_eq!(error(&large.expect(413))["code"], "too_large");
    // The same request under the same key is answered from the first answer, in the same form.
    let again = || {
        let ask = ask("POST", "Integrations").header("idempotency-key", "once");
        ask.json(&json!({"Nope": 1})).send()
    };
    let (first, second) = (again().await.expect(400), again().await.expect(400));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!((error(&first), error(&second)), (error(&second), error(&first)));
}

#[actix_rt::test]
async fn too_much_at_once_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let filled = filled(&format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display())).await;
    let nested =
        "ActionLogs?$expand=ClientIntegration($expand=IntegrationQueues($expand=Integration($expand=Schedule)))";
    filled.get(&encoded(nested)).await.expect(400);
    let long = format!("IntegrationQueues?$filter=ItemId%20eq%20'{}'", "x".repeat(5_000));
    filled.get(&long).await.expect(400);
    let deep = format!("IntegrationQueues?$filter={}Attempt{}", "(".repeat(60), ")".repeat(60));
    filled.get(&deep).await.expect(400);
}

//! Whose credentials go with a request, and where they never go.

use orrery::clock::Clock;
use serde_json::{Value, json};

use super::fixture::{Acts, result};
use crate::support::{
    fake_xero,
    upstream::{Behaviour, Upstream},
};

const SECRET: &str = "sesame-open-1234";

async fn client(acts: &Acts) -> String {
    let body = json!({"name": "shop", "auth": {"kind": "bearer", "token": SECRET}});
    acts.api.post("/api/v1/clients", &body).await.expect(201).id()
}

#[tokio::test]
async fn the_client_of_the_action_goes_with_it_to_the_host_that_is_written_out() {
    let (target, elsewhere) = (Upstream::start(), Upstream::start());
    target.items("/hook", json!({}));
    elsewhere.items("/hook", json!({}));
    let acts = Acts::open().await;
    let client = client(&acts).await;
    acts.put("invoice", "A", json!({"Host": elsewhere.address()})).await;
    let line = acts
        .line(
            json!({"Url": target.url("/hook"), "ClientUuid": client}),
            json!({}),
            json!({}),
        )
        .await;
    assert_eq!(acts.send(line, "A", 1).await.state, "Completed");
    let bearer = format!("Bearer {SECRET}");
    assert_eq!(
        target.requests_to("/hook")[0].header("authorization"),
        Some(bearer.as_str())
    );

    for (action, said) in [
        (
            json!({"Url": "http://{{ item.Host }}/hook", "ClientUuid": client}),
            "before the first value",
        ),
        (
            json!({"Url": format!("http://{}{{{{ item.Host|safe }}}}/hook", target.address()), "ClientUuid": client}),
            "before",
        ),
    ] {
        let line = acts.line(action, json!({}), json!({})).await;
        let item = acts.send(line, "A", 1).await;
        assert_eq!(item.state, "Abandoned", "{item:?}");
        assert!(result(&item).contains(said), "{item:?}");
    }
    // Secret headers are refused with it when they are written; what was written before is not sent.
    let headers = json!({"Authorization": "Basic abcdefgh"});
    let line = acts
        .line(
            json!({"Url": target.url("/hook"), "Headers": headers}),
            json!({}),
            json!({}),
        )
        .await;
    acts.move_action(line, "http://{{ item.Host|safe }}/hook").await;
    let item = acts.send(line, "A", 1).await;
    assert_eq!(item.state, "Abandoned", "{item:?}");
    assert!(result(&item).contains("has secret headers"), "{item:?}");
    assert!(elsewhere.requests().is_empty());
    // Without credentials a value may say where it goes.
    let line = acts
        .line(json!({"Url": "http://{{ item.Host|safe }}/hook"}), json!({}), json!({}))
        .await;
    assert_eq!(acts.send(line, "A", 1).await.state, "Completed");
    assert_eq!(elsewhere.requests_to("/hook")[0].header("authorization"), None);
}

#[tokio::test]
async fn secrets_are_never_shown() {
    let target = Upstream::start();
    let echo = format!("you sent {SECRET} and key-of-the-header");
    target.on(
        "/hook",
        Behaviour::Respond {
            status: 400,
            headers: Vec::new(),
            body: echo.clone().into_bytes(),
        },
    );
    target.items("/good", json!({"echo": echo}));
    let acts = Acts::open().await;
    let client = client(&acts).await;
    acts.put("invoice", "A", json!({})).await;
    let action = |path: &str, script: Value| {
        json!({
            "Url": target.url(path), "ClientUuid": client, "Headers": {"X-Api-Key": "key-of-the-header"}, "ResultScript": script,
        })
    };
    for (action, state) in [
        (action("/hook", Value::Null), "Failed"),
        (action("/good", json!("return response.json.echo")), "Completed"),
        (
            action("/good", json!("throw new Error(response.json.echo)")),
            "Abandoned",
        ),
        (
            action("/good", json!("return {failed: true, message: response.json.echo}")),
            "Failed",
        ),
    ] {
        let line = acts.line(action, json!({}), json!({})).await;
        let item = acts.send(line, "A", 1).await;
        assert_eq!(item.state, state, "{item:?}");
        let shown = result(&item);
        assert!(shown.contains("you sent [redacted] and [redacted]"), "{shown}");
    }
    assert_eq!(
        target.requests_to("/hook")[0].header("x-api-key"),
        Some("key-of-the-header")
    );
}

#[tokio::test]
async fn the_credentials_of_a_connection_go_to_its_own_host_only() {
    let (xero, elsewhere) = (fake_xero::start(Clock::system()), Upstream::start());
    elsewhere.items("/hook", json!({}));
    let acts = Acts::open().await;
    let connection = acts.connect(&xero).await;
    acts.put("invoice", "A", json!({"Name": "Ada"})).await;
    let with_connection = || json!({"ConnectionUuid": connection});
    let action = json!({
        "Method": "POST",
        "Url": "/api.xro/2.0/Contacts",
        "Body": r#"{"Contacts": [{"Name": "{{ item.Name }}"}]}"#,
    });
    let line = acts.line(action, json!({}), with_connection()).await;
    let item = acts.send(line, "A", 1).await;
    assert_eq!(item.state, "Completed", "{item:?}");
    let sent = &xero.requests_to("/Contacts")[0];
    assert!(sent.header("authorization").unwrap().starts_with("Bearer "));
    assert_eq!(
        sent.header("idempotency-key"),
        Some(format!("{}:A:1", line.client).as_str())
    );

    let line = acts
        .line(json!({"Url": elsewhere.url("/hook")}), json!({}), with_connection())
        .await;
    let item = acts.send(line, "A", 1).await;
    assert_eq!(item.state, "Abandoned", "{item:?}");
    assert!(result(&item).contains("go to http://127.0.0.1"), "{item:?}");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn the_credentials_that_the_client_entered_go_with_its_items_once_it_consented() {
    let target = Upstream::start();
    target.items("/hook", json!({}));
    let acts = Acts::open().await;
    acts.put("invoice", "A", json!({})).await;
    let consent = json!({"ConsentTypeId": "Credentials"});
    let line = acts.line(json!({"Url": target.url("/hook")}), consent, json!({})).await;
    acts.submit(line, json!({"Token": SECRET})).await;
    let item = acts.send(line, "A", 1).await;
    assert_eq!(item.state, "Completed", "{item:?}");
    let bearer = format!("Bearer {SECRET}");
    assert_eq!(
        target.requests_to("/hook")[0].header("authorization"),
        Some(bearer.as_str())
    );
}

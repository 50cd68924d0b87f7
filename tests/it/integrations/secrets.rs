//! Secrets of actions and systems: sealed, masked, kept, and sent to no other server.

use orrery::domain::odata::EntitySet::{Actions, IntegrationSystems};
use serde_json::{Value, json};

use super::fixture::{Fixture, action, expect_refused, system, with};
use crate::support::postgres::for_each_database;

#[actix_rt::test]
async fn secret_headers_are_masked_and_kept() {
    for_each_database(|url| async move {
        let here = Fixture::on(&url).await;
        let caller = &here.operator;
        let (engine, tenant) = (&here.running.engine, caller.tenant_id);
        let headers = json!({"Accept": "text/plain", "Authorization": "Bearer hushhush", "X-Api-Key": "quietly"});
        let body = with(action("Secret"), json!({"Headers": headers.to_string()}));
        let id = here.create(caller, Actions, body).await.unwrap();
        let shown = async || {
            let found = engine.store().action(tenant, id.into()).await.unwrap().unwrap();
            found.value.headers.unwrap_or_default()
        };
        let opened = async || {
            let secrets = engine
                .store()
                .action_secrets(engine.sealer(), tenant, id.into())
                .await
                .unwrap();
            let secrets = secrets
                .into_iter()
                .map(|(name, secret)| (name, secret.expose().to_owned()));
            secrets.collect::<Vec<(String, String)>>()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let first = shown().await;
        assert!(first.contains("text/plain") && first.contains("sha256:"), "{first}");
        assert_eq!(
            opened().await,
            [pair("Authorization", "Bearer hushhush"), pair("X-Api-Key", "quietly")]
        );
        // What was shown can be sent back; so can one value with the masks of the others.
        let patch = async |headers: Value| here.patch(caller, Actions, id, json!({"Headers": headers})).await;
        patch(json!(first)).await.unwrap();
        let mut members: Value = serde_json::from_str(&first).unwrap();
        members["X-Api-Key"] = json!("louder");
        patch(json!(members.to_string())).await.unwrap();
        assert_eq!(
            opened().await,
            [pair("Authorization", "Bearer hushhush"), pair("X-Api-Key", "louder")]
        );
        // A change of something else leaves them.
        here.patch(caller, Actions, id, json!({"ActionName": "Other"}))
            .await
            .unwrap();
        assert_eq!(opened().await.len(), 2);
        // A mask is no value.
        expect_refused(
            patch(json!({"X-Token": {"set": true, "fingerprint": "sha256:00000000"}})).await,
            "invalid",
            "Headers.X-Token",
        );
        for row in here.audit(caller, "integration_action").await {
            let text = format!("{:?}{:?}", row.before, row.after);
            for secret in ["hushhush", "quietly", "louder"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
        patch(Value::Null).await.unwrap();
        assert_eq!((shown().await.as_str(), opened().await.len()), ("", 0));
    })
    .await;
}

#[actix_rt::test]
async fn kept_secrets_go_to_no_other_server() {
    let here = Fixture::start().await;
    let caller = &here.operator;
    let body = with(
        action("Secret"),
        json!({"Headers": {"X-Api-Key": "quietly"}, "Url": "http://localhost:9/{{ item.Id }}"}),
    );
    let id = here.create(caller, Actions, body).await.unwrap();
    let patch = async |body: Value| here.patch(caller, Actions, id, body).await;
    patch(json!({"Url": "http://localhost:9/v2/{{ item.Id }}"}))
        .await
        .unwrap();
    for url in [
        "http://localhost:10/orders",
        "http://{{ item.Host }}/orders",
        "https://localhost:9/orders",
    ] {
        expect_refused(patch(json!({"Url": url})).await, "invalid", "Url");
        let masked = json!({"Url": url, "Headers": {"X-Api-Key": {"set": true}}});
        expect_refused(patch(masked).await, "invalid", "Url");
    }
    patch(json!({"Url": "http://localhost:10/orders", "Headers": {"X-Api-Key": "again"}}))
        .await
        .unwrap();
    patch(json!({"Url": "http://localhost:11/orders", "Headers": null}))
        .await
        .unwrap();
}

#[actix_rt::test]
async fn secret_headers_need_an_address_that_says_where_they_go() {
    let here = Fixture::start().await;
    let caller = &here.operator;
    let with_url = |url: &str| {
        with(
            action("Secret"),
            json!({"Url": url, "Headers": {"X-Api-Key": "quietly"}}),
        )
    };
    for url in ["/orders", "http://{{ item.Host }}/orders", "{{ item.Url }}"] {
        let made = here.create(caller, Actions, with_url(url)).await;
        expect_refused(made, "secret_headers_need_host", "Url");
    }
    let id = here
        .create(caller, Actions, with_url("http://localhost:9/"))
        .await
        .unwrap();
    let moved = json!({"Url": "/orders", "Headers": {"X-Api-Key": "again"}});
    expect_refused(
        here.patch(caller, Actions, id, moved).await,
        "secret_headers_need_host",
        "Url",
    );
    // Without secrets the values, or a connection, may say where.
    let open = with(action("Open"), json!({"Url": "/orders", "Headers": {"X-Name": "n"}}));
    let open = here.create(caller, Actions, open).await.unwrap();
    let secret = json!({"Headers": {"X-Name": "n", "X-Token": "t"}});
    expect_refused(
        here.patch(caller, Actions, open, secret).await,
        "secret_headers_need_host",
        "Url",
    );
}

#[actix_rt::test]
async fn a_client_secret_is_sealed_and_kept() {
    let here = Fixture::start().await;
    let caller = &here.operator;
    let (engine, tenant) = (&here.running.engine, caller.tenant_id);
    let oauth = json!({
        "AuthorizeUrl": "https://localhost/authorize", "TokenUrl": "https://localhost/token", "OAuthClientId": "us",
        "OAuthClientSecret": "hushhush",
    });
    let id = here
        .create(caller, IntegrationSystems, with(system("Id"), oauth))
        .await
        .unwrap();
    let opened = async || {
        let secret = engine
            .store()
            .system_secret(engine.sealer(), tenant, id.into())
            .await
            .unwrap();
        secret.map(|secret| secret.expose().to_owned())
    };
    let patch = async |body: Value| here.patch(caller, IntegrationSystems, id, body).await;
    patch(json!({"Comment": "c", "TokenUrl": "https://localhost/v2/token"}))
        .await
        .unwrap();
    assert_eq!(opened().await.as_deref(), Some("hushhush"));
    expect_refused(
        patch(json!({"TokenUrl": "https://other.example/token"})).await,
        "invalid",
        "TokenUrl",
    );
    expect_refused(
        patch(json!({"TokenUrl": "http://10.0.0.1/token", "OAuthClientSecret": "new"})).await,
        "invalid",
        "TokenUrl",
    );
    patch(json!({"TokenUrl": "http://localhost:9/token", "OAuthClientSecret": "other"}))
        .await
        .unwrap();
    assert_eq!(opened().await.as_deref(), Some("other"));
    patch(json!({"OAuthClientSecret": null})).await.unwrap();
    assert_eq!(opened().await, None);
    for row in here.audit(caller, "integration_system").await {
        let text = format!("{:?}{:?}", row.before, row.after);
        assert!(!text.contains("hushhush") && !text.contains("\"other\""), "{text}");
    }
}

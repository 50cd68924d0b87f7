//! Consents as clients of the OData surface meet them: from enabling an integration to its end.

use std::time::Duration;

use orrery::domain::integration::ConsentState;
use serde_json::{Value, json};
use url::Url;

use super::fixture::{CALLBACK, Scene, confirmed, state_of, text};
use crate::support::{
    engine::{Api, Reply},
    fake_oauth::{CLIENT_ID, CLIENT_SECRET, FakeOauth},
    postgres::for_each_database,
    process::Orrery,
    scene::eventually,
};

async fn made(api: &Api, set: &str, key: &str, body: Value) -> i64 {
    let reply = api.post(&format!("/OData/{set}"), &body).await.expect(201);
    reply.json[key].as_i64().unwrap_or_else(|| panic!("{reply:?}"))
}

/// An integration that asks for consents of a type; its number.
pub async fn integration(api: &Api, provider: &FakeOauth, kind: &str) -> i64 {
    let system = json!({
        "IntegrationSystemName": "Bank", "AuthorizeUrl": provider.authorize_url(), "TokenUrl": provider.token_url(),
        "OAuthClientId": CLIENT_ID, "OAuthClientSecret": CLIENT_SECRET, "OAuthScope": "read write",
    });
    let system = made(api, "IntegrationSystems", "IntegrationSystemId", system).await;
    let schedule = json!({"ScheduleName": "Often", "Kind": "Interval", "IntervalSeconds": 60});
    let schedule = made(api, "Schedules", "ScheduleId", schedule).await;
    let action = json!({"ActionName": "Send", "Kind": "Http", "Url": provider.resource()});
    let action = made(api, "Actions", "ActionId", action).await;
    let definition = json!({
        "IntegrationName": "Payments", "EntityId": "Transaction", "IntegrationDirectionId": "Outbound",
        "IntegrationSystemId": system, "ScheduleId": schedule, "ActionId": action, "ConsentTypeId": kind,
    });
    made(api, "Integrations", "IntegrationId", definition).await
}

/// Enables it; the paths of the client integration and of its consent.
pub async fn enabled(api: &Api, integration: i64) -> (String, String) {
    let body = json!({"IntegrationId": integration, "Enabled": true});
    let reply = api.post("/OData/ClientIntegrations", &body).await.expect(201);
    let number = |name: &str| reply.json[name].as_i64().unwrap_or_else(|| panic!("{reply:?}"));
    (
        format!("/OData/ClientIntegrations({})", number("ClientIntegrationId")),
        format!("/OData/Consents({})", number("ConsentId")),
    )
}

pub fn link(consent: &Reply) -> Url {
    let text = consent.json["AuthorizeUrl"].as_str();
    Url::parse(text.unwrap_or_else(|| panic!("{consent:?}"))).unwrap()
}

#[actix_rt::test]
async fn a_client_enables_an_integration_and_a_person_follows_the_link() {
    for_each_database(|url| async move {
        let scene = Scene::on(&url).await;
        let api = &scene.test.api;
        let definition = integration(api, &scene.provider, "OAuth2").await;
        let (client, consent) = enabled(api, definition).await;
        let shown = api.get(&consent).await.expect(200);
        assert_eq!(
            (&shown.json["State"], &shown.json["ConsentTypeId"]),
            (&json!("Pending"), &json!("OAuth2"))
        );
        scene.follow(&link(&shown)).await.expect(200);
        let shown = api.get(&consent).await.expect(200);
        assert_eq!(
            (&shown.json["State"], &shown.json["AuthorizeUrl"]),
            (&json!("Granted"), &Value::Null)
        );
        // What is granted stays through a pause.
        for is_enabled in [false, true] {
            let changed = api.patch(&client, &json!({"Enabled": is_enabled})).await.expect(200);
            assert_eq!(changed.json["ConsentId"], shown.json["ConsentId"]);
            assert_eq!(api.get(&consent).await.json["State"], "Granted");
        }
        let all = api.get("/OData/Consents").await.expect(200);
        let log = api.get("/api/v1/audit?limit=200").await.expect(200);
        for secret in [CLIENT_SECRET, "access-2", "refresh-2", "code-1"] {
            for reply in [&all, &log] {
                assert!(!text(reply).contains(secret), "{secret}");
            }
        }
        assert!(text(&log).contains("consent.grant"), "{}", text(&log));
        api.post(&format!("{consent}/Revoke"), &json!({})).await.expect(200);
        let shown = api.get(&consent).await.expect(200);
        assert_eq!(shown.json["State"], "Revoked");
        api.delete(&client).await.expect(204);
        api.get(&consent).await.expect(404);
    })
    .await;
}

#[actix_rt::test]
async fn another_type_of_consent_asks_anew_and_none_asks_nothing() {
    let scene = Scene::start().await;
    let api = &scene.test.api;
    let definition = integration(api, &scene.provider, "OAuth2").await;
    let (client, consent) = enabled(api, definition).await;
    scene.follow(&link(&api.get(&consent).await)).await.expect(200);
    let definition = format!("/OData/Integrations({definition})");
    api.patch(&definition, &json!({"ConsentTypeId": "Manual"}))
        .await
        .expect(200);
    let shown = api.get(&consent).await.expect(200);
    assert_eq!(
        (&shown.json["State"], &shown.json["ConsentTypeId"]),
        (&json!("Pending"), &json!("Manual"))
    );
    // An API token cannot approve; one who signed in can; another tenant sees nothing.
    let token = json!({"name": "robot", "rights": ["integrations.manage"]});
    let token = api.post("/api/v1/tokens", &token).await.expect(201);
    let robot = api.with_token(token.json["token"].as_str().unwrap());
    let company = json!({"companyId": "other", "name": "Other"});
    api.post("/api/v1/tenants", &company).await.expect(201);
    let other = api.in_tenant("other");
    let approve = format!("{consent}/Approve");
    robot.post(&approve, &json!({})).await.expect(403);
    other.post(&approve, &json!({})).await.expect(404);
    other.get(&consent).await.expect(404);
    Api::anonymous(api.address).get(&consent).await.expect(401);
    let approved = api.post(&approve, &json!({})).await.expect(200);
    assert_eq!(approved.json["State"], "Granted");
    assert!(approved.json["GrantedBy"].is_string(), "{approved:?}");
    api.post(&approve, &json!({})).await.expect(409);
    api.patch(&definition, &json!({"ConsentTypeId": "None"}))
        .await
        .expect(200);
    api.get(&consent).await.expect(404);
    assert_eq!(api.get(&client).await.json["ConsentId"], Value::Null);
}

#[actix_rt::test]
async fn a_link_that_ended_is_made_anew_by_who_enables_again() {
    let scene = Scene::start().await;
    let api = &scene.test.api;
    let definition = integration(api, &scene.provider, "OAuth2").await;
    let (client, consent) = enabled(api, definition).await;
    let first = state_of(&link(&api.get(&consent).await));
    let again = async || {
        for is_enabled in [false, true] {
            api.patch(&client, &json!({"Enabled": is_enabled})).await.expect(200);
        }
        let shown = api.get(&consent).await.expect(200);
        state_of(&link(&shown))
    };
    assert_eq!(again().await, first, "a link that is good stays");
    scene.manual.advance(Duration::from_secs(601));
    assert_ne!(again().await, first);
}

#[actix_rt::test]
async fn credentials_are_submitted_and_never_answered() {
    let scene = Scene::start().await;
    let api = &scene.test.api;
    let definition = integration(api, &scene.provider, "Credentials").await;
    let (_, consent) = enabled(api, definition).await;
    let submit = format!("{consent}/Submit");
    let wrong = api
        .post(&submit, &json!({"Username": "ann", "Pass": "hunter-2"}))
        .await
        .expect(400);
    assert!(!text(&wrong).contains("hunter-2"), "{}", text(&wrong));
    let body = json!({"Username": "ann", "Password": "hunter-2"});
    let answer = api.post(&submit, &body).await.expect(200);
    assert_eq!(answer.json["State"], "Granted");
    let log = api.get("/api/v1/audit?limit=200").await.expect(200);
    for reply in [&answer, &log, &api.get(&consent).await] {
        assert!(!text(reply).contains("hunter-2"), "{}", text(reply));
    }
}

/// The real binary, so that all of its log can be read.
#[actix_rt::test]
async fn the_log_holds_no_code_and_no_state() {
    let directory = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let orrery = Orrery::start(
        &["serve"],
        &[
            ("ORRERY__DATABASE__URL", &database),
            ("ORRERY__DATA__DIR", directory.path().to_str().unwrap()),
            ("ORRERY__SERVER__PORT", "0"),
            ("ORRERY__SCRIPT__WORKERS", "1"),
            ("ORRERY__ADMIN__PASSWORD", "correct horse"),
            ("ORRERY__EGRESS__ALLOW", "127.0.0.1"),
            ("ORRERY__LOG__LEVEL", "debug"),
        ],
    );
    let line = orrery.stdout_line_with("listening");
    let address = line.strip_prefix("orrery listening on http://").unwrap();
    let address = address.split(' ').next().unwrap().parse().unwrap();
    let api = Api::anonymous(address).sign_in("admin", "correct horse").await;
    let provider = FakeOauth::start();
    provider.register(&format!("http://{address}{CALLBACK}"));
    let definition = integration(&api, &provider, "OAuth2").await;
    let (_, consent) = enabled(&api, definition).await;
    let link = link(&api.get(&consent).await);
    let there = Api::anonymous(provider.address);
    let there = there
        .get(&format!("{}?{}", link.path(), link.query().unwrap()))
        .await
        .expect(302);
    let back = Url::parse(there.header("location").unwrap()).unwrap();
    let back = format!("{}?{}", back.path(), back.query().unwrap());
    let page = Api::anonymous(address).get(&back).await.expect(200);
    confirmed(&Api::anonymous(address), &page).send().await.expect(200);
    let state: ConsentState = api.get(&consent).await.json["State"].as_str().unwrap().parse().unwrap();
    assert_eq!(state, ConsentState::Granted);
    eventually("the request is in the log", || async {
        orrery.stderr().contains(CALLBACK)
    })
    .await;
    let log = orrery.stderr();
    for secret in [state_of(&link).as_str(), CLIENT_SECRET, "access-2", "refresh-2"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

//! Tokens of consents: used, renewed with rotation, ended, taken back by the other system, and bound to it.

use std::time::Duration;

use orrery::{
    actors::integration::consent::consent_refused,
    domain::integration::ConsentState,
    error::Code,
    http::{Auth, Request},
};
use serde_json::json;

use super::fixture::{Scene, text};
use crate::support::{
    fake_oauth::{CLIENT_SECRET, Manner},
    postgres::for_each_database,
};

#[actix_rt::test]
async fn tokens_are_renewed_each_with_the_one_before() {
    for_each_database(|url| async move {
        let scene = Scene::on(&url).await;
        let asked = scene.granted().await;
        assert_eq!(scene.send(asked).await.unwrap().status, 200);
        for n in 1..4 {
            scene.provider.end_access();
            assert_eq!(scene.send(asked).await.unwrap().status, 200);
            assert_eq!(scene.provider.token_requests(), 1 + n);
        }
        assert_eq!(
            scene.provider.seen_refresh_tokens(),
            ["refresh-2", "refresh-3", "refresh-4"]
        );
        // As after a restart: memory is gone, the vault is not.
        let outbound = scene.test.engine.outbound();
        outbound.forget_client(asked.tenant.uuid(), asked.uuid);
        assert_eq!(scene.send(asked).await.unwrap().status, 200);
        assert_eq!(scene.provider.token_requests(), 4, "the stored token is used");
        scene.manual.advance(Duration::from_secs(1_800));
        assert_eq!(scene.send(asked).await.unwrap().status, 200);
        assert_eq!(scene.provider.seen_refresh_tokens().last().unwrap(), "refresh-5");
        assert_eq!(scene.provider.complaints(), Vec::<String>::new());
    })
    .await;
}

#[actix_rt::test]
async fn the_token_of_the_grant_is_used_after_a_restart_too() {
    let scene = Scene::start().await;
    let asked = scene.granted().await;
    let outbound = scene.test.engine.outbound();
    outbound.forget_client(asked.tenant.uuid(), asked.uuid);
    assert_eq!(scene.send(asked).await.unwrap().status, 200);
    assert_eq!(scene.provider.token_requests(), 1);
}

#[actix_rt::test]
async fn a_refusal_for_good_asks_people_again() {
    for_each_database(|url| async move {
        let mut scene = Scene::on(&url).await;
        let asked = scene.granted().await;
        scene.send(asked).await.unwrap();
        scene.provider.revoke();
        let work = scene.work(asked).await;
        let credentials = scene.credentials(asked).await.unwrap().unwrap();
        let request = Request {
            url: scene.provider.resource(),
            client: Some(credentials.clone()),
            ..Request::default()
        };
        let error = scene.test.engine.outbound().send(request).await.unwrap_err();
        assert!(error.needs_reauthorisation, "{}", error.message);
        let services = scene.test.engine.services();
        consent_refused(services, &work, &credentials, &error).await.unwrap();
        let row = scene.row(asked).await;
        assert_eq!(row.state, "Pending");
        assert!(
            row.detail.as_deref().unwrap().contains("invalid_grant"),
            "{:?}",
            row.detail
        );
        let event = scene.heard.next("consent.needed", asked.uuid).await;
        assert_eq!(event.data["state"], "Pending");
        assert!(!scene.is_live(asked).await);
        assert!(
            !scene.has_token_row(asked).await,
            "tokens that nobody takes are not kept"
        );
        assert_eq!(scene.credentials(asked).await.unwrap_err().code, Code::WrongState);
        // Others that met the same refusal change nothing more, also when the consent was given anew.
        let services = scene.test.engine.services();
        consent_refused(services, &work, &credentials, &error).await.unwrap();
        assert_eq!(scene.row(asked).await, row);
        let link = scene.shown_link(asked).await;
        scene.follow(&link).await.expect(200);
        consent_refused(services, &work, &credentials, &error).await.unwrap();
        assert_eq!(scene.state(asked).await, ConsentState::Granted);
        assert_eq!(scene.send(asked).await.unwrap().status, 200);
        let (actions, audited) = scene.audited(asked).await;
        assert_eq!(
            actions,
            ["begin", "grant", "lose", "grant"].map(|action| format!("consent.{action}"))
        );
        assert!(
            !audited.contains("refresh-2") && !audited.contains(CLIENT_SECRET),
            "{audited}"
        );
    })
    .await;
}

#[actix_rt::test]
async fn a_client_without_a_secret_names_itself_in_the_form() {
    let scene = Scene::start().await;
    scene.provider.without_secret();
    let asked = scene.consent_in(scene.tenant, "OAuth2", None).await;
    let link = scene.link(asked).await;
    scene.follow(&link).await.expect(200);
    scene.provider.end_access();
    assert_eq!(scene.send(asked).await.unwrap().status, 200);
    assert_eq!(scene.provider.seen_refresh_tokens(), ["refresh-2"]);
    assert_eq!(scene.provider.complaints(), Vec::<String>::new());
}

#[actix_rt::test]
async fn a_token_that_cannot_be_renewed_ends_the_consent_with_it() {
    let mut scene = Scene::start().await;
    scene.provider.without_refresh();
    let asked = scene.granted().await;
    assert!(scene.row(asked).await.expires_at.is_some());
    assert_eq!(scene.send(asked).await.unwrap().status, 200);
    scene.manual.advance(Duration::from_secs(1_800));
    assert_eq!(scene.credentials(asked).await.unwrap_err().code, Code::WrongState);
    assert_eq!(scene.state(asked).await, ConsentState::Pending);
    scene.heard.next("consent.needed", asked.uuid).await;
    let link = scene.shown_link(asked).await;
    scene.follow(&link).await.expect(200);
    assert_eq!(scene.send(asked).await.unwrap().status, 200);
}

#[actix_rt::test]
async fn tokens_go_only_to_where_they_came_from() {
    let scene = Scene::start().await;
    let asked = scene.granted().await;
    let sql = format!(
        "UPDATE integration_system SET token_url = 'http://127.0.0.1:1/token' WHERE id = {}",
        asked.id
    );
    sea_orm::ConnectionTrait::execute_unprepared(&scene.database, &sql)
        .await
        .unwrap();
    let error = scene.credentials(asked).await.unwrap_err();
    assert!(error.message.contains("another TokenUrl"), "{}", error.message);
    assert_eq!(scene.state(asked).await, ConsentState::Pending);
}

#[actix_rt::test]
async fn what_is_revoked_here_is_gone_here() {
    let scene = Scene::start().await;
    let asked = scene.granted().await;
    scene.provider.end_access();
    scene.send(asked).await.unwrap();
    assert!(scene.has_token_row(asked).await);
    let credentials = scene.credentials(asked).await.unwrap().unwrap();
    assert!(matches!(credentials.auth, Auth::Oauth2RefreshToken { .. }));
    scene.act(asked, "Revoke", json!({})).await.unwrap();
    assert!(!scene.has_token_row(asked).await);
    assert_eq!(scene.row(asked).await.secrets, None);
    assert_eq!(scene.credentials(asked).await.unwrap_err().code, Code::WrongState);
}

#[actix_rt::test]
async fn the_egress_policy_holds_for_codes_too() {
    let scene = Scene::start().await;
    let asked = scene.consent("OAuth2").await;
    let sql = format!(
        "UPDATE integration_system SET token_url = 'http://169.254.169.254/token' WHERE id = {}",
        asked.id
    );
    sea_orm::ConnectionTrait::execute_unprepared(&scene.database, &sql)
        .await
        .unwrap();
    scene.provider.behave(Manner::Agrees);
    let link = scene.link(asked).await;
    let page = scene.follow(&link).await.expect(400);
    assert!(text(&page).contains("did not give its tokens"), "{}", text(&page));
    assert_eq!(scene.state(asked).await, ConsentState::Pending);
}

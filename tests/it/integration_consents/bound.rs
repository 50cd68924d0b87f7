//! What a consent is bound to: the person who confirms it, the system that was asked, and the host that requests go to.

use orrery::domain::integration::ConsentState;
use sea_orm::ConnectionTrait;
use serde_json::json;
use url::Url;

use super::fixture::{Asked, Scene, confirmed, text};
use crate::support::{
    engine::Api,
    fake_oauth::{CLIENT_ID, Manner},
    postgres::for_each_database,
    upstream::Upstream,
};

async fn change(scene: &Scene, asked: Asked, table: &str, what: &str) {
    let sql = format!("UPDATE {table} SET {what} WHERE id = {}", asked.id);
    scene.database.execute_unprepared(&sql).await.unwrap();
}

/// Scheme, host and port.
fn host_of(url: &str) -> String {
    Url::parse(url).unwrap().origin().ascii_serialization()
}

#[actix_rt::test]
async fn who_comes_back_has_agreed_to_nothing_before_the_button_is_used() {
    for_each_database(|url| async move {
        let scene = Scene::on(&url).await;
        let asked = scene.consent("OAuth2").await;
        let link = scene.link(asked).await;
        let back = scene.way_back(&link).await;
        let before = scene.row(asked).await;
        let mut page = scene.asked_there(&back).await.expect(200);
        for _ in 0..2 {
            page = scene.asked_there(&back).await.expect(200);
            let shown = text(&page);
            let host = host_of(&scene.provider.resource());
            for part in ["Integration 100", "System &lt;100&gt;", &format!("<b>{host}</b>")] {
                assert!(shown.contains(part), "{part}: {shown}");
            }
            assert!(!shown.contains("<script"), "{shown}");
            let policy = page.header("content-security-policy").unwrap();
            assert!(policy.contains("form-action 'self'"), "{policy}");
        }
        let anonymous = Api::anonymous(scene.test.api.address);
        for site in ["cross-site", "same-site", "none"] {
            let foreign = confirmed(&anonymous, &page).header("sec-fetch-site", site);
            let refused = foreign.send().await.expect(403);
            assert!(text(&refused).contains("Nothing was changed"), "{}", text(&refused));
        }
        assert_eq!(scene.row(asked).await, before);
        assert_eq!(scene.provider.token_requests(), 0);
        confirmed(&anonymous, &page).send().await.expect(200);
        assert_eq!(scene.state(asked).await, ConsentState::Granted);
        confirmed(&anonymous, &page).send().await.expect(400);
        assert_eq!(scene.provider.token_requests(), 1);
    })
    .await;
}

#[actix_rt::test]
async fn a_no_is_taken_with_the_button_too() {
    let scene = Scene::start().await;
    let asked = scene.consent("OAuth2").await;
    let link = scene.link(asked).await;
    scene.provider.behave(Manner::Denies);
    let back = scene.way_back(&link).await;
    let page = scene.asked_there(&back).await.expect(200);
    assert!(
        text(&page).contains("The consent was not given there"),
        "{}",
        text(&page)
    );
    assert_eq!(scene.state(asked).await, ConsentState::Pending);
    scene.come_back(&back).await.expect(200);
    assert_eq!(scene.state(asked).await, ConsentState::Refused);
    let detail = scene.row(asked).await.detail.unwrap();
    assert!(detail.contains("The <b>person</b> said no"), "{detail}");
}

#[actix_rt::test]
async fn a_code_goes_nowhere_when_what_its_link_was_made_for_has_changed() {
    for_each_database(|url| async move {
        let scene = Scene::on(&url).await;
        let thief = Upstream::start();
        thief.items("/token", json!({"access_token": "a"}));
        let asked = scene.consent("OAuth2").await;
        for (table, what, said) in [
            (
                "integration_system",
                format!("token_url = '{}'", thief.url("/token")),
                "The TokenUrl of the system was changed",
            ),
            (
                "integration_system",
                "oauth_client_id = 'other'".to_owned(),
                "The OAuthClientId of the system was changed",
            ),
            (
                "integration_action",
                format!("url = '{}'", thief.url("/hook")),
                "The host in the Url of the integration's action was changed",
            ),
            (
                "integration_action",
                "url = NULL".to_owned(),
                "The host in the Url of the integration's action was changed",
            ),
        ] {
            let link = scene.link(asked).await;
            let back = scene.way_back(&link).await;
            change(&scene, asked, table, &what).await;
            let page = scene.come_back(&back).await.expect(400);
            assert!(text(&page).contains(said), "{what}: {}", text(&page));
            assert_eq!(scene.state(asked).await, ConsentState::Pending);
            let back_again = format!(
                "token_url = '{}', oauth_client_id = '{CLIENT_ID}'",
                scene.provider.token_url()
            );
            change(&scene, asked, "integration_system", &back_again).await;
            let url = format!("url = '{}'", scene.provider.resource());
            change(&scene, asked, "integration_action", &url).await;
        }
        assert!(thief.requests().is_empty());
        assert_eq!(scene.provider.token_requests(), 0);
        let link = scene.link(asked).await;
        scene.follow(&link).await.expect(200);
        assert_eq!(scene.state(asked).await, ConsentState::Granted);
        let host = host_of(&scene.provider.resource());
        assert_eq!(scene.goes_to(asked).await, Some(host.clone()));
        // Whoever changes the action later does not change that.
        change(
            &scene,
            asked,
            "integration_action",
            &format!("url = '{}'", thief.url("/hook")),
        )
        .await;
        assert_eq!(scene.goes_to(asked).await, Some(host));
    })
    .await;
}

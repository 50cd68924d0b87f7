//! Links of the type OAuth2, as a browser follows them, and everything that may come back.

use std::time::Duration;

use futures_util::future::join;
use orrery::{domain::integration::ConsentState, engine::caller::Caller, error::Code};
use serde_json::json;

use super::fixture::{CALLBACK, Scene, begins_at, state_of, text};
use crate::support::{
    engine::Api,
    fake_oauth::{CLIENT_SECRET, Manner},
    postgres::for_each_database,
    scene::eventually,
};

#[actix_rt::test]
async fn a_person_follows_the_link_agrees_and_requests_have_tokens() {
    for_each_database(|url| async move {
        let mut scene = Scene::on(&url).await;
        let asked = scene.consent("OAuth2").await;
        assert!(!scene.is_live(asked).await, "nothing runs without the consent");
        let link = scene.link(asked).await;
        let row = scene.row(asked).await;
        let state = state_of(&link);
        assert_ne!(
            row.state_hash.as_deref(),
            Some(state.as_str()),
            "what is stored is no state"
        );
        let ends = row.expires_at.unwrap() - begins_at().as_microsecond();
        assert_eq!(ends, 600_000_000);
        let page = scene.follow(&link).await.expect(200);
        assert!(text(&page).contains("The consent is given"), "{}", text(&page));
        assert!(text(&page).contains("System &lt;1"), "{}", text(&page));
        assert_eq!(scene.provider.complaints(), Vec::<String>::new());
        let row = scene.row(asked).await;
        assert_eq!(row.state, "Granted");
        assert_eq!(row.granted_at, Some(begins_at().as_microsecond()));
        assert_eq!(
            (&row.authorize_url, &row.state_hash, &row.expires_at),
            (&None, &None, &None)
        );
        assert!(scene.is_live(asked).await);
        let event = scene.heard.next("consent.granted", asked.uuid).await;
        assert_eq!(event.data["consentId"], json!(asked.id.get()));
        assert_eq!(scene.send(asked).await.unwrap().status, 200);
        assert_eq!(scene.provider.token_requests(), 1, "the token of the grant is used");
        let (actions, audited) = scene.audited(asked).await;
        assert_eq!(actions, ["consent.begin", "consent.grant"]);
        let sealed = String::from_utf8_lossy(&row.secrets.unwrap()).into_owned();
        for secret in [CLIENT_SECRET, "code-1", "access-2", "refresh-2", &state] {
            assert!(!audited.contains(secret), "{secret} in {audited}");
            assert!(!text(&page).contains(secret), "{secret}");
            assert!(!event.data.to_string().contains(secret), "{secret}");
            assert!(!sealed.contains(secret), "{secret}");
        }
    })
    .await;
}

#[actix_rt::test]
async fn a_person_who_says_no_is_asked_again_with_another_link() {
    let mut scene = Scene::start().await;
    let asked = scene.consent("OAuth2").await;
    let link = scene.link(asked).await;
    scene.provider.behave(Manner::Denies);
    let page = scene.follow(&link).await.expect(200);
    assert!(text(&page).contains("The consent is not given"), "{}", text(&page));
    let row = scene.row(asked).await;
    assert_eq!(row.state, "Refused");
    let detail = row.detail.unwrap();
    assert!(detail.contains("access_denied The <b>person</b> said no"), "{detail}");
    scene.heard.next("consent.refused", asked.uuid).await;
    assert!(!scene.is_live(asked).await);
    assert_eq!(scene.provider.token_requests(), 0);
    scene.provider.behave(Manner::Agrees);
    let next = scene.link(asked).await;
    assert_ne!(state_of(&next), state_of(&link));
    scene.follow(&next).await.expect(200);
    assert_eq!(scene.state(asked).await, ConsentState::Granted);
    assert_eq!(scene.row(asked).await.detail, None);
}

#[actix_rt::test]
async fn a_link_ends_and_the_one_before_it_is_void() {
    let scene = Scene::start().await;
    let asked = scene.consent("OAuth2").await;
    let first = scene.link(asked).await;
    let back = scene.way_back(&first).await;
    scene.manual.advance(Duration::from_secs(600));
    let page = scene.come_back(&back).await.expect(400);
    assert!(text(&page).contains("The link has ended"), "{}", text(&page));
    assert_eq!(scene.state(asked).await, ConsentState::Pending);
    assert_eq!(scene.provider.token_requests(), 0);
    let second = scene.link(asked).await;
    let page = scene.come_back(&back).await.expect(400);
    assert!(text(&page).contains("not known"), "{}", text(&page));
    scene.follow(&second).await.expect(200);
    assert_eq!(scene.state(asked).await, ConsentState::Granted);
}

#[actix_rt::test]
async fn a_way_back_is_good_once_also_at_the_same_moment() {
    for_each_database(|url| async move {
        let scene = Scene::on(&url).await;
        let asked = scene.consent("OAuth2").await;
        let link = scene.link(asked).await;
        let back = scene.way_back(&link).await;
        let (one, other) = join(scene.come_back(&back), scene.come_back(&back)).await;
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400]);
        scene.come_back(&back).await.expect(400);
        assert_eq!(scene.state(asked).await, ConsentState::Granted);
        assert_eq!(scene.provider.token_requests(), 1);
        assert_eq!(scene.send(asked).await.unwrap().status, 200);
    })
    .await;
}

#[actix_rt::test]
async fn what_is_no_answer_to_a_link_changes_nothing() {
    let scene = Scene::start().await;
    let asked = scene.consent("OAuth2").await;
    let link = scene.link(asked).await;
    let state = state_of(&link);
    let before = scene.row(asked).await;
    let anonymous = Api::anonymous(scene.test.api.address);
    let other = "x".repeat(43);
    for query in [
        String::new(),
        "?code=a".to_owned(),
        "?state=&code=a".to_owned(),
        format!("?state={other}&code=a"),
        format!("?state={other}&error=access_denied"),
        format!("?state={state}&state={state}&code=a"),
        format!("?state={}&code=a", &state[1..]),
        format!("?state={state}&code={}", "c".repeat(17_000)),
        // The hash is not the state.
        format!("?state={}&code=a", before.state_hash.clone().unwrap()),
    ] {
        let page = anonymous.get(&format!("{CALLBACK}{query}")).await.expect(400);
        assert!(text(&page).contains("The link is not known"), "{query}");
        let form = anonymous.ask("POST", CALLBACK).text(query.trim_start_matches('?'));
        let page = form.send().await.expect(400);
        assert!(text(&page).contains("The link is not known"), "{query}");
    }
    let page = anonymous
        .post(CALLBACK, &json!({"state": state, "code": "a"}))
        .await
        .expect(400);
    assert!(text(&page).contains("The link is not known"), "{}", text(&page));
    anonymous.put(CALLBACK, &json!({})).await.expect(405);
    assert_eq!(scene.row(asked).await, before);
    scene.follow(&link).await.expect(200);
}

#[actix_rt::test]
async fn a_code_that_is_refused_leaves_another_link_and_says_why() {
    let scene = Scene::start().await;
    let asked = scene.consent("OAuth2").await;
    let mut link = scene.link(asked).await;
    let state = state_of(&link);
    let forged = scene.back(&format!("state={state}&code=stolen-c0de"));
    let page = scene.come_back(&forged).await.expect(400);
    assert!(
        text(&page).contains("The consent could not be given"),
        "{}",
        text(&page)
    );
    let row = scene.row(asked).await;
    assert_eq!(row.state, "Pending");
    let detail = row.detail.unwrap();
    assert!(detail.contains("answered 400: invalid_grant"), "{detail}");
    assert!(!detail.contains("entered again"), "{detail}");
    for secret in ["stolen-c0de", CLIENT_SECRET] {
        assert!(!detail.contains(secret) && !text(&page).contains(secret), "{detail}");
    }
    for (manner, said) in [
        (Manner::Says(500, "{}"), "answered 500"),
        (Manner::Says(200, "<html>"), "not JSON"),
        (Manner::Says(200, "{}"), "no text at /access_token"),
        (Manner::Redirects, "redirects"),
        (Manner::Errs("temporarily_unavailable"), "temporarily_unavailable"),
    ] {
        link = scene.shown_link(asked).await;
        scene.provider.behave(manner);
        scene.follow(&link).await.expect(400);
        let row = scene.row(asked).await;
        assert_eq!(row.state, "Pending");
        assert!(
            row.detail.as_deref().unwrap().contains(said),
            "{said}: {:?}",
            row.detail
        );
    }
    scene.provider.behave(Manner::Agrees);
    let next = scene.shown_link(asked).await;
    assert_ne!(state_of(&next), state_of(&link));
    scene.follow(&next).await.expect(200);
    let (actions, _) = scene.audited(asked).await;
    assert_eq!(actions.iter().filter(|action| *action == "consent.fail").count(), 6);
}

#[actix_rt::test]
async fn a_code_of_one_tenant_is_worth_nothing_with_the_state_of_another() {
    let scene = Scene::start().await;
    let company = json!({"companyId": "other", "name": "Other"});
    scene.test.api.post("/api/v1/tenants", &company).await.expect(201);
    let other = scene.test.engine.store().tenant_by_company_id("other").await;
    let other = other.unwrap().unwrap().id;
    let ours = scene.consent("OAuth2").await;
    let theirs = scene.consent_in(other, "OAuth2", Some(CLIENT_SECRET)).await;
    let (our_link, their_link) = (scene.link(ours).await, scene.link(theirs).await);
    let back = scene.way_back(&our_link).await;
    let code = back
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned();
    let mixed = scene.back(&format!("state={}&code={code}", state_of(&their_link)));
    scene.come_back(&mixed).await.expect(400);
    assert_eq!(scene.provider.complaints(), ["wrong verifier"]);
    assert_eq!(scene.state(theirs).await, ConsentState::Pending);
    assert_eq!(scene.state(ours).await, ConsentState::Pending);
    let next = scene.shown_link(theirs).await;
    scene.follow(&next).await.expect(200);
    assert_eq!(scene.state(ours).await, ConsentState::Pending);
    // Nobody acts on another tenant's consent, nor sees that there is one.
    let caller = Caller::embedded(scene.tenant);
    for action in ["Begin", "Revoke"] {
        let error = scene.act_as(&caller, theirs, action, json!({})).await.unwrap_err();
        assert_eq!(error.code, Code::NotFound);
    }
}

#[actix_rt::test]
async fn tokens_that_come_after_another_link_was_made_are_dropped() {
    let scene = Scene::start().await;
    let asked = scene.consent("OAuth2").await;
    let link = scene.link(asked).await;
    scene.provider.hold();
    let (page, next) = join(scene.follow(&link), async {
        eventually("the code is being redeemed", || async {
            scene.provider.token_requests() == 1
        })
        .await;
        let next = scene.link(asked).await;
        scene.provider.release();
        next
    })
    .await;
    assert!(text(&page.expect(400)).contains("changed meanwhile"));
    assert_eq!(scene.state(asked).await, ConsentState::Pending);
    assert_eq!(state_of(&scene.shown_link(asked).await), state_of(&next));
    scene.follow(&next).await.expect(200);
    assert_eq!(scene.state(asked).await, ConsentState::Granted);
}

#[actix_rt::test]
async fn a_system_that_cannot_be_asked_says_so() {
    let scene = Scene::start().await;
    let asked = scene.consent("OAuth2").await;
    for (change, said) in [
        ("token_url = NULL", "needs AuthorizeUrl, TokenUrl and OAuthClientId"),
        (
            "token_url = 'x', authorize_url = 'javascript:alert(1)'",
            "must begin with https://",
        ),
    ] {
        let sql = format!("UPDATE integration_system SET {change} WHERE id = {}", asked.id);
        sea_orm::ConnectionTrait::execute_unprepared(&scene.database, &sql)
            .await
            .unwrap();
        scene.act(asked, "Begin", json!({})).await.unwrap();
        let row = scene.row(asked).await;
        assert_eq!((row.state.as_str(), row.authorize_url), ("Pending", None));
        assert!(row.detail.as_deref().unwrap().contains(said), "{:?}", row.detail);
    }
}

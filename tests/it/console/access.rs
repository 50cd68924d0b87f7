//! Signing in and out, cookies, form tokens, tenants.

use serde_json::json;

use crate::support::{
    engine::TestEngine,
    pages::{Pages, text, token_of},
};

#[tokio::test]
async fn who_is_not_signed_in_is_led_to_the_door_and_back() {
    let engine = TestEngine::start().await;
    let stranger = Pages::visit(engine.api.address);
    let sent = stranger.get("/console/groups?limit=5").await.expect(303);
    assert_eq!(
        sent.header("location"),
        Some("/console/sign-in?next=%2Fconsole%2Fgroups%3Flimit%3D5")
    );
    let door = stranger
        .get("/console/sign-in?next=%2Fconsole%2Fgroups%3Flimit%3D5")
        .await
        .expect(200);
    let fields = [
        ("_token", token_of(&door)),
        ("username", "admin".to_owned()),
        ("password", crate::support::engine::PASSWORD.to_owned()),
        ("next", "/console/groups?limit=5".to_owned()),
    ];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let entered = stranger.post_exactly("/console/sign-in", &fields).await.expect(303);
    assert_eq!(entered.header("location"), Some("/console/groups?limit=5"));
    assert!(text(&stranger.get("/console/groups").await.expect(200)).contains("Administrators"));
}

#[tokio::test]
async fn the_session_is_a_cookie_that_scripts_and_other_sites_do_not_get() {
    let engine = TestEngine::start().await;
    let pages = Pages::visit(engine.api.address);
    let door = pages.get("/console/sign-in").await;
    let token = token_of(&door);
    let fields = [
        ("_token", token.as_str()),
        ("username", "admin"),
        ("password", crate::support::engine::PASSWORD),
        ("next", ""),
    ];
    let entered = pages.post_exactly("/console/sign-in", &fields).await.expect(303);
    let set = entered
        .headers
        .iter()
        .find(|(name, value)| name == "set-cookie" && value.starts_with("orrery_session="));
    let set = &set.unwrap().1;
    for part in ["HttpOnly", "SameSite=Lax", "Path=/console"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure"), "plain HTTP: {set}");
}

#[tokio::test]
async fn behind_tls_the_cookie_is_secure() {
    let mut start = TestEngine::prepare();
    "https://orrery.example".clone_into(&mut start.settings.server.public_url);
    let engine = start.start().await;
    let pages = Pages::visit(engine.api.address);
    let door = pages.get("/console/sign-in").await.expect(200);
    let set = door.header("set-cookie").unwrap();
    assert!(set.contains("Secure") && set.contains("HttpOnly"), "{set}");
}

#[tokio::test]
async fn a_form_without_the_token_of_its_session_does_nothing() {
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let other = Pages::sign_in(engine.api.address).await;
    let form = [("name", "Sales"), ("rights", "calls.read")];
    for token in ["", "AAAA", other.token.as_str()] {
        let mut fields = vec![("_token", token)];
        fields.extend(form);
        let refused = pages.post_exactly("/console/groups", &fields).await.expect(403);
        assert!(text(&refused).contains("another sign-in"), "{}", text(&refused));
    }
    let refused = pages.post_exactly("/console/groups", &form).await;
    assert_eq!(refused.status, 403);
    let groups = engine.api.get("/api/v1/groups").await.expect(200);
    assert_eq!(groups.json["items"].as_array().unwrap().len(), 1, "{groups:?}");
    pages.post("/console/groups", &form).await.expect(303);
    let groups = engine.api.get("/api/v1/groups").await.expect(200);
    assert_eq!(groups.json["items"][1]["name"], "Sales");
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let body = format!("_token={}&name=Sales&rights=calls.read", pages.token);
    let session = pages.value_of("orrery_session").unwrap();
    let ask = engine.api.ask("POST", "/console/groups").text(&body);
    let refused = ask
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", &format!("orrery_session={session}"))
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .expect(403);
    assert!(text(&refused).contains("another site"), "{}", text(&refused));
}

#[tokio::test]
async fn names_show_as_text_and_the_policy_allows_nothing_inline() {
    let engine = TestEngine::start().await;
    let name = "<script>alert(1)</script>";
    let body = json!({ "name": name, "rights": ["calls.read"] });
    engine.api.post("/api/v1/groups", &body).await.expect(201);
    let pages = Pages::sign_in(engine.api.address).await;
    let list = pages.get("/console/groups").await.expect(200);
    let page = text(&list);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert!(!page.contains(name), "{page}");
    let policy = list.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(!page.contains(" style=") && !page.contains(" onclick="), "{page}");
}

#[tokio::test]
async fn a_sign_out_ends_the_session_itself() {
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let session = pages.value_of("orrery_session").unwrap();
    pages.post("/console/sign-out", &[]).await.expect(303);
    assert_eq!(pages.value_of("orrery_session"), None);
    let ask = engine.api.ask("GET", "/console/groups");
    let again = ask.header("cookie", &format!("orrery_session={session}")).send().await;
    assert_eq!(again.status, 303, "{again:?}");
}

#[tokio::test]
async fn wrong_passwords_say_so_and_lock_as_everywhere() {
    let engine = TestEngine::start().await;
    let pages = Pages::visit(engine.api.address);
    let token = token_of(&pages.get("/console/sign-in").await);
    let wrong = [
        ("_token", token.as_str()),
        ("username", "admin"),
        ("password", "no"),
        ("next", ""),
    ];
    for _ in 0..5 {
        let refused = pages.post_exactly("/console/sign-in", &wrong).await.expect(401);
        assert!(
            text(&refused).contains("The username or the password is wrong."),
            "{}",
            text(&refused)
        );
    }
    let locked = pages.post_exactly("/console/sign-in", &wrong).await.expect(429);
    assert!(text(&locked).contains("Too many wrong passwords"), "{}", text(&locked));
}

#[tokio::test]
async fn an_api_token_opens_no_console() {
    let engine = TestEngine::start().await;
    let body = json!({ "name": "robot", "rights": ["users.manage"] });
    let made = engine.api.post("/api/v1/tokens", &body).await.expect(201);
    let token = made.json["token"].as_str().unwrap();
    let ask = engine.api.ask("GET", "/console/groups");
    let sent = ask.header("cookie", &format!("orrery_session={token}")).send().await;
    assert_eq!(sent.status, 303, "{sent:?}");
}

#[tokio::test]
async fn another_tenant_is_chosen_and_only_ones_own() {
    let engine = TestEngine::start().await;
    let body = json!({ "companyId": "nord", "name": "Nord" });
    engine.api.post("/api/v1/tenants", &body).await.expect(201);
    let there = engine.api.in_tenant("nord");
    let group = json!({ "name": "Only there", "rights": ["calls.read"] });
    there.post("/api/v1/groups", &group).await.expect(201);
    let pages = Pages::sign_in(engine.api.address).await;
    assert!(!text(&pages.get("/console/groups").await).contains("Only there"));
    pages
        .post("/console/tenant", &[("companyId", "nord")])
        .await
        .expect(303);
    assert!(text(&pages.get("/console/groups").await).contains("Only there"));
    // What a page of the first tenant showed does not happen in the other.
    let group = [("name", "Lost"), ("rights", "calls.read")];
    let refused = pages.post("/console/groups", &group).await.expect(403);
    assert!(text(&refused).contains("another tenant"), "{}", text(&refused));
    assert!(!text(&pages.get("/console/groups").await).contains("Lost"));
    let token = token_of(&pages.get("/console/tokens/new").await);
    let nowhere = [("_token", token.as_str()), ("companyId", "none")];
    let refused = pages.post_exactly("/console/tenant", &nowhere).await.expect(403);
    assert!(text(&refused).contains("not one of yours"), "{}", text(&refused));
}

#[tokio::test]
async fn pages_hide_what_the_person_may_not_see_and_refuse_it() {
    let engine = TestEngine::start().await;
    let group = json!({ "name": "Readers", "rights": ["calls.read"] });
    let group = engine.api.post("/api/v1/groups", &group).await.expect(201).id();
    let user = json!({ "username": "anna", "password": "a long password of anna", "groupIds": [group] });
    engine.api.post("/api/v1/users", &user).await.expect(201);
    let pages = Pages::sign_in_as(engine.api.address, "anna", "a long password of anna").await;
    let first = text(&pages.get("/console").await.expect(200));
    assert!(
        first.contains("/console/call-apis") && !first.contains("/console/groups"),
        "{first}"
    );
    let refused = pages.get("/console/groups").await.expect(403);
    assert!(text(&refused).contains("users.manage"), "{}", text(&refused));
    assert_eq!(refused.header("content-type"), Some("text/html; charset=utf-8"));
}

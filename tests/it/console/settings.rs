//! The pages under Settings in a browser: credentials by kind, a token, versions of a script.

use serde_json::json;

use crate::support::{browser::Browser, engine::TestEngine};

#[tokio::test]
async fn a_client_shows_the_fields_of_its_kind_and_is_checked() {
    let engine = TestEngine::start().await;
    let Some(browser) = Browser::start(engine.api.address).await else {
        return;
    };
    browser.sign_in().await;
    browser.press("Clients").await;
    browser.see("No clients yet").await;
    browser.judge().await;
    browser.press("New client").await;
    browser.fill("Name", "Shop").await;
    browser.miss("Token URL").await;
    browser.choose("Sign-in", "OAuth 2: client credentials").await;
    browser.see("Token URL").await;
    browser.see("Client secret").await;
    browser.miss("Refresh token").await;
    browser.judge().await;
    browser.choose("Sign-in", "Bearer: a fixed token").await;
    browser.miss("Token URL").await;
    browser.fill("Token", "hunter2").await;
    browser.press("Save").await;
    browser.see("The client Shop is made.").await;
    browser.see("Set, sha256:").await;
    browser.press("Check now").await;
    browser.see("nothing was sent").await;
    browser.judge().await;
    browser.press("Delete").await;
    browser.see("Its credentials are gone for good.").await;
    browser.press("Delete").await;
    browser.see("The client Shop is deleted.").await;
    browser.end().await;
}

#[tokio::test]
async fn a_token_ends_when_its_person_said_in_their_zone() {
    let engine = TestEngine::start().await;
    let Some(browser) = Browser::start(engine.api.address).await else {
        return;
    };
    browser.sign_in().await;
    browser.open("/console/tokens/new").await;
    browser.judge().await;
    browser.fill("Name", "Report").await;
    let entered = "const input = document.querySelector('#f-expiresAt'); input.value = '2099-07-01T12:00'; \
                   input.dispatchEvent(new Event('input')); return new Date('2099-07-01T12:00').toISOString()";
    let exact = browser.run(entered, &[]).await;
    browser.tick("calls.read").await;
    browser.press("Make token").await;
    browser.see("it is not shown again").await;
    browser.see("orr_").await;
    browser.judge().await;
    browser.press("To the tokens").await;
    browser.see("Report").await;
    browser.miss("orr_").await;
    browser.judge().await;
    let tokens = engine.api.get("/api/v1/tokens").await.expect(200).json;
    let expected = exact.as_str().unwrap().replace(".000Z", "Z");
    assert_eq!(tokens["items"][0]["expiresAt"], expected.as_str());
    browser.end().await;
}

#[tokio::test]
async fn pages_of_settings_can_be_used_by_everybody() {
    let engine = TestEngine::start().await;
    let Some(browser) = Browser::start(engine.api.address).await else {
        return;
    };
    let script = json!({ "name": "Upper", "source": "return record;" });
    let id = engine.api.post("/api/v1/scripts", &script).await.expect(201).id();
    let path = format!("/api/v1/scripts/{id}");
    let changed = json!({ "source": "// Capitals\nreturn { ...record, name: record.name.toUpperCase() };" });
    engine.api.patch(&path, &changed).await.expect(200);
    let me = engine.api.get("/api/v1/me").await.json;
    let (user, tenant) = (me["user"]["id"].as_str().unwrap(), me["tenant"]["id"].as_str().unwrap());
    browser.sign_in().await;
    for page in [
        "/users".to_owned(),
        "/users/new".to_owned(),
        format!("/users/{user}"),
        "/tenants".to_owned(),
        format!("/tenants/{tenant}"),
        "/scripts".to_owned(),
        "/scripts/new".to_owned(),
        format!("/scripts/{id}"),
        format!("/scripts/{id}/versions"),
        format!("/scripts/{id}/versions/2"),
    ] {
        browser.open(&format!("/console{page}")).await;
        browser.judge().await;
    }
    browser.size(390, 844).await;
    browser.dark(true).await;
    browser.judge().await;
    browser.see("Capitals").await;
    browser.end().await;
}

//! Overview, actors and audit in a browser: the way from the first start, live numbers, the picture, a restart that asks.

use serde_json::json;

use crate::support::{
    api::{Api, event},
    browser::Browser,
    upstream::Upstream,
};

#[actix_web::test]
async fn the_overview_lives_and_leads_to_actors() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([{"rfqId": 1}]));
    let api = Api::start(&[&upstream]).await;
    let Some(browser) = Browser::start(api.address()).await else {
        return;
    };
    let mut events = api.engine.subscribe();
    browser.sign_in().await;
    browser.see("Create your first call").await;
    browser.judge().await;
    browser.picture("overview-first-start").await;
    let connected = "return document.body.dataset.connected === 'yes'";
    browser.until("the page hears events", connected, &[]).await;
    let mut bad = api.definition("Bad weather", &upstream.url("/items"));
    bad["responseScript"] = json!("throw new Error('rain');");
    bad["active"] = json!(true);
    let id = api.create(bad).await;
    event(&mut events, "call.deactivated", &id).await;
    browser.see("Deactivated by the engine").await;
    browser.see("1 run, 1 failed").await;
    let mut good = api.definition("Fair weather", &upstream.url("/items"));
    good["frequencySeconds"] = json!(30);
    good["active"] = json!(true);
    let good = api.create(good).await;
    event(&mut events, "run.finished", &good).await;
    browser.see("Due in the next minute: 1").await;
    browser.press("The picture as a table").await;
    browser.see("waiting").await;
    browser.judge().await;
    browser.walk().await;
    browser.open("/console").await;
    browser.miss("Create your first call").await;
    browser.picture("overview").await;
    browser.press("Fair weather").await;
    browser.see("Generation of its timer").await;
    browser.judge().await;
    browser.picture("actor").await;
    browser.press("Restart").await;
    browser.see("Restart the actor Fair weather?").await;
    browser.press("Restart").await;
    browser.see("The actor was told to end after its run").await;
    browser.judge().await;
    browser.press("Audit").await;
    browser.fill("Kind of thing", "actor").await;
    browser.press("Show").await;
    browser.see("actor.restart").await;
    browser.judge().await;
    browser.press("All changes").await;
    browser.see("call_api.create").await;
    browser.judge().await;
    browser.end().await;
}

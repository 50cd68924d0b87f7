//! What all pages share, in a browser: labels, contrast, order of focus, the menu on a phone, errors.

use crate::support::{browser::Browser, engine::TestEngine};

#[tokio::test]
async fn the_frame_can_be_used_by_everybody() {
    let engine = TestEngine::start().await;
    let Some(browser) = Browser::start(engine.api.address).await else {
        return;
    };
    browser.open("/console/sign-in").await;
    browser.judge().await;
    browser.walk().await;
    browser.sign_in().await;
    browser.open("/console/groups").await;
    browser.judge().await;
    browser.open("/console/groups/new").await;
    browser.judge().await;
    browser.walk().await;
    browser.open("/console/nothing").await;
    browser.see("There is nothing at this path.").await;
    browser.judge().await;
    browser.end().await;
}

#[tokio::test]
async fn a_group_is_made_changed_and_deleted() {
    let engine = TestEngine::start().await;
    let Some(browser) = Browser::start(engine.api.address).await else {
        return;
    };
    browser.sign_in().await;
    browser.press("Groups").await;
    browser.press("New group").await;
    browser.fill("Name", "Buyers ").await;
    browser.press("Save").await;
    browser.see("must not begin or end with a blank").await;
    browser.judge().await;
    browser.fill("Name", "Buyers").await;
    browser.tick("calls.read").await;
    browser.press("Save").await;
    browser.see("The group Buyers is made.").await;
    browser.press("Buyers").await;
    browser.press("Delete").await;
    browser.see("Delete the group Buyers?").await;
    browser.press("Cancel").await;
    browser.press("Delete").await;
    browser.see("Its members lose its rights at once.").await;
    browser.press("Delete").await;
    browser.see("The group is deleted.").await;
    browser.miss("Buyers").await;
    browser.end().await;
}

#[tokio::test]
async fn on_a_phone_the_menu_opens_and_leads_on() {
    let engine = TestEngine::start().await;
    let Some(browser) = Browser::start(engine.api.address).await else {
        return;
    };
    browser.size(390, 844).await;
    browser.sign_in().await;
    browser.press("Menu").await;
    browser.press("Groups").await;
    browser.see("Administrators").await;
    browser.end().await;
}

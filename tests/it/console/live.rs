//! Live parts of a page in a browser: what is new comes in around what a person is at.

use serde_json::json;

use crate::support::{api::Api, browser::Browser, upstream::Upstream};

const LISTENS: &str = "return document.body.dataset.connected === 'yes'";

#[actix_web::test]
async fn what_is_new_leaves_ticks_and_focus_alone() {
    let api = Api::start(&[]).await;
    let Some(browser) = Browser::start(api.address()).await else {
        return;
    };
    let make = async |identifier: &str, preparation: bool| {
        let body = json!({ "identifier": identifier, "data": {}, "preparation": preparation });
        api.post("/api/v1/transactions", body).await.expect(201);
    };
    make("held", true).await;
    browser.sign_in().await;
    browser.press("Transactions").await;
    browser.until("the page listens", LISTENS, &[]).await;
    browser.tick("Tick held").await;
    let focus = "window.link = pressable('held'); window.link.focus(); return null";
    browser.run(focus, &[]).await;
    make("new", false).await;
    browser.see("new").await;
    let first = "return document.querySelector('tbody tr a').textContent";
    assert_eq!(browser.run(first, &[]).await, json!("new"), "it stands above");
    let kept = "return [document.activeElement === window.link, labelled('Tick held').checked]";
    assert_eq!(browser.run(kept, &[]).await, json!([true, true]));
    browser.end().await;
}

#[actix_web::test]
async fn what_a_question_is_about_does_not_go_away_under_it() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([]));
    let api = Api::start(&[&upstream]).await;
    let Some(browser) = Browser::start(api.address()).await else {
        return;
    };
    api.create(api.definition("Doomed", &upstream.url("/items"))).await;
    let other = api.create(api.definition("Other", &upstream.url("/items"))).await;
    browser.sign_in().await;
    browser.press("Call APIs").await;
    browser.until("the page listens", LISTENS, &[]).await;
    browser.press("Delete Doomed").await;
    browser.see("Its transactions stay.").await;
    let asked = "return performance.getEntriesByType('resource').filter((one) => one.initiatorType === 'fetch').length";
    let before = browser.run(asked, &[]).await;
    // The list is asked for again, and waits for the answer of the person.
    let activate = format!("/api/v1/call-apis/{other}/activate");
    api.post(&activate, json!({})).await.expect(200);
    let more = format!("{} > arguments[0]", asked);
    browser.until("the list is asked for again", &more, &[before]).await;
    browser.press("Delete").await;
    browser.see("The call API Doomed is deleted.").await;
    browser.miss("Delete Doomed").await;
    browser.end().await;
}

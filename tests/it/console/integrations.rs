//! Integrations in a browser: a definition with a filter that is tried first, its use and consent, and an abandoned item that is
//! retried.

use serde_json::json;

use crate::support::{browser::Browser, engine::TestEngine, upstream::Upstream};

#[tokio::test]
async fn an_integration_is_made_used_and_its_abandoned_item_retried() {
    let upstream = Upstream::start();
    upstream.status("/sales", 500, "the books are closed");
    let engine = TestEngine::start().await;
    let sale = json!({ "identifier": "INV-1", "data": { "Amount": 1500 } });
    engine.api.post("/api/v1/transactions", &sale).await.expect(201);
    let Some(browser) = Browser::start(engine.api.address).await else {
        return;
    };
    browser.sign_in().await;
    browser.press("Integrations").await;
    browser.see("There is no integration yet.").await;
    browser.judge().await;
    parts(&browser, &upstream).await;
    definition(&browser).await;

    // Used here; nothing runs before a person has approved.
    browser.tick("Enabled").await;
    browser.press("Save the use").await;
    browser.see("waits for consent").await;
    browser.judge().await;
    browser.press("Approve").await;
    browser.see("The consent is changed.").await;
    browser.press("Its queue").await;
    let abandoned =
        "return [...document.querySelectorAll('td .badge')].some((badge) => badge.textContent === 'Abandoned')";
    browser.until("the item is abandoned", abandoned, &[]).await;
    browser.judge().await;
    browser.press("INV-1").await;
    browser.see("the books are closed").await;
    browser.judge().await;
    browser.picture("queue-item").await;

    upstream.status("/sales", 200, "{}");
    browser.press("Retry").await;
    browser.see("The item is retried.").await;
    browser.see("Completed").await;
    browser.press("Integrations").await;
    browser.press("Logs").await;
    browser.see("Succeeded").await;
    browser.judge().await;
    browser.end().await;
}

/// What a definition needs.
async fn parts(browser: &Browser, upstream: &Upstream) {
    browser.press("Systems").await;
    browser.press("New system").await;
    browser.judge().await;
    browser.fill("Name", "Books").await;
    browser.press("Save").await;
    browser.see("The system Books is made.").await;
    browser.press("Systems").await;
    browser.press("Schedules").await;
    browser.press("New schedule").await;
    browser.fill("Name", "Every second").await;
    browser.fill("Interval, seconds", "1").await;
    browser.press("Save").await;
    browser.see("The schedule Every second is made.").await;
    browser.press("Schedules").await;
    browser.press("Actions").await;
    browser.press("New action").await;
    browser.judge().await;
    browser.fill("Name", "Send sales").await;
    browser.fill("URL", &upstream.url("/sales")).await;
    browser.press("Save").await;
    browser.see("The action Send sales is made.").await;
    browser.press("Actions").await;
}

async fn definition(browser: &Browser) {
    browser.press("Integrations").await;
    browser.press("New integration").await;
    browser.fill("Name", "Large sales").await;
    browser.tick("Active").await;
    browser.choose("System", "Books").await;
    browser.choose("Action", "Send sales").await;
    browser.choose("Schedule", "Every second").await;
    browser.choose("Consent", "A person approves").await;
    browser.fill("Attempts at most", "1").await;
    browser.fill("Filter", "Status == \"ready\" and Amount > ").await;
    browser.press("Try the filter on a row").await;
    browser.press("Explain").await;
    browser.see("This cannot be done as it is:").await;
    browser.fill("Filter", "Status == \"ready\" and Amount > 1000").await;
    browser.press("Explain").await;
    browser.see("This row becomes an item.").await;
    browser.judge().await;
    browser.picture("integration").await;
    browser.press("Save").await;
    browser.see("The integration Large sales is made.").await;
}

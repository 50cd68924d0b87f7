//! Transactions, records, background requests and webhooks in a browser: what appears by itself, what is edited and settled.

use serde_json::json;

use crate::support::{browser::Browser, engine::TestEngine};

#[tokio::test]
async fn transactions_appear_are_edited_and_committed() {
    let engine = TestEngine::start().await;
    let Some(browser) = Browser::start(engine.api.address).await else {
        return;
    };
    let make = async |identifier: &str, preparation: bool| {
        let data = json!({ "customer": { "name": "Nordlys" }, "lines": [1, 2], "note": "x" });
        let body = json!({ "identifier": identifier, "data": data, "preparation": preparation });
        engine.api.post("/api/v1/transactions", &body).await.expect(201);
    };
    browser.sign_in().await;
    browser.press("Transactions").await;
    browser.see("There are no transactions yet").await;
    browser.judge().await;
    browser
        .until(
            "the page listens",
            "return document.body.dataset.connected === 'yes'",
            &[],
        )
        .await;
    make("RFQ-1", true).await;
    make("RFQ-2", true).await;
    make("RFQ-3", false).await;
    browser.see("RFQ-3").await;
    browser.judge().await;
    browser.picture("transactions").await;

    browser.press("RFQ-1").await;
    browser.see("Nobody has changed it since it was created.").await;
    browser.walk().await;
    browser.press("Edit").await;
    browser.see("Edit the data").await;
    browser.judge().await;
    browser.walk().await;
    browser
        .paste("Data", "{\n\"customer\": { \"name\": \"Nordlys\" },\n}")
        .await;
    browser.press("Save").await;
    browser.see("is not JSON").await;
    browser.judge().await;
    browser
        .paste("Data", "{\"customer\": { \"name\": \"Nord\" }, \"lines\": [1, 2]}")
        .await;
    browser.press("Save").await;
    browser.see("RFQ-1 is saved.").await;
    browser.see("customer.name").await;
    browser.see("taken away").await;
    browser.judge().await;
    browser.picture("transaction").await;
    browser.press("Commit").await;
    browser.see("It becomes final and is announced to integrations.").await;
    browser.press("Commit").await;
    browser.see("RFQ-1 is committed.").await;

    browser.press("Transactions").await;
    browser.press("Tick all").await;
    browser.press("Discard ticked").await;
    browser.press("Discard ticked").await;
    browser.see("1 transaction is discarded.").await;
    browser.end().await;
}

#[tokio::test]
async fn the_other_pages_of_data_can_be_used_by_everybody() {
    let engine = TestEngine::start().await;
    let Some(browser) = Browser::start(engine.api.address).await else {
        return;
    };
    let record = json!({ "name": "Nordlys AS", "vat": "NO987654321MVA" });
    engine
        .api
        .put("/api/v1/records/customer/1001", &record)
        .await
        .expect(201);
    let subscription =
        json!({ "url": format!("http://{}/health/none", engine.api.address), "events": ["background.finished"] });
    engine
        .api
        .post("/api/v1/webhook-subscriptions", &subscription)
        .await
        .expect(201);
    let background = engine.api.with("erp-api-background", "subscription:reference=order-7");
    let taken = background.get("/api/v1/me").await.expect(202).id();
    browser.sign_in().await;
    for path in [
        "/console/records",
        "/console/records?entity=customer",
        "/console/records/new",
        "/console/background",
        "/console/webhooks/new",
    ] {
        browser.open(path).await;
        browser.judge().await;
        browser.walk().await;
    }
    browser.open("/console/records/record?entity=customer&key=1001").await;
    browser.judge().await;
    browser.open(&format!("/console/background/{taken}")).await;
    browser.see("The receiver answered 404.").await;
    browser.judge().await;
    browser.press("Webhooks").await;
    browser.judge().await;
    browser.press("Give it another secret").await;
    browser.see("Receivers must learn it").await;
    browser.press("Give it another secret").await;
    browser.see("is shown this once").await;
    browser.judge().await;
    browser
        .press(&format!("http://{}/health/none", engine.api.address))
        .await;
    browser.see("HTTP 404").await;
    browser.judge().await;
    browser.end().await;
}

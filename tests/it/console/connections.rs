//! Connections in a browser: an automation with two criteria is built, explained and run; mappings by rows.

use serde_json::json;

use crate::support::{browser::Browser, engine::TestEngine, upstream::Upstream};

const DESCRIPTION: &str = r#"{"objects": {"customer": {"list_path": "/customers", "id": "id"}}}"#;

fn warehouse() -> Upstream {
    let upstream = Upstream::start();
    let customers =
        json!([{ "id": "1", "name": "Ada", "city": "Oslo" }, { "id": "2", "name": "Grace", "city": "Bergen" }]);
    upstream.items("/customers", customers);
    upstream
}

/// A connection by its form.
async fn connect(browser: &Browser, upstream: &Upstream) {
    browser.press("Connections").await;
    browser.press("New connection").await;
    browser.judge().await;
    browser.press("Connect REST").await;
    browser.fill("Name", "Warehouse").await;
    browser
        .fill("API address", upstream.url("").trim_end_matches('/'))
        .await;
    browser.paste("Supporting fields", DESCRIPTION).await;
    browser.judge().await;
    browser.press("Save").await;
    browser.see("The connection Warehouse is made.").await;
    browser.press("Check connection").await;
    browser.see("answers 200").await;
    browser.judge().await;
}

#[tokio::test]
async fn an_automation_with_two_criteria_is_built_and_run() {
    let (engine, upstream) = (TestEngine::start().await, warehouse());
    let Some(browser) = Browser::start(engine.api.address).await else {
        return;
    };
    browser.sign_in().await;
    connect(&browser, &upstream).await;
    browser.press("Partner functions").await;
    browser.press("New partner function").await;
    browser.fill("Name", "Customers").await;
    browser.fill("Object of the provider", "customer").await;
    browser.judge().await;
    browser.press("Save").await;
    browser.see("The partner function Customers is made.").await;
    browser.press("Warehouse").await;
    browser.press("Automations").await;
    browser.press("New automation").await;
    browser.fill("Name", "Customers of Oslo").await;
    browser.fill("Applies to", "customer").await;
    browser.tick("Only what changed since the last successful run").await;
    browser.press("Add a group").await;
    browser.fill("Field", "city").await;
    browser.fill("Value", "Oslo").await;
    browser.press("Add a rule").await;
    browser.choose("Join", "and").await;
    browser.fill("Field", "closed").await;
    browser.choose("Comparison", "has no value").await;
    // One too many, taken away again.
    browser.press("Add a rule").await;
    browser
        .run(
            "const all = [...document.querySelectorAll('.rule > button[data-take]')]; all.pop().click(); return null",
            &[],
        )
        .await;
    browser
        .until(
            "two rules are left",
            "return document.querySelectorAll('.rule').length === 2",
            &[],
        )
        .await;
    browser.choose("Partner function", "Customers (IMPORT customer)").await;
    browser.judge().await;
    browser.walk().await;
    browser.press("Save").await;
    browser.see("The automation Customers of Oslo is made").await;
    browser.see("When city equals \"Oslo\" and closed has no value").await;
    browser.press("Explain on this record").await;
    browser.see("The automation takes this record.").await;
    browser.press("Run now").await;
    browser.see("The run with its errors").await;
    browser.see("Success").await;
    browser.see("by hand").await;
    browser.judge().await;
    browser.picture("automation").await;
    browser.press("Edit").await;
    browser.judge().await;
    browser.picture_of("criteria", "fieldset.criteria").await;
    browser.end().await;
}

#[tokio::test]
async fn a_mapping_is_made_of_rows_within_rows() {
    let (engine, upstream) = (TestEngine::start().await, warehouse());
    let Some(browser) = Browser::start(engine.api.address).await else {
        return;
    };
    browser.sign_in().await;
    connect(&browser, &upstream).await;
    browser.press("Object mappings").await;
    browser.press("New object mapping").await;
    browser.fill("Name", "customer").await;
    browser.fill("Source", "id").await;
    browser.fill("Target", "$key").await;
    browser.press("Add a pair").await;
    browser.fill("Source", "lines").await;
    browser.fill("Target", "lines").await;
    browser.choose("Becomes", "each item").await;
    browser.press("Add a pair for each item").await;
    browser.fill("Source", "qty").await;
    browser.press("Save").await;
    browser.see("pairs.1.each.0.target").await;
    browser.judge().await;
    browser.fill("Target", "quantity").await;
    browser.press("Save").await;
    browser.see("The object mapping customer is made.").await;
    browser.judge().await;
    browser.walk().await;
    browser.choose("Made of", "A script here").await;
    browser.see("The body of a function").await;
    browser.miss("Add a pair").await;
    browser.judge().await;
    browser.end().await;
}

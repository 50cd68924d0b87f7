//! The product text's example workflow in a browser: from the first call to transactions that appear by themselves.

use serde_json::json;

use crate::support::{browser::Browser, engine::TestEngine, upstream::Upstream};

#[tokio::test]
async fn the_example_workflow_is_walked_in_a_browser() {
    let upstream = Upstream::start();
    upstream.items("/rfqs", json!([{"rfqId": 1, "comment": "Dette er en test"}]));
    let engine = TestEngine::start().await;
    let Some(browser) = Browser::start(engine.api.address).await else {
        return;
    };
    browser.sign_in().await;
    browser.press("Call APIs").await;
    browser.see("There are no call APIs yet.").await;
    browser.judge().await;
    browser.press("Create the first call API").await;

    // 1 to 3: endpoint, authentication header, body.
    browser.fill("Name", "RFQ import").await;
    browser.fill("URL", &upstream.url("/rfqs")).await;
    // The first run begins at once, and the next ones are this test's own.
    browser.fill("Frequency (sec)", "3600").await;
    browser.choose("Method", "POST").await;
    browser.press("Add Header").await;
    browser.fill("Value", "hush-hush-key").await;
    browser.tick("Secret").await;
    browser.paste("Name", "X-Key").await;
    browser
        .paste(
            "Body script",
            "return JSON.stringify({\nid: 1001,\nstatus: \"New\"\n});",
        )
        .await;
    // Far more than they need, also on a busy machine.
    browser.press("Errors, missed times and limits").await;
    browser.fill("Time limit of a script (ms)", "10000").await;
    browser.press("Show next due times").await;
    browser.see("If it were activated now").await;

    // 4 and 5: Test URL, then the response script on the answer, wrong at first.
    browser.press("Test URL").await;
    browser.see("200 OK").await;
    browser
        .paste("Response script", "// of the shop\nreturn response.nothing.at;")
        .await;
    browser.press("Run response").await;
    browser.see("In the response script, line 2").await;
    let marked = "return document.querySelector('#f-responseScript').closest('.editor').querySelector('.at')?.textContent === '2'";
    browser.until("line 2 is marked", marked, &[]).await;
    browser.judge().await;
    browser.paste("Response script", "return response.json;").await;
    browser.press("Add pointer").await;
    browser.fill("Pointer", "/rfqId").await;
    browser.press("Run response").await;
    browser.see("1 transaction").await;
    browser
        .until(
            "no line is marked",
            "return !document.querySelector('.gutter .at')",
            &[],
        )
        .await;
    browser.picture_of("call-api", "#tested").await;

    // 6 and 7: activated, it runs by itself, and its page says so without being asked.
    browser.press("Save and activate").await;
    browser.see("is saved and active").await;
    let created =
        "return [...document.querySelectorAll('#call-state .badge')].some((badge) => badge.textContent === 'created')";
    browser.until("the first run's end is shown", created, &[]).await;
    browser.see("cannot be edited").await;
    browser.judge().await;
    browser.walk().await;
    let sent = &upstream.requests_to("/rfqs")[0];
    assert_eq!(sent.header("x-key"), Some("hush-hush-key"));
    browser.press("Runs").await;
    browser.see("schedule").await;
    browser.judge().await;
    browser.press("Call APIs").await;
    browser.judge().await;
    browser.walk().await;
    browser.picture("call-apis").await;

    // The list is live, too; what is deleted is asked for first.
    browser.press("Run RFQ import now").await;
    browser.see("The run of RFQ import ended").await;
    browser.see("nothing new").await;

    // What the next run creates appears in the list of transactions, which nobody loads again.
    browser.press("Transactions").await;
    let listens = "return document.body.dataset.connected === 'yes'";
    browser.until("the page listens", listens, &[]).await;
    upstream.items("/rfqs", json!([{"rfqId": 1}, {"rfqId": 1002, "comment": "the second"}]));
    let calls = engine.api.get("/api/v1/call-apis").await.expect(200).json;
    let run = format!("/api/v1/call-apis/{}/run", calls["items"][0]["id"].as_str().unwrap());
    engine.api.post(&run, &json!({})).await.expect(200);
    browser.see("1002").await;
    browser.press("Call APIs").await;
    browser.press("Deactivate RFQ import").await;
    browser.see("is inactive. It can be edited now.").await;
    browser.press("Delete RFQ import").await;
    browser.see("Its transactions stay.").await;
    browser.press("Delete").await;
    browser.see("There are no call APIs yet.").await;
    browser.end().await;
}

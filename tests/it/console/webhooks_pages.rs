//! The pages of webhooks: secrets that are shown once, deliveries, sending them once more.

use serde_json::json;

use crate::support::{
    engine::TestEngine,
    pages::{Pages, text},
    scene::eventually,
    upstream::Upstream,
};

const PAGE: &str = "/console/webhooks";

/// The subscriptions, of which there is one.
async fn only(engine: &TestEngine) -> serde_json::Value {
    let all = engine.api.get("/api/v1/webhook-subscriptions").await.expect(200).json;
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all}");
    all["items"][0].clone()
}

#[tokio::test]
async fn secrets_are_shown_once() {
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    assert!(text(&pages.get(PAGE).await.expect(200)).contains("There are no webhook subscriptions yet"));
    pages.get(&format!("{PAGE}/new")).await.expect(200);
    let secret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let wrong = [("url", "ftp://<b>"), ("secret", secret)];
    let refused = text(&pages.post(PAGE, &wrong).await.expect(422));
    assert!(
        refused.contains("must name one of") && refused.contains("value=\"ftp://&lt;b&gt;\""),
        "{refused}"
    );
    assert!(!refused.contains(secret), "{refused}");

    let fields = [
        ("url", "http://127.0.0.1:9/hook"),
        ("events", "background.finished"),
        ("enabled", "true"),
    ];
    let made = pages.post(PAGE, &fields).await.expect(200);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    assert!(
        text(&made).contains("whsec_") && text(&made).contains("data-copy=\"#secret\""),
        "{}",
        text(&made)
    );
    let subscription = only(&engine).await;
    let one = format!("{PAGE}/{}", subscription["id"].as_str().unwrap());
    for path in [PAGE.to_owned(), one.clone(), format!("{one}/edit")] {
        let page = text(&pages.get(&path).await.expect(200));
        assert!(!page.replace("whsec_ and", "").contains("whsec_"), "{path}: {page}");
    }
    let rotated = text(&pages.post(&format!("{one}/rotate"), &[]).await.expect(200));
    assert!(
        rotated.contains("whsec_") && rotated.contains("the one before signs too until"),
        "{rotated}"
    );
    assert_ne!(
        only(&engine).await["secret"]["fingerprint"],
        subscription["secret"]["fingerprint"]
    );
    let own = text(&pages.post(&format!("{PAGE}/secret/rotate"), &[]).await.expect(200));
    assert!(
        own.contains("The secret of this tenant") && own.contains("whsec_"),
        "{own}"
    );

    let version = only(&engine).await["version"].to_string();
    let fields = [
        ("_version", version.as_str()),
        ("url", "http://127.0.0.1:9/other"),
        ("events", "background.finished"),
        ("description", "Mine"),
    ];
    let before = only(&engine).await["secret"]["fingerprint"].clone();
    pages.post(&format!("{one}/edit"), &fields).await.expect(303);
    let after = only(&engine).await;
    assert_eq!(
        (&after["url"], &after["enabled"], &after["description"]),
        (&json!("http://127.0.0.1:9/other"), &json!(false), &json!("Mine"))
    );
    assert_eq!(after["secret"]["fingerprint"], before, "an empty field keeps it");
    pages.post(&format!("{one}/edit"), &fields).await.expect(412);
    pages.post(&format!("{one}/enable"), &[]).await.expect(303);
    assert_eq!(only(&engine).await["enabled"], true);
    pages.post(&format!("{one}/disable"), &[]).await.expect(303);
    assert_eq!(only(&engine).await["enabled"], false);
    pages.post(&format!("{one}/delete"), &[]).await.expect(303);
    pages.get(&one).await.expect(404);
}

#[tokio::test]
async fn deliveries_show_their_attempts_and_are_sent_once_more() {
    let receiver = Upstream::start();
    receiver.status("/hook", 410, "<b>no more</b>");
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let url = receiver.url("/hook");
    let fields = [
        ("url", url.as_str()),
        ("events", "background.finished"),
        ("enabled", "true"),
    ];
    pages.post(PAGE, &fields).await.expect(200);
    let id = only(&engine).await["id"].as_str().unwrap().to_owned();
    let one = format!("{PAGE}/{id}");
    assert!(text(&pages.get(&one).await.expect(200)).contains("Nothing was delivered yet"));
    let background = engine.api.with("erp-api-background", "subscription");
    background.get("/api/v1/me").await.expect(202);
    eventually("the receiver wants no more", || async {
        text(&pages.get(&one).await.expect(200)).contains("HTTP 410")
    })
    .await;
    let page = text(&pages.get(&one).await.expect(200));
    assert!(
        page.contains("&lt;b&gt;no more&lt;/b&gt;") && page.contains("1 attempt"),
        "{page}"
    );
    let deliveries = format!("/api/v1/webhook-subscriptions/{id}/deliveries");
    let delivery = engine.api.get(&deliveries).await.expect(200).json["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    // A receiver that is gone has its subscription disabled.
    pages
        .post(&format!("{one}/replay"), &[("delivery", &delivery)])
        .await
        .expect(303);
    let page = text(&pages.get(&one).await.expect(200));
    assert!(
        page.contains("The webhook subscription is disabled") && page.contains("disabled by the engine"),
        "{page}"
    );
    pages.post(&format!("{one}/enable"), &[]).await.expect(303);
    pages.post(&format!("{one}/replay"), &[]).await.expect(303);
    assert!(text(&pages.get(&one).await).contains("No delivery has failed"));
    receiver.status("/hook", 204, "");
    pages
        .post(&format!("{one}/replay"), &[("delivery", &delivery)])
        .await
        .expect(303);
    assert!(text(&pages.get(&one).await).contains("is sent once more"));
    eventually("it is delivered", || async {
        text(&pages.get(&one).await.expect(200)).contains("badge good\">delivered")
    })
    .await;
    pages
        .post(&format!("{one}/replay"), &[("delivery", "nonsense")])
        .await
        .expect(404);
}

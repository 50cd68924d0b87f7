//! Items that are sent with the tokens of a consent, also when the other system takes them no more.

use std::time::Duration;

use serde_json::json;

use super::{
    fixture::{Scene, text},
    odata::{enabled, integration, link},
};
use crate::support::{postgres::for_each_database, scene::eventually};

/// A minute and a little: the next run is due. Signing in must last: see the fixture.
const STEP: Duration = Duration::from_secs(61);

#[actix_rt::test]
async fn items_wait_for_the_consent_and_are_sent_with_its_tokens() {
    for_each_database(|url| async move {
        let scene = Scene::on(&url).await;
        let api = &scene.test.api;
        let definition = integration(api, &scene.provider, "OAuth2").await;
        let (_, consent) = enabled(api, definition).await;
        let transaction = async |identifier: &str| {
            let body = json!({"identifier": identifier, "data": {"amount": 1}});
            api.post("/api/v1/transactions", &body).await.expect(201);
        };
        let sent = async |count: usize| {
            eventually("what is due is sent", || async {
                scene.manual.advance(STEP);
                scene.provider.let_in() == count
            })
            .await;
        };
        let granted = async || {
            let shown = api.get(&consent).await.expect(200);
            scene.follow(&link(&shown)).await.expect(200);
        };
        transaction("A-1").await;
        scene.manual.advance(STEP);
        // The link before has ended meanwhile.
        api.post(&format!("{consent}/Begin"), &json!({})).await.expect(200);
        granted().await;
        sent(1).await;
        // The person takes it back over there: the item waits, and none of its attempts are spent.
        scene.provider.revoke();
        transaction("A-2").await;
        eventually("the consent is needed again", || async {
            scene.manual.advance(STEP);
            api.get(&consent).await.json["State"] == "Pending"
        })
        .await;
        let detail = api.get(&consent).await.json["Detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("invalid_grant"), "{detail}");
        let queue = "/OData/IntegrationQueues?$filter=ItemName%20eq%20'A-2'";
        let waiting = api.get(queue).await.expect(200);
        assert_eq!(
            waiting.json["value"][0]["IntegrationQueueStateId"],
            "Pending",
            "{}",
            text(&waiting)
        );
        assert_eq!(scene.provider.let_in(), 1);
        api.post(&format!("{consent}/Begin"), &json!({})).await.expect(200);
        granted().await;
        sent(2).await;
        eventually("the item is done", || async {
            let done = api.get(queue).await.expect(200);
            done.json["value"][0]["IntegrationQueueStateId"] == "Completed"
        })
        .await;
        assert_eq!(scene.provider.let_in(), 2, "each item once");
    })
    .await;
}

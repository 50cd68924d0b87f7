//! Items that are sent with the tokens of a consent from end to end: renewed when they have ended, and asked for again when the other
//! system takes them no more.

use std::time::Duration;

use entity::client_integration;
use orrery::actors::observed::{KIND_CLIENT_INTEGRATION, Observed};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    fixture::Scene,
    odata::{enabled, integration, link},
};
use crate::support::{postgres::for_each_database, scene::eventually};

/// A client integration with a consent, and what happens to its items.
struct Line {
    scene: Scene,
    /// Of the actor.
    uuid: Uuid,
    /// Path of the consent.
    consent: String,
}

impl Line {
    async fn open(url: &str) -> Self {
        let scene = Scene::on(url).await;
        let api = &scene.test.api;
        let definition = integration(api, &scene.provider, "OAuth2").await;
        let (_, consent) = enabled(api, definition).await;
        let client = client_integration::Entity::find()
            .filter(client_integration::Column::IntegrationId.eq(definition))
            .one(&scene.database)
            .await;
        let uuid = client.unwrap().unwrap().uuid;
        Self { scene, uuid, consent }
    }

    async fn transaction(&self, identifier: &str) {
        let body = json!({"identifier": identifier, "data": {"amount": 1}});
        self.scene
            .test
            .api
            .post("/api/v1/transactions", &body)
            .await
            .expect(201);
    }

    /// The consent as it is shown.
    async fn shown(&self) -> Value {
        self.scene.test.api.get(&self.consent).await.expect(200).json
    }

    /// A person follows the link that is shown.
    async fn grant(&self) {
        let shown = self.scene.test.api.get(&self.consent).await.expect(200);
        self.scene.follow(&link(&shown)).await.expect(200);
    }

    async fn actor(&self) -> Option<Observed> {
        let actors = self.scene.test.engine.actors();
        actors
            .get(&self.scene.caller(), KIND_CLIENT_INTEGRATION, self.uuid)
            .await
            .ok()
    }

    /// How long the actor still waits.
    async fn wait(&self) -> Option<Duration> {
        let actor = self.actor().await.filter(|actor| actor.phase == "waiting")?;
        let wait = actor.next_due_at?.duration_since(self.scene.test.engine.clock().now());
        Some(Duration::try_from(wait).unwrap_or_default())
    }

    /// Moves the clock to what the actor waits for, and as much further; how the run ended.
    async fn run(&mut self, further: Duration) -> Value {
        eventually("the actor waits", || async { self.wait().await.is_some() }).await;
        let wait = self.wait().await.unwrap();
        self.scene.manual.advance(wait + further);
        let ended = self.scene.heard.next("integration.run.finished", self.uuid).await;
        (*ended.data).clone()
    }

    /// An item as it is shown.
    async fn item(&self, name: &str) -> Value {
        let queue = format!("/OData/IntegrationQueues?$filter=ItemName%20eq%20'{name}'");
        let list = self.scene.test.api.get(&queue).await.expect(200).json;
        assert_eq!(list["value"].as_array().unwrap().len(), 1, "{list}");
        list["value"][0].clone()
    }

    /// Makes a transaction that the next run sends.
    async fn sends(&mut self, name: &str) {
        let before = self.scene.provider.let_in();
        self.transaction(name).await;
        let ended = self.run(Duration::ZERO).await;
        assert_eq!(
            (&ended["outcome"], &ended["completed"]),
            (&json!("Succeeded"), &json!(1)),
            "{ended}"
        );
        let item = self.item(name).await;
        assert_eq!(item["IntegrationQueueStateId"], "Completed", "{item}");
        assert_eq!(self.scene.provider.let_in(), before + 1);
    }
}

#[actix_rt::test]
async fn items_are_sent_with_tokens_that_are_renewed() {
    for_each_database(|url| async move {
        let mut line = Line::open(&url).await;
        assert!(line.actor().await.is_none(), "nothing runs without a consent");
        line.grant().await;
        line.sends("A-1").await;
        assert_eq!(line.scene.provider.token_requests(), 1, "that of the code");
        // The other system takes the access token no more, before its time.
        line.scene.provider.end_access();
        line.sends("A-2").await;
        assert_eq!(line.scene.provider.seen_refresh_tokens(), ["refresh-2"]);
        // Its time is over.
        line.run(Duration::from_secs(1_800)).await;
        line.sends("A-3").await;
        assert_eq!(line.scene.provider.seen_refresh_tokens(), ["refresh-2", "refresh-3"]);
        line.sends("A-4").await;
        assert_eq!(line.scene.provider.token_requests(), 3, "it is good for a while");
        assert_eq!(line.scene.provider.complaints(), Vec::<String>::new());
        assert_eq!(line.shown().await["State"], "Granted");
    })
    .await;
}

#[actix_rt::test]
async fn an_item_waits_for_a_consent_that_was_taken_back_over_there() {
    for_each_database(|url| async move {
        let mut line = Line::open(&url).await;
        line.grant().await;
        line.sends("A-1").await;
        line.scene.provider.revoke();
        line.transaction("A-2").await;
        line.run(Duration::ZERO).await;
        // It sees that at its next due time at the latest.
        eventually("it does not run any more", || async {
            if let Some(wait) = line.wait().await {
                line.scene.manual.advance(wait);
            }
            line.actor().await.is_none()
        })
        .await;
        let shown = line.shown().await;
        assert_eq!(shown["State"], "Pending", "{shown}");
        assert!(shown["Detail"].as_str().unwrap().contains("invalid_grant"), "{shown}");
        let waiting = line.item("A-2").await;
        assert_eq!(
            (&waiting["IntegrationQueueStateId"], &waiting["Attempt"]),
            (&json!("Pending"), &json!(0)),
            "none of its attempts is spent: {waiting}"
        );
        assert_eq!(line.scene.provider.let_in(), 1);

        line.grant().await;
        eventually("it is sent", || async {
            if let Some(wait) = line.wait().await {
                line.scene.manual.advance(wait);
            }
            line.item("A-2").await["IntegrationQueueStateId"] == "Completed"
        })
        .await;
        assert_eq!(line.scene.provider.let_in(), 2, "each item once");
        assert_eq!(line.shown().await["State"], "Granted");
    })
    .await;
}

//! The actors of connections: one refresh for many, refused credentials, lost answers, the circuit, places, and what survives a
//! restart.

mod circuit;
mod crash;
mod provider;
mod tokens;

use std::time::Duration;

use jiff::Timestamp;
use orrery::{
    actors::{
        connection::{Gate, Refused},
        observed::Observed,
    },
    clock::ManualClock,
    domain::{connection::Health, ids::ConnectionId},
    http::{Request, Response},
};
use serde_json::{Value, json};

use crate::support::scene::{Place, Scene, eventually};
use provider::Provider;

const START: &str = "2026-03-02T08:00:00Z";

/// An engine with one Xero connection, its clock, and the provider that it talks to.
struct Stage {
    provider: Provider,
    scene: Scene,
    clock: ManualClock,
    connection: ConnectionId,
}

fn start_time() -> Timestamp {
    START.parse().unwrap()
}

fn place(provider: &Provider) -> Place {
    let mut place = Place::new(&[]);
    place.settings.egress.allow = vec![provider.address()];
    place
}

/// The body that makes a connection to the provider; its seed is the refresh token `seed`.
fn body(provider: &Provider, changes: &Value) -> Value {
    let base = format!("http://{}", provider.address());
    let mut body = json!({
        "provider": "XERO",
        "remote_instance_id": "tenant-1",
        "remote_instance_name": "Books",
        "integration_client_id": "client",
        "integration_client_secret": "secret-of-client",
        "integration_refresh_token": "seed",
        "account_server": base,
        "api_domain": base,
        "supporting_fields": "{\"limits\":{}}",
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

impl Stage {
    async fn set(changes: Value) -> Self {
        let provider = Provider::start();
        let (scene, clock) = place(&provider).start_at(start_time()).await;
        let connection = create(&scene, &body(&provider, &changes)).await;
        Self {
            provider,
            scene,
            clock,
            connection,
        }
    }

    /// The engine ends, and another starts at the same place and the same time.
    async fn restart(self) -> Self {
        let now = self.scene.engine.clock().now();
        let place = self.scene.stop().await;
        let (scene, clock) = place.start_at(now).await;
        Self { scene, clock, ..self }
    }

    async fn gate(&self) -> Gate {
        let gates = &self.scene.engine.services().gates;
        gates.gate(self.scene.tenant, self.connection).await.unwrap()
    }

    async fn send(&self) -> Result<Response, Refused> {
        let gate = self.gate().await;
        gate.send(gate.account().version, self.request()).await
    }

    fn request(&self) -> Request {
        Request {
            url: self.provider.resource(),
            ..Request::default()
        }
    }

    async fn sends(&self) {
        assert_eq!(self.send().await.unwrap().status, 200);
    }

    async fn health(&self) -> Health {
        let found = self
            .scene
            .engine
            .store()
            .connection(self.scene.tenant, self.connection)
            .await;
        found.unwrap().unwrap().state.health
    }

    async fn fares(&self, health: Health) {
        eventually("the connection's health is written", || async {
            self.health().await == health
        })
        .await;
    }

    /// The connection's actor, unless it is not there or too busy just now.
    async fn seen(&self) -> Option<Observed> {
        let registry = self.scene.engine.registry();
        let seen = registry
            .observe_one(self.scene.tenant, "connection", self.connection.uuid())
            .await;
        seen.ok()
    }

    async fn phase(&self) -> &'static str {
        loop {
            if let Some(seen) = self.seen().await {
                return seen.phase;
            }
        }
    }

    /// Waits until the connection's actor has read its row as it is now: it is told of a change, and reads after that.
    async fn is_read(&self) {
        let row = self.scene.engine.store().connection(self.scene.tenant, self.connection);
        let version = row.await.unwrap().unwrap().version;
        let gates = &self.scene.engine.services().gates;
        eventually("the actor has read the row", || async {
            let gate = gates.gate(self.scene.tenant, self.connection).await;
            gate.is_ok_and(|gate| gate.account().version == version)
        })
        .await;
    }

    async fn patch(&self, change: Value) {
        let caller = self.scene.caller();
        let connections = self.scene.engine.connections();
        connections
            .patch(&caller, self.connection, None, &change)
            .await
            .unwrap();
    }

    async fn enable(&self, enabled: bool) {
        let caller = self.scene.caller();
        let connections = self.scene.engine.connections();
        connections
            .set_enabled(&caller, self.connection, None, enabled)
            .await
            .unwrap();
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

async fn create(scene: &Scene, body: &Value) -> ConnectionId {
    scene
        .engine
        .connections()
        .create(&scene.caller(), body)
        .await
        .unwrap()
        .id
}

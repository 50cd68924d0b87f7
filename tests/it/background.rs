//! Requests with the header `erp-api-background`: what is taken, what is refused, what their callers see of them.

use jiff::Timestamp;
use orrery::{
    actors::background::envelope::{self, Body, Envelope},
    domain::{
        background::Status,
        ids::{BackgroundId, TenantId, UserId},
    },
    engine::Engine,
    store::background::{Accepted, BodyKind, Claim, Finish, NewRequest},
};
use serde_json::{Value, json};

use crate::support::{
    engine::{Api, PASSWORD, Reply, TestEngine},
    scene::background_loaded,
};

mod accepting;
mod audits;
mod bodies;
mod contents;
mod ends;
mod keys;
mod notices;
mod seen;
mod states;

/// The header.
const HEADER: &str = "erp-api-background";

/// A user with these rights in the first tenant, signed in.
async fn person(api: &Api, username: &str, rights: &[&str]) -> Api {
    let group = json!({ "name": format!("of {username}"), "rights": rights });
    let group = api.post("/api/v1/groups", &group).await.expect(201).id();
    let user = json!({ "username": username, "password": PASSWORD, "groupIds": [group] });
    api.post("/api/v1/users", &user).await.expect(201);
    Api::anonymous(api.address).sign_in(username, PASSWORD).await
}

/// Sends a request to the background that nobody is told of, and gives its state's path.
async fn taken(api: &Api, method: &str, path: &str) -> String {
    let reply = api.ask(method, path).header(HEADER, "none").send().await.expect(202);
    state_path(&reply)
}

/// The path of the state of a request that was taken.
#[track_caller]
fn state_path(reply: &Reply) -> String {
    let location = reply.json["stateLocation"].as_str().unwrap();
    let start = location.find("/api/v1/background/").unwrap();
    location[start..].to_owned()
}

/// Operations as an executor makes them, with no executor that gets in the way: they are in the store and not in the queue.
pub(crate) struct Made {
    engine: Engine,
    tenant: TenantId,
    user: UserId,
}

impl Made {
    pub(crate) async fn of(test: &TestEngine) -> Self {
        background_loaded(&test.engine).await;
        let me = test.api.get("/api/v1/me").await.expect(200).json;
        Self {
            engine: test.engine.clone(),
            tenant: me["tenant"]["id"].as_str().unwrap().parse().unwrap(),
            user: me["user"]["id"].as_str().unwrap().parse().unwrap(),
        }
    }

    fn now(&self) -> Timestamp {
        self.engine.clock().now()
    }

    pub(crate) async fn queued(&self) -> BackgroundId {
        self.queued_for("none").await
    }

    async fn queued_for(&self, webhook_address: &str) -> BackgroundId {
        let id = BackgroundId::from(self.engine.clock().new_id());
        let envelope = Envelope::default().seal(self.engine.sealer(), self.tenant, id);
        let new = NewRequest {
            id,
            tenant_id: self.tenant,
            user_id: Some(self.user),
            token_id: None,
            received_at: self.now(),
            method: "GET".to_owned(),
            original_uri: "/api/v1/me?a=b".to_owned(),
            upstream: None,
            order_key: 1,
            request: envelope.unwrap(),
            request_chunks: 0,
            has_request: false,
            webhook_address: webhook_address.to_owned(),
            notify_pairs: None,
            reference: None,
            key: None,
            epoch: self.engine.services().epoch,
            audit: None,
        };
        let accepted = self.engine.store().ledger().accept(new).await.unwrap();
        assert_eq!(accepted, Accepted::New);
        id
    }

    async fn started(&self) -> BackgroundId {
        let id = self.queued().await;
        let claim = Claim {
            id,
            tenant_id: self.tenant,
            epoch: self.engine.services().epoch,
            started_at: self.now(),
        };
        assert!(self.engine.store().ledger().claim(claim).await.unwrap().is_some());
        id
    }

    /// Finished with this answer.
    async fn finished(&self, status_code: u16, content_type: Option<&str>, body: &[u8]) -> BackgroundId {
        let id = self.started().await;
        let headers = content_type.map(|text| json!({"content-type": text, "etag": "\"1\""}).to_string());
        self.end(id, status_code, headers, content_type, body).await;
        id
    }

    async fn end(
        &self,
        id: BackgroundId,
        status_code: u16,
        headers: Option<String>,
        content_type: Option<&str>,
        body: &[u8],
    ) {
        let (store, sealer, tenant) = (self.engine.store(), self.engine.sealer(), self.tenant);
        let mut chunks = 0;
        let mut response = None;
        if body.len() > envelope::CHUNK_BYTES {
            for part in body.chunks(envelope::CHUNK_BYTES) {
                let sealed = envelope::seal_chunk(sealer, tenant, id, Body::Response, chunks, part).unwrap();
                let put = store.put_body_chunk(tenant, id, BodyKind::Response, chunks, sealed);
                put.await.unwrap();
                chunks += 1;
            }
        } else if !body.is_empty() {
            response = Some(envelope::seal_response(sealer, tenant, id, body).unwrap());
        }
        let finish = Finish {
            id,
            tenant_id: tenant,
            epoch: self.engine.services().epoch,
            finished_at: self.now(),
            status: Status::Finished,
            status_code,
            error: None,
            response_headers: headers,
            content_type: content_type.map(str::to_owned),
            response,
            response_chunks: chunks,
            has_response: !body.is_empty(),
            deliveries: Vec::new(),
            audit: None,
        };
        assert!(store.ledger().finish(finish).await.unwrap());
    }
}

/// The members of an object, in alphabetical order.
fn members(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

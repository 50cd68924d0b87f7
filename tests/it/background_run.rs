//! Requests in the background, from the queue to their end: our own resources, upstreams, order, limits, crashes, following.

mod crashes;
mod follows;
mod runs;

use bytes::Bytes;
use orrery::{
    actors::background::envelope::{self, Body, Envelope, SMALL_BODY_BYTES},
    domain::{
        background::{QueuedRequest, Status, order_key},
        ids::{ApiTokenId, BackgroundId},
        rights::Right,
    },
    engine::{caller::Caller, tokens::TokenInput},
    settings,
    store::background::{BackgroundRow, BodyKind, Claim, NewRequest},
};

use crate::support::{
    scene::{Place, Scene, eventually},
    upstream::Upstream,
};

/// A request as it is accepted.
struct Given {
    method: &'static str,
    target: String,
    upstream: Option<&'static str>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    token_id: Option<ApiTokenId>,
    webhook: &'static str,
}

fn get(target: &str) -> Given {
    Given {
        method: "GET",
        target: target.to_owned(),
        upstream: None,
        headers: Vec::new(),
        body: Vec::new(),
        token_id: None,
        webhook: "none",
    }
}

fn post(target: &str, body: impl Into<Vec<u8>>) -> Given {
    Given {
        method: "POST",
        body: body.into(),
        ..get(target).header("content-type", "application/json")
    }
}

impl Given {
    fn to(self, upstream: &'static str) -> Self {
        Self {
            upstream: Some(upstream),
            ..self
        }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    /// Commits it as the gateway does, without telling the queue.
    async fn stored(self, scene: &Scene) -> QueuedRequest {
        let (engine, tenant_id) = (&scene.engine, scene.tenant);
        let id = BackgroundId::from(engine.clock().new_id());
        let mut request_chunks = 0;
        let is_small = self.body.len() <= SMALL_BODY_BYTES;
        if !is_small {
            for chunk in self.body.chunks(envelope::CHUNK_BYTES) {
                let sealed =
                    envelope::seal_chunk(engine.sealer(), tenant_id, id, Body::Request, request_chunks, chunk).unwrap();
                let put = engine
                    .store()
                    .put_body_chunk(tenant_id, id, BodyKind::Request, request_chunks, sealed);
                put.await.unwrap();
                request_chunks += 1;
            }
        }
        let has_request = !self.body.is_empty();
        let envelope = Envelope {
            headers: self.headers,
            base_url: "https://orrery.example".to_owned(),
            client_ip: Some("192.0.2.7".to_owned()),
            proto: "https".to_owned(),
            body: (has_request && is_small).then(|| Bytes::from(self.body)),
        };
        let queued = QueuedRequest {
            id,
            tenant_id,
            user_id: Some(scene.user),
            upstream: self.upstream.map(str::to_owned),
            method: self.method.to_owned(),
            order_key: order_key(tenant_id, Some(scene.user), self.upstream, &self.target),
            received_at: engine.clock().now(),
        };
        let new = NewRequest {
            id,
            tenant_id,
            user_id: queued.user_id,
            token_id: self.token_id,
            received_at: queued.received_at,
            method: queued.method.clone(),
            original_uri: self.target,
            upstream: queued.upstream.clone(),
            order_key: queued.order_key,
            request: envelope.seal(engine.sealer(), tenant_id, id).unwrap(),
            request_chunks,
            has_request,
            webhook_address: self.webhook.to_owned(),
            notify_pairs: None,
            reference: None,
            key: None,
            epoch: engine.services().epoch,
            audit: None,
        };
        engine.store().ledger().accept(new).await.unwrap();
        queued
    }

    /// Accepts it.
    async fn sent(self, scene: &Scene) -> BackgroundId {
        let inbox = scene.engine.services().background.clone();
        let slot = inbox.admit(scene.tenant).unwrap();
        let queued = self.stored(scene).await;
        let id = queued.id;
        slot.accepted(queued);
        id
    }

    /// As an engine left it that was killed while it executed this.
    async fn cut(self, scene: &Scene) -> BackgroundId {
        let id = self.stored(scene).await.id;
        claim(scene, id).await;
        id
    }
}

/// A token of the first user that may do only this.
async fn token(scene: &Scene, right: Right) -> (Caller, ApiTokenId) {
    let caller = Caller {
        user_id: Some(scene.user),
        ..scene.caller()
    };
    let input = TokenInput {
        name: right.to_string(),
        rights: right.into(),
        expires_at: None,
    };
    let made = scene.engine.tokens().create(&caller, input).await.unwrap();
    (caller, made.token.id)
}

async fn claim(scene: &Scene, id: BackgroundId) {
    let claim = Claim {
        id,
        tenant_id: scene.tenant,
        epoch: scene.engine.services().epoch,
        started_at: scene.engine.clock().now(),
    };
    assert!(scene.engine.store().ledger().claim(claim).await.unwrap().is_some());
}

async fn row(scene: &Scene, id: BackgroundId) -> BackgroundRow {
    let found = scene.engine.store().background(scene.tenant, id).await.unwrap();
    found.unwrap()
}

/// Its row, when it has ended.
async fn ended(scene: &Scene, id: BackgroundId) -> BackgroundRow {
    eventually("the request ends", || async { row(scene, id).await.status.is_end() }).await;
    row(scene, id).await
}

async fn status(scene: &Scene, id: BackgroundId) -> Status {
    row(scene, id).await.status
}

/// The stored body of an answer.
async fn content(scene: &Scene, row: &BackgroundRow) -> Vec<u8> {
    let (store, sealer, tenant, id) = (scene.engine.store(), scene.engine.sealer(), scene.tenant, row.id);
    if row.response_chunks == 0 {
        let sealed = store.background_response(tenant, id).await.unwrap();
        return sealed.map_or_else(Vec::new, |sealed| {
            envelope::open_response(sealer, tenant, id, &sealed).unwrap().to_vec()
        });
    }
    let mut whole = Vec::new();
    for seq in 0..row.response_chunks {
        let sealed = store
            .body_chunk(tenant, id, BodyKind::Response, seq)
            .await
            .unwrap()
            .unwrap();
        whole.extend(envelope::open_chunk(sealer, tenant, id, Body::Response, seq, &sealed).unwrap());
    }
    whole
}

/// A place whose engine has this upstream as `/erp`.
fn place(upstream: &Upstream, change: impl FnOnce(&mut settings::Upstream)) -> Place {
    let mut place = Place::new(&[upstream]);
    let mut erp = settings::Upstream {
        prefix: "/erp".to_owned(),
        target: upstream.url("/base"),
        client: None,
        pass_credentials: false,
        timeout_ms: 5_000,
        background_timeout_ms: 120_000,
        idempotent: false,
        follow_accepted: false,
        at_once_max: None,
        body_bytes_max: 1_000_000,
    };
    change(&mut erp);
    place.settings.upstreams = vec![erp];
    // What a test puts behind the engine's back stays as it is.
    place.settings.engine.sweep_seconds = 86_400;
    place
}

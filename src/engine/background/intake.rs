//! Taking a request for execution in the background: its place in the queue, its body while it arrives, and the one commit
//! after which it is ours.

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    actors::background::{
        Slot,
        envelope::{self, Body, CHUNK_BYTES, Envelope},
    },
    domain::{
        background::{QueuedRequest, header::Notify, is_safe, order_key},
        ids::{BackgroundId, TenantId},
        rights::Right,
    },
    engine::{Engine, caller::Caller},
    error::{Code, Error, Result},
    store::{
        self, audit,
        background::{AcceptKey, Accepted, BodyKind, NewRequest},
    },
};

/// A body up to this size is sealed together with its head, in one row; of a larger one every chunk is a row, bytes.
const INLINE_BYTES_MAX: usize = CHUNK_BYTES;

/// What is known of a request from its head.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its method, in capitals.
    pub method: String,
    /// Path and query, without the path under which a host app may have mounted us.
    pub target: String,
    /// The prefix of its upstream; none for our own resources.
    pub upstream: Option<String>,
    /// Names in lower case, values as they came; only what is to be kept.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Where links to us begin, for this caller.
    pub base_url: String,
    /// The caller's address.
    pub client_ip: Option<String>,
    /// `http` or `https`.
    pub proto: String,
    /// Who is told of the end.
    pub notify: Notify,
    /// The `Idempotency-Key`.
    pub key: Option<String>,
    /// Length of the body, if it was announced, bytes.
    pub length: Option<u64>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The operation.
    pub id: BackgroundId,
    /// It is that of an earlier request with the same key.
    pub replayed: bool,
}

/// A request that arrives. Dropped before [`Intake::commit`], it leaves nothing: place and chunks are given back.
pub struct Intake {
    engine: Engine,
    caller: Caller,
    head: Head,
    id: BackgroundId,
    received_at: Timestamp,
    slot: Slot,
    hasher: Option<Sha256>,
    pending: BytesMut,
    bytes: usize,
    chunks: Chunks,
}

/// The chunks in the store, which are dropped with this unless they are kept.
struct Chunks {
    engine: Engine,
    tenant_id: TenantId,
    id: BackgroundId,
    count: u32,
    kept: bool,
}

impl Intake {
    /// Checks who asks and who is to be told, and takes a place in the queue, before any of the body is read.
    ///
    /// # Errors
    /// `forbidden` without `background.use`; `bad_background_header` where the receiver is refused; `rate_limited` and
    /// `unavailable` where the queue is full; `too_large`.
    pub async fn begin(engine: &Engine, caller: &Caller, head: Head) -> Result<Self> {
        caller.require(Right::BackgroundUse)?;
        let services = engine.services();
        if head.length.is_some_and(|bytes| bytes > bytes_max(engine) as u64) {
            return Err(too_large(engine));
        }
        check_receiver(engine, caller, &head.notify).await?;
        let slot = services.background.admit(caller.tenant_id)?;
        let id = BackgroundId::from(services.clock.new_id());
        let chunks = Chunks {
            engine: engine.clone(),
            tenant_id: caller.tenant_id,
            id,
            count: 0,
            kept: false,
        };
        Ok(Self {
            engine: engine.clone(),
            caller: caller.clone(),
            id,
            received_at: services.clock.now(),
            slot,
            hasher: head.key.is_some().then(|| hasher_of(&head)),
            head,
            pending: BytesMut::new(),
            bytes: 0,
            chunks,
        })
    }

    /// Takes the next part of the body. Of a large one everything but the last chunk is in the store when this returns.
    ///
    /// # Errors
    /// `too_large` beyond `background.body_bytes_max`; the store refuses.
    pub async fn push(&mut self, part: &Bytes) -> Result<()> {
        self.bytes = self.bytes.saturating_add(part.len());
        if self.bytes > bytes_max(&self.engine) {
            return Err(too_large(&self.engine));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(part);
        }
        let mut rest = part.as_ref();
        // A part may be as large as its sender likes; what is held here is one chunk.
        while self.pending.len() + rest.len() > INLINE_BYTES_MAX {
            let (now, later) = rest.split_at(INLINE_BYTES_MAX - self.pending.len());
            self.pending.extend_from_slice(now);
            rest = later;
            let chunk = self.pending.split();
            self.chunks.put(&chunk).await?;
        }
        self.pending.extend_from_slice(rest);
        Ok(())
    }

    /// Commits the request. When this returns without an error it survives whatever happens to us, and is in the queue.
    ///
    /// # Errors
    /// `idempotency_mismatch` where the key was used with another request; the store refuses.
    pub async fn commit(mut self) -> Result<Taken> {
        if self.chunks.count > 0 && !self.pending.is_empty() {
            let chunk = self.pending.split();
            self.chunks.put(&chunk).await?;
        }
        // A task of its own: a caller who goes away meanwhile does not leave a request that is stored and not queued.
        let committed = tokio::spawn(self.stored());
        committed.await.map_err(Error::internal)?
    }

    async fn stored(self) -> Result<Taken> {
        let Self {
            engine,
            caller,
            head,
            id,
            received_at,
            slot,
            hasher,
            pending,
            bytes,
            mut chunks,
        } = self;
        let services = engine.services();
        let queued = QueuedRequest {
            id,
            tenant_id: caller.tenant_id,
            user_id: caller.user_id,
            order_key: order_key(caller.tenant_id, caller.user_id, head.upstream.as_deref(), &head.target),
            upstream: head.upstream,
            method: head.method,
            received_at,
        };
        let audit = accepted_entry(&caller, &queued, &head.target);
        let notify = head.notify;
        let envelope = Envelope {
            headers: head.headers,
            base_url: head.base_url,
            client_ip: head.client_ip,
            proto: head.proto,
            body: (!pending.is_empty()).then(|| pending.freeze()),
        };
        let pairs = Some(notify.pairs()).filter(|pairs| !pairs.is_empty());
        let new = NewRequest {
            id,
            tenant_id: caller.tenant_id,
            user_id: caller.user_id,
            token_id: caller.token_id,
            received_at,
            method: queued.method.clone(),
            original_uri: head.target,
            upstream: queued.upstream.clone(),
            order_key: queued.order_key,
            request: envelope.seal(&services.sealer, caller.tenant_id, id)?,
            request_chunks: chunks.count,
            has_request: bytes > 0,
            webhook_address: notify.address().to_owned(),
            notify_pairs: pairs.map(serde_json::to_string).transpose().map_err(Error::internal)?,
            reference: notify.reference().map(str::to_owned),
            key: head.key.zip(hasher).map(|(key, hasher)| AcceptKey {
                key,
                request_hash: hasher.finalize().into(),
            }),
            epoch: services.epoch,
            audit,
        };
        // Whether an entry that failed is written after all can be unknown: its chunks are left to the purge.
        chunks.kept = true;
        let accepted = services.store.ledger().accept(new).await;
        let is_refused = matches!(accepted, Err(store::Error::Full { .. }));
        chunks.kept = !is_refused;
        match accepted? {
            Accepted::New => {
                slot.accepted(queued);
                Ok(Taken { id, replayed: false })
            }
            Accepted::Again { id } => {
                chunks.kept = false;
                Ok(Taken { id, replayed: true })
            }
            Accepted::Other => {
                chunks.kept = false;
                Err(Error::new(
                    Code::IdempotencyMismatch,
                    "This Idempotency-Key was used with another background request within the last 24 hours. Use a new key \
                     for a new request.",
                ))
            }
        }
    }
}

impl Chunks {
    async fn put(&mut self, chunk: &[u8]) -> Result<()> {
        let services = self.engine.services();
        let (tenant_id, seq) = (self.tenant_id, self.count);
        // Counted first: one whose writing is cut short has to be dropped, too.
        self.count += 1;
        let sealed = envelope::seal_chunk(&services.sealer, tenant_id, self.id, Body::Request, seq, chunk)?;
        let store = &services.store;
        Ok(store
            .put_body_chunk(tenant_id, self.id, BodyKind::Request, seq, sealed)
            .await?)
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        if self.kept || self.count == 0 {
            return;
        }
        let (store, tenant_id, id) = (self.engine.store().clone(), self.tenant_id, self.id);
        let handle = store.handle().clone();
        handle.spawn(async move {
            if let Err(error) = store.drop_body(tenant_id, id, BodyKind::Request).await {
                tracing::warn!(background.id = %id, %error, "the parts of a request that was not taken stay until the next purge");
            }
        });
    }
}

/// What the audit log has of a change that an upstream is to make. Our own resources write theirs when it is made, and what
/// is safe changes nothing.
fn accepted_entry(caller: &Caller, request: &QueuedRequest, target: &str) -> Option<audit::Entry> {
    let upstream = request.upstream.as_deref().filter(|_| !is_safe(&request.method))?;
    // What follows may hold secrets.
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let after = serde_json::json!({ "method": request.method, "upstream": upstream, "path": path });
    Some(caller.audit("background.accepted", "background", request.id, None, Some(after)))
}

/// The receiver as far as it can be judged on paper: a host that does not resolve just now is tried later.
async fn check_receiver(engine: &Engine, caller: &Caller, notify: &Notify) -> Result<()> {
    match notify {
        Notify::Nobody => Ok(()),
        Notify::Url(url) => engine.outbound().check_url(url).map_err(|error| {
            let text = format!(
                "The webhook URL in the header erp-api-background is refused: {}.",
                error.message
            );
            Error::new(Code::BadBackgroundHeader, text)
        }),
        Notify::Subscription(_) if super::notify::is_subscribed(engine, caller.tenant_id).await? => Ok(()),
        Notify::Subscription(_) => Err(Error::new(
            Code::BadBackgroundHeader,
            "The header erp-api-background asks for a notification of the tenant's webhook subscriptions, and none of them is \
             enabled for background.finished. Make one with POST /api/v1/webhook-subscriptions, or send none or a URL.",
        )),
    }
}

/// What a request with the same key has to agree in, besides its body.
fn hasher_of(head: &Head) -> Sha256 {
    let mut hasher = Sha256::new();
    for part in [&head.method, &head.target, head.notify.address()] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    for (name, value) in head.notify.pairs() {
        hasher.update(name);
        hasher.update(b"=");
        hasher.update(value);
        hasher.update(b",");
    }
    hasher.update(b"\n");
    hasher
}

fn bytes_max(engine: &Engine) -> usize {
    engine.settings().background.body_bytes_max
}

fn too_large(engine: &Engine) -> Error {
    let bytes_max = bytes_max(engine);
    Error::new(
        Code::TooLarge,
        format!("The body is larger than {bytes_max} bytes (background.body_bytes_max)."),
    )
}

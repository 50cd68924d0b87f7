//! Requests that are executed in the background, as they are stored: what is accepted, claimed and ended goes through the
//! ledger, many in one transaction; the rest is here.
//!
//! `bodies` has the parts of long bodies, `list` what callers see, `recover` what is queued, and what a crash cut, `purge`
//! what becomes of old ones.

use jiff::Timestamp;

use super::{Error, Result, audit, deliveries::NewDelivery};
use crate::domain::{
    background::Status,
    ids::{ApiTokenId, BackgroundId, TenantId, UserId},
};

pub(super) mod bodies;
pub(super) mod list;
pub(super) mod purge;
pub(super) mod recover;

pub use crate::domain::background::QueuedRequest;
pub use bodies::BodyKind;
pub use list::{BackgroundFilter, BackgroundRow};
pub use recover::{Orphan, Orphans};

/// How long a key tells a repeated request from a new one, microseconds.
pub const KEY_KEPT_US: i64 = 24 * 3_600 * 1_000_000;

/// A request that is to be stored. What its caller sent is in `request`, sealed by `actors::background::envelope`.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// Its id.
    pub id: BackgroundId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Who sent it.
    pub user_id: Option<UserId>,
    /// With which token.
    pub token_id: Option<ApiTokenId>,
    /// When it came.
    pub received_at: Timestamp,
    /// GET and so on.
    pub method: String,
    /// As the caller wrote it.
    pub original_uri: String,
    /// Prefix of the upstream; none: a resource of our own.
    pub upstream: Option<String>,
    /// Requests with equal keys run in their order.
    pub order_key: i64,
    /// Sealed head, and the body if it is small.
    pub request: Vec<u8>,
    /// Parts of the body that [`super::Store::put_body_chunk`] has stored.
    pub request_chunks: u32,
    /// Whether it has a body.
    pub has_request: bool,
    /// As in the header.
    pub webhook_address: String,
    /// Headers of the notification, JSON.
    pub notify_pairs: Option<String>,
    /// The caller's own reference.
    pub reference: Option<String>,
    /// The idempotency key, if the caller gave one.
    pub key: Option<AcceptKey>,
    /// Epoch of the lease.
    pub epoch: i64,
    /// For the audit log, where taking it is the last that we see of a change: written if this stores it.
    pub audit: Option<audit::Entry>,
}

/// An idempotency key; it is the user's, or the tenant's where there is no user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptKey {
    /// The header's value.
    pub key: String,
    /// Of everything that makes a request the same.
    pub request_hash: [u8; 32],
}

/// What became of a request that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is stored.
    New,
    /// The same request came before with this key: nothing is stored. Parts of its body are still to be dropped.
    Again {
        /// The request that was stored then.
        id: BackgroundId,
    },
    /// Another request came before with this key: nothing is stored. Parts of its body are still to be dropped.
    Other,
}

/// A queued request that is about to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The request.
    pub id: BackgroundId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Epoch of the lease.
    pub epoch: i64,
    /// Now.
    pub started_at: Timestamp,
}

/// A request that is ours to execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The request.
    pub id: BackgroundId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Who sent it.
    pub user_id: Option<UserId>,
    /// With which token.
    pub token_id: Option<ApiTokenId>,
    /// GET and so on.
    pub method: String,
    /// As the caller wrote it.
    pub original_uri: String,
    /// Prefix of the upstream; none: a resource of our own.
    pub upstream: Option<String>,
    /// Sealed head, and the body if it is small.
    pub request: Vec<u8>,
    /// Parts of the body.
    pub request_chunks: u32,
    /// Whether it has a body.
    pub has_request: bool,
    /// As in the header.
    pub webhook_address: String,
    /// Headers of the notification, JSON.
    pub notify_pairs: Option<String>,
    /// The caller's own reference.
    pub reference: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// When it was claimed.
    pub started_at: Timestamp,
    /// How often it was claimed, with this time.
    pub attempts: u32,
    /// Where its true end is asked for, sealed; only of one that was sent before.
    pub follow: Option<Vec<u8>>,
}

/// The end of a request. `Finished` and `Failed` end what was claimed, under this epoch or one before; `Cancelled` also
/// what is queued.
#[derive(Clone, Debug)]
pub struct Finish {
    /// The request.
    pub id: BackgroundId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Epoch of the lease.
    pub epoch: i64,
    /// When it ended.
    pub finished_at: Timestamp,
    /// How: one of the three ends.
    pub status: Status,
    /// Of the answer; 0 where there is none.
    pub status_code: u16,
    /// Why there is no answer.
    pub error: Option<String>,
    /// Of the answer, as a JSON object.
    pub response_headers: Option<String>,
    /// Of the answer.
    pub content_type: Option<String>,
    /// Body of the answer, if it is small, sealed.
    pub response: Option<Vec<u8>>,
    /// Parts of the body that [`super::Store::put_body_chunk`] has stored.
    pub response_chunks: u32,
    /// Whether the answer has a body.
    pub has_response: bool,
    /// Notifications of this end: written if this ends it.
    pub deliveries: Vec<NewDelivery>,
    /// For the audit log, where someone's wish ends it: written if this ends it.
    pub audit: Option<audit::Entry>,
}

fn time(microseconds: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(microseconds)
        .map_err(|error| Error::Content(format!("{microseconds} is not a time: {error}")))
}

/// A count of ours that the table keeps signed.
fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

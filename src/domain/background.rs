//! The rules of requests that are executed in the background.

pub mod follow;
pub mod header;
pub mod life;
pub mod queue;
pub mod settle;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ids::{BackgroundId, TenantId, UserId};

/// Where an operation is. It goes from `Queued` to `Started` to one of the three ends; only a crash takes it back, from
/// `Started` to `Queued`, and only where sending it again does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// Accepted, not begun.
    Queued,
    /// Claimed by a worker.
    Started,
    /// Answered, with whatever status: a refusal is an answer, too.
    Finished,
    /// No answer could be got; the operation's error message says why.
    Failed,
    /// Cancelled by its caller or an administrator.
    Cancelled,
}

impl Status {
    /// All, in the order of their numbers in the store.
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Started,
        Self::Finished,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Started => "Started",
            Self::Finished => "Finished",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// The number in the store.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The status of a number in the store.
    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }

    /// Whether nothing happens to it any more.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What is kept in memory of a request that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedRequest {
    /// Which.
    pub id: BackgroundId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Who sent it.
    pub user_id: Option<UserId>,
    /// The prefix of its upstream; none for our own resources.
    pub upstream: Option<String>,
    /// Its method.
    pub method: String,
    /// See [`order_key`].
    pub order_key: i64,
    /// When it was accepted.
    pub received_at: Timestamp,
}

/// Requests with the same key run in the order in which they were received: those of one caller to one resource path.
/// `target` is the path, with or without a query, which does not count. The key is stored: it must not change between
/// versions.
#[must_use]
pub fn order_key(tenant_id: TenantId, user_id: Option<UserId>, upstream: Option<&str>, target: &str) -> i64 {
    let path = target.split('?').next().unwrap_or_default();
    let mut hasher = Sha256::new();
    hasher.update(tenant_id.uuid().as_bytes());
    hasher.update(user_id.map_or([0; 16], |user_id| *user_id.uuid().as_bytes()));
    for part in [upstream.unwrap_or_default(), path] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let hash: [u8; 32] = hasher.finalize().into();
    let (key, _) = hash.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    i64::from_le_bytes(*key)
}

/// Whether a method may be sent again without a second effect (RFC 9110, section 9.2.1: safe methods).
#[must_use]
pub fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_round_trip() {
        for status in Status::ALL {
            assert_eq!(Status::from_code(status.code()), Some(status));
            assert_eq!(
                serde_json::to_value(status).unwrap(),
                serde_json::Value::from(status.as_str())
            );
        }
        assert_eq!(Status::from_code(5), None);
        assert_eq!(Status::from_code(-1), None);
    }

    #[test]
    fn one_caller_and_one_path_are_one_key() {
        let id = uuid::Uuid::from_u128;
        let key = |user, upstream, target| order_key(id(1).into(), user, upstream, target);
        let (kari, ola) = (Some(id(2).into()), Some(id(3).into()));
        let first = key(kari, None, "/api/v1/me?page=1");
        assert_eq!(first, key(kari, None, "/api/v1/me"));
        assert_eq!(first, 8_388_825_845_439_982_143, "it is stored: it must not change");
        let others = [
            key(ola, None, "/api/v1/me"),
            key(None, None, "/api/v1/me"),
            key(kari, Some("/erp"), "/api/v1/me"),
            key(kari, Some("/erp/api"), "/v1/me"),
            key(kari, None, "/api/v1/me/"),
            order_key(id(4).into(), kari, None, "/api/v1/me"),
        ];
        assert!(others.iter().all(|other| *other != first));
    }

    #[test]
    fn only_safe_methods_are_safe() {
        assert!(is_safe("GET") && is_safe("HEAD"));
        assert!(!is_safe("POST") && !is_safe("DELETE") && !is_safe("get"));
    }
}

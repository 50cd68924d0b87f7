//! The rules of notifications on their way to a receiver: what an answer means, when the next attempt is due.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use super::{
    ids::{DeliveryId, TenantId},
    retry::jittered_ms,
};

pub mod lanes;
pub mod sign;
pub mod sweep;

/// The event that tells of the end of a background request.
pub const BACKGROUND_FINISHED: &str = "background.finished";
/// The events that a subscription may ask for.
pub const EVENTS: [&str; 1] = [BACKGROUND_FINISHED];

/// The waits after the first attempt, the second, and so on; after the last, the delivery has failed. Milliseconds.
pub const WAITS_MS: [u64; 9] = [
    5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000,
];
/// Longest `Retry-After` that is honoured; a longer one is cut to this.
pub const RETRY_AFTER_MS_MAX: u64 = 86_400_000;
/// The half of a lane's number that tells the lanes of a tenant apart.
const LANES_OF_ONE: i64 = 0xffff_ffff;
/// A wait is up to so many hundredths shorter or longer than its table says.
const JITTER_PERCENT: u64 = 10;

/// Where a delivery is. It begins as pending; the others are ends, from which only a replay takes it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The next attempt is due, or going, or waited for.
    Pending,
    /// The receiver has taken it.
    Delivered,
    /// The last attempt failed, or there is nobody to send it to any more.
    Failed,
    /// The receiver has answered 410: it wants no more.
    Gone,
}

impl State {
    /// All, in the order of their numbers in the store.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Failed, Self::Gone];

    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Gone => "gone",
        }
    }

    /// The number in the store.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The state of a number in the store.
    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An answer.
    Answer {
        /// HTTP status.
        status: u16,
        /// What `Retry-After` asks for, milliseconds from now.
        retry_after_ms: Option<u64>,
    },
    /// No answer: refused by the egress policy, not resolved, no connection, too slow.
    Nothing,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Delivered,
    /// Again at this time.
    RetryAt(Timestamp),
    /// That was the last attempt.
    Failed,
    /// The receiver wants no more.
    Gone,
}

impl Verdict {
    /// The state that a delivery is in after it.
    #[must_use]
    pub const fn state(self) -> State {
        match self {
            Self::Delivered => State::Delivered,
            Self::RetryAt(_) => State::Pending,
            Self::Failed => State::Failed,
            Self::Gone => State::Gone,
        }
    }
}

/// Judges an attempt. `attempt` counts from 1 since the delivery was made or replayed. A redirect is a failure: a receiver
/// is the address that was given, and no other.
#[must_use]
pub fn decide(now: Timestamp, id: DeliveryId, attempt: u32, heard: Heard) -> Verdict {
    let asked_ms = match heard {
        Heard::Answer { status: 200..=299, .. } => return Verdict::Delivered,
        Heard::Answer { status: 410, .. } => return Verdict::Gone,
        Heard::Answer { retry_after_ms, .. } => retry_after_ms.unwrap_or_default().min(RETRY_AFTER_MS_MAX),
        Heard::Nothing => 0,
    };
    let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(wait_ms) = WAITS_MS.get(index) else {
        return Verdict::Failed;
    };
    let spread = wait_ms * JITTER_PERCENT / 100;
    // The low half of a UUID v7 is random.
    let seed = u64::try_from(id.uuid().as_u128() & u128::from(u64::MAX)).unwrap_or_default();
    let wait_ms = jittered_ms(wait_ms - spread, wait_ms + spread, seed, attempt).max(asked_ms);
    let wait = SignedDuration::from_millis(i64::try_from(wait_ms).unwrap_or(i64::MAX));
    Verdict::RetryAt(now.checked_add(wait).unwrap_or(Timestamp::MAX))
}

/// Reads a `Retry-After`: seconds, or a date. Milliseconds from `now`.
#[must_use]
pub fn retry_after_ms(value: &str, now: Timestamp) -> Option<u64> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(u64::try_from(at.duration_since(now).as_millis()).unwrap_or(0))
}

/// Host and port of a receiver, which share a bound on the requests at the same time. Empty for what is no URL.
#[must_use]
pub fn host_of(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return String::new() };
    let host = url.host_str().unwrap_or_default();
    format!("{host}:{}", url.port_or_known_default().unwrap_or_default())
}

/// The number of the lane in which deliveries of a tenant to a host wait behind each other. The upper half is the tenant's,
/// so that the lanes of a tenant are neighbours in an index. Two that share a number by chance only wait a little longer.
#[must_use]
pub fn lane_of(tenant_id: TenantId, url: &str) -> i64 {
    let tenant = upper_half(Sha256::new().chain_update(tenant_id.uuid().as_bytes()));
    let receiver = Sha256::new()
        .chain_update(tenant_id.uuid().as_bytes())
        .chain_update(host_of(url));
    // Never 0: that is the owner's own number.
    tenant | ((upper_half(receiver) >> 32) & LANES_OF_ONE).max(1)
}

/// Whose lane it is: what all lanes of a tenant have in common, which is the number just before the first of them.
#[must_use]
pub const fn owner_of(lane: i64) -> i64 {
    lane & !LANES_OF_ONE
}

/// The last number that a lane of this owner may have.
#[must_use]
pub const fn last_lane_of(owner: i64) -> i64 {
    owner | LANES_OF_ONE
}

fn upper_half(digest: Sha256) -> i64 {
    let mut bytes = [0; 8];
    bytes
        .iter_mut()
        .zip(digest.finalize())
        .for_each(|(to, from)| *to = from);
    owner_of(i64::from_be_bytes(bytes))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

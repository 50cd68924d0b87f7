//! How often someone may ask: requests per token, sign-ins per address.

use std::{
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    state::keyed::DashMapStateStore,
};

use crate::{
    domain::ids::ApiTokenId,
    error::{Code, Error, Result},
    settings,
};

/// Sign-ins per address and second, and at once: generous for people behind one address, slow for guessing.
const SIGN_INS_PER_SECOND: u32 = 2;
const SIGN_INS_BURST: u32 = 60;
/// After so many checks the keys that have been quiet are dropped.
const CHECKS_PER_SWEEP: u32 = 10_000;

/// The limits of one engine.
pub(crate) struct Limits {
    tokens: Keyed<ApiTokenId>,
    addresses: Keyed<IpAddr>,
}

struct Keyed<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DashMapStateStore<K>, DefaultClock>,
    checks: AtomicU32,
}

impl Limits {
    pub(crate) fn new(settings: &settings::Gateway) -> Self {
        Self {
            tokens: Keyed::new(settings.rate_per_second, settings.rate_burst),
            addresses: Keyed::new(SIGN_INS_PER_SECOND, SIGN_INS_BURST),
        }
    }

    /// # Errors
    /// [`Code::RateLimited`], with the time to wait.
    pub(crate) fn admit_token(&self, token_id: ApiTokenId) -> Result<()> {
        self.tokens
            .check(&token_id)
            .map_err(|wait_ms| too_many("Too many requests with this token", wait_ms))
    }

    /// # Errors
    /// [`Code::RateLimited`], with the time to wait.
    pub(crate) fn admit_sign_in(&self, address: IpAddr) -> Result<()> {
        self.addresses
            .check(&address)
            .map_err(|wait_ms| too_many("Too many sign-ins from this address", wait_ms))
    }
}

impl<K: Hash + Eq + Clone> Keyed<K> {
    fn new(per_second: u32, burst: u32) -> Self {
        let positive = |value| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(positive(per_second)).allow_burst(positive(burst));
        Self {
            limiter: RateLimiter::dashmap(quota),
            checks: AtomicU32::new(0),
        }
    }

    /// The error is how long to wait, milliseconds.
    fn check(&self, key: &K) -> Result<(), u64> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % CHECKS_PER_SWEEP == CHECKS_PER_SWEEP - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(key).map_err(|refused| {
            let wait = refused.wait_time_from(self.limiter.clock().now());
            u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
        })
    }
}

fn too_many(what: &str, wait_ms: u64) -> Error {
    Error::new(Code::RateLimited, format!("{what}; try again in {wait_ms} ms.")).with_retry_after_ms(wait_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_does_not_slow_another() {
        let mut settings = settings::Settings::base().unwrap().gateway;
        (settings.rate_per_second, settings.rate_burst) = (1, 3);
        let limits = Limits::new(&settings);
        let [one, other] = [1, 2].map(|id| ApiTokenId::from(uuid::Uuid::from_u128(id)));
        for _ in 0..3 {
            limits.admit_token(one).unwrap();
        }
        // One more is admitted each second, however slow this machine is.
        let error = (0..1_000).find_map(|_| limits.admit_token(one).err()).unwrap();
        assert_eq!(error.code, Code::RateLimited);
        assert!(error.retry_after_ms.unwrap() > 0);
        limits.admit_token(other).unwrap();
    }
}

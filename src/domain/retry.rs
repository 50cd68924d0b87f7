//! When to try again: exponential back-off with full jitter, as a pure function of its arguments.

use jiff::{SignedDuration, Timestamp};

/// How the waits before retries grow. All times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Longest wait before the first retry; doubles with each further one.
    pub base_ms: u64,
    /// Longest wait of all.
    pub cap_ms: u64,
    /// Shortest wait, so that jitter never means at once.
    pub floor_ms: u64,
    /// Longest `Retry-After` that is honoured; a longer one is cut to this.
    pub retry_after_cap_ms: u64,
}

impl Default for RetryPolicy {
    /// 5 s doubling to 15 min, at least 500 ms; `Retry-After` up to an hour.
    fn default() -> Self {
        Self {
            base_ms: 5_000,
            cap_ms: 900_000,
            floor_ms: 500,
            retry_after_cap_ms: 3_600_000,
        }
    }
}

/// When to try for the next time after `attempt` failures (1 after the first).
///
/// The wait is drawn evenly from the floor to the ceiling of this attempt (full jitter), by `seed` and `attempt` alone:
/// the same arguments give the same time. Where the remote system asked for a longer wait (`retry_after_ms`), that is
/// kept, up to the policy's cap.
#[must_use]
pub fn next_retry_at(
    now: Timestamp,
    attempt: u32,
    policy: &RetryPolicy,
    seed: u64,
    retry_after_ms: Option<u64>,
) -> Timestamp {
    let asked_ms = retry_after_ms.unwrap_or_default().min(policy.retry_after_cap_ms);
    let wait_ms = jittered_ms(policy.floor_ms, ceiling_ms(attempt, policy), seed, attempt).max(asked_ms);
    later(now, wait_ms)
}

/// The longest wait before the retry that follows `attempt` failures, in milliseconds.
#[must_use]
pub fn ceiling_ms(attempt: u32, policy: &RetryPolicy) -> u64 {
    let doublings = attempt.saturating_sub(1);
    let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
    policy
        .base_ms
        .saturating_mul(factor)
        .min(policy.cap_ms)
        .max(policy.floor_ms)
}

/// `now` and a wait, without ever passing the end of the calendar.
fn later(now: Timestamp, wait_ms: u64) -> Timestamp {
    let wait = SignedDuration::from_millis(i64::try_from(wait_ms).unwrap_or(i64::MAX));
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// A number from `low_ms` to `high_ms`, both included, that depends on `seed` and `attempt` alone.
pub(super) fn jittered_ms(low_ms: u64, high_ms: u64, seed: u64, attempt: u32) -> u64 {
    let span = u128::from(high_ms.saturating_sub(low_ms)) + 1;
    let drawn = u128::from(mixed(seed ^ mixed(u64::from(attempt))));
    low_ms.saturating_add(u64::try_from((drawn * span) >> 64).unwrap_or_default())
}

/// The finaliser of SplitMix64: spreads neighbouring seeds over all 64 bits.
const fn mixed(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POLICY: RetryPolicy = RetryPolicy {
        base_ms: 1_000,
        cap_ms: 60_000,
        floor_ms: 100,
        retry_after_cap_ms: 120_000,
    };

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn wait_ms(attempt: u32, policy: &RetryPolicy, seed: u64, retry_after_ms: Option<u64>) -> u64 {
        let wait = next_retry_at(now(), attempt, policy, seed, retry_after_ms).duration_since(now());
        u64::try_from(wait.as_millis()).unwrap()
    }

    #[test]
    fn ceilings_double_up_to_the_cap() {
        let table = [
            (0, 1_000),
            (1, 1_000),
            (2, 2_000),
            (3, 4_000),
            (6, 32_000),
            (7, 60_000),
            (64, 60_000),
            (65, 60_000),
            (u32::MAX, 60_000),
        ];
        for (attempt, ceiling) in table {
            assert_eq!(ceiling_ms(attempt, &POLICY), ceiling, "attempt {attempt}");
        }
    }

    #[test]
    fn retry_after_is_kept_up_to_its_cap() {
        assert_eq!(wait_ms(1, &POLICY, 1, Some(90_000)), 90_000);
        assert_eq!(wait_ms(1, &POLICY, 1, Some(u64::MAX)), 120_000);
        assert_eq!(wait_ms(1, &POLICY, 1, Some(0)), wait_ms(1, &POLICY, 1, None));
    }

    #[test]
    fn the_calendar_is_not_passed() {
        let endless = RetryPolicy {
            base_ms: u64::MAX,
            cap_ms: u64::MAX,
            floor_ms: u64::MAX,
            retry_after_cap_ms: 0,
        };
        assert_eq!(next_retry_at(Timestamp::MAX, 3, &POLICY, 1, None), Timestamp::MAX);
        assert_eq!(next_retry_at(now(), 3, &endless, 1, None), Timestamp::MAX);
    }

    #[test]
    fn jitter_is_full_and_even() {
        let waits: Vec<u64> = (0..10_000).map(|seed| wait_ms(7, &POLICY, seed, None)).collect();
        let mean = waits.iter().sum::<u64>() / 10_000;
        assert!((28_500..31_600).contains(&mean), "{mean}");
        let in_first_tenth = waits.iter().filter(|wait| **wait < 6_000).count();
        assert!((850..1_150).contains(&in_first_tenth), "{in_first_tenth}");
    }

    proptest! {
        #[test]
        fn a_retry_lies_between_floor_and_ceiling(attempt in any::<u32>(), seed in any::<u64>()) {
            let wait = wait_ms(attempt, &POLICY, seed, None);
            prop_assert!(wait >= POLICY.floor_ms && wait <= ceiling_ms(attempt, &POLICY), "{wait}");
            prop_assert_eq!(wait, wait_ms(attempt, &POLICY, seed, None), "the same arguments give the same time");
        }

        #[test]
        fn retry_after_never_shortens_a_wait(attempt in 0_u32..100, seed in any::<u64>(), asked in any::<u64>()) {
            let wait = wait_ms(attempt, &POLICY, seed, Some(asked));
            prop_assert!(wait >= wait_ms(attempt, &POLICY, seed, None));
            prop_assert!(wait >= asked.min(POLICY.retry_after_cap_ms));
        }

        #[test]
        fn odd_policies_do_no_harm(base_ms: u64, cap_ms: u64, floor_ms: u64, cap: u64, attempt: u32, seed: u64) {
            let policy = RetryPolicy { base_ms, cap_ms, floor_ms, retry_after_cap_ms: cap };
            prop_assert!(next_retry_at(now(), attempt, &policy, seed, None) >= now());
        }
    }
}

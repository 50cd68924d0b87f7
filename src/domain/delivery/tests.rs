//! The table of waits, what answers mean, and whose lane is whose.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const SECOND_MS: u64 = 1_000;
const HOUR_MS: u64 = 3_600 * SECOND_MS;

fn now() -> Timestamp {
    "2026-11-22T05:00:00Z".parse().unwrap()
}

fn id(seed: u128) -> DeliveryId {
    Uuid::from_u128(seed).into()
}

fn answer(status: u16) -> Heard {
    Heard::Answer {
        status,
        retry_after_ms: None,
    }
}

fn wait_ms(verdict: Verdict) -> u64 {
    let Verdict::RetryAt(at) = verdict else {
        panic!("{verdict:?} is no retry");
    };
    u64::try_from(at.duration_since(now()).as_millis()).unwrap()
}

#[test]
fn the_waits_are_those_of_the_table_give_or_take_a_tenth() {
    let table_ms = [
        5 * SECOND_MS,
        300 * SECOND_MS,
        1_800 * SECOND_MS,
        2 * HOUR_MS,
        5 * HOUR_MS,
        10 * HOUR_MS,
        14 * HOUR_MS,
        20 * HOUR_MS,
        24 * HOUR_MS,
    ];
    for (attempt, expected) in (1..).zip(table_ms) {
        for seed in 0..200 {
            let wait = wait_ms(decide(now(), id(seed), attempt, answer(500)));
            let (low, high) = (expected - expected / 10, expected + expected / 10);
            assert!((low..=high).contains(&wait), "attempt {attempt}: {wait}");
        }
    }
    assert_eq!(decide(now(), id(1), 10, answer(500)), Verdict::Failed);
    assert_eq!(decide(now(), id(1), u32::MAX, Heard::Nothing), Verdict::Failed);
}

#[test]
fn every_answer_has_its_meaning() {
    for (status, expected) in [
        (200, Some(Verdict::Delivered)),
        (204, Some(Verdict::Delivered)),
        (299, Some(Verdict::Delivered)),
        (410, Some(Verdict::Gone)),
        (199, None),
        (301, None),
        (302, None),
        (307, None),
        (308, None),
        (400, None),
        (401, None),
        (404, None),
        (409, None),
        (429, None),
        (500, None),
        (503, None),
    ] {
        let verdict = decide(now(), id(7), 1, answer(status));
        match expected {
            Some(expected) => assert_eq!(verdict, expected, "{status}"),
            None => assert!(matches!(verdict, Verdict::RetryAt(_)), "{status}"),
        }
    }
    assert!(matches!(decide(now(), id(7), 1, Heard::Nothing), Verdict::RetryAt(_)));
    let late_410 = decide(now(), id(7), 10, answer(410));
    assert_eq!(late_410, Verdict::Gone);
    assert_eq!(decide(now(), id(7), 10, answer(200)), Verdict::Delivered);
}

#[test]
fn retry_after_makes_a_wait_longer_never_shorter_and_has_a_cap() {
    let asked = |attempt, retry_after_ms| {
        wait_ms(decide(
            now(),
            id(3),
            attempt,
            Heard::Answer {
                status: 429,
                retry_after_ms: Some(retry_after_ms),
            },
        ))
    };
    assert_eq!(asked(1, 60_000), 60_000);
    assert_eq!(asked(2, 1_000), wait_ms(decide(now(), id(3), 2, answer(429))));
    assert_eq!(asked(1, u64::MAX), 24 * HOUR_MS);
}

#[test]
fn retry_after_in_every_form() {
    for (text, expected) in [
        ("7", Some(7_000)),
        (" 7 ", Some(7_000)),
        ("Sun, 22 Nov 2026 05:00:10 GMT", Some(10_000)),
        ("Sun, 22 Nov 2026 04:00:00 GMT", Some(0)),
        ("soon", None),
        ("-1", None),
        ("", None),
    ] {
        assert_eq!(retry_after_ms(text, now()), expected, "{text}");
    }
}

#[test]
fn a_lane_is_a_tenant_and_a_host() {
    let tenant = |number| TenantId::from(Uuid::from_u128(number));
    let lane = lane_of(tenant(1), "https://a.example/x");
    assert_eq!(lane, lane_of(tenant(1), "https://A.example:443/y?z"));
    assert_ne!(lane, lane_of(tenant(2), "https://a.example/x"));
    assert_ne!(lane, lane_of(tenant(1), "http://a.example/x"));
    assert_ne!(lane, lane_of(tenant(1), "https://b.example/x"));
    assert_eq!(host_of("nonsense"), "");
    let other = lane_of(tenant(1), "https://b.example/x");
    assert_eq!(owner_of(lane), owner_of(other), "the lanes of a tenant are neighbours");
    assert_ne!(owner_of(lane), owner_of(lane_of(tenant(2), "https://a.example/x")));
    assert!((owner_of(lane) + 1..=last_lane_of(owner_of(lane))).contains(&other));
}

#[test]
fn numbers_and_words_round_trip() {
    for state in State::ALL {
        assert_eq!(State::from_code(state.code()), Some(state));
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    assert_eq!(State::from_code(4), None);
}

proptest! {
    #[test]
    fn the_same_arguments_give_the_same_time(seed: u128, attempt in 0_u32..12) {
        let first = decide(now(), id(seed), attempt, Heard::Nothing);
        prop_assert_eq!(first, decide(now(), id(seed), attempt, Heard::Nothing));
    }
}

//! Turns, shares, and what is remembered of lanes.

use super::*;

/// A lane of a tenant.
fn lane(tenant: i64, number: i64) -> i64 {
    (tenant << 32) | number
}

fn lanes(workers: usize, per_host: usize) -> Lanes<u32> {
    Lanes::new(Limits::new(workers, per_host))
}

/// Everything that may start now, as lanes.
fn started(lanes: &mut Lanes<u32>) -> Vec<i64> {
    std::iter::from_fn(|| lanes.take_next()).map(|(lane, _)| lane).collect()
}

#[test]
fn lanes_take_turns_and_hosts_have_a_bound() {
    let mut lanes = lanes(64, 2);
    for number in 0..5 {
        lanes.offer(1, "a:443", number).unwrap();
    }
    lanes.offer(2, "b:443", 9).unwrap();
    assert_eq!(started(&mut lanes), [1, 2, 1]);
    assert_eq!((lanes.going(), lanes.waiting()), (3, 3));
    lanes.ended(1, true);
    assert_eq!(lanes.take_next(), Some((1, 2)), "in the order in which they came");
}

#[test]
fn a_host_is_bounded_over_all_its_tenants() {
    let mut lanes = lanes(64, 2);
    for number in 1..=3 {
        lanes.offer(number, "a:443", 0).unwrap();
    }
    assert_eq!(started(&mut lanes).len(), 2);
    lanes.ended(1, true);
    assert_eq!(started(&mut lanes), [3]);
}

#[test]
fn who_fails_gets_one_at_a_time_until_it_succeeds() {
    let mut lanes = lanes(64, 4);
    for number in 0..20 {
        lanes.offer(1, "a:443", number).unwrap();
    }
    assert_eq!(started(&mut lanes).len(), 4);
    for _ in 0..4 {
        lanes.ended(1, false);
    }
    assert_eq!(started(&mut lanes).len(), 1);
    lanes.ended(1, false);
    assert_eq!(started(&mut lanes).len(), 1);
    lanes.ended(1, true);
    assert_eq!(started(&mut lanes).len(), 4);
}

#[test]
fn neither_failing_lanes_nor_one_tenant_take_all_workers() {
    let mut lanes = lanes(8, 4);
    for lane in 0..20 {
        let host = format!("dead{lane}:443");
        for number in 0..8 {
            lanes.offer(lane, &host, number).unwrap();
        }
    }
    assert_eq!(started(&mut lanes).len(), 6, "three quarters for one tenant");
    lanes.offer(lane(2, 100), "alive:443", 0).unwrap();
    assert_eq!(started(&mut lanes), [lane(2, 100)]);
    lanes.ended(lane(2, 100), true);
    // Everything fails until every lane is known to.
    let mut going: Vec<i64> = Vec::new();
    for _ in 0..20 {
        let lanes_going: Vec<i64> = lanes
            .lanes
            .iter()
            .flat_map(|(id, lane)| vec![*id; lane.going])
            .collect();
        for lane in lanes_going {
            lanes.ended(lane, false);
        }
        going = started(&mut lanes);
    }
    assert_eq!(going.len(), 3, "of half of the workers, three quarters for one tenant");
    for lane in going {
        lanes.ended(lane, false);
    }
    assert_eq!((lanes.going(), lanes.failing), (0, 0));
    assert!(lanes.hosts.is_empty());
}

#[test]
fn what_has_no_room_stays_in_the_store() {
    let limits = Limits {
        waiting_per_lane: 4,
        waiting: 40,
        ..Limits::new(1, 1)
    };
    let mut lanes = Lanes::new(limits);
    for number in 0..4 {
        lanes.offer(1, "a:443", number).unwrap();
    }
    assert_eq!(lanes.offer(1, "a:443", 4), Err(4));
    assert_eq!((lanes.room(1), lanes.room(2)), (0, 4));
    assert!(lanes.hungry(8).is_empty());
    for _ in 0..3 {
        let (lane, _) = lanes.take_next().unwrap();
        lanes.ended(lane, true);
    }
    assert_eq!(lanes.hungry(8), [1], "the store has more of lane 1");
    lanes.set_more(1, false);
    assert!(lanes.hungry(8).is_empty());
    lanes.set_more(1, true);
    let (lane, _) = lanes.take_next().unwrap();
    lanes.ended(lane, true);
    assert!(lanes.lanes.is_empty() && lanes.hungry(8).is_empty());
    assert!(
        lanes.take_short(),
        "an idle lane is forgotten, but not that there is more"
    );
    assert!(!lanes.take_short() && lanes.shares.is_empty());
    assert_eq!(lanes.take_next(), None);
}

#[test]
fn a_tenant_with_any_number_of_deliveries_leaves_room_for_the_others() {
    let mut lanes = lanes(64, 4);
    for number in 0..20_000 {
        let _ = lanes.offer(lane(1, 1 + i64::from(number % 40)), "dead:443", number);
    }
    assert_eq!(lanes.waiting(), 2_500, "a quarter");
    assert_eq!(started(&mut lanes).len(), 4);
    // Forty of them at once take no more together than leaves room for one that comes later.
    for tenant in 2..=40 {
        for number in 0..10_000 {
            let _ = lanes.offer(lane(tenant, 1 + i64::from(number % 40)), "dead:443", number);
        }
    }
    assert!(lanes.waiting() <= 10_000 + 40 * RESERVED);
    let room = lanes.room(lane(99, 1));
    assert!(room >= 10, "{room}");
    for number in 0..10 {
        lanes.offer(lane(99, 1), "alive:443", number).unwrap();
    }
    // And it is sent, although the others were first and hang.
    let started = started(&mut lanes);
    assert!(started.contains(&lane(99, 1)), "{started:?}");
}

#[test]
fn lanes_that_got_nothing_are_not_remembered() {
    let mut lanes = lanes(64, 4);
    for number in 0..50_000_u32 {
        let _ = lanes.offer(lane(1, 1 + i64::from(number)), &format!("h{number}:443"), number);
    }
    assert_eq!((lanes.lanes.len(), lanes.waiting()), (2_500, 2_500));
    assert!(!lanes.take_short(), "it has no room yet");
    while let Some((id, _)) = lanes.take_next() {
        lanes.ended(id, true);
    }
    assert!(lanes.lanes.is_empty());
    assert!(lanes.take_short(), "the store has more");
}

#[test]
fn a_lane_that_fails_holds_little_and_another_tenants_is_tried_soon() {
    let mut lanes = lanes(8, 4);
    let fail = |lanes: &mut Lanes<u32>, id: i64, host: &str| {
        for number in 0..FAILURES_MAX {
            lanes.offer(id, host, number).unwrap();
            let (taken, _) = lanes.take_next().unwrap();
            assert_eq!(taken, id);
            lanes.ended(taken, false);
        }
    };
    for number in 1..=1_000 {
        fail(&mut lanes, lane(1, number), &format!("dead{number}:443"));
    }
    fail(&mut lanes, lane(2, 1), "flaky:443");
    for number in 1..=1_000 {
        lanes.offer(lane(1, number), &format!("dead{number}:443"), 0).unwrap();
    }
    assert_eq!(lanes.room(lane(1, 1)), 15);
    assert_eq!(started(&mut lanes).len(), 3);
    lanes.offer(lane(2, 1), "flaky:443", 0).unwrap();
    assert_eq!(started(&mut lanes), [lane(2, 1)], "not behind a thousand others");
}

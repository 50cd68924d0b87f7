//! Order, limits, turns, and that nothing is lost: by example and against a simple model.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const LIMITS: Limits = Limits {
    at_once: 4,
    per_tenant: 3,
    per_upstream: 2,
};

fn id(n: u128) -> BackgroundId {
    Uuid::from_u128(n).into()
}

fn tenant(n: u128) -> TenantId {
    Uuid::from_u128(n).into()
}

fn request(n: u128, of: u128, upstream: Option<&str>, lane: i64) -> QueuedRequest {
    QueuedRequest {
        id: id(n),
        tenant_id: tenant(of),
        user_id: None,
        upstream: upstream.map(str::to_owned),
        method: "GET".to_owned(),
        order_key: lane,
        received_at: Timestamp::from_second(i64::try_from(n).unwrap()).unwrap(),
    }
}

fn limits(at_once: usize, per_tenant: usize) -> Queue {
    let limits = Limits {
        at_once,
        per_tenant,
        per_upstream: 16,
    };
    Queue::new(limits, [("/erp".to_owned(), 1)])
}

fn picked(queue: &mut Queue) -> Option<BackgroundId> {
    queue.pick().map(|picked| picked.id)
}

fn all(queue: &mut Queue) -> Vec<BackgroundId> {
    std::iter::from_fn(|| picked(queue)).collect()
}

fn end(queue: &mut Queue, id: BackgroundId) {
    assert!(queue.hear(id, Event::Answered));
    assert!(queue.hear(id, Event::Committed));
}

#[test]
fn a_lane_goes_on_when_the_end_is_committed() {
    let mut queue = limits(8, 8);
    // The second came first from the store: ids give the order.
    for n in [2, 1, 3] {
        assert!(queue.push(&request(n, 1, None, 7)));
    }
    assert!(!queue.push(&request(2, 1, None, 7)), "it is known");
    queue.push(&request(4, 1, None, 8));
    assert_eq!(all(&mut queue), [id(1), id(4)]);
    assert!(queue.hear(id(1), Event::Answered));
    assert_eq!(all(&mut queue), [], "answered, but not committed");
    assert_eq!(queue.executing(), 1);
    assert!(queue.hear(id(1), Event::Committed));
    assert_eq!(all(&mut queue), [id(2)]);
    assert!(queue.hear(id(3), Event::Cancelled));
    end(&mut queue, id(2));
    end(&mut queue, id(4));
    assert!(queue.is_empty() && queue.tenants.is_empty() && queue.pick().is_none());
    assert!(!queue.hear(id(2), Event::Committed), "it is gone");
}

#[test]
fn a_single_request_waits_for_one_execution_at_most() {
    let mut queue = limits(1, 1);
    for n in 0..10_000 {
        queue.push(&request(n, 1, None, i64::try_from(n).unwrap()));
    }
    for round in 0..3 {
        let going = picked(&mut queue).unwrap();
        let single = 20_000 + round;
        queue.push(&request(single, 2, None, 0));
        end(&mut queue, going);
        let next = picked(&mut queue).unwrap();
        if next != id(single) {
            end(&mut queue, next);
            assert_eq!(picked(&mut queue), Some(id(single)));
        }
        end(&mut queue, id(single));
    }
}

#[test]
fn at_a_full_upstream_tenants_stand_in_line() {
    let mut queue = limits(8, 8);
    for n in 0..100 {
        queue.push(&request(n, 1, Some("/erp"), i64::try_from(n).unwrap()));
    }
    assert_eq!(all(&mut queue), [id(0)], "one at a time");
    queue.push(&request(1_000, 2, Some("/erp"), 0));
    queue.push(&request(1_001, 2, None, 1));
    queue.push(&request(1_002, 1, Some("/other"), 2));
    assert_eq!(all(&mut queue).len(), 2, "only /erp is full");
    end(&mut queue, id(0));
    assert_eq!(all(&mut queue), [id(1)], "it was first in line");
    end(&mut queue, id(1));
    assert_eq!(all(&mut queue), [id(1_000)]);
    end(&mut queue, id(1_000));
    assert_eq!(all(&mut queue), [id(2)]);
}

#[test]
fn a_reserved_slot_that_is_not_wanted_any_more_goes_on() {
    let mut queue = limits(8, 8);
    queue.push(&request(1, 1, Some("/erp"), 1));
    assert_eq!(all(&mut queue), [id(1)]);
    queue.push(&request(2, 2, Some("/erp"), 2));
    queue.push(&request(3, 3, Some("/erp"), 3));
    assert_eq!(all(&mut queue), []);
    assert!(queue.hear(id(1), Event::Left));
    // The slot is reserved for the second tenant, which cancels.
    assert!(queue.hear(id(2), Event::Cancelled));
    assert_eq!(all(&mut queue), [id(3)]);
    end(&mut queue, id(3));
    assert!(queue.tenants.is_empty() && queue.places.iter().all(|place| place.reserved == 0));
}

#[test]
fn what_is_followed_holds_its_lane_and_no_slot() {
    let mut queue = limits(1, 1);
    queue.push(&request(1, 1, Some("/erp"), 1));
    queue.push(&request(2, 1, Some("/erp"), 1));
    queue.push(&request(3, 2, Some("/erp"), 1));
    assert_eq!(picked(&mut queue), Some(id(1)));
    assert!(queue.hear(id(1), Event::Waits));
    assert_eq!(picked(&mut queue), Some(id(3)));
    assert!(queue.hear(id(1), Event::Due));
    end(&mut queue, id(3));
    let again = queue.pick().unwrap();
    assert_eq!((again.id, again.is_due), (id(1), true));
    end(&mut queue, id(1));
    assert_eq!(picked(&mut queue), Some(id(2)));
}

#[test]
fn what_a_crash_left_waiting_comes_before_its_lane() {
    let mut queue = limits(8, 8);
    queue.push(&request(2, 1, None, 1));
    assert!(queue.push_due(&request(1, 1, None, 1)));
    assert!(!queue.push_due(&request(1, 1, None, 1)));
    let first = queue.pick().unwrap();
    assert_eq!((first.id, first.is_due), (id(1), true));
    assert_eq!(queue.pick(), None);
    assert!(queue.hear(id(1), Event::Waits) && queue.hear(id(1), Event::Due));
    assert_eq!(picked(&mut queue), Some(id(1)));
    end(&mut queue, id(1));
    assert_eq!(picked(&mut queue), Some(id(2)));
}

#[test]
fn the_oldest_is_known_and_what_is_passed_over_is_forgotten() {
    let mut queue = limits(8, 8);
    for n in 1..=10_000 {
        queue.push(&request(n, 1, None, i64::try_from(n).unwrap()));
        queue.push(&request(20_000, 1, None, 1));
        assert!(queue.hear(id(20_000), Event::Cancelled) && queue.hear(id(n), Event::Cancelled));
    }
    assert!(queue.arrivals.len() <= 1_100, "{}", queue.arrivals.len());
    assert_eq!(queue.oldest(), None);
    queue.push(&request(5, 1, None, 1));
    queue.push(&request(6, 2, None, 1));
    assert_eq!(queue.oldest(), Some(Timestamp::from_second(5).unwrap()));
    picked(&mut queue);
    assert_eq!(queue.oldest(), Some(Timestamp::from_second(6).unwrap()));
    assert_eq!(queue.waiting_by_tenant().collect::<Vec<_>>(), [(tenant(2), 1)]);
    assert_eq!((queue.waiting(), queue.len()), (1, 2));
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Push { of: u128, upstream: usize, lane: i64 },
    Pick,
    Hear { which: usize, event: Event },
}

fn op() -> impl Strategy<Value = Op> {
    let events = [
        Event::Waits,
        Event::Due,
        Event::Answered,
        Event::Committed,
        Event::Committed,
        Event::Left,
        Event::Cancelled,
    ];
    prop_oneof![
        4 => (0..4_u128, 0..3_usize, 0..3_i64).prop_map(|(of, upstream, lane)| Op::Push { of, upstream, lane }),
        4 => Just(Op::Pick),
        8 => (any::<prop::sample::Index>(), 0..events.len())
            .prop_map(move |(which, event)| Op::Hear { which: which.index(64), event: events[event] }),
    ]
}

const UPSTREAMS: [Option<&str>; 3] = [None, Some("/one"), Some("/two")];

/// What is known, told simply.
#[derive(Default)]
struct Model {
    requests: BTreeMap<u128, (u128, usize, i64, Stage)>,
}

impl Model {
    fn executing(&self, is: impl Fn(&(u128, usize, i64, Stage)) -> bool) -> usize {
        let executing = self.requests.values().filter(|request| request.3.holds_slot());
        executing.filter(|request| is(request)).count()
    }

    fn limit(upstream: usize) -> usize {
        [usize::MAX, 1, LIMITS.per_upstream][upstream]
    }

    /// Those that may be picked now.
    fn may(&self) -> BTreeSet<u128> {
        if self.executing(|_| true) >= LIMITS.at_once {
            return BTreeSet::new();
        }
        let mut lanes = BTreeSet::new();
        let held: BTreeSet<_> = self
            .requests
            .values()
            .filter(|request| request.3.holds_lane())
            .collect();
        let held: BTreeSet<_> = held
            .iter()
            .map(|(of, upstream, lane, _)| (*of, *upstream, *lane))
            .collect();
        let mut may = BTreeSet::new();
        for (n, (of, upstream, lane, stage)) in &self.requests {
            let is_free = match stage {
                Stage::Due => true,
                Stage::Queued => !held.contains(&(*of, *upstream, *lane)) && lanes.insert((*of, *upstream, *lane)),
                _ => false,
            };
            let has_slot = self.executing(|request| request.0 == *of) < LIMITS.per_tenant
                && self.executing(|request| request.1 == *upstream) < Self::limit(*upstream);
            if is_free && has_slot {
                may.insert(*n);
            }
        }
        may
    }
}

fn n_of(id: BackgroundId) -> u128 {
    id.uuid().as_u128()
}

proptest! {
    #[test]
    fn it_does_what_the_model_allows_and_never_less(ops in proptest::collection::vec(op(), 1..300)) {
        let mut queue = Queue::new(LIMITS, [("/one".to_owned(), 1)]);
        let mut model = Model::default();
        let mut next = 0;
        for op in ops {
            match op {
                Op::Push { of, upstream, lane } => {
                    next += 1;
                    prop_assert!(queue.push(&request(next, of, UPSTREAMS[upstream], lane)));
                    model.requests.insert(next, (of, upstream, lane, Stage::Queued));
                }
                Op::Pick => pick_as_the_model(&mut queue, &mut model)?,
                Op::Hear { which, event } => {
                    let Some(n) = model.requests.keys().copied().nth(which % model.requests.len().max(1)) else {
                        continue;
                    };
                    hear(&mut queue, &mut model, n, event)?;
                }
            }
            prop_assert_eq!(queue.len(), model.requests.len());
            prop_assert_eq!(queue.executing(), model.executing(|_| true));
            let waiting = model.requests.values().filter(|request| request.3 == Stage::Queued).count();
            prop_assert_eq!(queue.waiting(), waiting);
        }
        // Whatever state it was brought to, everything comes to its end, and no trace is left.
        for _ in 0..2_000 {
            pick_as_the_model(&mut queue, &mut model)?;
            let all: Vec<_> = model.requests.iter().map(|(n, request)| (*n, request.3)).collect();
            for (n, stage) in all {
                let event = match stage {
                    Stage::Executing => Event::Answered,
                    Stage::Following => Event::Due,
                    Stage::Ending => Event::Committed,
                    _ => continue,
                };
                hear(&mut queue, &mut model, n, event)?;
            }
        }
        prop_assert!(queue.is_empty() && model.requests.is_empty());
        prop_assert!(queue.pick().is_none());
        prop_assert!(queue.tenants.is_empty());
        prop_assert!(queue.places.iter().all(|place| place.executing == 0 && place.reserved == 0));
    }
}

fn pick_as_the_model(queue: &mut Queue, model: &mut Model) -> Result<(), TestCaseError> {
    let may = model.may();
    match queue.pick() {
        None => prop_assert!(may.is_empty(), "idle although {may:?} may execute"),
        Some(picked) => {
            let n = n_of(picked.id);
            prop_assert!(may.contains(&n), "{n} was picked, and only {may:?} may");
            let request = model.requests.get_mut(&n).unwrap();
            prop_assert_eq!(picked.is_due, request.3 == Stage::Due);
            request.3 = Stage::Executing;
        }
    }
    Ok(())
}

fn hear(queue: &mut Queue, model: &mut Model, n: u128, event: Event) -> Result<(), TestCaseError> {
    let stage = model.requests[&n].3;
    let after = stage.after(event);
    prop_assert_eq!(queue.hear(id(n), event), after.is_some());
    match after {
        Some(Stage::Gone) => drop(model.requests.remove(&n)),
        Some(after) => model.requests.get_mut(&n).unwrap().3 = after,
        None => {}
    }
    Ok(())
}

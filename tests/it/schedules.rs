//! Schedules through the real actor, with a clock that the test moves: drift, misfires, overlaps, daylight saving, retries,
//! deactivation after failures.

use std::time::Duration;

use entity::run;
use jiff::Timestamp;
use orrery::{clock::ManualClock, domain::ids::CallApiId};
use serde_json::{Value, json};

use crate::support::{
    scene::{Place, Scene, eventually},
    upstream::{Behaviour, Upstream},
};

const START: &str = "2026-03-02T08:00:00Z";
/// Fires of one call; the domain's own test has the ten thousand, here each is a request, a script and a commit.
const FIRES: i64 = 500;

fn start() -> Timestamp {
    START.parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(start().as_second() + seconds).unwrap()
}

/// What came of a due time: outcome, due time in seconds after the start, skipped due times.
fn short(run: &run::Model) -> (&str, i64, i64) {
    let due_s = run.due_at / 1_000_000 - start().as_second();
    (run.outcome.as_deref().unwrap(), due_s, run.skipped)
}

fn due(run: &Value) -> &str {
    run["dueAt"].as_str().unwrap()
}

/// An upstream with nothing new.
fn quiet() -> Upstream {
    let upstream = Upstream::start();
    upstream.items("/items", json!([]));
    upstream
}

#[tokio::test]
async fn due_times_never_drift() {
    let upstream = quiet();
    let (mut scene, clock) = Place::new(&[&upstream]).start_at(start()).await;
    let every_7_s = json!({"frequencySeconds": 7});
    let id = scene.call("steady", &upstream.url("/items"), every_7_s).await.id;
    for fire in 0..FIRES {
        // Every fire is late by another part of the interval; the next due time must not care.
        let late = Duration::from_millis((fire as u64 * 1_237) % 6_900);
        clock.set(later(7 * fire).checked_add(late).unwrap());
        let run = scene.run_of(id).await;
        assert_eq!(due(&run), later(7 * fire).to_string());
        assert_eq!(run["nextDueAt"], later(7 * (fire + 1)).to_string());
    }
    let runs = scene.runs(id).await;
    let expected = (0..FIRES).map(|fire| ("nothing_new", 7 * fire, 0));
    assert!(runs.iter().map(short).eq(expected), "{runs:?}");
    scene.stop().await;
}

#[tokio::test]
async fn what_was_missed_while_nothing_ran_follows_the_policy() {
    let upstream = quiet();
    let (mut scene, clock) = Place::new(&[&upstream]).start_at(start()).await;
    let mut ids = Vec::new();
    for misfire in ["latest", "skip", "all"] {
        let changes = json!({"frequencySeconds": 10, "misfire": misfire});
        ids.push(scene.call(misfire, &upstream.url("/items"), changes).await.id);
    }
    for id in &ids {
        scene.run_of(*id).await;
    }
    clock.set(later(5));
    let place = scene.stop().await;
    let (mut scene, clock) = place.start_at(later(65)).await;
    let [latest, skip, all] = ids[..] else { panic!() };
    let ran = |due_s| ("nothing_new", due_s, 0);
    eventually("what was missed is settled", || async {
        scene.runs(latest).await.len() == 2 && scene.runs(skip).await.len() == 2 && scene.runs(all).await.len() == 7
    })
    .await;
    clock.set(later(70));
    for id in &ids {
        while due(&scene.run_of(*id).await) != later(70).to_string() {}
    }
    let runs = scene.runs(latest).await;
    let seen: Vec<_> = runs.iter().map(short).collect();
    assert_eq!(seen, [ran(0), ("nothing_new", 60, 5), ran(70)]);
    let runs = scene.runs(skip).await;
    let seen: Vec<_> = runs.iter().map(short).collect();
    assert_eq!(seen, [ran(0), ("skipped_misfire", 60, 6), ran(70)]);
    let runs = scene.runs(all).await;
    assert!(runs.iter().map(short).eq((0..=7).map(|n| ran(10 * n))), "{runs:?}");
    scene.stop().await;
}

#[tokio::test]
async fn what_comes_due_during_a_run_follows_the_policy() {
    let upstream = Upstream::start();
    let mut ids = Vec::new();
    let (mut scene, clock) = Place::new(&[&upstream]).start_at(start()).await;
    for overlap in ["skip", "once"] {
        let path = format!("/{overlap}");
        upstream.on(&path, Behaviour::Gated(Box::new(Behaviour::Json(json!([])))));
        let changes = json!({"frequencySeconds": 10, "overlap": overlap});
        ids.push(scene.call(overlap, &upstream.url(&path), changes).await.id);
        upstream.wait_for(&path, 1).await;
    }
    clock.set(later(35));
    upstream.open_gate();
    let [skip, once] = ids[..] else { panic!() };
    assert_eq!(scene.run_of(skip).await["nextDueAt"], later(40).to_string());
    assert_eq!(due(&scene.run_of(once).await), START);
    assert_eq!(
        due(&scene.run_of(once).await),
        later(30).to_string(),
        "once more, at once"
    );
    clock.set(later(40));
    for id in [skip, once] {
        assert_eq!(due(&scene.run_of(id).await), later(40).to_string());
    }
    let ran = |due_s| ("nothing_new", due_s, 0);
    let runs = scene.runs(skip).await;
    let seen: Vec<_> = runs.iter().map(short).collect();
    assert_eq!(seen, [ran(0), ("skipped_overlap", 30, 3), ran(40)]);
    let runs = scene.runs(once).await;
    let seen: Vec<_> = runs.iter().map(short).collect();
    assert_eq!(seen, [ran(0), ("skipped_overlap", 10, 2), ran(30), ran(40)]);
    scene.stop().await;
}

#[tokio::test]
async fn local_times_keep_their_meaning_when_clocks_change() {
    let upstream = quiet();
    let table = [
        // New York, 8 March: 02:30 does not exist, so 03:00 EDT.
        (
            "2026-03-07T12:00:00Z",
            "30 2 * * *",
            "America/New_York",
            ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z", "2026-03-10T06:30:00Z"],
        ),
        // Oslo, 29 March: 02:30 does not exist, so 03:00 CEST.
        (
            "2026-03-28T00:00:00Z",
            "30 2 * * *",
            "Europe/Oslo",
            ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        ),
        // Oslo, 25 October: 02:30 comes twice, and counts once, the first time.
        (
            "2026-10-24T00:00:00Z",
            "30 2 * * *",
            "Europe/Oslo",
            ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        // New York, 1 November: 01:30 comes twice.
        (
            "2026-10-31T00:00:00Z",
            "30 1 * * *",
            "America/New_York",
            ["2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
        ),
    ];
    let (mut scene, clock) = Place::new(&[&upstream]).start_at(start()).await;
    for (from, cron, zone, expected) in table {
        clock.set(from.parse().unwrap());
        let rule = json!({"frequencySeconds": null, "schedule": {"cron": cron, "timeZone": zone}});
        let call = scene.call(from, &upstream.url("/items"), rule).await;
        let mut next = call.next_due_at.unwrap().to_string();
        for due_at in expected {
            assert_eq!(next, due_at, "{cron} in {zone}");
            clock.set(due_at.parse().unwrap());
            let run = scene.run_of(call.id).await;
            assert_eq!(due(&run), due_at);
            next = run["nextDueAt"].as_str().unwrap().to_owned();
        }
        let caller = scene.caller();
        scene
            .engine
            .call_apis()
            .deactivate(&caller, call.id, None)
            .await
            .unwrap();
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_refusal_that_may_pass_is_tried_again_when_the_server_asked_for_it() {
    let upstream = Upstream::start();
    let busy = Behaviour::Respond {
        status: 503,
        headers: vec![("retry-after".to_owned(), "20".to_owned())],
        body: b"busy".to_vec(),
    };
    upstream.on_each("/items", vec![busy, Behaviour::Json(json!([{"id": 1}]))]);
    let (mut scene, clock) = Place::new(&[&upstream]).start_at(start()).await;
    let hourly = json!({"frequencySeconds": 3600});
    let id = scene.call("busy", &upstream.url("/items"), hourly).await.id;
    let run = scene.run_of(id).await;
    assert_eq!(
        (&run["outcome"], &run["httpStatus"]),
        (&json!("http_error"), &json!(503))
    );
    assert_eq!(run["nextDueAt"], later(20).to_string());
    clock.set(later(20));
    let run = scene.run_of(id).await;
    assert_eq!((&run["trigger"], &run["outcome"]), (&json!("retry"), &json!("created")));
    assert_eq!(run["nextDueAt"], later(3600).to_string(), "then as before");
    scene.stop().await;
}

#[tokio::test]
async fn failures_in_a_row_deactivate_and_then_nothing_runs() {
    let upstream = Upstream::start();
    upstream.status("/items", 500, "broken");
    let (mut scene, clock) = Place::new(&[&upstream]).start_at(start()).await;
    let changes = json!({"failuresBeforeDeactivation": 3});
    let id = scene.call("broken", &upstream.url("/items"), changes).await.id;
    fails(&mut scene, &clock, id).await;
    fails(&mut scene, &clock, id).await;
    assert_eq!(scene.run_of(id).await["nextDueAt"], Value::Null);
    let event = scene.heard.next("call.deactivated", id.uuid()).await;
    let reason = event.data["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("3 failures in a row") && reason.contains("HTTP 500"),
        "{reason}"
    );
    let shown = scene.shown(id).await;
    assert!(!shown.active && shown.next_due_at.is_none());
    assert_eq!(shown.status_reason.as_deref(), Some(reason));
    eventually("its actor leaves", || async {
        let registry = scene.engine.registry();
        registry.summary(None).await.unwrap().kinds["call_api"].is_empty()
    })
    .await;
    for _ in 0..5 {
        clock.advance(Duration::from_secs(3_600));
    }
    scene.stop().await;
    assert_eq!(upstream.requests().len(), 3, "no run after the deactivation");
}

/// A run that fails; the clock is moved to the next one.
async fn fails(scene: &mut Scene, clock: &ManualClock, id: CallApiId) {
    let run = scene.run_of(id).await;
    assert_eq!(run["outcome"], "http_error");
    clock.set(run["nextDueAt"].as_str().unwrap().parse().unwrap());
}

//! Supervision: actors and runs that panic, rows and actors that differ, runs on request, engines beside each other, and
//! what an engine leaves behind.

use std::{process::Command, time::Duration};

use jiff::Timestamp;
use orrery::{
    actors::{observed::Observed, registry::handle::Failing},
    domain::{ids::CallApiId, outcome::Outcome},
    error::{Code, Error},
};
use serde_json::json;

use crate::support::{
    scene::{Place, Scene, eventually},
    upstream::{Behaviour, Upstream},
};

const START: &str = "2026-03-02T08:00:00Z";

fn start() -> Timestamp {
    START.parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(start().as_second() + seconds).unwrap()
}

async fn observed(scene: &Scene, id: CallApiId) -> Result<Observed, Error> {
    scene
        .engine
        .registry()
        .observe_one(scene.tenant, "call_api", id.uuid())
        .await
}

/// One that does not answer in time is there.
async fn is_gone(scene: &Scene, id: CallApiId) -> bool {
    observed(scene, id)
        .await
        .is_err_and(|error| error.code == Code::NotFound)
}

async fn up_again(scene: &Scene, id: CallApiId) -> Observed {
    eventually("it is up again", || async { observed(scene, id).await.is_ok() }).await;
    observed(scene, id).await.unwrap()
}

async fn fail(scene: &Scene, id: CallApiId, failing: Failing) {
    scene
        .engine
        .registry()
        .fail_on_purpose(scene.tenant, id, failing)
        .await
        .unwrap();
}

/// Counts of this tenant's actors in a phase.
async fn in_phase(scene: &Scene, phase: &str) -> u64 {
    let summary = scene.engine.registry().summary(Some(scene.tenant)).await.unwrap();
    summary.kinds["call_api"].get(phase).copied().unwrap_or(0)
}

async fn panics(scene: &Scene, id: CallApiId) {
    fail(scene, id, Failing::Actor).await;
    eventually("the actor is down", || async { in_phase(scene, "down").await == 1 }).await;
}

#[tokio::test]
async fn an_actor_that_panics_is_started_again_until_its_budget_is_used() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([{"id": 1}]));
    let mut place = Place::new(&[&upstream]);
    place.settings.engine.restart_budget = 2;
    let (mut scene, clock) = place.start_at(start()).await;
    let minute = json!({"frequencySeconds": 60});
    let id = scene.call("fails", &upstream.url("/items"), minute.clone()).await.id;
    let neighbour = scene.call("neighbour", &upstream.url("/items"), minute).await.id;
    for id in [id, neighbour] {
        assert_eq!(scene.run_of(id).await["dueAt"], START);
    }

    panics(&scene, id).await;
    assert_eq!(observed(&scene, id).await.unwrap_err().code, Code::NotFound);
    clock.advance(Duration::from_millis(200));
    let up = up_again(&scene, id).await;
    assert_eq!((up.restarts, up.last_exit.as_deref()), (1, Some("panicked")));
    assert_eq!((up.phase, up.next_due_at), ("waiting", Some(later(60))));

    clock.set(later(60));
    for id in [id, neighbour] {
        assert_eq!(
            scene.run_of(id).await["dueAt"],
            later(60).to_string(),
            "it kept its due time"
        );
    }

    panics(&scene, id).await;
    clock.advance(Duration::from_millis(399));
    // The neighbour's answer shows that the registry has had its time.
    assert_eq!(observed(&scene, neighbour).await.unwrap().restarts, 0);
    assert_eq!(in_phase(&scene, "down").await, 1, "the second wait is twice as long");
    clock.advance(Duration::from_millis(1));
    up_again(&scene, id).await;
    fail(&scene, id, Failing::Actor).await;
    scene.heard.next("actor.given_up", id.uuid()).await;

    // Down for good: neither its due times nor sweeps wake it, and the neighbour goes on.
    for minutes in 2..5 {
        clock.set(later(60 * minutes));
        assert_eq!(scene.run_of(neighbour).await["dueAt"], later(60 * minutes).to_string());
    }
    assert_eq!(in_phase(&scene, "down").await, 1);
    assert_eq!(scene.runs(id).await.len(), 2);

    scene
        .engine
        .registry()
        .restart(scene.tenant, "call_api", id.uuid())
        .await
        .unwrap();
    let run = scene.run_of(id).await;
    assert_eq!(run["dueAt"], later(240).to_string(), "the latest of those it missed");
    eventually("it waits for its next due time", || async {
        let up = observed(&scene, id).await;
        up.is_ok_and(|up| (up.restarts, up.next_due_at) == (2, Some(later(300))))
    })
    .await;
    assert_eq!(scene.runs(id).await[2].skipped, 2);
    scene.stop().await;
}

#[tokio::test]
async fn a_run_that_panics_is_settled_and_takes_nobody_down() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([{"id": 1}]));
    upstream.items("/orders", json!([{"id": 2}]));
    let (mut scene, clock) = Place::new(&[&upstream]).start_at(start()).await;
    let post = json!({"frequencySeconds": 60, "method": "POST", "bodyScript": "return {dueAt}"});
    let id = scene.call("fails", &upstream.url("/orders"), post).await.id;
    let neighbour = scene
        .call("neighbour", &upstream.url("/items"), json!({"frequencySeconds": 60}))
        .await
        .id;
    scene.run_of(id).await;
    scene.run_of(neighbour).await;
    fail(&scene, id, Failing::NextRun).await;
    clock.set(later(60));
    assert_eq!(scene.run_of(neighbour).await["outcome"], "nothing_new");
    eventually("it is down", || async { in_phase(&scene, "down").await == 1 }).await;
    clock.advance(Duration::from_millis(200));
    let up = up_again(&scene, id).await;
    assert_eq!((up.restarts, up.next_due_at), (1, Some(later(120))));

    clock.set(later(120));
    assert_eq!(scene.run_of(id).await["dueAt"], later(120).to_string());
    let outcomes: Vec<_> = scene
        .runs(id)
        .await
        .into_iter()
        .map(|run| run.outcome.unwrap())
        .collect();
    assert_eq!(outcomes, ["created", "interrupted", "nothing_new"]);
    assert_eq!(
        upstream.requests_to("/orders").len(),
        2,
        "what was interrupted is not sent again"
    );
    scene.stop().await;
}

#[tokio::test]
async fn the_sweep_makes_actors_agree_with_their_rows() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([]));
    let (mut scene, clock) = Place::new(&[&upstream]).start_at(start()).await;
    let url = upstream.url("/items");
    let id = scene.call("woken", &url, json!({"active": false})).await.id;
    let other = scene.call("stopped", &url, json!({"frequencySeconds": 600})).await.id;
    scene.run_of(other).await;
    let due = later(65).as_microsecond();
    scene
        .sql("UPDATE call_api SET active = NOT active, version = version + 1")
        .await;
    scene
        .sql(&format!(
            "UPDATE call_api_state SET next_due_at = {due} WHERE run_count = 0"
        ))
        .await;
    assert_eq!(observed(&scene, id).await.unwrap_err().code, Code::NotFound);
    clock.set(later(60));
    eventually("the row has an actor", || async { observed(&scene, id).await.is_ok() }).await;
    eventually("the row that is not active has none", || is_gone(&scene, other)).await;
    clock.set(later(65));
    assert_eq!(scene.run_of(id).await["dueAt"], later(65).to_string());
    scene.stop().await;
}

#[tokio::test]
async fn a_deactivation_lets_the_run_finish() {
    let upstream = Upstream::start();
    let items = Behaviour::Json(json!([{"id": 1}, {"id": 2}]));
    upstream.on("/items", Behaviour::Gated(Box::new(items)));
    let (mut scene, clock) = Place::new(&[&upstream]).start_at(start()).await;
    let id = scene.call("cut short", &upstream.url("/items"), json!({})).await.id;
    upstream.wait_for("/items", 1).await;
    let current = observed(&scene, id).await.unwrap();
    assert_eq!((current.phase, current.current.unwrap().step), ("running", "sending"));
    let caller = scene.caller();
    scene.engine.call_apis().deactivate(&caller, id, None).await.unwrap();
    clock.advance(Duration::from_secs(5));
    upstream.open_gate();
    assert_eq!(scene.run_of(id).await["created"], 2);
    eventually("its actor leaves", || is_gone(&scene, id)).await;
    clock.advance(Duration::from_secs(5));
    assert_eq!(scene.identifiers(id).await, ["1", "2"]);
    let shown = scene.shown(id).await;
    assert_eq!((shown.active, shown.next_due_at), (false, None));
    scene.stop().await;
    assert_eq!(upstream.requests_to("/items").len(), 1, "no run after the deactivation");
}

#[tokio::test]
async fn runs_on_request() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([{"id": 1}]));
    upstream.on("/held", Behaviour::Gated(Box::new(Behaviour::Json(json!([])))));
    let (mut scene, clock) = Place::new(&[&upstream]).start_at(start()).await;
    let registry = scene.engine.registry().clone();

    let url = upstream.url("/items");
    let inactive = scene.call("inactive", &url, json!({"active": false})).await.id;
    let run = registry.run_now(scene.tenant, inactive).await.unwrap();
    assert_eq!(
        (run.outcome, run.created, run.http_status),
        (Outcome::Created, 1, Some(200))
    );
    eventually("its actor leaves", || is_gone(&scene, inactive)).await;

    let active = scene.call("active", &url, json!({"frequencySeconds": 60})).await.id;
    scene.run_of(active).await;
    clock.advance(Duration::from_secs(1));
    let run = registry.run_now(scene.tenant, active).await.unwrap();
    assert_eq!((run.outcome, run.duplicates), (Outcome::NothingNew, 1));
    assert_eq!(observed(&scene, active).await.unwrap().next_due_at, Some(later(60)));
    clock.set(later(60));
    assert_eq!(scene.run_of(active).await["trigger"], "manual");
    assert_eq!(scene.run_of(active).await["dueAt"], later(60).to_string());

    let held = scene.call("held", &upstream.url("/held"), json!({})).await.id;
    upstream.wait_for("/held", 1).await;
    let refused = registry.run_now(scene.tenant, held).await.unwrap_err();
    assert_eq!(refused.code, Code::WrongState);
    upstream.open_gate();
    scene.run_of(held).await;
    scene.stop().await;
}

#[tokio::test]
async fn runs_on_request_follow_each_other_however_far_the_actor_has_got_with_leaving() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([{"id": 1}]));
    let scene = Place::new(&[&upstream]).start().await;
    let registry = scene.engine.registry();
    let inactive = json!({"active": false});
    let id = scene.call("inactive", &upstream.url("/items"), inactive).await.id;
    for number in 0..20 {
        let run = registry.run_now(scene.tenant, id).await.unwrap();
        let first = u32::from(number == 0);
        assert_eq!((run.created, run.duplicates), (first, 1 - first), "{number}");
    }
    scene.stop().await;
}

#[tokio::test]
async fn two_engines_in_one_process_do_not_know_of_each_other() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([{"id": 1}]));
    let mut first = Place::new(&[&upstream]).start().await;
    let mut second = Place::new(&[&upstream]).start().await;
    let of_first = first.call("same name", &upstream.url("/items"), json!({})).await.id;
    let of_second = second.call("same name", &upstream.url("/items"), json!({})).await.id;
    for _ in 0..2 {
        first.run_of(of_first).await;
        second.run_of(of_second).await;
    }
    assert_eq!(observed(&first, of_second).await.unwrap_err().code, Code::NotFound);
    let place = first.stop().await;
    second.run_of(of_second).await;
    assert_eq!(second.identifiers(of_second).await, ["1"]);
    let heard = second.heard.rest();
    assert!(
        heard.iter().all(|event| event.subject_id != of_first.uuid()),
        "{heard:?}"
    );
    second.stop().await;
    drop(place);
}

/// Set where the next test is alone in its process: the threads of other tests would be in its way.
const ALONE: &str = "ORRERY_TEST_ALONE";

#[test]
fn an_engine_leaves_no_thread_and_no_child_behind() {
    if std::env::var_os(ALONE).is_some() {
        return;
    }
    let alone = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "supervision::counts_what_an_engine_leaves_behind",
            "--nocapture",
        ])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&alone.stdout).into_owned() + &String::from_utf8_lossy(&alone.stderr);
    assert!(alone.status.success() && text.contains("COUNTED"), "{text}");
}

#[tokio::test]
async fn counts_what_an_engine_leaves_behind() {
    if std::env::var_os(ALONE).is_none() {
        return;
    }
    let upstream = Upstream::start();
    upstream.items("/items", json!([{"id": 1}]));
    let before = threads();
    for is_shut_down in [true, true, false] {
        let mut scene = Place::new(&[&upstream]).start().await;
        let id = scene.call("short", &upstream.url("/items"), json!({})).await.id;
        scene.run_of(id).await;
        assert!(!children().is_empty() && threads().len() > before.len());
        if is_shut_down {
            scene.stop().await;
        } else {
            // A host app that forgot to end it.
            drop(scene);
        }
        eventually("its threads are gone", || async {
            let left = threads();
            let ours = left
                .iter()
                .any(|name| name.starts_with("orrery") || name.starts_with("actix"));
            !ours
        })
        .await;
        eventually("its children are gone", || async { children().is_empty() }).await;
    }
    println!("COUNTED: before {before:?}, after {:?}", threads());
}

/// The names of this process's threads.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    let mut names: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
    names.sort();
    names
}

/// The ids of this process's children.
fn children() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

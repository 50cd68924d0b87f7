//! What the overview asks of the store: failures, what was deactivated, the last hour, names; on both databases.

use std::time::Duration;

use jiff::Timestamp;
use orrery::{
    clock::Clock,
    domain::{ids::TenantId, outcome::Outcome},
    store::{
        ledger::{Deactivated, RunCommit},
        overview::{Kinds, Place},
    },
};
use serde_json::json;

use super::fixture::Fixture;
use crate::support::postgres::for_each_database;

const ALL: Kinds = Kinds {
    calls: true,
    automations: true,
    integrations: true,
};

fn failed(fixture: &Fixture, mut commit: RunCommit, at: Timestamp) -> RunCommit {
    commit.run.id = fixture.clock.new_id().into();
    commit.run.outcome = Outcome::HttpError;
    commit.run.finished_at = at;
    commit.run.error = Some(json!({"step": "response", "message": "HTTP 500"}).to_string());
    commit
}

#[tokio::test]
async fn failures_and_deactivations_of_the_tenant_come_with_names_and_reasons() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let (store, ledger) = (&fixture.store, fixture.store.ledger());
        let (bad, good) = (fixture.create_call("Bad").await, fixture.create_call("Good").await);
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        for second in 1..=3 {
            let commit = failed(&fixture, fixture.run(bad, second, &[]), at(second));
            ledger.commit_run(commit).await.unwrap();
            ledger.commit_run(fixture.run(good, second, &[])).await.unwrap();
        }
        let mut last = failed(&fixture, fixture.run(bad, 4, &[]), at(4));
        last.state.deactivated = Some(Deactivated {
            at: at(4),
            reason: "3 failures in a row".to_owned(),
        });
        ledger.commit_run(last).await.unwrap();
        let failures = store.failed_runs(fixture.tenant, ALL, 3).await.unwrap();
        assert_eq!(failures.len(), 3, "no more than are asked for");
        let newest = &failures[0];
        assert_eq!((newest.at, newest.thing.name.as_str()), (at(4), "Bad"));
        assert_eq!(newest.thing.place, Place::Call(bad));
        assert_eq!(newest.why.as_deref(), Some("response: HTTP 500"));
        assert_eq!(newest.outcome.as_deref(), Some("http_error"));
        assert!(newest.run.is_some());
        let deactivated = store.deactivated(fixture.tenant, ALL, 10).await.unwrap();
        assert_eq!(deactivated.len(), 1);
        assert_eq!(deactivated[0].why.as_deref(), Some("3 failures in a row"));
        assert_eq!(deactivated[0].outcome, None);

        let stranger: TenantId = fixture.clock.new_id().into();
        assert_eq!(store.failed_runs(stranger, ALL, 10).await.unwrap(), []);
        assert_eq!(store.deactivated(stranger, ALL, 10).await.unwrap(), []);
        let none = Kinds { calls: false, ..ALL };
        assert_eq!(store.failed_runs(fixture.tenant, none, 10).await.unwrap(), []);

        let ids = vec![bad.uuid(), good.uuid(), fixture.clock.new_id()];
        let things = store.things(fixture.tenant, ids.clone()).await.unwrap();
        assert_eq!(things.len(), 2);
        assert_eq!(things[&good.uuid()].name, "Good");
        assert!(store.things(stranger, ids).await.unwrap().is_empty());
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_last_hour_is_read_back_from_its_end() {
    for_each_database(|url| async move {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let (clock, manual) = Clock::manual(start);
        let fixture = Fixture::open_with(&url, clock.clone()).await;
        let (store, ledger) = (&fixture.store, fixture.store.ledger());
        let call = fixture.create_call("Orders").await;
        ledger
            .commit_run(fixture.run(call, start.as_second(), &[]))
            .await
            .unwrap();
        manual.advance(Duration::from_secs(2 * 3_600));
        let since = clock.now();
        for minute in 1..=4_i64 {
            manual.advance(Duration::from_secs(60));
            let mut commit = fixture.run(call, since.as_second() + 60 * minute, &[]);
            commit.run.started_at = clock.now().checked_add(jiff::SignedDuration::from_millis(5)).unwrap();
            commit.run.finished_at = clock.now();
            if minute == 4 {
                commit.run.outcome = Outcome::SkippedMisfire;
            }
            ledger.commit_run(commit).await.unwrap();
        }
        let running = fixture.started(call, since.as_second() + 600);
        ledger.start_run(running).await.unwrap();
        let recent = store.recent_runs(since, 100).await.unwrap();
        assert_eq!(
            recent.runs.len(),
            3,
            "neither older ones nor those left out nor those that go on"
        );
        assert!(recent.runs.iter().all(|run| run.late_us == Some(5_000) && !run.failed));
        assert_eq!(recent.cut_at, None);
        let cut = store.recent_runs(since, 3).await.unwrap();
        assert_eq!(cut.runs.len(), 1, "of the last three rows one has run");
        assert!(cut.cut_at.is_some());
        store.close().await.unwrap();
    })
    .await;
}

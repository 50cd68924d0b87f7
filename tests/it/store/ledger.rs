//! The ledger: what it creates, what it counts, what it refuses.

use orrery::{
    domain::outcome::Outcome,
    store::{
        Error, Page,
        ledger::{Deactivated, RunSample, StartedRun, StateCommit},
    },
};

use super::fixture::{Fixture, shard};
use crate::support::postgres::for_each_database;

#[tokio::test]
async fn what_exists_is_counted_and_not_created() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let call = fixture.new_call();
        let ledger = fixture.store.ledger();
        let first = fixture.run(call, 1, &["a", "b", "a"]);
        let ids: Vec<_> = first.transactions.iter().map(|new| new.id).collect();
        let committed = ledger.commit_run(first).await.unwrap();
        assert_eq!(committed.created, ids[..2]);
        assert_eq!(committed.duplicates, 1);
        assert_eq!(committed.outcome, Outcome::Created);
        let committed = ledger.commit_run(fixture.run(call, 2, &["a", "c", "b"])).await.unwrap();
        assert_eq!((committed.created.len(), committed.duplicates), (1, 2));
        let committed = ledger.commit_run(fixture.run(call, 3, &["c", "b"])).await.unwrap();
        assert_eq!((committed.created.len(), committed.duplicates), (0, 2));
        assert_eq!(committed.outcome, Outcome::NothingNew);
        let other = fixture.new_call();
        let committed = ledger.commit_run(fixture.run(other, 3, &["c"])).await.unwrap();
        assert_eq!(committed.created.len(), 1, "identifiers are of one call");
        fixture.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_due_time_is_recorded_once() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let call = fixture.new_call();
        let ledger = fixture.store.ledger();
        ledger.commit_run(fixture.run(call, 1, &["a"])).await.unwrap();
        let again = ledger.commit_run(fixture.run(call, 1, &["b"])).await;
        assert!(matches!(again, Err(Error::AlreadyRecorded)), "{again:?}");
        let committed = ledger.commit_run(fixture.run(call, 2, &["b"])).await.unwrap();
        assert_eq!(committed.created.len(), 1, "nothing of the refused entry was written");
        fixture.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn committers_at_once_share_transactions_and_create_each_identifier_once() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let calls: Vec<_> = (0..40).map(|_| fixture.new_call()).collect();
        let names: Vec<String> = (0..10).map(|number| format!("id-{number}")).collect();
        let mut tasks = Vec::new();
        for due in 0..5 {
            for call in &calls {
                // Each run finds five, of which the run before found four.
                let found: Vec<&str> = names[due..due + 5].iter().map(String::as_str).collect();
                let commit = fixture.run(*call, 100 + due as i64, &found);
                let ledger = fixture.store.ledger().clone();
                tasks.push(tokio::spawn(async move { ledger.commit_run(commit).await.unwrap() }));
            }
        }
        let (mut created, mut duplicates) = (0, 0);
        for task in tasks {
            let committed = task.await.unwrap();
            created += committed.created.len();
            duplicates += committed.duplicates as usize;
        }
        assert_eq!((created, duplicates), (40 * 9, 40 * 16));
        let stats = fixture.store.ledger().stats();
        assert_eq!(stats.committed_entries, 200);
        assert!(stats.batches < 100, "{stats:?}");
        assert!(stats.largest_batch_entries > 1, "{stats:?}");
        assert_eq!(stats.queue_entries, 0);
        fixture.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_poisonous_entry_fails_alone() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let taken = fixture.run(fixture.new_call(), 1, &["a"]);
        fixture.store.ledger().commit_run(taken.clone()).await.unwrap();
        let mut tasks = Vec::new();
        for number in 0..60 {
            let mut commit = fixture.run(fixture.new_call(), 1, &["a", "b"]);
            if number == 33 {
                // Another call's run has this id: a key that no clause of ours expects refuses it.
                commit.run.id = taken.run.id;
            }
            let ledger = fixture.store.ledger().clone();
            tasks.push(tokio::spawn(async move { ledger.commit_run(commit).await }));
        }
        for (number, task) in tasks.into_iter().enumerate() {
            let committed = task.await.unwrap();
            if number == 33 {
                assert!(matches!(committed, Err(Error::Unique(_))), "{committed:?}");
            } else {
                assert_eq!(committed.unwrap().created.len(), 2);
            }
        }
        assert!(fixture.store.ledger().stats().repeated_batches > 0);
        fixture.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn in_a_batch_only_the_recorded_run_is_refused() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let call = fixture.new_call();
        fixture
            .store
            .ledger()
            .commit_run(fixture.run(call, 7, &["a"]))
            .await
            .unwrap();
        let mut tasks = Vec::new();
        for number in 0..30 {
            let call = if number == 11 { call } else { fixture.new_call() };
            let commit = fixture.run(call, 7, &["x"]);
            let ledger = fixture.store.ledger().clone();
            tasks.push(tokio::spawn(async move { ledger.commit_run(commit).await }));
        }
        for (number, task) in tasks.into_iter().enumerate() {
            let committed = task.await.unwrap();
            if number == 11 {
                assert!(matches!(committed, Err(Error::AlreadyRecorded)), "{committed:?}");
            } else {
                assert_eq!(committed.unwrap().created.len(), 1);
            }
        }
        fixture.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_started_run_is_ended_once_and_found_after_a_crash() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let call = fixture.new_call();
        let ledger = fixture.store.ledger();
        let commit = fixture.run(call, 5, &["a"]);
        let started = StartedRun {
            id: commit.run.id,
            ..fixture.started(call, 5)
        };
        ledger.start_run(started.clone()).await.unwrap();
        let again = ledger.start_run(started).await;
        assert!(matches!(again, Err(Error::AlreadyRecorded)), "{again:?}");
        let left = fixture.store.interrupted_runs().await.unwrap();
        assert_eq!(left.iter().map(|run| run.run_id).collect::<Vec<_>>(), [commit.run.id]);
        // Another run cannot end this one.
        let other = ledger.commit_run(fixture.run(call, 5, &["b"])).await;
        assert!(matches!(other, Err(Error::AlreadyRecorded)), "{other:?}");
        ledger.commit_run(commit.clone()).await.unwrap();
        assert!(fixture.store.interrupted_runs().await.unwrap().is_empty());
        let twice = ledger.commit_run(commit).await;
        assert!(matches!(twice, Err(Error::AlreadyRecorded)), "{twice:?}");
        fixture.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_state_follows_the_run_and_history_shows_it() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let call = fixture.create_call("Orders").await;
        let ledger = fixture.store.ledger();
        let mut commit = fixture.run(call, 10, &["a"]);
        commit.state.next_due_at = Some("2030-01-01T00:00:00Z".parse().unwrap());
        commit.state.run_count = 1;
        commit.state.script_state = Some(r#"{"page":2}"#.to_owned());
        commit.sample = Some(RunSample {
            request: Some(r#"{"method":"GET"}"#.to_owned()),
            ..RunSample::default()
        });
        let run_id = commit.run.id;
        ledger.commit_run(commit).await.unwrap();
        let mut skipped = fixture.run(call, 20, &[]).run;
        skipped.outcome = Outcome::SkippedOverlap;
        let state = StateCommit {
            tenant_id: fixture.tenant,
            call_api_id: call,
            shard: shard(call),
            epoch: fixture.lease.epoch(),
            state: orrery::store::ledger::CallState {
                run_count: 1,
                failures: 3,
                ..Default::default()
            },
            skipped_runs: vec![skipped.clone(), skipped],
        };
        ledger.save_state(state).await.unwrap();
        let row = fixture.store.call_api(fixture.tenant, call).await.unwrap();
        assert_eq!(row.state.script_state.as_deref(), Some(r#"{"page":2}"#), "kept");
        assert_eq!(row.state.next_due_at, None);
        let last = row.state.last_run.unwrap();
        assert_eq!(last.run_id, Some(run_id), "what was left out is not the last run");
        assert_eq!(last.outcome, Some(Outcome::Created));
        let mut failed = fixture.run(call, 30, &[]);
        failed.run.outcome = Outcome::HttpError;
        failed.run.error = Some(r#"{"message":"no"}"#.to_owned());
        failed.state.deactivated = Some(Deactivated {
            at: failed.run.finished_at,
            reason: "too many failures".to_owned(),
        });
        ledger.commit_run(failed).await.unwrap();
        let row = fixture.store.call_api(fixture.tenant, call).await.unwrap();
        assert_eq!(row.state.status_reason.as_deref(), Some("too many failures"));
        let page = Page::new(Some(2), None);
        let runs = fixture.store.list_runs(fixture.tenant, call, page).await.unwrap();
        let outcomes: Vec<_> = runs.items.iter().filter_map(|run| run.outcome).collect();
        assert_eq!(outcomes, [Outcome::HttpError, Outcome::SkippedOverlap]);
        let page = Page::new(Some(2), runs.next_cursor);
        let runs = fixture.store.list_runs(fixture.tenant, call, page).await.unwrap();
        assert_eq!(runs.items.iter().map(|run| run.id).collect::<Vec<_>>(), [run_id]);
        assert_eq!(runs.next_cursor, None);
        let (run, sample) = fixture.store.get_run(fixture.tenant, run_id).await.unwrap();
        assert_eq!((run.created, run.duplicates), (1, 0));
        assert_eq!(sample.unwrap().request.unwrap()["method"], "GET");
        let stranger = fixture.store.get_run(fixture.clock.new_id().into(), run_id).await;
        assert!(matches!(stranger, Err(Error::NotFound)), "{stranger:?}");
        fixture.store.close().await.unwrap();
    })
    .await;
}

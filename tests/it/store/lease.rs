//! One process at a time runs the actors, and one that was succeeded writes nothing.

use std::time::Duration;

use orrery::{
    clock::Clock,
    store::{Error, Store},
};

use super::fixture::{Fixture, settings};
use crate::support::{
    PATIENCE,
    postgres::{self, for_each_database},
};

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_gives_back() {
    for_each_database(|url| async move {
        let first = Fixture::open(&url).await;
        let clock = Clock::system();
        let second = Store::open(&settings(&url).database, clock.clone()).await.unwrap();
        let refused = second.lease(clock.new_id()).await.err();
        let Some(Error::Lease(text)) = refused else {
            panic!("{refused:?}")
        };
        assert!(text.contains("in use by another Orrery"), "{text}");
        let epoch = first.lease.epoch();
        first.lease.release().await.unwrap();
        let lease = second.lease(clock.new_id()).await.unwrap();
        assert!(lease.epoch() >= epoch);
        lease.release().await.unwrap();
        first.store.close().await.unwrap();
        second.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_dead_process_is_succeeded_at_once() {
    for_each_database(|url| async move {
        let first = Fixture::open(&url).await;
        // Neither released nor closed: what the system does when a process is killed.
        drop(first);
        let second = Fixture::open(&url).await;
        let call = second.new_call();
        second
            .store
            .ledger()
            .commit_run(second.run(call, 1, &["a"]))
            .await
            .unwrap();
        second.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_process_that_lost_its_lease_hears_of_it_and_writes_nothing_more() {
    let Some(url) = postgres::database() else { return };
    let (clock, manual) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
    let first = Fixture::open_with(&url, clock).await;
    let call = first.new_call();
    first
        .store
        .ledger()
        .commit_run(first.run(call, 1, &["a"]))
        .await
        .unwrap();
    // It hangs for so long that its lease runs out.
    postgres::execute(&url, "UPDATE shard_lease SET expires_at = 0");
    let second = Fixture::open(&url).await;
    assert_eq!(second.lease.epoch(), first.lease.epoch() + 1);
    let late = first.store.ledger().commit_run(first.run(call, 2, &["late"])).await;
    assert!(matches!(late, Err(Error::Lease(_))), "{late:?}");
    let committed = second
        .store
        .ledger()
        .commit_run(second.run(call, 2, &["late"]))
        .await
        .unwrap();
    assert_eq!(committed.created.len(), 1, "nothing of the late entry was written");
    // The renewal may only begin to wait now.
    let mut lost = Box::pin(first.lease.lost());
    let hears = async {
        loop {
            match tokio::time::timeout(Duration::from_millis(5), &mut lost).await {
                Ok(why) => return why,
                Err(_) => manual.advance(Duration::from_secs(60)),
            }
        }
    };
    let why = tokio::time::timeout(PATIENCE, hears).await.unwrap();
    assert!(why.contains("taken over the shards"), "{why}");
    second.store.close().await.unwrap();
}

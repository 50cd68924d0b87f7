//! The ledger: what it creates, what it counts, what it refuses.

use orrery::{domain::outcome::Outcome, store::Error};

use super::fixture::Fixture;
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

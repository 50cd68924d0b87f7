//! Requests in the background that a crash cut, and a process that was succeeded.

use orrery::{
    domain::background::Status,
    store::{
        Error,
        background::{BodyKind, Orphans},
    },
};

use super::{super::fixture::Fixture, count};
use crate::support::postgres::{self, for_each_database};

#[tokio::test]
async fn what_a_crash_cut_is_found_and_queued_again_or_taken_over() {
    for_each_database(|url| async move {
        let first = Fixture::open(&url).await;
        let waits = first.accepted(first.request()).await;
        let cut = first.running(first.request()).await;
        let followed = first.running(first.request()).await;
        let lost = first.running(first.request()).await;
        let (tenant, epoch) = (first.tenant, first.lease.epoch());
        for id in [cut, followed] {
            let part = first.store.put_body_chunk(tenant, id, BodyKind::Response, 0, vec![1]);
            part.await.unwrap();
        }
        let saved = first
            .store
            .save_follow(tenant, followed, epoch, Some(b"sealed".to_vec()));
        assert!(saved.await.unwrap());
        // Killed.
        drop(first);
        let second = Fixture {
            tenant,
            ..Fixture::open(&url).await
        };
        let (store, epoch) = (&second.store, second.lease.epoch());
        let orphans = store.orphaned_background(Orphans::All, None, 10).await.unwrap();
        let found: Vec<_> = orphans.iter().map(|orphan| (orphan.id, orphan.is_followed)).collect();
        assert_eq!(found, [(cut, false), (followed, true), (lost, false)]);
        let next = store.orphaned_background(Orphans::All, Some(cut), 1).await.unwrap();
        assert_eq!(next[0].id, followed);
        let before = store
            .orphaned_background(Orphans::Before(epoch), None, 10)
            .await
            .unwrap();
        assert_eq!(before.len(), if url.starts_with("sqlite") { 0 } else { 3 });
        assert!(store.requeue_background(tenant, cut, epoch).await.unwrap());
        assert!(
            !store.requeue_background(tenant, cut, epoch).await.unwrap(),
            "it is queued"
        );
        assert!(!store.requeue_background(tenant, waits, epoch).await.unwrap());
        let queued = store.queued_background(None, 1).await.unwrap();
        assert_eq!(queued[0].id, waits);
        let queued = store.queued_background(Some(waits), 5).await.unwrap();
        assert_eq!(queued.iter().map(|queued| queued.id).collect::<Vec<_>>(), [cut]);
        let claimed = store.ledger().claim(second.claim(cut)).await.unwrap().unwrap();
        assert_eq!((claimed.attempts, claimed.follow), (2, None));
        let resumed = store
            .readopt_background(tenant, followed, epoch)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((resumed.attempts, resumed.follow.as_deref()), (1, Some(&b"sealed"[..])));
        assert_eq!(resumed.request, b"sealed");
        assert_eq!(
            count(&url, "background_body").await,
            0,
            "a new attempt begins its answer anew"
        );
        assert!(store.save_follow(tenant, followed, epoch, None).await.unwrap());
        for id in [cut, followed, lost] {
            assert!(store.ledger().finish(second.finish(id, Status::Failed)).await.unwrap());
        }
        assert_eq!(store.readopt_background(tenant, followed, epoch).await.unwrap(), None);
        assert!(!store.save_follow(tenant, followed, epoch, Some(vec![1])).await.unwrap());
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_process_that_was_succeeded_changes_nothing() {
    let Some(url) = postgres::database() else { return };
    let first = Fixture::hanging(&url).await;
    let id = first.running(first.request()).await;
    // For so long that its lease runs out.
    postgres::execute(&url, "UPDATE shard_lease SET expires_at = 0");
    let second = Fixture {
        tenant: first.tenant,
        ..Fixture::open(&url).await
    };
    let ledger = first.store.ledger();
    let is_lease = |error: Option<Error>| matches!(error, Some(Error::Lease(_)));
    assert!(is_lease(ledger.accept(first.request()).await.err()));
    assert!(is_lease(ledger.claim(first.claim(id)).await.err()));
    assert!(is_lease(ledger.finish(first.finish(id, Status::Finished)).await.err()));
    let (tenant, old) = (first.tenant, first.lease.epoch());
    assert!(is_lease(first.store.requeue_background(tenant, id, old).await.err()));
    assert!(is_lease(first.store.readopt_background(tenant, id, old).await.err()));
    assert!(is_lease(first.store.save_follow(tenant, id, old, None).await.err()));
    assert_eq!(count(&url, "webhook_delivery").await, 0);
    let orphans = second
        .store
        .orphaned_background(Orphans::Before(second.lease.epoch()), None, 10);
    assert_eq!(orphans.await.unwrap().len(), 1);
    assert!(
        second
            .store
            .ledger()
            .finish(second.finish(id, Status::Failed))
            .await
            .unwrap()
    );
    second.store.close().await.unwrap();
}

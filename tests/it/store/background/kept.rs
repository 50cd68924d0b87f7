//! What is kept of requests in the background: long bodies, lists, and what a purge leaves.

use std::time::Duration;

use jiff::Timestamp;
use orrery::{
    clock::Clock,
    domain::{
        background::Status,
        ids::{TenantId, UserId},
    },
    store::{
        BackgroundPurged, Error, Page, PurgeRules,
        background::{AcceptKey, BackgroundFilter, BodyKind, Finish, NewRequest},
    },
};

use super::{
    super::fixture::{Fixture, settings},
    count,
};
use crate::support::postgres::for_each_database;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn long_bodies_are_kept_in_parts_and_go_with_the_end() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let (store, tenant) = (&fixture.store, fixture.tenant);
        let request = NewRequest {
            request_chunks: 3,
            ..fixture.request()
        };
        let id = request.id;
        for seq in 0..3 {
            let sealed = vec![seq as u8; 100_000];
            store
                .put_body_chunk(tenant, id, BodyKind::Request, seq, sealed)
                .await
                .unwrap();
        }
        let twice = store.put_body_chunk(tenant, id, BodyKind::Request, 1, vec![9]).await;
        assert!(matches!(twice, Err(Error::Unique(_))), "{twice:?}");
        let part = store.body_chunk(tenant, id, BodyKind::Request, 2).await.unwrap();
        assert_eq!(part, Some(vec![2; 100_000]));
        assert_eq!(store.body_chunk(tenant, id, BodyKind::Request, 3).await.unwrap(), None);
        assert_eq!(store.body_chunk(tenant, id, BodyKind::Response, 0).await.unwrap(), None);
        let stranger: TenantId = fixture.clock.new_id().into();
        assert_eq!(
            store.body_chunk(stranger, id, BodyKind::Request, 0).await.unwrap(),
            None
        );
        assert_eq!(fixture.running(request).await, id);
        store
            .put_body_chunk(tenant, id, BodyKind::Response, 0, vec![1])
            .await
            .unwrap();
        let finish = Finish {
            response: None,
            response_chunks: 1,
            ..fixture.finish(id, Status::Finished)
        };
        assert!(store.ledger().finish(finish).await.unwrap());
        assert_eq!(store.body_chunk(tenant, id, BodyKind::Request, 0).await.unwrap(), None);
        assert_eq!(
            store.body_chunk(tenant, id, BodyKind::Response, 0).await.unwrap(),
            Some(vec![1])
        );
        store.drop_body(tenant, id, BodyKind::Response).await.unwrap();
        assert_eq!(count(&url, "background_body").await, 0);
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn lists_are_newest_first_and_filtered() {
    for_each_database(|url| async move {
        let (clock, manual) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        let fixture = Fixture::open_with(&url, clock.clone()).await;
        let users: [UserId; 2] = [clock.new_id().into(), clock.new_id().into()];
        let mut ids = Vec::new();
        for number in 0..12 {
            manual.advance(Duration::from_secs(10));
            let request = NewRequest {
                user_id: Some(users[number % 2]),
                ..fixture.request()
            };
            let id = match number {
                ..6 => fixture.running(request).await,
                _ => fixture.accepted(request).await,
            };
            if number < 4 {
                let status = [Status::Finished, Status::Failed][number / 2];
                let finish = fixture.finish(id, status);
                assert!(fixture.store.ledger().finish(finish).await.unwrap());
            }
            ids.push(id);
        }
        let list = async |filter: BackgroundFilter, page: &Page| {
            let paged = fixture
                .store
                .background_page(fixture.tenant, filter, page)
                .await
                .unwrap();
            let places = paged
                .items
                .iter()
                .map(|row| ids.iter().position(|id| *id == row.id).unwrap());
            (places.collect::<Vec<_>>(), paged.next_cursor)
        };
        let all = BackgroundFilter::default();
        let (first, next) = list(all, &Page::new(Some(7), None)).await;
        assert_eq!(first, [11, 10, 9, 8, 7, 6, 5]);
        let (second, end) = list(all, &Page::new(Some(7), next)).await;
        assert_eq!((second, end), (vec![4, 3, 2, 1, 0], None));
        let own = BackgroundFilter {
            user: Some(users[0]),
            ..all
        };
        assert_eq!(list(own, &Page::default()).await.0, [10, 8, 6, 4, 2, 0]);
        let from: Timestamp = "2026-01-01T00:01:30Z".parse().unwrap();
        let late = BackgroundFilter {
            from: Some(from),
            ..own
        };
        assert_eq!(list(late, &Page::default()).await.0, [10, 8]);
        for (status, everyone, own) in [
            (Status::Queued, vec![11, 10, 9, 8, 7, 6], vec![10, 8, 6]),
            (Status::Started, vec![5, 4], vec![4]),
            (Status::Finished, vec![1, 0], vec![0]),
            (Status::Failed, vec![3, 2], vec![2]),
            (Status::Cancelled, vec![], vec![]),
        ] {
            let status = Some(status);
            assert_eq!(
                list(BackgroundFilter { status, ..all }, &Page::default()).await.0,
                everyone
            );
            let user = Some(users[0]);
            assert_eq!(
                list(BackgroundFilter { status, user, ..all }, &Page::default()).await.0,
                own
            );
        }
        let stranger = clock.new_id().into();
        let none = fixture
            .store
            .background_page(stranger, all, &Page::default())
            .await
            .unwrap();
        assert!(none.items.is_empty());
        fixture.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_purge_takes_the_answer_first_and_the_rest_later() {
    for_each_database(|url| async move {
        let (clock, manual) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        let fixture = Fixture::open_with(&url, clock.clone()).await;
        let (store, tenant) = (&fixture.store, fixture.tenant);
        let put = async |id, kind, parts| {
            for seq in 0..parts {
                store.put_body_chunk(tenant, id, kind, seq, vec![1]).await.unwrap();
            }
        };
        // One with a long answer under a key, one with a short one, one whose answer came after it was cancelled.
        let with_key = NewRequest {
            key: Some(AcceptKey {
                key: "key".to_owned(),
                request_hash: [1; 32],
            }),
            ..fixture.request()
        };
        let long = fixture.running(with_key).await;
        put(long, BodyKind::Response, 3).await;
        let long_answer = Finish {
            response: None,
            response_chunks: 3,
            ..fixture.finish(long, Status::Finished)
        };
        assert!(store.ledger().finish(long_answer).await.unwrap());
        let short = fixture.running(fixture.request()).await;
        let cancelled = fixture.running(fixture.request()).await;
        put(cancelled, BodyKind::Response, 2).await;
        for (id, status) in [(short, Status::Finished), (cancelled, Status::Cancelled)] {
            let finish = Finish {
                has_response: status == Status::Finished,
                ..fixture.finish(id, status)
            };
            assert!(store.ledger().finish(finish).await.unwrap());
        }
        // One that waits, one that runs, and one whose caller never sent the rest.
        let waits = fixture.request();
        put(waits.id, BodyKind::Request, 1).await;
        let waits = fixture.accepted(waits).await;
        let runs = fixture.running(fixture.request()).await;
        put(runs, BodyKind::Response, 1).await;
        put(clock.new_id().into(), BodyKind::Request, 2).await;
        let mut rules = PurgeRules::from_settings(&settings(&url));
        rules.batch_rows = 2;
        let purge = async || store.purge(&rules, clock.now()).await.unwrap().background;
        manual.advance(23 * HOUR);
        let expected = BackgroundPurged {
            parts: 2,
            ..BackgroundPurged::default()
        };
        assert_eq!(purge().await, expected, "only what belongs to no answer");
        manual.advance(2 * HOUR);
        let expected = BackgroundPurged {
            erased: 3,
            parts: 5,
            keys: 1,
            removed: 0,
        };
        assert_eq!(purge().await, expected);
        let row = store.background(tenant, long).await.unwrap().unwrap();
        assert_eq!((row.status, row.erased_at), (Status::Finished, Some(clock.now())));
        assert_eq!(
            (row.original_uri.as_str(), row.reference, row.notify_pairs),
            ("", None, None)
        );
        assert_eq!((row.response_headers, row.content_type), (None, None));
        assert_eq!(store.background_response(tenant, short).await.unwrap(), None);
        let all = BackgroundFilter::default();
        let listed = store
            .background_page(tenant, all, &Page::default())
            .await
            .unwrap()
            .items;
        assert_eq!(listed.iter().map(|row| row.id).collect::<Vec<_>>(), [runs, waits]);
        assert_eq!(purge().await, BackgroundPurged::default());
        manual.advance(169 * HOUR);
        let expected = BackgroundPurged {
            removed: 3,
            ..BackgroundPurged::default()
        };
        assert_eq!(purge().await, expected);
        assert_eq!(store.background(tenant, long).await.unwrap(), None);
        assert_eq!(count(&url, "background_request").await, 2);
        assert_eq!(
            count(&url, "background_body").await,
            2,
            "what waits or runs keeps its bodies"
        );
        store.close().await.unwrap();
    })
    .await;
}

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
        Error, Page,
        background::{BackgroundFilter, BodyKind, Finish, NewRequest},
    },
};

use super::{super::fixture::Fixture, count};
use crate::support::postgres::for_each_database;

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

//! Requests in the background: stored once, claimed once, ended once, and what is left when something is cut.

use std::{collections::HashSet, time::Duration};

use orrery::{
    domain::{
        background::Status,
        ids::{BackgroundId, TenantId, UserId},
    },
    store::{
        Error,
        background::{AcceptKey, Accepted, Claim, Finish, NewRequest, QueuedRequest},
        deliveries::NewDelivery,
    },
};
use sea_orm::{ConnectionTrait, Database, Statement};

use super::fixture::Fixture;
use crate::support::postgres::for_each_database;

mod kept;
mod recover;

impl Fixture {
    fn request(&self) -> NewRequest {
        NewRequest {
            id: self.clock.new_id().into(),
            tenant_id: self.tenant,
            user_id: None,
            token_id: None,
            received_at: self.clock.now(),
            method: "POST".to_owned(),
            original_uri: "/api/v1/customerinvoice?draft=true".to_owned(),
            upstream: Some("/api".to_owned()),
            order_key: -7,
            request: b"sealed".to_vec(),
            request_chunks: 0,
            has_request: true,
            webhook_address: "none".to_owned(),
            notify_pairs: Some(r#"[["x","1"]]"#.to_owned()),
            reference: Some("mine".to_owned()),
            key: None,
            epoch: self.lease.epoch(),
            audit: None,
        }
    }

    async fn accepted(&self, request: NewRequest) -> BackgroundId {
        let id = request.id;
        assert_eq!(self.store.ledger().accept(request).await.unwrap(), Accepted::New);
        id
    }

    fn claim(&self, id: BackgroundId) -> Claim {
        Claim {
            id,
            tenant_id: self.tenant,
            epoch: self.lease.epoch(),
            started_at: self.clock.now(),
        }
    }

    async fn running(&self, request: NewRequest) -> BackgroundId {
        let id = self.accepted(request).await;
        let claimed = self.store.ledger().claim(self.claim(id)).await.unwrap();
        assert!(claimed.is_some());
        id
    }

    fn finish(&self, id: BackgroundId, status: Status) -> Finish {
        Finish {
            id,
            tenant_id: self.tenant,
            epoch: self.lease.epoch(),
            finished_at: self.clock.now(),
            status,
            status_code: 201,
            error: None,
            response_headers: Some(r#"{"location":"/x/1"}"#.to_owned()),
            content_type: Some("application/json".to_owned()),
            response: Some(b"sealed answer".to_vec()),
            response_chunks: 0,
            has_response: true,
            deliveries: vec![self.delivery(id)],
            audit: None,
        }
    }

    fn delivery(&self, id: BackgroundId) -> NewDelivery {
        NewDelivery {
            id: self.clock.new_id().into(),
            tenant_id: self.tenant,
            subscription_id: None,
            background_id: Some(id),
            event: "background.finished",
            url: "https://example.com/hook".to_owned(),
            headers: None,
            payload: "{}".to_owned(),
            created_at: self.clock.now(),
            next_at: self.clock.now(),
        }
    }

    async fn status(&self, id: BackgroundId) -> Status {
        let row = self.store.background(self.tenant, id).await.unwrap();
        row.unwrap().status
    }
}

#[tokio::test]
async fn what_is_accepted_is_claimed_and_ended_with_all_that_was_given() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let ledger = fixture.store.ledger();
        let new = NewRequest {
            user_id: Some(fixture.clock.new_id().into()),
            token_id: Some(fixture.clock.new_id().into()),
            ..fixture.request()
        };
        let id = fixture.accepted(new.clone()).await;
        let queued = fixture.store.queued_background(None, 10).await.unwrap();
        let expected = QueuedRequest {
            id,
            tenant_id: new.tenant_id,
            user_id: new.user_id,
            upstream: new.upstream.clone(),
            method: new.method.clone(),
            order_key: -7,
            received_at: queued[0].received_at,
        };
        assert_eq!(queued, [expected]);
        assert_eq!(queued[0].received_at.as_microsecond(), new.received_at.as_microsecond());
        let claimed = ledger.claim(fixture.claim(id)).await.unwrap().unwrap();
        assert_eq!((claimed.id, claimed.attempts, claimed.user_id), (id, 1, new.user_id));
        assert_eq!((claimed.token_id, &claimed.request), (new.token_id, &new.request));
        assert_eq!((&claimed.original_uri, claimed.has_request), (&new.original_uri, true));
        assert_eq!(
            (&claimed.notify_pairs, &claimed.reference),
            (&new.notify_pairs, &new.reference)
        );
        assert_eq!(
            ledger.claim(fixture.claim(id)).await.unwrap(),
            None,
            "it is claimed already"
        );
        assert!(fixture.store.queued_background(None, 10).await.unwrap().is_empty());
        assert!(ledger.finish(fixture.finish(id, Status::Finished)).await.unwrap());
        let again = ledger.finish(fixture.finish(id, Status::Failed)).await.unwrap();
        assert!(!again, "it has ended already");
        let row = fixture.store.background(fixture.tenant, id).await.unwrap().unwrap();
        assert_eq!((row.status, row.status_code, row.attempts), (Status::Finished, 201, 1));
        assert_eq!(row.content_type.as_deref(), Some("application/json"));
        assert_eq!(row.response_headers.as_deref(), Some(r#"{"location":"/x/1"}"#));
        assert!(row.has_response && row.finished_at.is_some() && row.erased_at.is_none());
        let answer = fixture.store.background_response(fixture.tenant, id).await.unwrap();
        assert_eq!(answer.as_deref(), Some(&b"sealed answer"[..]));
        let stranger: TenantId = fixture.clock.new_id().into();
        assert_eq!(fixture.store.background(stranger, id).await.unwrap(), None);
        assert_eq!(fixture.store.background_response(stranger, id).await.unwrap(), None);
        let foreign = Claim {
            tenant_id: stranger,
            ..fixture.claim(fixture.accepted(fixture.request()).await)
        };
        assert_eq!(ledger.claim(foreign).await.unwrap(), None);
        assert_eq!(
            count(&url, "background_request WHERE request IS NOT NULL").await,
            1,
            "what was sent is erased"
        );
        assert_eq!(count(&url, "webhook_delivery").await, 1, "only of the end that counted");
        fixture.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn one_key_stores_one_request() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let user: UserId = fixture.clock.new_id().into();
        let with_key = |key: &str, hash: u8| NewRequest {
            user_id: Some(user),
            key: Some(AcceptKey {
                key: key.to_owned(),
                request_hash: [hash; 32],
            }),
            ..fixture.request()
        };
        let mut tasks = Vec::new();
        for number in 0..50 {
            // Others without a key or with another come in between, and make several batches.
            for request in [
                with_key("one", 1),
                with_key(&format!("other {number}"), 1),
                fixture.request(),
            ] {
                let ledger = fixture.store.ledger().clone();
                let is_one = request.key.as_ref().is_some_and(|key| key.key == "one");
                tasks.push(tokio::spawn(async move {
                    (request.id, is_one, ledger.accept(request).await.unwrap())
                }));
            }
            if number % 10 == 0 {
                tokio::task::yield_now().await;
            }
        }
        let (mut first, mut again) = (HashSet::new(), HashSet::new());
        for task in tasks {
            match task.await.unwrap() {
                (_, false, accepted) => assert_eq!(accepted, Accepted::New),
                (id, true, Accepted::New) => assert!(first.insert(id)),
                (_, true, Accepted::Again { id }) => drop(again.insert(id)),
                (_, true, Accepted::Other) => panic!("it is the same request"),
            }
        }
        assert_eq!(first.len(), 1);
        assert_eq!(first, again);
        assert_eq!(count(&url, "background_request").await, 101);
        let ledger = fixture.store.ledger();
        let later = ledger.accept(with_key("one", 1)).await.unwrap();
        assert_eq!(
            Accepted::Again {
                id: *first.iter().next().unwrap()
            },
            later
        );
        assert_eq!(ledger.accept(with_key("one", 2)).await.unwrap(), Accepted::Other);
        // Another user's key, and the tenant's own, are other keys.
        for user_id in [Some(fixture.clock.new_id().into()), None] {
            let request = NewRequest {
                user_id,
                ..with_key("one", 2)
            };
            assert_eq!(ledger.accept(request).await.unwrap(), Accepted::New);
        }
        // After a day it is a new request.
        let tomorrow = NewRequest {
            received_at: fixture.clock.now() + Duration::from_secs(24 * 3_600 + 1),
            ..with_key("one", 3)
        };
        assert_eq!(ledger.accept(tomorrow).await.unwrap(), Accepted::New);
        fixture.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn of_many_ends_one_counts() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let mut ids = Vec::new();
        for _ in 0..40 {
            ids.push(fixture.running(fixture.request()).await);
        }
        let mut tasks = Vec::new();
        for (number, id) in ids.iter().enumerate() {
            let mut ends = [Status::Finished, Status::Cancelled, Status::Failed, Status::Cancelled];
            ends.rotate_left(number % 4);
            for status in ends {
                let mut finish = fixture.finish(*id, status);
                finish.audit = (status == Status::Cancelled).then(|| fixture.audit_entry());
                let ledger = fixture.store.ledger().clone();
                tasks.push(tokio::spawn(async move {
                    (finish.id, finish.status, ledger.finish(finish).await.unwrap())
                }));
            }
        }
        let mut winners = Vec::new();
        for task in tasks {
            let (id, status, ended) = task.await.unwrap();
            if ended {
                winners.push((id, status));
            }
        }
        assert_eq!(winners.len(), 40);
        let mut cancelled = 0;
        for (id, status) in winners {
            assert_eq!(fixture.status(id).await, status);
            cancelled += u64::from(status == Status::Cancelled);
        }
        assert_eq!(count(&url, "webhook_delivery").await, 40);
        assert_eq!(count(&url, "audit_log").await, cancelled);
        fixture.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn only_a_cancel_ends_what_waits_and_a_claim_does_not_follow_it() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let ledger = fixture.store.ledger();
        let id = fixture.accepted(fixture.request()).await;
        for status in [Status::Finished, Status::Failed] {
            assert!(!ledger.finish(fixture.finish(id, status)).await.unwrap());
        }
        assert_eq!(count(&url, "webhook_delivery").await, 0);
        let mut tasks = Vec::new();
        for _ in 0..40 {
            let id = fixture.accepted(fixture.request()).await;
            let (claim, cancel) = (fixture.claim(id), fixture.finish(id, Status::Cancelled));
            for is_claim in [true, false, true] {
                let (ledger, cancel) = (ledger.clone(), cancel.clone());
                tasks.push(tokio::spawn(async move {
                    match is_claim {
                        true => u32::from(ledger.claim(claim).await.unwrap().is_some()),
                        false => 100 * u32::from(ledger.finish(cancel).await.unwrap()),
                    }
                }));
            }
        }
        let mut outcomes = Vec::new();
        for task in tasks {
            outcomes.push(task.await.unwrap());
        }
        for of_one in outcomes.chunks(3) {
            let all: u32 = of_one.iter().sum();
            assert!(
                all == 100 || all == 101,
                "{of_one:?}: one cancel counts, one claim at most"
            );
        }
        fixture.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_poisonous_request_fails_alone() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let taken = fixture.accepted(fixture.request()).await;
        let mut tasks = Vec::new();
        for number in 0..60 {
            let mut request = fixture.request();
            if number == 33 {
                request.id = taken;
            }
            let ledger = fixture.store.ledger().clone();
            tasks.push(tokio::spawn(async move { ledger.accept(request).await }));
        }
        for (number, task) in tasks.into_iter().enumerate() {
            let accepted = task.await.unwrap();
            if number == 33 {
                assert!(matches!(accepted, Err(Error::Unique(_))), "{accepted:?}");
            } else {
                assert_eq!(accepted.unwrap(), Accepted::New);
            }
        }
        assert_eq!(count(&url, "background_request").await, 60);
        fixture.store.close().await.unwrap();
    })
    .await;
}

/// How many rows there are, asked past the store.
async fn count(url: &str, from: &str) -> u64 {
    let db = Database::connect(url).await.unwrap();
    let sql = Statement::from_string(db.get_database_backend(), format!("SELECT count(*) FROM {from}"));
    let row = db.query_one_raw(sql).await.unwrap().unwrap();
    let rows: i64 = row.try_get_by_index(0).unwrap();
    db.close().await.unwrap();
    rows as u64
}

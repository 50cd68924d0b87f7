//! The REST dialect against a fake that pages in every way.

use std::time::Duration;

use jiff::Timestamp;
use orrery::clock::Clock;
use orrery::domain::connection::ProviderKind;
use orrery::providers::{RemoteRef, TroubleKind};
use serde_json::{Value, json};

use crate::support::driven::{Driven, ids};
use crate::support::fake_rest::{self, FakeRest};

fn noon() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn account(fake: &FakeRest, description: Value) -> Driven {
    Driven::new(ProviderKind::Rest, &fake.url(), |account| {
        account.secrets.client_secret = None;
        account.secrets.access_token = Some("rest-key".into());
        account.profile.supporting_fields = Some(description.to_string());
    })
}

/// Every kind of paging, by the path that has it.
fn everything() -> Value {
    json!({
        "auth": {"kind": "api_key"},
        "check_path": "/me",
        "items": "items",
        "updated": "updated_at",
        "modified_since": "updated_since",
        "objects": {
            "whole": {"items": ""},
            "paged": {"paging": {"kind": "page", "size": 50, "pages": "meta.pages"}},
            "offset": {"paging": {"kind": "offset", "size": 50, "total": "/total"}},
            "cursor": {"paging": "cursor"},
            "linked": {"items": "", "paging": "link"},
            "nexted": {"paging": {"kind": "next", "next": "links.next"}},
        },
    })
}

#[actix_rt::test]
async fn every_kind_of_paging_reads_the_whole_list() {
    let (clock, hand) = Clock::manual(noon());
    let fake = fake_rest::start(clock.clone());
    for n in 1..=120 {
        let serial = 1_234_567_890_123_456_700_u64 + n;
        fake.with(|rest| rest.put(json!({"name": format!("n{n}"), "serial": serial})));
    }
    let rest = account(&fake, everything());
    assert_eq!(
        rest.check().await.unwrap(),
        "The API takes the credentials and answers 200"
    );
    hand.advance(Duration::from_secs(60));
    let since = clock.now();
    fake.with(|rest| (31..=90).for_each(|id| rest.change(id, json!({"name": "changed"}))));
    for (name, pages) in [
        ("whole", 1),
        ("paged", 3),
        ("offset", 3),
        ("cursor", 3),
        ("linked", 3),
        ("nexted", 3),
    ] {
        let (found, trouble) = rest.pages(&rest.object(name), None).await;
        assert_eq!((found.len(), trouble), (pages, None), "{name}");
        let records: Vec<_> = found.into_iter().flat_map(|page| page.records).collect();
        let expected: Vec<String> = (1..=120).map(|id| id.to_string()).collect();
        assert_eq!(ids(&records), expected, "{name}");
        assert_eq!(records[6].data["serial"].to_string(), "1234567890123456707");
        let changed = rest.all(&rest.object(name), Some(since)).await;
        let expected: Vec<String> = (31..=90).map(|id| id.to_string()).collect();
        assert_eq!(ids(&changed), expected, "{name}");
        assert_eq!(changed[0].updated_at, Some(since));
    }
}

#[actix_rt::test]
async fn records_are_made_changed_and_refused() {
    let (clock, _) = Clock::manual(noon());
    let fake = fake_rest::start(clock);
    let description = json!({"auth": {"kind": "api_key"}, "list_path": "/records", "version": "version", "if_match": true,
        "updated": "updated_at", "update": {"method": "PATCH"}});
    let rest = account(&fake, description);
    let things = rest.object("things");
    let data = json!({"name": "one", "colour": "red"});
    fake.lose_answers("/records", 1);
    assert!(rest.try_send(rest.writing(&things, "k", &data, "key-1")).await.is_err());
    let made = rest.write(&things, "k", &data, None, "key-1").await.unwrap();
    assert_eq!((made.remote.id.as_str(), fake.with(|rest| rest.count())), ("1", 1));
    // Somebody changes it there: our version is stale, and a fresh one is got.
    fake.with(|rest| rest.change(1, json!({"colour": "blue"})));
    let known = RemoteRef {
        version: Some("1".to_owned()),
        ..made.remote
    };
    let data = json!({"name": "two"});
    let trouble = rest
        .write(&things, "k", &data, Some(&known), "key-2")
        .await
        .unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Stale);
    let fetch = rest.provider.fetch(&rest.account, &things, "1").unwrap();
    let answer = rest.send(fetch).await;
    let fetched = rest.provider.read_fetched(&rest.account, &things, &answer).unwrap();
    let known = RemoteRef {
        id: fetched.id,
        version: fetched.version,
    };
    let changed = rest.write(&things, "k", &data, Some(&known), "key-3").await.unwrap();
    assert_eq!(
        (changed.remote.version.as_deref(), changed.updated_at),
        (Some("3"), Some(noon()))
    );
    let now = fake.with(|rest| rest.record(1)).unwrap();
    assert_eq!((&now["name"], &now["colour"]), (&json!("two"), &json!("blue")));
    let trouble = rest
        .write(&things, "k", &json!({"name": ""}), None, "key-4")
        .await
        .unwrap_err();
    assert_eq!(
        (trouble.kind, trouble.message.as_str()),
        (TroubleKind::Record, "the API answered 422: name must not be empty")
    );
}

#[actix_rt::test]
async fn credentials_and_too_many_requests() {
    let (clock, _) = Clock::manual(noon());
    let fake = fake_rest::start(clock);
    fake.with(|rest| rest.put(json!({})));
    let rest = account(
        &fake,
        json!({"auth": {"kind": "api_key", "name": "X-Other"}, "check_path": "/me"}),
    );
    let trouble = rest.check().await.unwrap_err();
    assert_eq!(
        (trouble.kind, trouble.message.as_str()),
        (TroubleKind::Account, "the API answered 401: who are you?")
    );
    let oauth = Driven::new(ProviderKind::Rest, &fake.url(), |account| {
        account.profile.supporting_fields = Some(r#"{"check_path":"/me"}"#.to_owned());
    });
    assert!(oauth.check().await.is_ok());
    assert_eq!(fake.requests_to("/oauth/token").len(), 1);
    fake.throttle_after(0);
    let trouble = oauth.page(&oauth.object("whole"), None, None).await.unwrap_err();
    assert_eq!(
        (trouble.kind, trouble.retry_after_ms),
        (TroubleKind::Throttled, Some(3_000))
    );
    assert_eq!(trouble.message, "the API answered 429: slow down");
    let trouble = oauth.page(&oauth.object("nowhere"), None, None).await.unwrap_err();
    assert_eq!(
        (trouble.kind, trouble.message.as_str()),
        (TroubleKind::Unusable, "the API answered 404: no such path")
    );
}

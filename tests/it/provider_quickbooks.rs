//! QuickBooks' dialect against the fake: lists, changes, deletions, writes, refusals.

use std::time::Duration;

use jiff::Timestamp;
use orrery::clock::{Clock, ManualClock};
use orrery::domain::connection::ProviderKind;
use orrery::providers::{RemoteRef, TroubleKind};
use serde_json::json;

use crate::support::driven::{Driven, ids};
use crate::support::fake_quickbooks::{FakeQuickBooks, REALM, start};
use crate::support::upstream::dialect::Reply;

const HOUR: Duration = Duration::from_secs(3_600);

fn company() -> (FakeQuickBooks, Driven, ManualClock) {
    let (clock, time) = Clock::manual("2026-03-01T12:00:00Z".parse().unwrap());
    let fake = start(clock);
    let driven = Driven::new(ProviderKind::QuickBooks, &fake.url(), |account| {
        account.profile.remote_instance_id = Some(REALM.to_owned());
        account.secrets.refresh_token = Some("refresh-0".into());
    });
    (fake, driven, time)
}

fn at(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

#[actix_rt::test]
async fn the_check_names_the_company() {
    let (fake, driven, _) = company();
    assert_eq!(
        driven.check().await.unwrap(),
        "QuickBooks answered for the company \"Sandbox Company\""
    );
    fake.with(|quickbooks| quickbooks.tokens.revoke_all());
    let error = driven
        .try_send(driven.provider.check(&driven.account))
        .await
        .unwrap_err();
    assert!(error.needs_reauthorisation, "{error}");
}

#[actix_rt::test]
async fn a_list_has_every_record_once_in_the_order_of_ids() {
    let (fake, driven, _) = company();
    fake.with(|quickbooks| {
        for number in 1..=2_345 {
            quickbooks.put(
                "Customer",
                json!({"DisplayName": format!("Customer {number}"), "Active": number % 3 != 0}),
            );
        }
        quickbooks.put("Vendor", json!({"DisplayName": "A supplier"}));
    });
    let customers = driven.all(&driven.object("CustomerRecord"), None).await;
    let expected: Vec<String> = (1..=2_345).map(|id| id.to_string()).collect();
    assert_eq!(ids(&customers), expected);
    assert_eq!(fake.requests_to("/query").len(), 3, "pages overlap by a few records");
    assert_eq!(customers[6].version.as_deref(), Some("0"));
    assert_eq!(customers[6].updated_at, at("2026-03-01T12:00:00Z"));
    assert_eq!(customers[6].data["DisplayName"], "Customer 7");
    let suppliers = driven.all(&driven.object("supplier"), None).await;
    assert_eq!(ids(&suppliers), ["2346"]);
    let none = driven.all(&driven.object("invoice"), None).await;
    assert!(none.is_empty());
}

#[actix_rt::test]
async fn deletions_between_two_pages_hide_nothing() {
    let (fake, driven, _) = company();
    fake.with(|quickbooks| {
        for _ in 1..=1_500 {
            quickbooks.put("Invoice", json!({"TotalAmt": 10}));
        }
    });
    let invoices = driven.object("invoice");
    let first = driven.page(&invoices, None, None).await.unwrap();
    assert_eq!(first.records.len(), 1_000);
    fake.with(|quickbooks| {
        // Also the one that the page ended with.
        for id in ["1", "2", "500", "999", "1000"] {
            quickbooks.delete("Invoice", id);
        }
    });
    let second = driven.page(&invoices, None, first.next.as_ref()).await.unwrap();
    let found: std::collections::HashSet<&str> = ids(&second.records).into_iter().collect();
    for id in 1_001..=1_500 {
        assert!(found.contains(id.to_string().as_str()), "{id} was lost");
    }
    assert_eq!(second.next, None);
}

#[actix_rt::test]
async fn since_a_time_come_the_changes_and_then_the_deletions() {
    let (fake, driven, time) = company();
    let id = |name: &str| fake.with(|quickbooks| quickbooks.put("Invoice", json!({"DocNumber": name})));
    let (old, changed, gone) = (id("old"), id("changed"), id("gone"));
    time.advance(HOUR);
    let since = at("2026-03-01T13:00:00.250Z");
    fake.with(|quickbooks| {
        quickbooks.change("Invoice", &changed, json!({"DocNumber": "changed, isn't it"}));
        quickbooks.delete("Invoice", &gone);
    });
    let invoices = driven.object("invoice");
    let (pages, trouble) = driven.pages(&invoices, since).await;
    assert_eq!(trouble, None);
    assert_eq!(pages.len(), 2);
    assert_eq!(ids(&pages[0].records), [changed.as_str()]);
    assert_eq!(pages[0].records[0].version.as_deref(), Some("1"));
    assert!(pages[1].records[0].deleted && pages[1].records[0].id == gone);
    assert_eq!(pages[1].records.len(), 1, "{old} and {changed} are no deletions");
    // The time is sent to the second, and its plus survives the way.
    let asked = &fake.requests_to("/cdc")[0].target;
    assert!(
        asked.contains("changedSince=2026-03-01T13%3A00%3A00%2B00%3A00"),
        "{asked}"
    );
    time.advance(HOUR);
    assert!(driven.all(&invoices, at("2026-03-01T14:00:00Z")).await.is_empty());
}

#[actix_rt::test]
async fn what_became_inactive_is_a_change() {
    let (fake, driven, time) = company();
    let id = fake.with(|quickbooks| quickbooks.put("Vendor", json!({"DisplayName": "A supplier"})));
    time.advance(HOUR);
    fake.with(|quickbooks| quickbooks.change("Vendor", &id, json!({"Active": false})));
    let changed = driven
        .all(&driven.object("suppliers"), at("2026-03-01T13:00:00Z"))
        .await;
    assert_eq!(ids(&changed), [id.as_str()]);
    assert_eq!(changed[0].data["Active"], false);
}

#[actix_rt::test]
async fn deletions_that_cannot_be_known_are_said_to_be_so() {
    let (fake, driven, time) = company();
    let id = fake.with(|quickbooks| quickbooks.put("Invoice", json!({"DocNumber": "1"})));
    let invoices = driven.object("invoice");
    time.advance(31 * 24 * HOUR);
    fake.with(|quickbooks| quickbooks.change("Invoice", &id, json!({"DocNumber": "2"})));
    let (pages, trouble) = driven.pages(&invoices, at("2026-03-01T12:00:00Z")).await;
    assert_eq!(ids(&pages[0].records), [id.as_str()], "changes come all the same");
    let trouble = trouble.unwrap();
    assert_eq!(trouble.kind, TroubleKind::Unusable);
    assert!(trouble.message.contains("last 30 days"), "{trouble}");
    assert!(fake.requests_to("/cdc").is_empty(), "nothing is asked in vain");
    // Exactly as many changes as one answer holds may have been more.
    fake.with(|quickbooks| {
        for number in 1..=1_200 {
            quickbooks.put("Invoice", json!({"DocNumber": number.to_string()}));
        }
    });
    let (pages, trouble) = driven.pages(&invoices, at("2026-03-31T12:00:00Z")).await;
    assert_eq!(pages.iter().map(|page| page.records.len()).sum::<usize>(), 1_201);
    let message = trouble.unwrap().message;
    assert!(message.contains("1000 changes at most"), "{message}");
}

#[actix_rt::test]
async fn a_new_record_is_made_once_whatever_happens_to_the_answer() {
    let (fake, driven, _) = company();
    let customers = driven.object("customer");
    let data = json!({"DisplayName": "Bird Sanctuary", "Notes": "It's \"new\""});
    fake.lose_answers("/customer", 1);
    let lost = driven.try_send(driven.writing(&customers, "c-1", &data, "key-1")).await;
    assert!(lost.is_err());
    assert_eq!(fake.with(|quickbooks| quickbooks.count("Customer")), 1);
    let written = driven.write(&customers, "c-1", &data, None, "key-1").await.unwrap();
    assert_eq!(fake.with(|quickbooks| quickbooks.count("Customer")), 1);
    let expected = RemoteRef {
        id: "1".to_owned(),
        version: Some("0".to_owned()),
    };
    assert_eq!(written.remote, expected);
    assert_eq!(written.updated_at, at("2026-03-01T12:00:00Z"));
}

#[actix_rt::test]
async fn an_update_is_sparse_and_a_stale_one_is_fetched_and_sent_again() {
    let (fake, driven, _) = company();
    let customers = driven.object("customer");
    let made = json!({"DisplayName": "Bird Sanctuary", "Notes": "keep me"});
    let id = fake.with(|quickbooks| quickbooks.put("Customer", made));
    let known = RemoteRef {
        id: id.clone(),
        version: Some("0".to_owned()),
    };
    fake.with(|quickbooks| quickbooks.change("Customer", &id, json!({"Title": "Mrs"})));
    let data = json!({"DisplayName": "Birds", "SyncToken": "99", "MetaData": {}});
    let stale = driven
        .write(&customers, "c-1", &data, Some(&known), "key-1")
        .await
        .unwrap_err();
    assert_eq!(stale.kind, TroubleKind::Stale);
    assert!(stale.message.contains("Stale Object Error"), "{stale}");
    let fetch = driven.provider.fetch(&driven.account, &customers, &id).unwrap();
    let answer = driven.send(fetch).await;
    let fetched = driven
        .provider
        .read_fetched(&driven.account, &customers, &answer)
        .unwrap();
    assert_eq!(
        (fetched.version.as_deref(), &fetched.data["Title"]),
        (Some("1"), &json!("Mrs"))
    );
    let known = RemoteRef {
        id: id.clone(),
        version: fetched.version,
    };
    // The same key as before: the refusal is not what comes back.
    let written = driven
        .write(&customers, "c-1", &data, Some(&known), "key-1")
        .await
        .unwrap();
    assert_eq!(written.remote.version.as_deref(), Some("2"));
    let now = fake.with(|quickbooks| quickbooks.object("Customer", &id).unwrap().clone());
    assert_eq!(
        (&now["DisplayName"], &now["Notes"], &now["Title"]),
        (&json!("Birds"), &json!("keep me"), &json!("Mrs"))
    );
    let unknown = RemoteRef { id, version: None };
    let unread = driven
        .write(&customers, "c-1", &data, Some(&unknown), "key-2")
        .await
        .unwrap_err();
    assert_eq!(unread.kind, TroubleKind::Stale, "its version has to be fetched first");
}

#[actix_rt::test]
async fn a_refused_record_says_why() {
    let (fake, driven, _) = company();
    fake.with(|quickbooks| quickbooks.put("Customer", json!({"DisplayName": "Taken"})));
    let customers = driven.object("customer");
    let refused = driven
        .write(&customers, "c", &json!({"DisplayName": "Taken"}), None, "k1")
        .await
        .unwrap_err();
    assert_eq!(refused.kind, TroubleKind::Record);
    assert_eq!(
        refused.message,
        "QuickBooks answered 400: Duplicate Name Exists Error: The name supplied already exists. : null (code 6240)"
    );
    let refused = driven
        .write(&customers, "c", &json!({"Notes": "no name"}), None, "k2")
        .await
        .unwrap_err();
    assert_eq!(refused.kind, TroubleKind::Record);
    let refused = driven
        .write(&customers, "c", &json!(["no object"]), None, "k3")
        .await
        .unwrap_err();
    assert_eq!(refused.kind, TroubleKind::Record);
}

#[actix_rt::test]
async fn too_many_requests_wait_broken_answers_pass_and_ended_tokens_are_renewed() {
    let (fake, driven, time) = company();
    let customers = driven.object("customer");
    assert!(driven.all(&customers, None).await.is_empty());
    fake.throttle_after(0);
    let (_, trouble) = driven.pages(&customers, None).await;
    let trouble = trouble.unwrap();
    assert_eq!(
        (trouble.kind, trouble.retry_after_ms),
        (TroubleKind::Throttled, Some(60_000))
    );
    fake.answer_next(Reply {
        status: 200,
        headers: Vec::new(),
        body: b"<html>We are improving QuickBooks</html>".to_vec(),
    });
    let (_, trouble) = driven.pages(&customers, None).await;
    assert_eq!(
        trouble.unwrap().kind,
        TroubleKind::Passing,
        "a broken answer is no empty list"
    );
    // The access token ends at QuickBooks; the next request is answered with 401 and sent again with another one.
    time.advance(2 * HOUR);
    assert!(driven.all(&customers, None).await.is_empty());
    assert_eq!(fake.with(|quickbooks| quickbooks.tokens.issued), 2);
    let statement = &fake.requests_to("/query")[0].target;
    assert!(
        statement.starts_with(&format!("/v3/company/{REALM}/query?query=SELECT+*+FROM+Customer+WHERE")),
        "{statement}"
    );
}

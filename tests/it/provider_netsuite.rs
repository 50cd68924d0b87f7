//! NetSuite's dialect against the fake: signed sign-in, SuiteQL lists in the account's time zone, upserts, refusals.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use orrery::clock::Clock;
use orrery::domain::connection::ProviderKind;
use orrery::http::Auth;
use orrery::providers::{Account, RemoteRef, TroubleKind};
use serde_json::json;

use crate::support::driven::{Driven, ids};
use crate::support::fake_netsuite::{CERTIFICATE, FakeNetSuite, start};

fn account(change: impl FnOnce(&mut Account)) -> (FakeNetSuite, Driven) {
    let (fake, private_key) = start(Clock::system());
    let driven = Driven::new(ProviderKind::NetSuite, &fake.url(), |account| {
        account.profile.remote_instance_id = Some("1234567_SB1".to_owned());
        account.profile.supporting_fields = Some(json!({"certificate_id": CERTIFICATE}).to_string());
        account.secrets.client_secret = Some(private_key.into());
        change(account);
    });
    (fake, driven)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[actix_rt::test]
async fn a_signed_assertion_gets_a_token() {
    let (fake, driven) = account(|_| {});
    let said = driven.check().await.unwrap();
    assert_eq!(said, "NetSuite answered; the account takes 5 requests at the same time");
    assert_eq!(fake.with(|netsuite| netsuite.tokens.issued), 1);
    fake.with(|netsuite| netsuite.tokens.end_access());
    driven.check().await.unwrap();
    assert_eq!(fake.with(|netsuite| netsuite.tokens.issued), 2);
    // Another key than that of the certificate.
    let (_, other_key) = start(Clock::system());
    let mut stranger = Driven::new(ProviderKind::NetSuite, &fake.url(), |_| {});
    stranger.account = Account {
        version: 2,
        ..driven.account.clone()
    };
    stranger.account.secrets.client_secret = Some(other_key.into());
    let request = stranger.provider.check(&stranger.account);
    let error = stranger.try_send(request).await.unwrap_err();
    assert!(error.message.contains("signature"), "{error}");
}

#[actix_rt::test]
async fn a_refresh_token_will_do_too() {
    let (fake, driven) = account(|account| {
        account.secrets.client_secret = Some("app-secret".into());
        account.secrets.refresh_token = Some("refresh-0".into());
    });
    fake.with(|netsuite| netsuite.tokens.sign_in("refresh-0"));
    assert!(matches!(
        driven.provider.auth(&driven.account),
        Ok(Auth::Oauth2RefreshToken { .. })
    ));
    driven.check().await.unwrap();
}

#[actix_rt::test]
async fn an_access_token_alone_works_until_it_ends() {
    let (fake, driven) = account(|account| {
        account.secrets.client_secret = None;
        account.secrets.access_token = Some("given-token".into());
    });
    fake.with(|netsuite| netsuite.tokens.give("given-token"));
    driven.check().await.unwrap();
    fake.with(|netsuite| netsuite.tokens.end_access());
    let refused = driven.check().await.unwrap_err();
    assert_eq!(refused.kind, TroubleKind::Account);
    assert!(refused.message.contains("Invalid login attempt."), "{refused}");
}

#[actix_rt::test]
async fn no_more_requests_are_under_way_than_the_account_takes() {
    let (fake, driven) = account(|_| {});
    driven.check().await.unwrap();
    fake.hold();
    let check = || async { driven.send(driven.provider.check(&driven.account)).await.status };
    let all = futures_util::future::join_all((0..12).map(|_| check()));
    let watch = async {
        fake.wait_for("/governanceLimits", 1 + 5).await;
        // The sixth would have been sent with the others.
        let seen = fake.requests_to("/governanceLimits").len();
        fake.release();
        seen
    };
    let (answers, seen) = futures_util::future::join(all, watch).await;
    assert_eq!((answers, seen), (vec![200; 12], 6));
}

#[actix_rt::test]
async fn a_list_goes_on_after_the_last_id() {
    let (fake, driven) = account(|_| {});
    fake.with(|netsuite| {
        for number in 1..=2_345 {
            netsuite.put(
                "customer",
                json!({"companyname": format!("Customer {number}"), "email": null}),
            );
        }
    });
    let customers = driven.object("Customer Record");
    let first = driven.page(&customers, None, None).await.unwrap();
    assert_eq!(first.records.len(), 1_000);
    // Rows that go meanwhile shift nothing.
    fake.with(|netsuite| {
        for id in ["1", "999", "1000"] {
            netsuite.delete("customer", id);
        }
    });
    let second = driven.page(&customers, None, first.next.as_ref()).await.unwrap();
    assert_eq!((second.records[0].id.as_str(), second.records.len()), ("1001", 1_000));
    let third = driven.page(&customers, None, second.next.as_ref()).await.unwrap();
    assert_eq!((third.records.len(), third.next), (345, None));
    let record = &first.records[6];
    assert_eq!(record.data["companyname"], "Customer 7");
    let members: Vec<&String> = record.data.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["companyname", "email", "id", "lastmodifieddate"],
        "neither links nor columns of ours"
    );
    let request = &fake.requests_to("/suiteql")[1];
    assert_eq!(request.header("prefer"), Some("transient"));
    assert!(request.target.ends_with("?limit=1000&offset=0"));
    assert!(
        request.text().contains("customer.id > 1000 ORDER BY customer.id"),
        "{}",
        request.text()
    );
}

#[actix_rt::test]
async fn more_rows_than_one_statement_gives_are_all_listed() {
    let (fake, driven) = account(|_| {});
    let changed = at("2026-01-01T00:00:00Z");
    fake.with(|netsuite| {
        for _ in 1..=100_500 {
            netsuite.put_at("vendor", json!({}), changed);
        }
    });
    let suppliers = driven.all(&driven.object("supplier"), None).await;
    assert_eq!(suppliers.len(), 100_500);
    assert!(
        suppliers
            .iter()
            .zip(1..)
            .all(|(record, id)| record.id == id.to_string())
    );
}

#[actix_rt::test]
async fn times_are_those_of_the_account() {
    let zone = "America/Los_Angeles";
    let (fake, driven) = account(|account| {
        let fields = json!({"certificate_id": CERTIFICATE, "time_zone": zone});
        account.profile.supporting_fields = Some(fields.to_string());
    });
    // Clocks were set back at 09:00 UTC: 01:30 came twice.
    let changes = ["08:20", "08:40", "09:10", "09:40"].map(|time| at(&format!("2026-11-01T{time}:00Z")));
    fake.with(|netsuite| {
        netsuite.zone = TimeZone::get(zone).unwrap();
        for changed_at in changes {
            netsuite.put_at("customer", json!({}), changed_at);
        }
    });
    let customers = driven.object("customer");
    let since = driven.all(&customers, Some(at("2026-11-01T08:30:00.900Z"))).await;
    let found = ids(&since);
    for id in ["2", "3", "4"] {
        assert!(found.contains(&id), "{id} was changed later, but only {found:?} came");
    }
    let since = driven.all(&customers, Some(at("2026-11-01T10:00:00Z"))).await;
    assert!(since.is_empty());
    let summer = at("2026-07-01T12:00:00Z");
    fake.with(|netsuite| netsuite.put_at("vendor", json!({}), summer));
    let vendors = driven.all(&driven.object("vendor"), Some(summer)).await;
    assert_eq!(vendors[0].updated_at, Some(summer));
    assert_eq!(vendors[0].data["lastmodifieddate"], "2026-07-01T12:00:00Z");
    let later = driven
        .all(&driven.object("vendor"), Some(at("2026-07-01T12:00:01Z")))
        .await;
    assert!(later.is_empty());
}

#[actix_rt::test]
async fn kinds_of_one_table_are_told_apart() {
    let (fake, driven) = account(|_| {});
    fake.with(|netsuite| {
        netsuite.put(
            "transaction",
            json!({"type": "CustInvc", "tranid": "INV1", "trandate": "3/1/2026"}),
        );
        netsuite.put(
            "transaction",
            json!({"type": "VendBill", "tranid": "B1", "trandate": "3/2/2026"}),
        );
        netsuite.put("item", json!({"itemtype": "InvtPart", "itemid": "Part"}));
        netsuite.put("item", json!({"itemtype": "Service", "itemid": "Hour"}));
        netsuite.put("customrecord_vehicle", json!({"name": "Van"}));
    });
    let invoices = driven.all(&driven.object("Invoice"), None).await;
    assert_eq!(
        (ids(&invoices), &invoices[0].data["trandate"]),
        (vec!["1"], &json!("2026-03-01"))
    );
    assert_eq!(ids(&driven.all(&driven.object("bill"), None).await), ["2"]);
    assert_eq!(ids(&driven.all(&driven.object("items"), None).await), ["3", "4"]);
    assert_eq!(ids(&driven.all(&driven.object("inventory item"), None).await), ["3"]);
    assert_eq!(
        ids(&driven.all(&driven.object("customrecord_vehicle"), None).await),
        ["5"]
    );
}

#[actix_rt::test]
async fn an_upsert_makes_one_record_whatever_happens_to_the_answer() {
    let (fake, driven) = account(|_| {});
    let customers = driven.object("customer");
    let (key, data) = (
        "C 1/æ",
        json!({"companyName": "Bird Sanctuary", "id": "77", "links": []}),
    );
    driven.check().await.unwrap();
    fake.lose_answers("/customer/eid:C%201%2F%C3%A6", 1);
    assert!(
        driven
            .try_send(driven.writing(&customers, key, &data, "k"))
            .await
            .is_err()
    );
    let written = driven.write(&customers, key, &data, None, "k").await.unwrap();
    assert_eq!(fake.with(|netsuite| netsuite.count("customer")), 1);
    assert_eq!(
        (written.remote.id.as_str(), written.remote.version.as_ref()),
        ("1", None)
    );
    let row = fake.with(|netsuite| netsuite.row("customer", "1").unwrap().clone());
    assert_eq!(
        (&row.columns["externalid"], &row.columns["id"]),
        (&json!(key), &json!("1"))
    );
    // What is known by its id is changed there, whatever its external id.
    let imported = fake.with(|netsuite| netsuite.put("customer", json!({"companyname": "Old"})));
    let known = RemoteRef {
        id: imported.clone(),
        version: None,
    };
    let written = driven
        .write(&customers, "k-2", &json!({"companyName": "New"}), Some(&known), "k")
        .await;
    assert_eq!(written.unwrap().remote, known);
    assert_eq!(fake.with(|netsuite| netsuite.count("customer")), 2);
    let row = fake.with(|netsuite| netsuite.row("customer", &imported).unwrap().clone());
    assert_eq!(row.columns["companyname"], "New");
}

#[actix_rt::test]
async fn refusals_say_why() {
    let (fake, driven) = account(|_| {});
    let customers = driven.object("customer");
    let refused = driven
        .write(&customers, "c", &json!({"email": "x"}), None, "k")
        .await
        .unwrap_err();
    assert_eq!(refused.kind, TroubleKind::Record);
    assert_eq!(
        refused.message,
        "NetSuite answered 400: Error while accessing a resource. Please enter value(s) for: Company Name. \
         (code USER_ERROR, at companyName)"
    );
    let gone = RemoteRef {
        id: "99".to_owned(),
        version: None,
    };
    let refused = driven
        .write(&customers, "c", &json!({}), Some(&gone), "k")
        .await
        .unwrap_err();
    assert_eq!(refused.kind, TroubleKind::Record);
    let refused = driven
        .write(&driven.object("item"), "c", &json!({}), None, "k")
        .await
        .unwrap_err();
    assert_eq!(refused.kind, TroubleKind::Unusable);
    fake.throttle_after(0);
    let (_, trouble) = driven.pages(&customers, None).await;
    let trouble = trouble.unwrap();
    assert_eq!(
        (trouble.kind, trouble.retry_after_ms),
        (TroubleKind::Throttled, Some(2_000))
    );
    assert!(trouble.message.contains("CONCURRENCY_LIMIT_EXCEEDED"), "{trouble}");
}

//! Xero's dialect against a fake that behaves as its documents say.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use orrery::clock::Clock;
use orrery::domain::connection::ProviderKind;
use orrery::providers::{Account, PagePlace, RemoteRef, TroubleKind};
use serde_json::json;

use crate::support::driven::{Driven, ids};
use crate::support::fake_xero::{self, FakeXero, TENANT};

fn account(fake: &FakeXero, change: impl FnOnce(&mut Account)) -> Driven {
    Driven::new(ProviderKind::Xero, &fake.url(), |account| {
        account.profile.remote_instance_id = Some(TENANT.to_owned());
        account.secrets.refresh_token = Some("refresh-0".into());
        // The budget of a real organisation would make the tests wait.
        account.profile.supporting_fields = Some(r#"{"limits":{"concurrent":5}}"#.to_owned());
        change(account);
    })
}

fn noon() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn remote(id: &str) -> RemoteRef {
    RemoteRef {
        id: id.to_owned(),
        version: None,
    }
}

#[actix_rt::test]
async fn a_hundred_thousand_contacts_come_in_pages_of_a_hundred() {
    let (clock, _) = Clock::manual(noon());
    let fake = fake_xero::start(clock);
    fake.with(|xero| xero.put_contacts(100_000));
    let xero = account(&fake, |_| {});
    let contacts = xero.object("CustomerRecord");
    let (mut seen, mut pages, mut place): (HashSet<String>, usize, Option<PagePlace>) = Default::default();
    loop {
        let page = xero.page(&contacts, None, place.as_ref()).await.unwrap();
        assert_eq!(page.records.len(), 100);
        seen.extend(page.records.into_iter().map(|record| record.id));
        pages += 1;
        place = page.next;
        if place.is_none() {
            break;
        }
    }
    assert_eq!((pages, seen.len()), (1_000, 100_000));
}

#[actix_rt::test]
async fn changes_while_pages_are_read_lose_nothing() {
    let (clock, hand) = Clock::manual(noon());
    let fake = fake_xero::start(clock);
    fake.with(|xero| xero.put_contacts(250));
    let xero = account(&fake, |_| {});
    let contacts = xero.object("suppliers");
    let first = xero.page(&contacts, None, None).await.unwrap();
    hand.advance(Duration::from_secs(5));
    // One of the first page is changed and one is archived: neither may shift those behind.
    fake.with(|xero| {
        xero.change("Contacts", &first.records[0].id, json!({"Name": "Changed"}));
        xero.change("Contacts", &first.records[1].id, json!({"ContactStatus": "ARCHIVED"}));
    });
    let second = xero.page(&contacts, None, first.next.as_ref()).await.unwrap();
    let third = xero.page(&contacts, None, second.next.as_ref()).await.unwrap();
    assert_eq!(third.next, None);
    let pages = [first, second, third];
    let seen: HashSet<&str> = pages.iter().flat_map(|page| ids(&page.records)).collect();
    assert_eq!(seen.len(), 250);
}

#[actix_rt::test]
async fn only_what_changed_since_a_second_is_listed() {
    let (clock, hand) = Clock::manual(noon());
    let fake = fake_xero::start(clock.clone());
    fake.with(|xero| xero.put_contacts(3));
    let xero = account(&fake, |_| {});
    let contacts = xero.object("contact");
    hand.advance(Duration::from_millis(10_700));
    let id = fake.with(|xero| {
        xero.put(
            "Contacts",
            json!({"Name": "New", "Serial": 1_234_567_890_123_456_789_u64}),
        )
    });
    hand.advance(Duration::from_millis(200));
    // Xero counts in seconds: what changed within the second of the cursor comes again.
    let since = clock.now();
    let found = xero.all(&contacts, Some(since)).await;
    assert_eq!(ids(&found), [id.as_str()]);
    assert_eq!(found[0].updated_at, Some("2026-03-02T12:00:10.7Z".parse().unwrap()));
    assert_eq!(found[0].data["UpdatedDateUTC"], "2026-03-02T12:00:10.7Z");
    assert_eq!(found[0].data["Serial"].to_string(), "1234567890123456789");
    let asked = fake.requests_to("/Contacts").pop().unwrap();
    assert_eq!(asked.header("if-modified-since"), Some("2026-03-02T12:00:10"));
    hand.advance(Duration::from_secs(1));
    assert!(xero.all(&contacts, Some(clock.now())).await.is_empty());
}

#[actix_rt::test]
async fn bills_and_sales_invoices_are_told_apart() {
    let (clock, _) = Clock::manual(noon());
    let fake = fake_xero::start(clock);
    let contact = json!({"ContactID": "c"});
    let (sale, bill) = fake.with(|xero| {
        let sale = xero.put(
            "Invoices",
            json!({"Type": "ACCREC", "Contact": contact, "Date": "/Date(1772409600000+0000)/"}),
        );
        (
            sale,
            xero.put(
                "Invoices",
                json!({"Type": "ACCPAY", "Contact": contact, "Status": "DELETED"}),
            ),
        )
    });
    let xero = account(&fake, |_| {});
    let found = xero.all(&xero.object("sales invoice"), None).await;
    assert_eq!(ids(&found), [sale.as_str()]);
    assert_eq!(found[0].data["Date"], "2026-03-02T00:00:00Z");
    let found = xero.all(&xero.object("bill"), None).await;
    assert_eq!((ids(&found), found[0].deleted), (vec![bill.as_str()], true));
    assert_eq!(xero.all(&xero.object("invoices"), None).await.len(), 2);
    let made = xero
        .write(
            &xero.object("bills"),
            "k",
            &json!({ "Contact": contact }),
            None,
            "key-1",
        )
        .await
        .unwrap();
    assert_eq!(
        fake.with(|xero| xero.object("Invoices", &made.remote.id)).unwrap()["Type"],
        "ACCPAY"
    );
    for name in [
        "item",
        "account",
        "payment",
        "credit note",
        "bank transaction",
        "purchase order",
    ] {
        assert!(xero.all(&xero.object(name), None).await.is_empty(), "{name}");
    }
}

#[actix_rt::test]
async fn records_are_made_once_changed_and_refused() {
    let (clock, hand) = Clock::manual(noon());
    let fake = fake_xero::start(clock);
    let xero = account(&fake, |_| {});
    let contacts = xero.object("customer");
    let data = json!({"Name": "Acme", "EmailAddress": "a@example.com"});
    fake.lose_answers("/Contacts", 1);
    let lost = xero.try_send(xero.writing(&contacts, "k", &data, "key-1")).await;
    assert!(lost.is_err());
    // The same key again: Xero answers as it did the first time.
    let made = xero.write(&contacts, "k", &data, None, "key-1").await.unwrap();
    assert_eq!(
        (fake.with(|xero| xero.count("Contacts")), made.updated_at),
        (1, Some(noon()))
    );
    hand.advance(Duration::from_secs(60));
    let changed = xero
        .write(
            &contacts,
            "k",
            &json!({"Name": "Acme Ltd"}),
            Some(&made.remote),
            "key-2",
        )
        .await
        .unwrap();
    assert_eq!(changed.remote, made.remote);
    assert_eq!(changed.updated_at, Some("2026-03-02T12:01:00Z".parse().unwrap()));
    let now = fake.with(|xero| xero.object("Contacts", &made.remote.id)).unwrap();
    assert_eq!(
        (&now["Name"], &now["EmailAddress"]),
        (&json!("Acme Ltd"), &json!("a@example.com"))
    );
    for (data, remote, key, words) in [
        (json!({"Name": "Acme Ltd"}), None, "key-3", "already assigned"),
        (
            json!({"EmailAddress": "nobody"}),
            None,
            "key-4",
            "Name must be specified; Email address nobody is not valid",
        ),
        (json!({"Name": "B"}), Some(remote("unknown")), "key-5", "does not exist"),
    ] {
        let trouble = xero
            .write(&contacts, "k", &data, remote.as_ref(), key)
            .await
            .unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Record);
        assert!(trouble.message.contains(words), "{trouble}");
    }
    let trouble = xero
        .write(&contacts, "k", &json!({"Name": "C"}), None, "key-2")
        .await
        .unwrap_err();
    assert!(trouble.message.contains("was used for another request"), "{trouble}");
    assert_eq!(fake.with(|xero| xero.count("Contacts")), 1);
    let accounts = xero.object("accounts");
    let made = xero
        .write(&accounts, "k", &json!({"Code": "200", "Name": "Sales"}), None, "key-6")
        .await
        .unwrap();
    let again = xero
        .write(&accounts, "k", &json!({"Name": "More"}), Some(&made.remote), "key-7")
        .await
        .unwrap();
    assert_eq!(made.remote, again.remote);
}

#[actix_rt::test]
async fn too_many_requests_and_ended_tokens() {
    let (clock, _) = Clock::manual(noon());
    let fake = fake_xero::start(clock);
    fake.with(|xero| xero.put_contacts(150));
    let xero = account(&fake, |_| {});
    let contacts = xero.object("contacts");
    fake.throttle_after(2);
    let (pages, trouble) = xero.pages(&contacts, None).await;
    let trouble = trouble.unwrap();
    assert_eq!(
        (pages.len(), trouble.kind, trouble.retry_after_ms),
        (1, TroubleKind::Throttled, Some(17_000))
    );
    assert!(trouble.message.contains("(minute)"), "{trouble}");
    let last = xero.page(&contacts, None, pages[0].next.as_ref()).await.unwrap();
    assert_eq!((last.records.len(), last.next), (50, None));
    // The token ends: it is renewed once, and the refresh token is the next one.
    fake.with(|xero| xero.tokens.end_access());
    assert_eq!(xero.all(&contacts, None).await.len(), 150);
    assert_eq!(fake.requests_to("/connect/token").len(), 2);
    let form = fake.requests_to("/connect/token").pop().unwrap().text();
    assert!(form.contains("refresh_token=refresh-1"), "{form}");
    fake.with(|xero| xero.tokens.revoke_all());
    let error = xero.try_send(xero.provider.check(&xero.account)).await.unwrap_err();
    assert!(error.needs_reauthorisation, "{error}");
}

#[actix_rt::test]
async fn a_check_says_what_the_credentials_reach() {
    let (clock, _) = Clock::manual(noon());
    let fake = fake_xero::start(clock);
    let xero = account(&fake, |_| {});
    assert_eq!(xero.check().await.unwrap(), "Xero answers for Demo Company");
    let other = account(&fake, |account| {
        account.profile.remote_instance_id = Some("another".to_owned())
    });
    let trouble = other.check().await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Account);
    assert!(trouble.message.contains("\"another\""), "{trouble}");
    let trouble = other.page(&other.object("contact"), None, None).await.unwrap_err();
    assert_eq!(
        (trouble.kind, trouble.message.as_str()),
        (TroubleKind::Account, "Xero answered 403: AuthenticationUnsuccessful")
    );
    // A custom connection has no refresh token; a token that came with the connection is used as it is.
    let custom = account(&fake, |account| account.secrets.refresh_token = None);
    assert!(custom.check().await.is_ok());
    fake.with(|xero| xero.tokens.give("given"));
    let given = account(&fake, |account| {
        account.secrets.refresh_token = None;
        account.secrets.client_secret = None;
        account.secrets.access_token = Some("given".into());
    });
    assert!(given.check().await.is_ok());
}

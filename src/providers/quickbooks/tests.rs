//! What QuickBooks is asked, and what its answers mean.

use std::collections::HashMap;

use url::Url;

use super::*;
use crate::http::Secret;
use crate::providers::PagePlace;
use crate::providers::common::tests::{account, answer, answer_with, at, body};
use crate::providers::data::tests::check;

fn company() -> Account {
    account(ProviderKind::QuickBooks)
}

fn object(name: &str) -> Object {
    QuickBooks.object(&company(), name).unwrap()
}

fn parts(request: &Request) -> (String, HashMap<String, String>) {
    let url = Url::parse(&request.url).unwrap();
    let parameters = url.query_pairs().into_owned().collect();
    (format!("{}{}", url.host_str().unwrap(), url.path()), parameters)
}

#[test]
fn the_file_describes_the_provider() {
    let data = check(include_str!("../../../settings/providers/quickbooks.toml"));
    assert_eq!((data.limits.per_second, data.limits.per_minute), (Some(10), Some(500)));
    for object in &data.objects {
        assert_eq!(
            (object.id.as_str(), object.version.as_deref()),
            ("Id", Some("SyncToken")),
            "{}",
            object.name
        );
    }
    for (name, own) in [
        ("customer", "Customer"),
        ("Supplier", "Vendor"),
        ("vendorRecord", "Vendor"),
        ("bill payment", "BillPayment"),
        ("credit note", "CreditMemo"),
        ("ITEMS", "Item"),
    ] {
        assert_eq!(object(name).name, own);
    }
    let unknown = QuickBooks.object(&company(), "lead").unwrap_err();
    assert_eq!(unknown.kind, TroubleKind::Unusable);
    assert!(unknown.message.contains("Customer"), "{unknown}");
}

#[test]
fn credentials() {
    let renews = QuickBooks.auth(&company()).unwrap();
    assert_eq!(renews.token_url(), Some("https://id.example/oauth2/v1/tokens/bearer"));
    let mut own = company();
    own.profile.account_server = None;
    let auth = QuickBooks.auth(&own).unwrap();
    assert_eq!(
        auth.token_url(),
        Some("https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer")
    );
    let refused = |change: fn(&mut Account)| -> Vec<String> {
        let mut account = company();
        change(&mut account);
        let errors = QuickBooks.auth(&account).unwrap_err();
        errors.into_iter().map(|error| error.field).collect()
    };
    assert_eq!(
        refused(|account| account.profile.remote_instance_id = Some(" ".to_owned())),
        ["remote_instance_id"]
    );
    assert_eq!(
        refused(|account| account.profile.client_id = None),
        ["integration_client_id"]
    );
    let without_tokens = |account: &mut Account| {
        account.secrets.access_token = None;
        account.secrets.refresh_token = Some(Secret::new(""));
        account.profile.remote_instance_id = None;
    };
    assert_eq!(
        refused(without_tokens),
        ["remote_instance_id", "integration_refresh_token"]
    );
    let mut lent = company();
    lent.secrets.refresh_token = None;
    assert!(matches!(QuickBooks.auth(&lent), Ok(Auth::Bearer { .. })));
}

#[test]
fn pages_are_asked_for_in_the_query_language() {
    let (account, customers) = (company(), object("customer"));
    let mut query = ListQuery {
        object: &customers,
        since: None,
        place: None,
    };
    let (address, parameters) = parts(&QuickBooks.list(&account, query).unwrap());
    assert_eq!(address, "fake.example/v3/company/instance-1/query");
    assert_eq!(parameters["minorversion"], "75");
    assert_eq!(
        parameters["query"],
        "SELECT * FROM Customer WHERE Active IN (true, false) ORDERBY Id STARTPOSITION 1 MAXRESULTS 1000"
    );
    query.since = Some(at("2026-01-31T23:59:59.999Z"));
    let place = PagePlace(r#"{"records":{"start":981,"last":"1000"}}"#.to_owned());
    query.place = Some(&place);
    let (_, parameters) = parts(&QuickBooks.list(&account, query).unwrap());
    assert_eq!(
        parameters["query"],
        "SELECT * FROM Customer WHERE Active IN (true, false) AND MetaData.LastUpdatedTime >= '2026-01-31T23:59:59+00:00' \
         ORDERBY Id STARTPOSITION 981 MAXRESULTS 1000"
    );
    let place = PagePlace(r#"{"deletions":{"now":"2026-02-01T00:00:00Z"}}"#.to_owned());
    query.place = Some(&place);
    let (address, parameters) = parts(&QuickBooks.list(&account, query).unwrap());
    assert_eq!(address, "fake.example/v3/company/instance-1/cdc");
    assert_eq!(parameters["entities"], "Customer");
    assert_eq!(parameters["changedSince"], "2026-01-31T23:59:59+00:00");
    let place = PagePlace("57".to_owned());
    query.place = Some(&place);
    assert_eq!(
        QuickBooks.list(&account, query).unwrap_err().kind,
        TroubleKind::Unusable
    );
}

#[test]
fn quotes_are_escaped() {
    assert_eq!(quoted(r"O'Neil \ Sons"), r"'O\'Neil \\ Sons'");
}

#[test]
fn the_realm_is_one_segment_whatever_it_holds() {
    let mut account = company();
    account.profile.remote_instance_id = Some("1/../2?x=1".to_owned());
    let url = QuickBooks.check(&account).url;
    assert_eq!(
        url,
        "https://fake.example/v3/company/1%2F..%2F2%3Fx%3D1/companyinfo/1%2F..%2F2%3Fx%3D1?minorversion=75"
    );
}

#[test]
fn request_ids_follow_key_and_sync_token() {
    let (customers, data) = (
        object("customer"),
        json!({"DisplayName": "A", "Id": "7", "sparse": false}),
    );
    let known = |version: &str| RemoteRef {
        id: "7".to_owned(),
        version: Some(version.to_owned()),
    };
    let (first, second) = (known("0"), known("1"));
    let key = "k".repeat(128);
    let outgoing = |remote| Outgoing {
        object: &customers,
        key: "a",
        data: &data,
        remote,
        idempotency_key: &key,
    };
    let made = QuickBooks.write(&company(), outgoing(None)).unwrap();
    assert_eq!(body(&made), json!({"DisplayName": "A"}));
    assert_eq!(parts(&made).0, "fake.example/v3/company/instance-1/customer");
    let changed = QuickBooks.write(&company(), outgoing(Some(&first))).unwrap();
    assert_eq!(
        body(&changed),
        json!({"DisplayName": "A", "Id": "7", "SyncToken": "0", "sparse": true})
    );
    let id = |outgoing| parts(&QuickBooks.write(&company(), outgoing).unwrap()).1["requestid"].clone();
    assert_eq!(id(outgoing(Some(&first))), id(outgoing(Some(&first))));
    assert_ne!(id(outgoing(Some(&first))), id(outgoing(Some(&second))));
    assert!(id(outgoing(None)).len() <= 50);
}

#[test]
fn faults_have_kinds() {
    let account = company();
    let with = |status: u16, code: &str, kind: &str| {
        let fault =
            json!({"Fault": {"Error": [{"Message": "M", "Detail": "client-secret", "code": code}], "type": kind}});
        fault::read(&account, &answer(status, &fault), TroubleKind::Record).unwrap_err()
    };
    for (status, code, kind, expected) in [
        (400, "5010", "ValidationFault", TroubleKind::Stale),
        (400, "6240", "ValidationFault", TroubleKind::Record),
        (200, "6240", "ValidationFault", TroubleKind::Record),
        (401, "3200", "AUTHENTICATION", TroubleKind::Account),
        (400, "003100", "AuthorizationFault", TroubleKind::Account),
        (403, "120", "AuthorizationFault", TroubleKind::Account),
        (429, "003001", "", TroubleKind::Throttled),
        (400, "003001", "", TroubleKind::Throttled),
        (400, "10000", "SystemFault", TroubleKind::Passing),
        (500, "", "", TroubleKind::Passing),
    ] {
        let trouble = with(status, code, kind);
        assert_eq!(trouble.kind, expected, "{status} {code}");
        assert!(!trouble.message.contains("client-secret"), "{trouble}");
        let waits = expected == TroubleKind::Throttled;
        assert_eq!(trouble.retry_after_ms, waits.then_some(60_000), "{status} {code}");
    }
    let busy = answer_with(503, &[("retry-after", "7")], "<html>busy</html>");
    let trouble = fault::read(&account, &busy, TroubleKind::Record).unwrap_err();
    assert_eq!(
        (trouble.kind, trouble.retry_after_ms),
        (TroubleKind::Throttled, Some(7_000))
    );
    let broken = fault::read(&account, &answer_with(200, &[], "<html>"), TroubleKind::Record).unwrap_err();
    assert_eq!(broken.kind, TroubleKind::Passing);
}

#[test]
fn answers_in_another_shape_are_no_empty_pages() {
    let customers = object("customer");
    let query = ListQuery {
        object: &customers,
        since: Some(at("2026-01-01T00:00:00Z")),
        place: None,
    };
    let read = |body: Value| QuickBooks.read_list(&company(), query, &answer(200, &body));
    let empty = read(json!({"QueryResponse": {}, "time": "2026-01-02T00:00:00.000-08:00"})).unwrap();
    assert!(empty.records.is_empty());
    assert_eq!(empty.next.unwrap().0, r#"{"deletions":{"now":"2026-01-02T08:00:00Z"}}"#);
    assert_eq!(read(json!({})).unwrap_err().kind, TroubleKind::Passing);
    for wrong in [
        json!({"Customer": {}}),
        json!({"Customer": [7]}),
        json!({"Customer": [{"Name": "no id"}]}),
    ] {
        let trouble = read(json!({ "QueryResponse": wrong })).unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Unusable);
    }
}

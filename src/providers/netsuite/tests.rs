//! What NetSuite is asked, and what its answers mean.

use base64::Engine as _;
use jiff::tz::TimeZone;

use super::*;
use crate::providers::common::tests::{account, answer, answer_with, at, body, header};
use crate::providers::data::tests::check;

fn own_account() -> Account {
    let mut account = account(ProviderKind::NetSuite);
    account.profile.remote_instance_id = Some("1234567_SB1".to_owned());
    account.profile.api_domain = None;
    account.profile.account_server = None;
    account
}

fn with_key() -> Account {
    let mut account = own_account();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let key = base64::engine::general_purpose::STANDARD.encode(pair.serialize_der());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
    account.secrets.client_secret = Some(pem.into());
    account.profile.supporting_fields = Some(r#"{"certificate_id":"C1"}"#.to_owned());
    account
}

fn object(name: &str) -> Object {
    NetSuite.object(&own_account(), name).unwrap()
}

#[test]
fn the_file_describes_the_provider() {
    let data = check(include_str!("../../../settings/providers/netsuite.toml"));
    assert_eq!(data.limits.concurrent, Some(5));
    for (name, own) in [
        ("CustomerRecord", "customer"),
        ("supplier", "vendor"),
        ("Bill", "vendorBill"),
        ("payment", "customerPayment"),
        ("inventory item", "inventoryItem"),
        ("CUSTOMRECORD_Vehicle", "customrecord_vehicle"),
    ] {
        assert_eq!(object(name).name, own);
    }
    for name in ["customrecord_x;", "customrecord", "customrecord_x FROM y", "lead"] {
        assert_eq!(
            NetSuite.object(&own_account(), name).unwrap_err().kind,
            TroubleKind::Unusable,
            "{name}"
        );
    }
}

#[test]
fn credentials() {
    let account = with_key();
    let Ok(Auth::Oauth2Jwt { jwt }) = NetSuite.auth(&account) else {
        panic!("a private key signs")
    };
    assert_eq!(
        jwt.token_url,
        "https://1234567-sb1.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/token"
    );
    assert_eq!(
        (jwt.client_id.as_str(), jwt.certificate_id.as_str()),
        ("client-1", "C1")
    );
    assert_eq!(jwt.scope, "rest_webservices");
    assert!(matches!(
        NetSuite.auth(&own_account()),
        Ok(Auth::Oauth2RefreshToken { .. })
    ));
    let refused = |change: fn(&mut Account)| -> Vec<String> {
        let mut account = with_key();
        change(&mut account);
        let errors = NetSuite.auth(&account).unwrap_err();
        errors.into_iter().map(|error| error.field).collect()
    };
    assert_eq!(
        refused(|account| account.profile.supporting_fields = None),
        ["supporting_fields.certificate_id"]
    );
    assert_eq!(
        refused(|account| account.profile.client_id = None),
        ["integration_client_id"]
    );
    assert_eq!(
        refused(|account| account.profile.remote_instance_id = Some("evil.example/".to_owned())),
        ["remote_instance_id"]
    );
    assert_eq!(
        refused(|account| {
            account.profile.supporting_fields = Some(r#"{"certificate_id":"C1","time_zone":"Mars/Base"}"#.to_owned());
        }),
        ["supporting_fields.time_zone"]
    );
    assert_eq!(
        refused(|account| {
            account.secrets.client_secret = Some("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----".into());
        }),
        ["integration_client_secret"]
    );
    assert_eq!(
        refused(|account| {
            account.secrets.client_secret = Some("a plain secret".into());
            account.secrets.refresh_token = None;
            account.secrets.access_token = None;
        }),
        ["integration_client_secret"]
    );
}

#[test]
fn replaced_bases_are_those_of_both() {
    let mut account = with_key();
    for base in ["https://proxy.example/", "https://proxy.example/services/rest"] {
        account.profile.api_domain = Some(base.to_owned());
        assert_eq!(
            NetSuite.check(&account).url,
            "https://proxy.example/services/rest/system/v1/governanceLimits"
        );
        let auth = NetSuite.auth(&account).unwrap();
        assert_eq!(
            auth.token_url(),
            Some("https://proxy.example/services/rest/auth/oauth2/v1/token")
        );
    }
}

#[test]
fn pages_are_asked_for_after_the_last_id() {
    let mut account = own_account();
    account.profile.supporting_fields = Some(r#"{"time_zone":"Europe/Oslo"}"#.to_owned());
    let invoices = object("invoice");
    let place = PagePlace("57".to_owned());
    let mut query = ListQuery {
        object: &invoices,
        since: Some(at("2026-07-01T12:00:00.7Z")),
        place: Some(&place),
    };
    let request = NetSuite.list(&account, query).unwrap();
    assert_eq!(
        request.url,
        "https://1234567-sb1.suitetalk.api.netsuite.com/services/rest/query/v1/suiteql?limit=1000&offset=0"
    );
    assert_eq!(
        (request.method, header(&request, "Prefer")),
        (Method::Post, Some("transient"))
    );
    let statement = "SELECT transaction.*, TO_CHAR(transaction.lastmodifieddate, 'YYYY-MM-DD HH24:MI:SS') AS orrery_lastmodifieddate, \
        TO_CHAR(transaction.trandate, 'YYYY-MM-DD') AS orrery_trandate, TO_CHAR(transaction.duedate, 'YYYY-MM-DD') AS orrery_duedate \
        FROM transaction WHERE transaction.type = 'CustInvc' AND transaction.id > 57 \
        AND transaction.lastmodifieddate >= TO_TIMESTAMP('2026-07-01 14:00:00', 'YYYY-MM-DD HH24:MI:SS') ORDER BY transaction.id";
    assert_eq!(body(&request), json!({ "q": statement }));
    let customers = object("customer");
    query = ListQuery {
        object: &customers,
        since: None,
        place: None,
    };
    let statement = body(&NetSuite.list(&account, query).unwrap())["q"].clone();
    assert!(
        statement
            .as_str()
            .unwrap()
            .ends_with(" FROM customer ORDER BY customer.id"),
        "{statement}"
    );
    let place = PagePlace("1 OR 1=1".to_owned());
    query.place = Some(&place);
    assert_eq!(NetSuite.list(&account, query).unwrap_err().kind, TroubleKind::Unusable);
}

#[test]
fn rows_become_records() {
    let mut account = own_account();
    account.profile.supporting_fields = Some(r#"{"time_zone":"Europe/Oslo"}"#.to_owned());
    let invoices = object("invoice");
    let query = ListQuery {
        object: &invoices,
        since: None,
        place: None,
    };
    let row = json!({"links": [], "id": "12", "tranid": "INV12", "lastmodifieddate": "7/1/2026", "trandate": "7/1/2026",
        "orrery_lastmodifieddate": "2026-07-01 14:00:05", "orrery_trandate": "2026-07-01"});
    let page = json!({"links": [], "count": 1, "hasMore": true, "items": [row], "offset": 0, "totalResults": 9});
    let read = NetSuite.read_list(&account, query, &answer(200, &page)).unwrap();
    assert_eq!(read.next, Some(PagePlace("12".to_owned())));
    let expected = RemoteRecord {
        id: "12".to_owned(),
        version: None,
        updated_at: Some(at("2026-07-01T12:00:05Z")),
        deleted: false,
        data: json!({"id": "12", "tranid": "INV12", "lastmodifieddate": "2026-07-01T12:00:05Z", "trandate": "2026-07-01"}),
    };
    assert_eq!(read.records, [expected]);
    let last = json!({"count": 0, "hasMore": false, "items": []});
    assert_eq!(
        NetSuite.read_list(&account, query, &answer(200, &last)).unwrap().next,
        None
    );
    let read = |body: &Value| {
        NetSuite
            .read_list(&account, query, &answer(200, body))
            .unwrap_err()
            .kind
    };
    assert_eq!(read(&json!({})), TroubleKind::Passing);
    assert_eq!(read(&json!({"items": [{"name": "no id"}]})), TroubleKind::Unusable);
}

#[test]
fn nothing_is_missed_where_an_hour_comes_twice() {
    let zone = TimeZone::get("America/Los_Angeles").unwrap();
    let customers = described(&object("customer")).unwrap();
    for (since, text) in [
        ("2026-10-31T08:30:00Z", "2026-10-31 01:30:00"),
        // Before the clocks are set back to 01:00: what changes after that has earlier times than 01:30.
        ("2026-11-01T08:30:00Z", "2026-11-01 01:00:00"),
        ("2026-11-01T09:30:00Z", "2026-11-01 01:30:00"),
        ("2026-03-08T10:30:00Z", "2026-03-08 03:30:00"),
    ] {
        let asked = object("customer");
        let query = ListQuery {
            object: &asked,
            since: Some(at(since)),
            place: None,
        };
        let statement = suiteql::statement(&customers, &zone, query).unwrap();
        assert!(
            statement.contains(&format!("TO_TIMESTAMP('{text}'")),
            "{since}: {statement}"
        );
    }
}

#[test]
fn locations_hold_ids() {
    for (location, id) in [
        ("https://x.example/services/rest/record/v1/customer/647", Some("647")),
        ("/services/rest/record/v1/customer/647/?a=b", Some("647")),
        ("https://x.example/services/rest/record/v1/customer/eid:C1", None),
        ("", None),
    ] {
        assert_eq!(id_of_location(location).as_deref(), id, "{location}");
    }
    let (customers, data) = (object("customer"), json!({}));
    let outgoing = Outgoing {
        object: &customers,
        key: "C1",
        data: &data,
        remote: None,
        idempotency_key: "k",
    };
    let lost = NetSuite.read_written(&own_account(), outgoing, &answer_with(204, &[], ""));
    assert_eq!(lost.unwrap_err().kind, TroubleKind::Passing);
}

#[test]
fn refusals_have_kinds() {
    let account = own_account();
    for (status, code, expected) in [
        (400, "USER_ERROR", TroubleKind::Record),
        (400, "SSS_REQUEST_LIMIT_EXCEEDED", TroubleKind::Throttled),
        (429, "CONCURRENCY_LIMIT_EXCEEDED", TroubleKind::Throttled),
        (400, "RCRD_HAS_BEEN_CHANGED", TroubleKind::Passing),
        (401, "INVALID_LOGIN", TroubleKind::Account),
        (403, "INSUFFICIENT_PERMISSION", TroubleKind::Account),
        (500, "UNEXPECTED_ERROR", TroubleKind::Passing),
    ] {
        let details = json!([{"detail": "Because.", "o:errorCode": code, "o:errorPath": "email"}]);
        let problem = json!({"title": "T", "status": status, "o:errorDetails": details});
        let trouble = fault::trouble(&account, &answer(status, &problem), TroubleKind::Record);
        assert_eq!(trouble.kind, expected, "{code}");
        assert!(
            trouble.message.contains(&format!("Because. (code {code}, at email)")),
            "{trouble}"
        );
    }
    let page = answer_with(502, &[], "<html>");
    assert_eq!(
        fault::trouble(&account, &page, TroubleKind::Record).kind,
        TroubleKind::Passing
    );
}

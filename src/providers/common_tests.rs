//! Tests of what the providers share, and what their tests need: accounts and answers.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::domain::connection::ProviderKind;
use crate::domain::ids::{ConnectionId, TenantId};
use crate::http::SentRequest;
use crate::providers::{Profile, Secrets};

/// An account with a client, a refresh token and an instance, whose API is at `https://fake.example/`.
pub fn account(provider: ProviderKind) -> Account {
    Account {
        tenant_id: TenantId::from(Uuid::nil()),
        id: ConnectionId::from(Uuid::nil()),
        version: 1,
        provider,
        profile: Profile {
            remote_instance_id: Some("instance-1".to_owned()),
            client_id: Some("client-1".to_owned()),
            api_domain: Some("https://fake.example/".to_owned()),
            account_server: Some("https://id.example/".to_owned()),
            ..Profile::default()
        },
        secrets: Secrets {
            client_secret: Some("client-secret".into()),
            access_token: Some("access-token".into()),
            refresh_token: Some("refresh-token".into()),
            user_password: None,
        },
    }
}

/// An answer with a JSON body.
pub fn answer(status: u16, body: &Value) -> Response {
    answer_with(status, &[], &body.to_string())
}

/// An answer with headers and a text.
pub fn answer_with(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    Response {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        url: "https://fake.example/".to_owned(),
        duration_ms: 1,
        sent: SentRequest::new(Arc::new(Request::default())),
    }
}

/// The value of a header of a request.
pub fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let found = request.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// The body of a request.
pub fn body(request: &Request) -> Value {
    serde_json::from_slice(request.body.as_ref().unwrap()).unwrap()
}

/// A time.
pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn object_words() {
    for (name, word) in [
        ("CustomerRecord", "customer"),
        ("customer records", "customer"),
        ("Credit-Notes", "creditnotes"),
        ("Record", "record"),
        ("bank_transaction", "banktransaction"),
    ] {
        assert_eq!(object_word(name), word);
    }
}

#[test]
fn addresses() {
    let own = "https://api.example";
    for (replaced, expected) in [
        (None, "https://api.example/v1/x"),
        (Some(""), "https://api.example/v1/x"),
        (Some("http://127.0.0.1:80/"), "http://127.0.0.1:80/v1/x"),
        (Some(" http://127.0.0.1:80 "), "http://127.0.0.1:80/v1/x"),
        (Some("http://a/v1/x/"), "http://a/v1/x"),
    ] {
        assert_eq!(address(replaced, own, "/v1/x"), expected, "{replaced:?}");
    }
    assert_eq!(segment("a/b c-ä").unwrap(), "a%2Fb%20c-%C3%A4");
    assert_eq!(segment("..a").unwrap(), "..a");
    for other in [".", ".."] {
        assert_eq!(segment(other).unwrap_err().kind, TroubleKind::Record);
    }
    assert_eq!(
        query([("where", "A==\"b\""), ("x", "1 2")]),
        "where=A%3D%3D%22b%22&x=1+2"
    );
}

#[test]
fn dates_of_microsoft() {
    for (text, expected) in [
        ("/Date(1439434356790+0000)/", Some("2015-08-13T02:52:36.79Z")),
        ("/Date(1439434356790)/", Some("2015-08-13T02:52:36.79Z")),
        ("/Date(1439434356790+1300)/", Some("2015-08-13T02:52:36.79Z")),
        ("/Date(-86400000-0500)/", Some("1969-12-31T00:00:00Z")),
        ("/Date(0)/", Some("1970-01-01T00:00:00Z")),
        ("/Date()/", None),
        ("/Date(99999999999999999)/", None),
        ("/Date(1+1)/", None),
        ("Date(1)", None),
        ("/Date(ä)/", None),
    ] {
        assert_eq!(microsoft_date(text), expected.map(at), "{text}");
    }
    let mut value = json!({"a":["/Date(0)/",{"b":"/Date(1000+0000)/"}],"c":"/Date(x)/","d":1});
    microsoft_dates_to_rfc3339(&mut value);
    let expected = json!({"a":["1970-01-01T00:00:00Z",{"b":"1970-01-01T00:00:01Z"}],"c":"/Date(x)/","d":1});
    assert_eq!(value, expected);
}

#[test]
fn times_in_every_form() {
    let oslo = TimeZone::get("Europe/Oslo").unwrap();
    for (text, zone, expected) in [
        ("2026-01-01T12:00:00Z", &oslo, Some("2026-01-01T12:00:00Z")),
        ("2026-01-01T12:00:00-08:00", &oslo, Some("2026-01-01T20:00:00Z")),
        ("2026-01-01", &oslo, Some("2025-12-31T23:00:00Z")),
        ("2026-07-01 12:00:00", &oslo, Some("2026-07-01T10:00:00Z")),
        ("2026-01-01T12:00:00.5", &TimeZone::UTC, Some("2026-01-01T12:00:00.5Z")),
        ("/Date(0)/", &oslo, Some("1970-01-01T00:00:00Z")),
        ("soon", &oslo, None),
        ("", &oslo, None),
    ] {
        assert_eq!(time(text, zone), expected.map(at), "{text}");
    }
    assert_eq!(seconds_utc(at("2026-01-01T00:00:59.999Z")), "2026-01-01T00:00:59");
    assert_eq!(seconds_utc(at("1969-12-31T23:59:58.5Z")), "1969-12-31T23:59:58");
}

#[test]
fn waits_that_are_asked_for() {
    let date = ("date", "Sun, 06 Nov 1994 08:49:30 GMT");
    for (status, headers, expected) in [
        (429, vec![("retry-after", "30")], Some(30_000)),
        (
            429,
            vec![("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), date],
            Some(7_000),
        ),
        (429, vec![("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], None),
        (429, vec![], None),
        (400, vec![("retry-after", "30")], None),
        (503, vec![("retry-after", "1"), date], Some(1_000)),
    ] {
        assert_eq!(
            retry_after_ms(&answer_with(status, &headers, "")),
            expected,
            "{headers:?}"
        );
    }
}

#[test]
fn troubles_by_status_without_secrets() {
    let account = account(ProviderKind::Xero);
    for (status, kind) in [
        (400, TroubleKind::Record),
        (401, TroubleKind::Account),
        (403, TroubleKind::Account),
        (404, TroubleKind::Record),
        (408, TroubleKind::Passing),
        (429, TroubleKind::Throttled),
        (500, TroubleKind::Passing),
        (503, TroubleKind::Throttled),
        (302, TroubleKind::Unusable),
    ] {
        let found = trouble("Xero", &account, &answer(status, &json!({})), "no", TroubleKind::Record);
        assert_eq!(found.kind, kind, "{status}");
        assert_eq!(found.message, format!("Xero answered {status}: no"));
    }
    let words = "bad access-token\nand client-secret";
    let other = answer(400, &json!({}));
    assert_eq!(clean(&account, &other, words), "bad [redacted] and [redacted]");
    assert_eq!(clean(&account, &other, &"å".repeat(900)).chars().count(), WORDS_MAX);
}

#[test]
fn credentials_by_what_was_given() {
    let kind_of = |change: &dyn Fn(&mut Account)| {
        let mut account = account(ProviderKind::Xero);
        change(&mut account);
        let auth = oauth(&account, "https://id.example/t", Some("a b"));
        auth.map(|auth| auth.kind())
            .map_err(|errors| errors.into_iter().map(|error| error.field).collect::<Vec<_>>())
    };
    assert_eq!(kind_of(&|_| {}), Ok("oauth2RefreshToken"));
    assert_eq!(
        kind_of(&|a| a.secrets.refresh_token = None),
        Ok("oauth2ClientCredentials")
    );
    assert_eq!(kind_of(&|a| a.profile.require_authentication = Some(false)), Ok("none"));
    let only_access = |a: &mut Account| {
        a.secrets.refresh_token = Some(" ".into());
        a.profile.client_id = Some(String::new());
    };
    assert_eq!(kind_of(&only_access), Ok("bearer"));
    let no_secret = |a: &mut Account| a.secrets.client_secret = None;
    assert_eq!(kind_of(&no_secret), Err(vec!["integration_client_secret".to_owned()]));
    let nothing = |a: &mut Account| {
        a.secrets = Secrets::default();
        a.profile.client_id = None;
    };
    let both = vec![
        "integration_client_id".to_owned(),
        "integration_client_secret".to_owned(),
    ];
    assert_eq!(kind_of(&nothing), Err(both));
}

#[test]
fn budgets_can_be_agreed() {
    let own = Limits {
        per_minute: Some(60),
        ..Limits::default()
    };
    let mut account = account(ProviderKind::Xero);
    assert_eq!(limits(&account, own), Some(own));
    let mut with = |text: &str| {
        account.profile.supporting_fields = Some(text.to_owned());
        limits(&account, own)
    };
    assert_eq!(with(r#"{"region":"US","tax":"SalesTax"}"#), Some(own));
    assert_eq!(with(r#"{"limits":{}}"#), None);
    assert_eq!(with(r#"{"limits":{"per_second":0}}"#), None);
    let other = Limits {
        per_minute: Some(300),
        concurrent: Some(2),
        ..Limits::default()
    };
    assert_eq!(with(r#"{"limits":{"perMinute":300,"concurrent":2}}"#), Some(other));
}

#[test]
fn supporting_fields_must_be_an_object() {
    let mut account = account(ProviderKind::Rest);
    assert_eq!(supporting(&account), Ok(Map::new()));
    for wrong in ["[1]", "x", "{"] {
        account.profile.supporting_fields = Some(wrong.to_owned());
        let error = supporting(&account).unwrap_err();
        assert_eq!(error.field, "supporting_fields");
        assert!(error.message.starts_with("must be a JSON object"), "{error}");
    }
    for (limits, field) in [
        (r#"{"limits":{"per_year":1}}"#, "supporting_fields.limits.per_year"),
        (
            r#"{"limits":{"perMinute":"many"}}"#,
            "supporting_fields.limits.perMinute",
        ),
        (r#"{"limits":7}"#, "supporting_fields.limits"),
    ] {
        account.profile.supporting_fields = Some(limits.to_owned());
        assert_eq!(supporting(&account).unwrap_err().field, field);
    }
    account.profile.supporting_fields = Some(r#"{"n":12,"t":"x","e":""}"#.to_owned());
    assert_eq!(supporting_text(&account, "n").as_deref(), Some("12"));
    assert_eq!(supporting_text(&account, "e"), None);
}

//! Tests of the REST dialect: writes, credentials, checks.

use super::super::Secrets;
use super::super::common::tests::{answer, answer_with, at, body, header};
use super::tests::{object, rest};
use super::*;
use crate::http::Method;

fn write(account: &Account, data: &Value, remote: Option<&RemoteRef>) -> Request {
    let things = object(account, "things");
    Rest.write(account, outgoing(&things, data, remote)).unwrap()
}

fn outgoing<'a>(object: &'a Object, data: &'a Value, remote: Option<&'a RemoteRef>) -> Outgoing<'a> {
    Outgoing {
        object,
        key: "K1",
        data,
        remote,
        idempotency_key: "key-1",
    }
}

#[test]
fn writes_go_where_they_are_described_to_go() {
    let (data, known) = (
        json!({"a":1}),
        RemoteRef {
            id: "7/8".to_owned(),
            version: Some("3".to_owned()),
        },
    );
    let account = rest(json!({}));
    let made = write(&account, &data, None);
    assert_eq!(
        (made.method, made.url.as_str()),
        (Method::Post, "https://fake.example/things")
    );
    assert_eq!(
        (body(&made), header(&made, "idempotency-key")),
        (data.clone(), Some("key-1"))
    );
    let changed = write(&account, &data, Some(&known));
    assert_eq!(
        (changed.method, changed.url.as_str()),
        (Method::Put, "https://fake.example/things/7%2F8")
    );
    assert_eq!(header(&changed, "if-match"), None);
    assert!(Rest.fetch(&account, &object(&account, "things"), "7").is_none());
    let account = rest(
        json!({"wrap":"thing","idempotency_header":"X-Request-Id","version":"v","if_match":true,
        "create":{"method":"PUT","path":"/new"},"update":{"method":"PATCH"},"fetch_path":"/one/{id}"}),
    );
    let made = write(&account, &data, None);
    assert_eq!(
        (made.method, made.url.as_str()),
        (Method::Put, "https://fake.example/new")
    );
    assert_eq!(
        (body(&made), header(&made, "x-request-id")),
        (json!({"thing":data}), Some("key-1"))
    );
    let changed = write(&account, &data, Some(&known));
    assert_eq!(
        (changed.method, header(&changed, "if-match")),
        (Method::Patch, Some("\"3\""))
    );
    let things = object(&account, "things");
    let fetch = Rest.fetch(&account, &things, "7/8").unwrap();
    assert_eq!(fetch.url, "https://fake.example/one/7%2F8");
    let fetched = Rest
        .read_fetched(&account, &things, &answer(200, &json!({"thing":{"id":1,"v":"4"}})))
        .unwrap();
    assert_eq!((fetched.id.as_str(), fetched.version.as_deref()), ("1", Some("4")));
    let trouble = Rest.write(&account, outgoing(&things, &json!("x"), None)).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Record);
}

#[test]
fn answers_to_writes() {
    let (data, known) = (
        json!({}),
        RemoteRef {
            id: "7".to_owned(),
            version: None,
        },
    );
    let account = rest(json!({"updated":"at","version":"v","if_match":true}));
    let things = object(&account, "things");
    let made = outgoing(&things, &data, None);
    let read = |answer: &Response| Rest.read_written(&account, made, answer);
    let written = read(&answer(201, &json!({"id":5,"v":1,"at":"2026-01-01"}))).unwrap();
    let remote = RemoteRef {
        id: "5".to_owned(),
        version: Some("1".to_owned()),
    };
    assert_eq!(
        (written.remote, written.updated_at),
        (remote, Some(at("2026-01-01T00:00:00Z")))
    );
    let headers = [("location", "/things/a%2Fb/?x=1"), ("etag", "W/\"9\"")];
    let written = read(&answer_with(201, &headers, "")).unwrap().remote;
    assert_eq!(
        (written.id.as_str(), written.version.as_deref()),
        ("a/b", Some("W/\"9\""))
    );
    let trouble = read(&answer(200, &json!({"ok":true}))).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unusable);
    let changed = outgoing(&things, &data, Some(&known));
    let read = |answer: &Response| Rest.read_written(&account, changed, answer);
    assert_eq!(read(&answer_with(204, &[], "")).unwrap().remote.id, "7");
    assert_eq!(read(&answer(412, &json!({}))).unwrap_err().kind, TroubleKind::Stale);
    for (body, words) in [
        (json!({"message":"no name"}), "no name"),
        (json!({"error":{"message":"no name"}}), "no name"),
        (json!({"errors":[{"message":"no name"}]}), "no name"),
        (json!({"errors":["no name"]}), "no name"),
        (json!({"error":"no client-secret"}), "no [redacted]"),
    ] {
        let trouble = read(&answer(422, &body)).unwrap_err();
        assert_eq!(
            (trouble.kind, trouble.message),
            (TroubleKind::Record, format!("the API answered 422: {words}"))
        );
    }
}

#[test]
fn credentials_as_described_or_as_given() {
    let kind = |account: &Account| Rest.auth(account).unwrap().kind();
    let mut given = rest(json!({}));
    assert_eq!(kind(&given), "oauth2RefreshToken");
    assert_eq!(
        Rest.auth(&given).unwrap().token_url(),
        Some("https://id.example/oauth/token")
    );
    given.secrets.refresh_token = None;
    assert_eq!(kind(&given), "oauth2ClientCredentials");
    given.profile.account_server = None;
    assert_eq!(kind(&given), "bearer");
    given.secrets = Secrets {
        user_password: Some("pass".into()),
        ..Secrets::default()
    };
    given.profile.user_name = Some("kari".to_owned());
    assert_eq!(kind(&given), "basic");
    given.profile.user_name = None;
    assert_eq!(kind(&given), "none");
    let described = |auth: Value| Rest.auth(&rest(json!({ "auth": auth }))).unwrap();
    let Auth::ApiKey { place, name, value } = described(json!({"kind":"api_key"})) else {
        panic!()
    };
    assert_eq!(
        (place, name.as_str(), value.expose()),
        (KeyPlace::Header, "X-Api-Key", "access-token")
    );
    let Auth::Oauth2ClientCredentials { oauth } =
        described(json!({"kind":"oauth2_client_credentials","token_path":"/t","scope":"a","credentials_in":"body"}))
    else {
        panic!()
    };
    assert_eq!(
        (oauth.token_url.as_str(), oauth.scope.as_deref()),
        ("https://id.example/t", Some("a"))
    );
    assert_eq!(described(json!({"kind":"hmac"})).kind(), "hmac");
    assert_eq!(described(json!({"kind":"none"})).kind(), "none");
    let mut login = rest(json!({"auth":{"kind":"login","url":"/gettoken","token_path":"/token"}}));
    login.profile.user_name = Some("kari".to_owned());
    login.secrets.user_password = Some("pass".into());
    let Auth::Login {
        url, body, token_path, ..
    } = Rest.auth(&login).unwrap()
    else {
        panic!()
    };
    assert_eq!(
        (url.as_str(), token_path.as_str()),
        ("https://id.example/gettoken", "/token")
    );
    assert_eq!(body.expose(), r#"{"password":"pass","username":"kari"}"#);
    login.profile.require_authentication = Some(false);
    assert_eq!(kind(&login), "none");
}

#[test]
fn checks_and_budgets() {
    let account = rest(json!({"check_path":"/me?x=1","limits":{"per_second":3}}));
    assert_eq!(Rest.check(&account).url, "https://fake.example/me?x=1");
    assert_eq!(Rest.limits(&account).unwrap().per_second, Some(3));
    assert_eq!(
        Rest.read_check(&account, &answer(200, &json!({}))).unwrap(),
        "The API takes the credentials and answers 200"
    );
    let trouble = Rest
        .read_check(&account, &answer(401, &json!({"message":"who?"})))
        .unwrap_err();
    assert_eq!(
        (trouble.kind, trouble.message.as_str()),
        (TroubleKind::Account, "the API answered 401: who?")
    );
    let account = rest(json!({"objects":{"things":{"paging":"page","query":{"a":true}}}}));
    assert_eq!(
        Rest.check(&account).url,
        "https://fake.example/things?a=true&page=1&page_size=100"
    );
    assert_eq!(Rest.limits(&account), None);
    assert_eq!(Rest.check(&rest(json!({}))).url, "https://fake.example");
}

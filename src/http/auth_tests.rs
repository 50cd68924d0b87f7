//! Tests of the credential kinds: the three forms, merging and errors.

use serde_json::{Value, json};

use super::*;

fn all_kinds() -> Vec<Value> {
    let oauth = json!({"tokenUrl":"https://id.example/token","clientId":"c","clientSecret":"s3cret!"});
    let with = |kind: &str, more: Value| {
        let mut value = oauth.clone();
        value["kind"] = kind.into();
        for (name, member) in more.as_object().unwrap() {
            value[name] = member.clone();
        }
        value
    };
    vec![
        json!({"kind":"none"}),
        json!({"kind":"basic","username":"u","password":"s3cret!"}),
        json!({"kind":"bearer","token":"s3cret!"}),
        json!({"kind":"apiKey","in":"query","name":"key","value":"s3cret!"}),
        with(
            "oauth2ClientCredentials",
            json!({"scope":"a b","audience":"x","credentialsIn":"body"}),
        ),
        with("oauth2Password", json!({"username":"u","password":"s3cret!"})),
        with("oauth2RefreshToken", json!({"refreshToken":"s3cret!"})),
        json!({"kind":"login","url":"https://x.example/login","method":"POST","body":{"user":"u","password":"s3cret!"},
               "tokenPath":"/accessToken","expiresInPath":"/expiresIn","header":"Authorization","prefix":"Bearer "}),
        json!({"kind":"hmac","secret":"s3cret!","header":"X-Signature","algorithm":"sha256","encoding":"hex"}),
    ]
}

fn read(given: Value) -> Result<Auth, Vec<FieldError>> {
    Auth::from_input(&given, None, Merge::Replace)
}

fn fields(result: Result<Auth, Vec<FieldError>>) -> Vec<String> {
    result.unwrap_err().into_iter().map(|error| error.field).collect()
}

#[test]
fn every_kind_survives_storing() {
    for given in all_kinds() {
        let auth = read(given.clone()).unwrap();
        assert_eq!(auth.kind(), given["kind"]);
        assert_eq!(Auth::from_stored_json(&auth.to_stored_json()).unwrap(), auth);
    }
}

#[test]
fn no_secret_is_shown() {
    for given in all_kinds() {
        let auth = read(given).unwrap();
        assert!(!auth.to_public_json().to_string().contains("s3cret"), "{}", auth.kind());
        assert!(!format!("{auth:?}").contains("s3cret"), "{}", auth.kind());
        for (name, _) in auth.secrets() {
            assert_eq!(auth.to_public_json()[name]["set"], true, "{} {name}", auth.kind());
        }
    }
}

#[test]
fn shown_form_comes_back_and_secrets_stay() {
    for given in all_kinds() {
        let auth = read(given).unwrap();
        assert_eq!(
            Auth::from_input(&auth.to_public_json(), Some(&auth), Merge::Replace).unwrap(),
            auth
        );
    }
}

#[test]
fn absent_secrets_keep_their_value() {
    let old = read(json!({"kind":"basic","username":"u","password":"s3cret!"})).unwrap();
    let new = Auth::from_input(&json!({"kind":"basic","username":"v"}), Some(&old), Merge::Replace).unwrap();
    assert_eq!(
        new,
        Auth::Basic {
            username: "v".into(),
            password: "s3cret!".into()
        }
    );
    let new = Auth::from_input(&json!({"password":"other"}), Some(&old), Merge::Patch).unwrap();
    assert_eq!(
        new,
        Auth::Basic {
            username: "u".into(),
            password: "other".into()
        }
    );
    // Not across kinds: the password of one is not the token of another.
    let found = Auth::from_input(&json!({"kind":"bearer"}), Some(&old), Merge::Replace);
    assert_eq!(fields(found), ["auth.token"]);
    let found = Auth::from_input(&json!({"kind":"basic"}), Some(&old), Merge::Replace);
    assert_eq!(fields(found), ["auth.username"]);
}

#[test]
fn null_removes_an_optional_member() {
    let old = read(all_kinds()[4].clone()).unwrap();
    let new = Auth::from_input(&json!({"scope":null}), Some(&old), Merge::Patch).unwrap();
    let Auth::Oauth2ClientCredentials { oauth } = new else {
        panic!("kind changed")
    };
    assert_eq!((oauth.scope, oauth.audience.as_deref()), (None, Some("x")));
}

#[test]
fn errors_point_at_fields() {
    assert_eq!(fields(read(json!("basic"))), ["auth"]);
    assert_eq!(fields(read(json!({}))), ["auth.kind"]);
    assert_eq!(fields(read(json!({"kind":"magic"}))), ["auth.kind"]);
    assert_eq!(fields(read(json!({"kind":"none","token":"x"}))), ["auth.token"]);
    assert_eq!(
        fields(read(json!({"kind":"basic","user":"x"}))),
        ["auth.user", "auth.username", "auth.password"]
    );
    assert_eq!(
        fields(read(json!({"kind":"basic","username":"a\r\nb","password":1}))),
        ["auth.username", "auth.password"]
    );
    assert_eq!(
        fields(read(json!({"kind":"apiKey","in":"cookie","name":"k","value":"v"}))),
        ["auth.in"]
    );
    assert_eq!(
        fields(read(json!({"kind":"apiKey","in":"header","name":"Host","value":"v"}))),
        ["auth.name"]
    );
    let mut oauth = all_kinds()[4].clone();
    oauth["tokenUrl"] = "ftp://id.example".into();
    assert_eq!(fields(read(oauth)), ["auth.tokenUrl"]);
    let mut login = all_kinds()[7].clone();
    login["tokenPath"] = "accessToken".into();
    login["body"] = "text".into();
    assert_eq!(fields(read(login)), ["auth.body", "auth.tokenPath"]);
}

#[test]
fn defaults_of_the_contract() {
    let auth = read(json!({"kind":"login","url":"https://x.example","body":{},"tokenPath":"/t"})).unwrap();
    let Auth::Login { header, prefix, .. } = auth else {
        panic!("kind changed")
    };
    assert_eq!((header.as_str(), prefix.as_str()), ("Authorization", "Bearer "));
}

#[test]
fn limits_are_positive() {
    assert!(Limits::default().check().is_ok());
    let limits = Limits {
        per_second: Some(0),
        concurrent: Some(u32::MAX),
        ..Limits::default()
    };
    let found: Vec<String> = limits
        .check()
        .unwrap_err()
        .into_iter()
        .map(|error| error.field)
        .collect();
    assert_eq!(found, ["limits.perSecond", "limits.concurrent"]);
}

#[test]
fn kept_secrets_go_to_no_other_server() {
    for given in all_kinds() {
        let old = read(given.clone()).unwrap();
        let Some(member) = ["tokenUrl", "url"].into_iter().find(|name| given.get(*name).is_some()) else {
            continue;
        };
        for merge in [Merge::Patch, Merge::Replace] {
            // As it is shown, with another address.
            let mut change = old.to_public_json();
            change[member] = json!("https://id.example.thief.example/token");
            let refused = fields(Auth::from_input(&change, Some(&old), merge));
            assert_eq!(refused, [format!("auth.{member}")], "{}", old.kind());
            let secrets: Vec<&str> = old.secrets().into_iter().map(|(name, _)| name).collect();
            for (given_now, name) in secrets.iter().enumerate() {
                change[*name] = given[*name].clone();
                let taken = Auth::from_input(&change, Some(&old), merge);
                assert_eq!(taken.is_ok(), given_now + 1 == secrets.len(), "{} {name}", old.kind());
            }
        }
        let same = json!({"kind": given["kind"], member: format!("{}/v2", given[member].as_str().unwrap())});
        assert!(
            Auth::from_input(&same, Some(&old), Merge::Patch).is_ok(),
            "{}",
            old.kind()
        );
    }
}

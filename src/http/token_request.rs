//! What is sent to a token endpoint, and what its answer means. Pure.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::auth::{Auth, CredentialsIn, OauthClient};
use super::error::{Error, RetryClass, Step, classify_status};
use super::exchange::Answer;
use super::jwt::assertion;
use super::message::{REDACTED, Request};
use super::secret::{Secret, hex};
use super::sign::basic;

/// Longest part of an issuer's own words in a message, characters.
const WORDS_MAX: usize = 300;

/// What a person has to do about credentials that are refused for good.
pub(super) const ENTER_AGAIN: &str = "; the credentials must be entered again";

/// What an issuer granted.
#[derive(Debug)]
pub(super) struct Grant {
    pub access_token: Secret,
    pub refresh_token: Option<Secret>,
    pub expires_at: Option<Timestamp>,
}

/// The media type of a form.
const FORM: &str = "application/x-www-form-urlencoded";
/// What `client_assertion` holds (RFC 7523).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The request that gets a token; `None` for kinds without one. `refresh_token` overrides the one in the definition.
pub(super) fn build(auth: &Auth, refresh_token: Option<&Secret>, now: Timestamp) -> Result<Option<Request>, Error> {
    match auth {
        Auth::Oauth2Jwt { jwt } => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "client_credentials")
                .append_pair("client_assertion_type", ASSERTION_TYPE)
                .append_pair("client_assertion", assertion(jwt, now)?.expose());
            Ok(Some(post(&jwt.token_url, FORM, &form.finish(), None)))
        }
        _ => Ok(with_secret(auth, refresh_token)),
    }
}

fn with_secret(auth: &Auth, refresh_token: Option<&Secret>) -> Option<Request> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let oauth = match auth {
        Auth::Oauth2ClientCredentials { oauth } => {
            form.append_pair("grant_type", "client_credentials");
            oauth
        }
        Auth::Oauth2Password {
            oauth,
            username,
            password,
        } => {
            form.append_pair("grant_type", "password");
            form.append_pair("username", username)
                .append_pair("password", password.expose());
            oauth
        }
        Auth::Oauth2RefreshToken {
            oauth,
            refresh_token: seed,
        } => {
            form.append_pair("grant_type", "refresh_token");
            form.append_pair("refresh_token", refresh_token.unwrap_or(seed).expose());
            oauth
        }
        Auth::Login { url, body, .. } => return Some(post(url, "application/json", body.expose(), None)),
        _ => return None,
    };
    if let Some(scope) = &oauth.scope {
        form.append_pair("scope", scope);
    }
    if let Some(audience) = &oauth.audience {
        form.append_pair("audience", audience);
    }
    Some(signed(oauth, form))
}

/// The request that redeems a code (RFC 6749, section 4.1.3; RFC 7636, section 4.5).
pub(super) fn build_for_code(oauth: &OauthClient, code: &Secret, redirect_uri: &str, verifier: &Secret) -> Request {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code.expose())
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("code_verifier", verifier.expose());
    signed(oauth, form)
}

/// Adds who asks.
fn signed(oauth: &OauthClient, mut form: form_urlencoded::Serializer<'_, String>) -> Request {
    let authorization = match oauth.credentials_in {
        CredentialsIn::Header => Some(client_header(oauth)),
        CredentialsIn::Body => {
            form.append_pair("client_id", &oauth.client_id);
            // A client without a secret must not send an empty one.
            if !oauth.client_secret.is_empty() {
                form.append_pair("client_secret", oauth.client_secret.expose());
            }
            None
        }
    };
    post(&oauth.token_url, FORM, &form.finish(), authorization)
}

/// Reads the answer of a token endpoint.
///
/// `sent` are the secrets of the request, see [`sent_secrets`]: messages do not repeat them.
pub(super) fn read(auth: &Auth, answer: &Answer, sent: &[Secret], now: Timestamp) -> Result<Grant, Error> {
    let body = serde_json::from_slice::<Value>(&answer.body);
    if let Some(refusal) = classify_status(answer.status, &answer.headers, now) {
        return Err(refused(
            (auth, sent),
            answer.status,
            body.as_ref().ok(),
            refusal.retry,
            refusal.retry_after_ms,
        ));
    }
    let body = body.map_err(|_| failed("the token endpoint answered with something that is not JSON".to_owned()))?;
    // Some issuers answer 200 with an error in it.
    if body.get("error").is_some_and(Value::is_string) && body.get("access_token").is_none() {
        let client_error = RetryClass::ClientError;
        return Err(refused((auth, sent), answer.status, Some(&body), client_error, None));
    }
    let (token_path, expires_path) = match auth {
        Auth::Login {
            token_path,
            expires_in_path,
            ..
        } => (token_path.as_str(), expires_in_path.as_deref()),
        _ => ("/access_token", Some("/expires_in")),
    };
    let access_token = body
        .pointer(token_path)
        .and_then(Value::as_str)
        .filter(|token| !token.is_empty());
    let access_token =
        access_token.ok_or_else(|| failed(format!("the answer of the token endpoint has no text at {token_path}")))?;
    let expires_in = expires_path.and_then(|path| body.pointer(path)).and_then(seconds);
    Ok(Grant {
        access_token: Secret::new(access_token),
        refresh_token: body.get("refresh_token").and_then(Value::as_str).map(Secret::new),
        expires_at: expires_in.and_then(|span| now.checked_add(span).ok()),
    })
}

/// SHA-256 over everything a token comes from: kind, addresses and secrets.
pub(super) fn auth_fingerprint(auth: &Auth) -> String {
    hex(&Sha256::digest(auth.to_stored_json().as_bytes()))
}

/// SHA-256 of the refresh token in the definition; of nothing for other kinds.
pub(super) fn seed_fingerprint(auth: &Auth) -> String {
    let seed = match auth {
        Auth::Oauth2RefreshToken { refresh_token, .. } => refresh_token.expose(),
        _ => "",
    };
    hex(&Sha256::digest(seed.as_bytes()))
}

fn post(url: &str, content_type: &str, body: &str, authorization: Option<Secret>) -> Request {
    Request {
        method: super::message::Method::Post,
        url: url.to_owned(),
        headers: vec![
            ("content-type".to_owned(), content_type.to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
        ],
        secret_headers: authorization
            .map(|value| vec![("authorization".to_owned(), value.expose().to_owned())])
            .unwrap_or_default(),
        body: Some(bytes::Bytes::copy_from_slice(body.as_bytes())),
        ..Request::default()
    }
}

/// RFC 6749, section 2.3.1: both parts are form-encoded before they become a basic pair.
fn client_header(oauth: &OauthClient) -> Secret {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    basic(
        &encode(&oauth.client_id),
        &Secret::new(encode(oauth.client_secret.expose())),
    )
}

/// The secrets of a form that [`build`] made: the refresh token may be another than that of the definition, and an assertion is made
/// for each request.
pub(super) fn sent_secrets(request: &Request) -> Vec<Secret> {
    let body = request.body.as_deref().unwrap_or_default();
    form_urlencoded::parse(body)
        .filter(|(name, _)| {
            matches!(
                name.as_ref(),
                "refresh_token" | "client_assertion" | "code" | "code_verifier"
            )
        })
        .map(|(_, value)| Secret::new(value))
        .collect()
}

fn refused(
    (auth, sent): (&Auth, &[Secret]),
    status: u16,
    body: Option<&Value>,
    retry: RetryClass,
    retry_after_ms: Option<u64>,
) -> Error {
    let member = |name| body.and_then(|body| body.get(name)).and_then(Value::as_str);
    let code = member("error").unwrap_or_default();
    let words = [code, member("error_description").unwrap_or_default()].join(" ");
    let words = shown(auth, sent, words.trim());
    let colon = if words.is_empty() { "" } else { ": " };
    let login_refused = matches!(auth, Auth::Login { .. }) && status == 401;
    let mut error = failed(format!("the token endpoint answered {status}{colon}{words}")).retry(retry, retry_after_ms);
    if code == "invalid_grant" || login_refused {
        error.message.push_str(ENTER_AGAIN);
        error.needs_reauthorisation = true;
        error.retry = RetryClass::Never;
    }
    error
}

/// An issuer's words, cut, in case it repeats what it was sent without that.
fn shown(auth: &Auth, sent: &[Secret], words: &str) -> String {
    let known = auth.secrets().into_iter().map(|(_, secret)| secret);
    let clean = known.chain(sent).fold(words.to_owned(), |text, secret| {
        if secret.is_empty() {
            text
        } else {
            text.replace(secret.expose(), REDACTED)
        }
    });
    clean.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}

fn failed(message: String) -> Error {
    Error::new(Step::Token, message)
}

fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::String(text) => text.trim().parse::<f64>().ok()?,
        other => other.as_f64()?,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::super::Merge;
    use super::*;

    fn auth(kind: &str, more: Value) -> Auth {
        let mut given = json!({"kind":kind,"tokenUrl":"https://id.example/t","clientId":"a b","clientSecret":"p+w&x"});
        for (name, value) in more.as_object().unwrap() {
            given[name] = value.clone();
        }
        Auth::from_input(&given, None, Merge::Replace).unwrap()
    }

    fn answer(status: u16, body: Value) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: Bytes::from(body.to_string()),
        }
    }

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn forms() {
        let in_body = auth(
            "oauth2ClientCredentials",
            json!({"credentialsIn":"body","scope":"x y","audience":"z"}),
        );
        let request = build(&in_body, None, now()).unwrap().unwrap();
        let expected = "grant_type=client_credentials&scope=x+y&audience=z&client_id=a+b&client_secret=p%2Bw%26x";
        assert_eq!(request.body.unwrap(), expected);
        assert!(request.secret_headers.is_empty());
        let in_header = auth("oauth2RefreshToken", json!({"refreshToken":"seed"}));
        let request = build(&in_header, Some(&"next".into()), now()).unwrap().unwrap();
        assert_eq!(request.body.unwrap(), "grant_type=refresh_token&refresh_token=next");
        // "a+b:p%2Bw%26x"
        assert_eq!(request.secret_headers[0].1, "Basic YStiOnAlMkJ3JTI2eA==");
    }

    #[test]
    fn grants() {
        let client = auth("oauth2ClientCredentials", json!({}));
        for expires_in in [json!(60), json!("60"), json!(60.0)] {
            let body = json!({"access_token":"t","expires_in":expires_in,"refresh_token":"r"});
            let grant = read(&client, &answer(200, body), &[], now()).unwrap();
            assert_eq!(grant.expires_at, Some("2026-01-01T00:01:00Z".parse().unwrap()));
            assert_eq!(
                (grant.access_token, grant.refresh_token),
                ("t".into(), Some("r".into()))
            );
        }
        let without = read(&client, &answer(200, json!({"access_token":"t"})), &[], now()).unwrap();
        assert_eq!(without.expires_at, None);
        for broken in [
            json!({}),
            json!({"access_token":""}),
            json!({"access_token":7}),
            json!([]),
        ] {
            assert_eq!(
                read(&client, &answer(200, broken), &[], now()).unwrap_err().step,
                Step::Token
            );
        }
    }

    #[test]
    fn refusals() {
        let client = auth("oauth2ClientCredentials", json!({}));
        let refuse = |status, body| read(&client, &answer(status, body), &[], now()).unwrap_err();
        let error = refuse(400, json!({"error":"invalid_grant","error_description":"bad p+w&x\n"}));
        assert!(error.needs_reauthorisation && error.retry == RetryClass::Never);
        assert!(
            error.message.contains("invalid_grant") && !error.message.contains("p+w&x"),
            "{}",
            error.message
        );
        let error = refuse(401, json!({"error":"invalid_client"}));
        assert_eq!(
            (error.needs_reauthorisation, error.retry),
            (false, RetryClass::ClientError)
        );
        assert_eq!(refuse(503, json!("")).retry, RetryClass::Throttled);
        assert_eq!(refuse(500, json!("")).retry, RetryClass::ServerError);
        assert!(refuse(200, json!({"error":"invalid_grant"})).needs_reauthorisation);
    }

    #[test]
    fn what_was_really_sent_is_not_repeated() {
        let auth = auth("oauth2RefreshToken", json!({"refreshToken":"seed-of-old"}));
        let request = build(&auth, Some(&"rotated+1".into()), now()).unwrap().unwrap();
        let sent = sent_secrets(&request);
        let said = json!({"error":"invalid_grant","error_description":"rotated+1 after seed-of-old"});
        let error = read(&auth, &answer(400, said), &sent, now()).unwrap_err();
        let words = "the token endpoint answered 400: invalid_grant [redacted] after [redacted]; \
                     the credentials must be entered again";
        assert_eq!(error.message, words);
    }

    #[test]
    fn fingerprints_change_with_secrets() {
        let one = auth("oauth2RefreshToken", json!({"refreshToken":"one"}));
        let two = auth("oauth2RefreshToken", json!({"refreshToken":"two"}));
        let scoped = auth("oauth2RefreshToken", json!({"refreshToken":"one","scope":"x"}));
        assert_ne!(auth_fingerprint(&one), auth_fingerprint(&two));
        assert_ne!(seed_fingerprint(&one), seed_fingerprint(&two));
        assert_eq!(seed_fingerprint(&one), seed_fingerprint(&scoped));
    }
}

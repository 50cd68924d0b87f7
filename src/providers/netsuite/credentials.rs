//! How requests to a NetSuite account are authenticated, where it is, and in which time zone it lives.

use jiff::tz::TimeZone;

use super::{ACCOUNT, DATA};
use crate::domain::validate::FieldError;
use crate::http::{Auth, JwtClient, Secret, check_private_key};
use crate::providers::{Account, common};

/// The names under which the id of the certificate may be among the supporting fields.
const CERTIFICATE: [&str; 4] = ["certificate_id", "certificateId", "key_id", "kid"];

/// With a private key and the id of its certificate: client credentials by JWT. Else a refresh token, or an access token alone.
pub(super) fn auth(account: &Account) -> Result<Auth, Vec<FieldError>> {
    let mut errors = Vec::new();
    let profile = &account.profile;
    match common::given(profile.remote_instance_id.as_deref()) {
        Some(id) if !is_account_id(id) => errors.push(FieldError::new(
            "remote_instance_id",
            "must be the account id, like 1234567 or 1234567_SB1",
        )),
        None if common::given(profile.api_domain.as_deref()).is_none() => errors.push(FieldError::new(
            "remote_instance_id",
            "is needed: the account id, like 1234567 or 1234567_SB1",
        )),
        _ => {}
    }
    if let Err(error) = zone(account) {
        errors.push(error);
    }
    match credentials(account) {
        Ok(auth) if errors.is_empty() => Ok(auth),
        Ok(_) => Err(errors),
        Err(more) => {
            errors.extend(more);
            Err(errors)
        }
    }
}

fn credentials(account: &Account) -> Result<Auth, Vec<FieldError>> {
    let secrets = &account.secrets;
    let token_url = token_url(account);
    if account.profile.require_authentication == Some(false) {
        return common::oauth(account, &token_url, None);
    }
    let key =
        common::given_secret(secrets.client_secret.as_ref()).filter(|secret| secret.expose().contains("-----BEGIN"));
    if let Some(private_key) = key {
        return by_jwt(account, token_url, private_key);
    }
    let refresh = common::given_secret(secrets.refresh_token.as_ref());
    match (refresh, common::given_secret(secrets.access_token.as_ref())) {
        (None, Some(token)) => Ok(Auth::Bearer { token: token.clone() }),
        (Some(_), _) => common::oauth(account, &token_url, None),
        (None, None) => Err(vec![FieldError::new(
            "integration_client_secret",
            "must be the private key in PEM (-----BEGIN PRIVATE KEY-----) of the certificate in supporting_fields.certificate_id, \
             unless a refresh token or an access token is given",
        )]),
    }
}

/// Client credentials with an assertion that the private key signs.
fn by_jwt(account: &Account, token_url: String, private_key: &Secret) -> Result<Auth, Vec<FieldError>> {
    let client_id = common::given(account.profile.client_id.as_deref());
    let certificate_id = CERTIFICATE
        .iter()
        .find_map(|name| common::supporting_text(account, name));
    let mut errors = Vec::new();
    if let Err(why) = check_private_key(private_key) {
        errors.push(FieldError::new("integration_client_secret", why));
    }
    match (client_id, certificate_id) {
        (Some(client_id), Some(certificate_id)) if errors.is_empty() => Ok(Auth::Oauth2Jwt {
            jwt: JwtClient {
                token_url,
                client_id: client_id.to_owned(),
                certificate_id: certificate_id.trim().to_owned(),
                private_key: private_key.clone(),
                scope: DATA.scope.clone().unwrap_or_default(),
            },
        }),
        (client_id, certificate_id) => {
            if client_id.is_none() {
                errors.push(FieldError::new("integration_client_id", "is needed to get tokens"));
            }
            if certificate_id.is_none() {
                let why = "is needed: NetSuite's id of the certificate that belongs to the private key";
                errors.push(FieldError::new("supporting_fields.certificate_id", why));
            }
            Err(errors)
        }
    }
}

/// The account in the form that host names have: `1234567_SB1` is at `1234567-sb1`.
pub(super) fn with_account(account: &Account, base: &str) -> String {
    let id = common::given(account.profile.remote_instance_id.as_deref()).unwrap_or_default();
    base.replace(ACCOUNT, &id.to_ascii_lowercase().replace('_', "-"))
}

fn token_url(account: &Account) -> String {
    let profile = &account.profile;
    // API and tokens are at one host: who replaced the one means the other too.
    let replaced = common::given(profile.account_server.as_deref()).or(common::given(profile.api_domain.as_deref()));
    let replaced = replaced.map(|base| base.trim_end_matches('/').trim_end_matches(DATA.api_path.as_str()));
    common::address(replaced, &with_account(account, &DATA.token_base), &DATA.token_path)
}

/// The account's time zone; UTC where nothing is said.
pub(super) fn zone(account: &Account) -> Result<TimeZone, FieldError> {
    common::supporting(account)?;
    let Some(name) = common::supporting_text(account, "time_zone") else {
        return Ok(TimeZone::UTC);
    };
    TimeZone::get(name.trim()).map_err(|_| {
        FieldError::new(
            "supporting_fields.time_zone",
            format!("must be a time zone like America/Los_Angeles, and is {name:?}"),
        )
    })
}

fn is_account_id(id: &str) -> bool {
    id.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

//! The credentials of a REST connection: `supporting_fields.auth` filled in with the secret members of the connection.

use serde_json::{Map, Value, json};

use super::super::{Account, common};
use super::describe::Description;
use crate::domain::validate::FieldError;
use crate::http::{Auth, Merge};

/// Members of `auth` that come from members of the connection, and from which.
const FILLED: [(&str, &str); 8] = [
    ("username", "user_name"),
    ("password", "user_password"),
    ("token", "integration_access_token"),
    ("value", "integration_access_token"),
    ("clientId", "integration_client_id"),
    ("clientSecret", "integration_client_secret"),
    ("refreshToken", "integration_refresh_token"),
    ("secret", "integration_client_secret"),
];

/// The credentials as described, or as the members that were given suggest.
///
/// # Errors
/// Members that are missing or wrong, by their names in requests.
pub(super) fn auth(account: &Account, description: &Description) -> Result<Auth, Vec<FieldError>> {
    if account.profile.require_authentication == Some(false) {
        return Ok(Auth::None {});
    }
    let given = description.auth.clone().unwrap_or_default();
    let mut members: Map<String, Value> = given.into_iter().map(|(name, value)| (camel(&name), value)).collect();
    for (name, field) in FILLED {
        if members.contains_key(name) && !(name == "username" || name == "clientId") {
            return Err(vec![FieldError::new(
                format!("supporting_fields.auth.{}", snake(name)),
                format!("must not stand here, since everybody sees it: give it as {field}"),
            )]);
        }
    }
    let kind = match members.get("kind").and_then(Value::as_str) {
        Some(kind) => camel(kind),
        None if members.is_empty() => guessed(account).to_owned(),
        None => return Err(vec![FieldError::new("supporting_fields.auth.kind", "is needed")]),
    };
    members.insert("kind".to_owned(), Value::String(kind.clone()));
    fill(account, &kind, &mut members);
    addresses(account, &kind, &mut members);
    if kind == "login" {
        let body = members.get("body").cloned();
        let body = body.unwrap_or_else(|| json!({"username":"{user_name}","password":"{user_password}"}));
        members.insert("body".to_owned(), filled_in(account, body));
    }
    Auth::from_input(&Value::Object(members), None, Merge::Replace)
        .map_err(|errors| errors.into_iter().map(renamed).collect())
}

/// Without a description: whatever the members that were given are good for.
fn guessed(account: &Account) -> &'static str {
    let (profile, secrets) = (&account.profile, &account.secrets);
    let client = common::given(profile.client_id.as_deref()).is_some()
        && common::given_secret(secrets.client_secret.as_ref()).is_some();
    let access = common::given_secret(secrets.access_token.as_ref()).is_some();
    let refresh = common::given_secret(secrets.refresh_token.as_ref()).is_some();
    let server = common::given(profile.account_server.as_deref()).is_some();
    let password = common::given_secret(secrets.user_password.as_ref()).is_some();
    if client && refresh {
        "oauth2RefreshToken"
    } else if client && (server || !access) {
        "oauth2ClientCredentials"
    } else if access {
        "bearer"
    } else if password && common::given(profile.user_name.as_deref()).is_some() {
        "basic"
    } else {
        "none"
    }
}

/// Puts the members of the connection in that the kind has a place for.
fn fill(account: &Account, kind: &str, members: &mut Map<String, Value>) {
    let names: &[&str] = match kind {
        "basic" => &["username", "password"],
        "bearer" => &["token"],
        "apiKey" => &["value"],
        "oauth2ClientCredentials" => &["clientId", "clientSecret"],
        "oauth2Password" => &["clientId", "clientSecret", "username", "password"],
        "oauth2RefreshToken" => &["clientId", "clientSecret", "refreshToken"],
        "hmac" => &["secret"],
        _ => &[],
    };
    for name in names {
        if members.contains_key(*name) {
            continue;
        }
        let mut value = FILLED
            .iter()
            .find(|(member, _)| member == name)
            .and_then(|(_, field)| member_of(account, field));
        if *name == "value" {
            value = value.or_else(|| member_of(account, "integration_client_secret"));
        }
        if let Some(value) = value {
            members.insert((*name).to_owned(), Value::String(value));
        }
    }
    if kind == "apiKey" {
        members.entry("in").or_insert_with(|| "header".into());
        members.entry("name").or_insert_with(|| "X-Api-Key".into());
    }
    if kind == "hmac" {
        members.entry("header").or_insert_with(|| "X-Signature".into());
    }
}

/// Token and login addresses: whole, or as a path after `account_server`, else after `api_domain`.
fn addresses(account: &Account, kind: &str, members: &mut Map<String, Value>) {
    let base = common::given(account.profile.account_server.as_deref())
        .or_else(|| common::given(account.profile.api_domain.as_deref()))
        .unwrap_or_default()
        .trim_end_matches('/')
        .to_owned();
    let (member, default) = match kind {
        "login" => ("url", "/login"),
        oauth if oauth.starts_with("oauth2") => {
            // In a login `token_path` is where the answer has the token.
            if let Some(path) = members.remove("tokenPath") {
                members.entry("tokenUrl").or_insert(path);
            }
            ("tokenUrl", "/oauth/token")
        }
        _ => return,
    };
    let address = members.entry(member).or_insert_with(|| default.into());
    if let Some(path) = address.as_str().filter(|text| text.starts_with('/')) {
        *address = Value::String(format!("{base}{path}"));
    }
    if kind == "login" {
        members.entry("tokenPath").or_insert_with(|| "/token".into());
    }
}

/// Replaces `{user_name}` and the like in the texts of a login body.
fn filled_in(account: &Account, body: Value) -> Value {
    match body {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, filled_in(account, value)))
            .collect(),
        Value::String(text) => {
            let name = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            Value::String(name.and_then(|name| member_of(account, name)).unwrap_or(text))
        }
        other => other,
    }
}

fn member_of(account: &Account, field: &str) -> Option<String> {
    let (profile, secrets) = (&account.profile, &account.secrets);
    let secret = |secret| common::given_secret(secret).map(|secret| secret.expose().to_owned());
    match field {
        "user_name" => common::given(profile.user_name.as_deref()).map(str::to_owned),
        "user_password" => secret(secrets.user_password.as_ref()),
        "integration_access_token" => secret(secrets.access_token.as_ref()),
        "integration_refresh_token" => secret(secrets.refresh_token.as_ref()),
        "integration_client_id" => common::given(profile.client_id.as_deref()).map(str::to_owned),
        "integration_client_secret" => secret(secrets.client_secret.as_ref()),
        "remote_instance_id" => common::given(profile.remote_instance_id.as_deref()).map(str::to_owned),
        "company_name" => common::given(profile.company_name.as_deref()).map(str::to_owned),
        _ => None,
    }
}

/// An error by the name under which the member was asked for.
fn renamed(error: FieldError) -> FieldError {
    let name = error.field.strip_prefix("auth.").unwrap_or(&error.field);
    let field = match FILLED.iter().find(|(member, _)| *member == name) {
        Some((_, field)) => (*field).to_owned(),
        None => format!("supporting_fields.auth.{}", snake(name)),
    };
    FieldError::new(field, error.message)
}

/// `token_url` as `tokenUrl`.
fn camel(name: &str) -> String {
    let mut upper = false;
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if c == '_' && !text.is_empty() {
            upper = true;
        } else {
            text.push(if upper { c.to_ascii_uppercase() } else { c });
            upper = false;
        }
    }
    text
}

/// `tokenUrl` as `token_url`.
fn snake(name: &str) -> String {
    name.chars().fold(String::with_capacity(name.len() + 4), |mut text, c| {
        if c.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
        text
    })
}

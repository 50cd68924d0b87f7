//! Reading credentials that people send: unknown and missing members by name, kept secrets, values that cannot work.

use serde_json::{Map, Value};

use super::auth::{Auth, Limits};
use super::headers;
use crate::domain::{origin::origin, validate::FieldError};

/// Largest number of requests that a limit may name; a day's log of that many takes 8 MB.
pub const LIMIT_MAX: u32 = 1_000_000;

/// What absent members mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// PUT: absent secrets keep their value, other absent members take their default.
    Replace,
    /// PATCH: every absent member keeps its value, `null` removes one.
    Patch,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Secret,
    SecretObject,
    Url,
    HeaderName,
    JsonPointer,
    OneOf(&'static [&'static str]),
}

struct Member {
    name: &'static str,
    kind: Kind,
    required: bool,
    default: Option<&'static str>,
}

const fn needed(name: &'static str, kind: Kind) -> Member {
    Member {
        name,
        kind,
        required: true,
        default: None,
    }
}

const fn optional(name: &'static str, kind: Kind) -> Member {
    Member {
        name,
        kind,
        required: false,
        default: None,
    }
}

const fn with_default(name: &'static str, kind: Kind, default: &'static str) -> Member {
    Member {
        name,
        kind,
        required: true,
        default: Some(default),
    }
}

const OAUTH: [Member; 6] = [
    needed("tokenUrl", Kind::Url),
    needed("clientId", Kind::Text),
    needed("clientSecret", Kind::Secret),
    optional("scope", Kind::Text),
    optional("audience", Kind::Text),
    with_default("credentialsIn", Kind::OneOf(&["header", "body"]), "header"),
];

const BASIC: [Member; 2] = [needed("username", Kind::Text), needed("password", Kind::Secret)];
const REFRESH: [Member; 1] = [needed("refreshToken", Kind::Secret)];
const BEARER: [Member; 1] = [needed("token", Kind::Secret)];

const API_KEY: [Member; 3] = [
    needed("in", Kind::OneOf(&["header", "query"])),
    needed("name", Kind::Text),
    needed("value", Kind::Secret),
];

const LOGIN: [Member; 7] = [
    needed("url", Kind::Url),
    with_default("method", Kind::OneOf(&["POST"]), "POST"),
    needed("body", Kind::SecretObject),
    needed("tokenPath", Kind::JsonPointer),
    optional("expiresInPath", Kind::JsonPointer),
    with_default("header", Kind::HeaderName, "Authorization"),
    with_default("prefix", Kind::Text, "Bearer "),
];

const HMAC: [Member; 5] = [
    needed("secret", Kind::Secret),
    needed("header", Kind::HeaderName),
    with_default("algorithm", Kind::OneOf(&["sha256"]), "sha256"),
    with_default("encoding", Kind::OneOf(&["hex", "base64"]), "hex"),
    optional("prefix", Kind::Text),
];

const KINDS: &str =
    "none, basic, bearer, apiKey, oauth2ClientCredentials, oauth2Password, oauth2RefreshToken, login, hmac";

fn members_of(kind: &str) -> Option<Vec<&'static Member>> {
    let groups: [&'static [Member]; 2] = match kind {
        "none" => [&[], &[]],
        "basic" => [&BASIC, &[]],
        "bearer" => [&BEARER, &[]],
        "apiKey" => [&API_KEY, &[]],
        "oauth2ClientCredentials" => [&OAUTH, &[]],
        "oauth2Password" => [&OAUTH, &BASIC],
        "oauth2RefreshToken" => [&OAUTH, &REFRESH],
        "login" => [&LOGIN, &[]],
        "hmac" => [&HMAC, &[]],
        _ => return None,
    };
    Some(groups.into_iter().flatten().collect())
}

impl Auth {
    /// Reads the member `auth` of a client. With `existing`, secrets that are absent (or come back in their shown form)
    /// keep their value as long as the kind is the same. Errors name the fields, all at once.
    pub fn from_input(given: &Value, existing: Option<&Auth>, merge: Merge) -> Result<Auth, Vec<FieldError>> {
        let Value::Object(given) = given else {
            return Err(vec![error("auth", "must be an object with a member kind")]);
        };
        let kind = match (given.get("kind"), existing, merge) {
            (Some(Value::String(kind)), _, _) => kind.clone(),
            (None, Some(existing), Merge::Patch) => existing.kind().to_owned(),
            _ => return Err(vec![error("auth.kind", &format!("must be one of {KINDS}"))]),
        };
        let Some(members) = members_of(&kind) else {
            return Err(vec![error("auth.kind", &format!("must be one of {KINDS}"))]);
        };
        let kept = existing
            .filter(|auth| auth.kind() == kind)
            .map(Auth::to_clear_map)
            .unwrap_or_default();
        let mut errors: Vec<FieldError> = given
            .keys()
            .filter(|name| *name != "kind" && !members.iter().any(|member| member.name == *name))
            .map(|name| error(&format!("auth.{name}"), &format!("is not a member of kind {kind}")))
            .collect();
        let mut whole = Map::from_iter([("kind".to_owned(), Value::String(kind))]);
        for member in members {
            match value_of(member, given, &kept, merge) {
                Some(value) => match check(member.kind, &value) {
                    Ok(()) => {
                        whole.insert(member.name.to_owned(), value);
                    }
                    Err(message) => errors.push(error(&format!("auth.{}", member.name), &message)),
                },
                None if member.required => errors.push(error(&format!("auth.{}", member.name), "is missing")),
                None => {}
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let read: Auth =
            serde_json::from_value(Value::Object(whole)).map_err(|cause| vec![error("auth", &cause.to_string())])?;
        check_server(&read, existing, given)?;
        check_key_name(read)
    }
}

impl Limits {
    /// Checks the member `limits` of a client.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let members = [
            ("perSecond", self.per_second),
            ("perMinute", self.per_minute),
            ("perDay", self.per_day),
            ("concurrent", self.concurrent),
        ];
        let errors: Vec<FieldError> = members
            .into_iter()
            .filter(|(_, value)| value.is_some_and(|value| value == 0 || value > LIMIT_MAX))
            .map(|(name, _)| {
                error(
                    &format!("limits.{name}"),
                    &format!("must be from 1 to {LIMIT_MAX}, or absent"),
                )
            })
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

fn value_of(member: &Member, given: &Map<String, Value>, kept: &Map<String, Value>, merge: Merge) -> Option<Value> {
    let secret = matches!(member.kind, Kind::Secret | Kind::SecretObject);
    let found = match given.get(member.name) {
        Some(Value::Null) => None,
        Some(value) if secret && is_shown_form(value) => kept.get(member.name),
        Some(value) => Some(value),
        None if secret || merge == Merge::Patch => kept.get(member.name),
        None => None,
    };
    found.cloned().or_else(|| member.default.map(Value::from))
}

fn is_shown_form(value: &Value) -> bool {
    value.as_object().is_some_and(|members| {
        members.get("set").is_some_and(Value::is_boolean)
            && members.keys().all(|key| key == "set" || key == "fingerprint")
    })
}

fn check(kind: Kind, value: &Value) -> Result<(), String> {
    if kind == Kind::SecretObject {
        return if value.is_object() {
            Ok(())
        } else {
            Err("must be a JSON object".to_owned())
        };
    }
    let Some(text) = value.as_str() else {
        return Err("must be a string".to_owned());
    };
    match kind {
        Kind::Secret if text.is_empty() => Err("must not be empty".to_owned()),
        Kind::Text | Kind::Secret if text.chars().any(char::is_control) => {
            Err("must not hold line breaks or other control characters".to_owned())
        }
        Kind::Text | Kind::Secret | Kind::SecretObject => Ok(()),
        Kind::Url => check_url(text),
        Kind::HeaderName => headers::check_name(text),
        Kind::JsonPointer if text.starts_with('/') => Ok(()),
        Kind::JsonPointer => Err("must be a JSON pointer such as /accessToken".to_owned()),
        Kind::OneOf(names) if names.contains(&text) => Ok(()),
        Kind::OneOf(names) => Err(format!("must be one of {}", names.join(", "))),
    }
}

fn check_url(text: &str) -> Result<(), String> {
    match url::Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => Err("must be an http or https URL".to_owned()),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Err("must not hold a user name or password".to_owned())
        }
        Ok(_) => Ok(()),
        Err(cause) => Err(format!("is not a URL: {cause}")),
    }
}

/// Refuses to send secrets, which whoever makes the change need not know, to another server than the one they were given for.
fn check_server(read: &Auth, existing: Option<&Auth>, given: &Map<String, Value>) -> Result<(), Vec<FieldError>> {
    let before = existing.filter(|before| before.kind() == read.kind());
    let (Some(old), Some(new)) = (before.and_then(Auth::token_url), read.token_url()) else {
        return Ok(());
    };
    if origin(old) == origin(new) {
        return Ok(());
    }
    let is_given = |name: &str| {
        given
            .get(name)
            .is_some_and(|value| !value.is_null() && !is_shown_form(value))
    };
    let kept: Vec<&str> = read
        .secrets()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !is_given(name))
        .collect();
    if kept.is_empty() {
        return Ok(());
    }
    let member = if matches!(read, Auth::Login { .. }) {
        "auth.url"
    } else {
        "auth.tokenUrl"
    };
    let message = format!("names another server; give {} again with it", kept.join(", "));
    Err(vec![error(member, &message)])
}

fn check_key_name(auth: Auth) -> Result<Auth, Vec<FieldError>> {
    if let Auth::ApiKey { place, name, .. } = &auth {
        let found = match place {
            super::auth::KeyPlace::Header => headers::check_name(name),
            super::auth::KeyPlace::Query if name.is_empty() => Err("must not be empty".to_owned()),
            super::auth::KeyPlace::Query => Ok(()),
        };
        found.map_err(|message| vec![error("auth.name", &message)])?;
    }
    Ok(auth)
}

fn error(field: &str, message: &str) -> FieldError {
    FieldError::new(field, message)
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;

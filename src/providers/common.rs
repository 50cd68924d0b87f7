//! What the providers share: bases of addresses, dates, JSON of answers, troubles by status, OAuth credentials.

use bytes::Bytes;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt::rfc2822};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{Account, Object, Trouble, TroubleKind};
use crate::domain::validate::FieldError;
use crate::http::{
    Auth, CredentialsIn, Limits, Method, OauthClient, REDACTED, Request, Response, Secret, classify_status, redacted,
};

/// Longest part of a provider's own words in a message, characters.
const WORDS_MAX: usize = 500;
/// Shorter secrets would match by chance.
const SECRET_CHARACTERS_MIN: usize = 6;

impl Trouble {
    /// A trouble without a time.
    #[must_use]
    pub fn new(kind: TroubleKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after_ms: None,
        }
    }
}

/// A name of an object as it is compared: lower case, letters and digits only, without a `record` ending.
#[must_use]
pub fn object_word(name: &str) -> String {
    let word: String = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    match word.strip_suffix("records").or_else(|| word.strip_suffix("record")) {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => word,
    }
}

/// The trouble of an object that the provider does not have.
#[must_use]
pub fn unknown_object<'a>(provider: &str, asked: &str, known: impl Iterator<Item = &'a str>) -> Trouble {
    let known: Vec<&str> = known.collect();
    Trouble::new(
        TroubleKind::Unusable,
        format!("{provider} has no object {asked:?} here; it has {}", known.join(", ")),
    )
}

/// A base with a path after it. A replaced base that already ends with the path keeps it once.
#[must_use]
pub fn address(replaced: Option<&str>, own: &str, path: &str) -> String {
    let base = given(replaced).unwrap_or(own).trim_end_matches('/');
    if base.ends_with(path) {
        return base.to_owned();
    }
    format!("{base}{path}")
}

/// A text that was given: neither absent nor blank.
#[must_use]
pub fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// A secret that was given.
#[must_use]
pub fn given_secret(secret: Option<&Secret>) -> Option<&Secret> {
    secret.filter(|secret| !secret.expose().trim().is_empty())
}

/// Query parameters, encoded.
#[must_use]
pub fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// One segment of a path, encoded.
///
/// # Errors
/// [`TroubleKind::Record`] for `.` and `..`: servers and clients take them, encoded too, for another path.
pub fn segment(text: &str) -> Result<String, Trouble> {
    use std::fmt::Write;
    if matches!(text, "." | "..") {
        let message = format!("{text:?} cannot stand in an address: it would lead to another one");
        return Err(Trouble::new(TroubleKind::Record, message));
    }
    Ok(text.bytes().fold(String::with_capacity(text.len()), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            path.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
        path
    }))
}

/// A request for JSON.
#[must_use]
pub fn get(url: String) -> Request {
    Request {
        method: Method::Get,
        url,
        headers: vec![("accept".to_owned(), "application/json".to_owned())],
        ..Request::default()
    }
}

/// A request with a JSON body.
#[must_use]
pub fn send(method: Method, url: String, body: &Value) -> Request {
    Request {
        method,
        body: Some(Bytes::from(body.to_string())),
        headers: vec![
            ("accept".to_owned(), "application/json".to_owned()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ],
        ..get(url)
    }
}

/// The JSON object in `supporting_fields`; an empty one if there is none.
///
/// # Errors
/// It is no JSON object, or its `limits` are none.
pub fn supporting(account: &Account) -> Result<Map<String, Value>, FieldError> {
    let Some(text) = given(account.profile.supporting_fields.as_deref()) else {
        return Ok(Map::new());
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => {
            members.get("limits").map_or(Ok(()), check_limits)?;
            Ok(members)
        }
        Ok(_) => Err(FieldError::new("supporting_fields", "must be a JSON object")),
        Err(cause) => Err(FieldError::new(
            "supporting_fields",
            format!("must be a JSON object: {cause}"),
        )),
    }
}

fn check_limits(limits: &Value) -> Result<(), FieldError> {
    let read: Result<LimitsText, _> = serde_path_to_error::deserialize(limits);
    read.map(drop).map_err(|error| {
        let path = error.path().to_string();
        let dot = if path == "." { String::new() } else { format!(".{path}") };
        FieldError::new(format!("supporting_fields.limits{dot}"), error.into_inner().to_string())
    })
}

/// A text, number or boolean among the supporting fields, as text.
#[must_use]
pub fn supporting_text(account: &Account, name: &str) -> Option<String> {
    let members = supporting(account).ok()?;
    text_of(members.get(name)?).filter(|text| !text.trim().is_empty())
}

/// A scalar as text: ids come as texts from some and as numbers from others.
#[must_use]
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Limits as people write them in `supporting_fields.limits`, in either style of names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsText {
    /// Requests in any one second.
    #[serde(alias = "perSecond")]
    pub per_second: Option<u32>,
    /// Requests in any one minute.
    #[serde(alias = "perMinute")]
    pub per_minute: Option<u32>,
    /// Requests in any 24 hours.
    #[serde(alias = "perDay")]
    pub per_day: Option<u32>,
    /// Requests at the same time.
    pub concurrent: Option<u32>,
}

impl From<LimitsText> for Limits {
    fn from(text: LimitsText) -> Limits {
        // A limit of nothing would only stop everything.
        let some = |count: Option<u32>| count.filter(|count| *count > 0);
        Limits {
            per_second: some(text.per_second),
            per_minute: some(text.per_minute),
            per_day: some(text.per_day),
            concurrent: some(text.concurrent),
        }
    }
}

/// The budget of an account: `supporting_fields.limits` replaces the provider's own as a whole (`{}`: none), for an agreement
/// that differs from the usual one.
#[must_use]
pub fn limits(account: &Account, own: Limits) -> Option<Limits> {
    let other = supporting(account)
        .ok()
        .and_then(|mut members| members.remove("limits"))
        .and_then(|value| serde_json::from_value::<LimitsText>(value).ok());
    let limits = other.map_or(own, Limits::from);
    (limits != Limits::default()).then_some(limits)
}

/// The usual OAuth credentials: with a refresh token they renew themselves; without one a client id and secret get tokens by
/// client credentials; an access token alone is used until it ends.
///
/// # Errors
/// Members that are missing, by name.
pub fn oauth(account: &Account, token_url: &str, scope: Option<&str>) -> Result<Auth, Vec<FieldError>> {
    if account.profile.require_authentication == Some(false) {
        return Ok(Auth::None {});
    }
    let secrets = &account.secrets;
    let client_id = given(account.profile.client_id.as_deref());
    let client_secret = given_secret(secrets.client_secret.as_ref());
    let client = |id: &str, secret: &Secret, scope: Option<&str>| OauthClient {
        token_url: token_url.to_owned(),
        client_id: id.to_owned(),
        client_secret: secret.clone(),
        scope: scope.map(str::to_owned),
        audience: None,
        credentials_in: CredentialsIn::Header,
    };
    let refresh_token = given_secret(secrets.refresh_token.as_ref());
    let access_token = given_secret(secrets.access_token.as_ref());
    match (refresh_token, access_token, client_id, client_secret) {
        (Some(token), _, Some(id), Some(secret)) => Ok(Auth::Oauth2RefreshToken {
            oauth: client(id, secret, None),
            refresh_token: token.clone(),
        }),
        (None, _, Some(id), Some(secret)) => Ok(Auth::Oauth2ClientCredentials {
            oauth: client(id, secret, scope),
        }),
        // Nobody can renew it; it works until it ends.
        (None, Some(token), _, _) => Ok(Auth::Bearer { token: token.clone() }),
        (refresh, ..) => {
            let why = if refresh.is_some() {
                "is needed to renew the tokens"
            } else {
                "is needed, unless integration_access_token is given"
            };
            Err([
                ("integration_client_id", client_id.is_some()),
                ("integration_client_secret", client_secret.is_some()),
            ]
            .into_iter()
            .filter(|(_, there)| !there)
            .map(|(field, _)| FieldError::new(field, why))
            .collect())
        }
    }
}

/// The JSON of an answer. Numbers that no JSON number of ours holds exactly come as texts with the same digits.
///
/// # Errors
/// It is no JSON: [`TroubleKind::Passing`], since a broken answer may be whole the next time.
pub fn json(provider: &str, answer: &Response) -> Result<Value, Trouble> {
    super::exact::parse(&answer.body).map_err(|_| {
        Trouble::new(
            TroubleKind::Passing,
            format!("{provider} answered {} with something that is not JSON", answer.status),
        )
    })
}

/// The trouble of an answer that is no success; `words` are the provider's own. `refused` is the kind of 400, 404, 409, 422 and
/// the like: it is the record that is refused when one was sent, and the description when a list was asked for.
#[must_use]
pub fn trouble(provider: &str, account: &Account, answer: &Response, words: &str, refused: TroubleKind) -> Trouble {
    let kind = match answer.status {
        401 | 403 => TroubleKind::Account,
        429 | 503 => TroubleKind::Throttled,
        408 | 425 | 500..=599 => TroubleKind::Passing,
        400..=499 => refused,
        _ => TroubleKind::Unusable,
    };
    let words = clean(account, answer, words);
    let colon = if words.is_empty() { "" } else { ": " };
    Trouble {
        kind,
        message: format!("{provider} answered {}{colon}{words}", answer.status),
        retry_after_ms: retry_after_ms(answer),
    }
}

/// What `Retry-After` asks for, milliseconds. A date counts from the answer's own `Date`.
#[must_use]
pub fn retry_after_ms(answer: &Response) -> Option<u64> {
    let asked = answer.header("retry-after")?.trim();
    let sent_at = answer
        .header("date")
        .and_then(|date| rfc2822::parse(date).ok())
        .map(|date| date.timestamp());
    let now = match (asked.parse::<u64>(), sent_at) {
        (_, Some(sent_at)) => sent_at,
        (Ok(_), None) => Timestamp::UNIX_EPOCH,
        (Err(_), None) => return None,
    };
    classify_status(answer.status, &answer.headers, now)?.retry_after_ms
}

/// A provider's words without control characters and without the secrets of this account and of the request, cut.
#[must_use]
pub fn clean(account: &Account, answer: &Response, words: &str) -> String {
    let words = redacted(words.to_owned(), &answer.sent.known_secrets());
    let secrets = &account.secrets;
    let all = [
        &secrets.client_secret,
        &secrets.access_token,
        &secrets.refresh_token,
        &secrets.user_password,
    ];
    let words = all.into_iter().flatten().fold(words, |words, secret| {
        if secret.expose().len() < SECRET_CHARACTERS_MIN {
            return words;
        }
        words.replace(secret.expose(), REDACTED)
    });
    let line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().chars().take(WORDS_MAX).collect()
}

/// The texts of a member in each element of an array, joined.
#[must_use]
pub fn messages(elements: Option<&Value>, member: &str) -> String {
    let elements = elements
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let texts: Vec<&str> = elements
        .iter()
        .filter_map(|element| element.get(member).and_then(Value::as_str))
        .collect();
    texts.join("; ")
}

/// A time as providers write it: RFC 3339, a date, or a date and time without a zone, which is then in `zone`.
#[must_use]
pub fn time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(at) = microsoft_date(text) {
        return Some(at);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let local = match text.parse::<Date>() {
        Ok(date) if !text.contains(['T', ' ', ':']) => date.to_datetime(jiff::civil::Time::midnight()),
        _ => text.parse::<DateTime>().ok()?,
    };
    zone.to_ambiguous_timestamp(local).compatible().ok()
}

/// A time in UTC to the second, without a zone: `2026-01-31T23:59:59`. Parts of a second are cut, so that nothing is missed.
#[must_use]
pub fn seconds_utc(at: Timestamp) -> String {
    TimeZone::UTC.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// Reads `/Date(1439434356790+0000)/`: milliseconds since 1970; the offset is only for showing.
#[must_use]
pub fn microsoft_date(text: &str) -> Option<Timestamp> {
    let inner = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let sign = inner
        .char_indices()
        .skip(1)
        .find(|(_, c)| matches!(c, '+' | '-'))
        .map_or(inner.len(), |(at, _)| at);
    let (milliseconds, offset) = inner.split_at_checked(sign)?;
    let offset_fits = offset.is_empty() || (offset.len() == 5 && offset.chars().skip(1).all(|c| c.is_ascii_digit()));
    let at = Timestamp::from_millisecond(milliseconds.parse().ok()?).ok()?;
    offset_fits.then_some(at)
}

/// Turns each `/Date(...)/` within a value into RFC 3339.
pub fn microsoft_dates_to_rfc3339(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(at) = microsoft_date(text) {
                *text = at.to_string();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(microsoft_dates_to_rfc3339),
        Value::Object(members) => members.values_mut().for_each(microsoft_dates_to_rfc3339),
        _ => {}
    }
}

/// The object that is to be sent, without anything that is no object.
///
/// # Errors
/// [`TroubleKind::Record`].
pub fn members_of<'a>(object: &Object, data: &'a Value) -> Result<&'a Map<String, Value>, Trouble> {
    data.as_object().ok_or_else(|| {
        Trouble::new(
            TroubleKind::Record,
            format!("a record of {} must be a JSON object after the mapping", object.name),
        )
    })
}

#[cfg(test)]
#[path = "common_tests.rs"]
pub(super) mod tests;

//! Any JSON API, as the connection's `supporting_fields` describe it.
//!
//! `api_domain` is the base of the API. `supporting_fields` is a JSON object; each member may be absent, one that is unknown is
//! refused with its path. Without any, `GET {api_domain}/{object}` answers with a JSON array, or with an object that has one array.
//!
//! Of the whole API:
//!
//! | member | meaning | default |
//! |---|---|---|
//! | `auth` | `{"kind"}`: `none`, `basic`, `bearer`, `api_key` (`in`, `name`), `oauth2_client_credentials`, `oauth2_refresh_token`, `oauth2_password` (`token_url` or `token_path`, `scope`, `audience`, `credentials_in`), `login` (`url`, `body`, `token_path`, `header`, `prefix`), `hmac` (`header`, `encoding`, `prefix`); secrets come from the secret members of the connection | what the members that were given suggest |
//! | `headers` | headers of each request; `{account}` stands for `remote_instance_id` | none |
//! | `limits` | `per_second`, `per_minute`, `per_day`, `concurrent` | none |
//! | `check_path` | a path that shows whether the credentials work | the list of the first object |
//! | `objects` | objects by name, each with the members below; any other name is then refused | each name is an object |
//!
//! Of an object; beside `objects` they are the defaults of all. Paths begin with a slash and may hold `{object}`, `{id}`, `{account}`;
//! a member of an answer is named with dots (`meta.id`) or as a JSON pointer (`/meta/id`):
//!
//! | member | meaning | default |
//! |---|---|---|
//! | `aliases` | further names | none |
//! | `list_path`, `query` | path and fixed query parameters of the list; ask for an order that changes do not shift | `/{object}` |
//! | `items` | where the answer has the list; empty: it is the list | the only list there is |
//! | `id`, `updated`, `version` | members of a record | `id`, none, none |
//! | `deleted`, `deleted_value` | a member, and its value for deleted records | none, `true` |
//! | `time_zone` | of times without one | UTC |
//! | `paging` | `{"kind"}`: `none`; `page` (`parameter` `page`, `first` 1, `size` 100, no more than the API gives, `size_parameter` `page_size`, empty: none is sent; `pages`, `total`, `more`: where the answer has them); `offset` (`parameter` `offset`, `size` 100, `size_parameter` `limit`, `total`, `more`); `cursor` (`parameter` `cursor`, `next` `next_cursor`, `more`, `size_parameter` `limit`); `link` (a `Link` header); `next` (`next`: where the address of the next page stands) | `none` |
//! | `modified_since` | `{"name", "in", "format", "value"}`: parameter or header; `in` `query` or `header`; `format` `rfc3339`, `datetime`, `date`, `unix`, `unix_ms`, `http`; `value` `{since}` | all records each time |
//! | `create`, `update` | `{"method", "path"}` | POST list path, PUT list path`/{id}` |
//! | `wrap` | the member in which a record travels | none |
//! | `written` | where the answer to a write has the record | `wrap`, else the answer itself |
//! | `idempotency_header` | empty: none is sent | `Idempotency-Key` |
//! | `if_match` | true: an update carries the version in `If-Match`; `fetch_path` (list path`/{id}`) gets a fresh one | false |

mod credentials;
mod describe;
mod paging;
mod text;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use url::Url;

use self::describe::{Described, Description};
use self::text::{Paging, Since, SinceFormat, SincePlace};
use super::common;
use super::{
    Account, ListQuery, Object, Outgoing, PagePlace, Provider, RemotePage, RemoteRecord, RemoteRef, Trouble,
    TroubleKind, Written,
};
use crate::domain::{connection::ProviderKind, validate::FieldError};
use crate::http::{Auth, KeyPlace, Limits, Request, Response};

const NAME: &str = "the API";
/// Numbers above it are milliseconds since 1970, up to it seconds: the year 5138.
const SECONDS_MAX: i64 = 100_000_000_000;

/// A JSON API.
pub struct Rest;

impl Provider for Rest {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Rest
    }

    fn auth(&self, account: &Account) -> Result<Auth, Vec<FieldError>> {
        let description = Description::of(account)?;
        credentials::auth(account, &description)
    }

    fn limits(&self, account: &Account) -> Option<Limits> {
        common::limits(account, Limits::default())
    }

    fn object(&self, account: &Account, name: &str) -> Result<Object, Trouble> {
        let described = Description::usable(account)?.object(name)?;
        Ok(Object { name: described.name })
    }

    fn check(&self, account: &Account) -> Request {
        let Ok(description) = Description::of(account) else {
            // Reading the answer says what is wrong.
            return common::get(
                common::given(account.profile.api_domain.as_deref())
                    .unwrap_or_default()
                    .to_owned(),
            );
        };
        let path = match (&description.check_path, description.first()) {
            (Some(path), _) => filled(account, path, "", "").unwrap_or_default(),
            (None, Some(object)) => {
                let paging = object.paging.as_ref().unwrap_or(&Paging::NONE);
                let pairs = paging.parameters(None).unwrap_or_default();
                let path = filled(account, &object.list_path, &object.name, "").unwrap_or_default();
                with_query(path, object.query.iter().chain(&pairs))
            }
            (None, None) => String::new(),
        };
        let url = format!("{}{path}", description.base);
        with_headers(account, &description, common::get(url))
    }

    fn read_check(&self, account: &Account, answer: &Response) -> Result<String, Trouble> {
        Description::usable(account)?;
        success(account, answer, TroubleKind::Unusable)?;
        Ok(format!("The API takes the credentials and answers {}", answer.status))
    }

    fn list(&self, account: &Account, query: ListQuery<'_>) -> Result<Request, Trouble> {
        let description = Description::usable(account)?;
        let object = description.known(query.object)?;
        let paging = object.paging.as_ref().unwrap_or(&Paging::NONE);
        let mut pairs = object.query.clone();
        pairs.extend(paging.parameters(query.place)?);
        let since = object.since.as_ref().zip(query.since);
        let since = since.map(|(since, at)| (since, since_text(since, at)));
        if let Some((
            Since {
                name,
                place: SincePlace::Query,
                ..
            },
            text,
        )) = &since
        {
            pairs.push((name.clone(), text.clone()));
        }
        let url = match query.place {
            Some(place) if paging.by_address() => paging::stored_address(&description.base, place)?,
            _ => {
                let path = filled(account, &object.list_path, &object.name, "")?;
                format!("{}{}", description.base, with_query(path, &pairs))
            }
        };
        let mut request = with_headers(account, &description, common::get(url));
        if let Some((
            Since {
                name,
                place: SincePlace::Header,
                ..
            },
            text,
        )) = since
        {
            request.headers.push((name.clone(), text));
        }
        Ok(request)
    }

    fn read_list(&self, account: &Account, query: ListQuery<'_>, answer: &Response) -> Result<RemotePage, Trouble> {
        let description = Description::usable(account)?;
        let object = description.known(query.object)?;
        let (records, next) = (Vec::new(), None);
        // Nothing changed, or nothing is there.
        if matches!(answer.status, 204 | 304) {
            return Ok(RemotePage { records, next });
        }
        success(account, answer, TroubleKind::Unusable)?;
        let mut body = common::json(NAME, answer)?;
        let items = take_items(&object, &mut body)?;
        let paging = object.paging.as_ref().unwrap_or(&Paging::NONE);
        let next = paging.next(&description.base, query.place, items.len(), &body, answer)?;
        let next = next.map(|place| {
            if paging.by_address() {
                without_key(account, &description, place)
            } else {
                place
            }
        });
        let records = items
            .into_iter()
            .map(|item| record(&object, item))
            .collect::<Result<_, _>>()?;
        Ok(RemotePage { records, next })
    }

    fn fetch(&self, account: &Account, object: &Object, id: &str) -> Option<Request> {
        let description = Description::of(account).ok()?;
        let object = description.known(object).ok().filter(|object| object.if_match)?;
        let path = filled(account, &object.fetch_path, &object.name, id).ok()?;
        let url = format!("{}{path}", description.base);
        Some(with_headers(account, &description, common::get(url)))
    }

    fn read_fetched(&self, account: &Account, object: &Object, answer: &Response) -> Result<RemoteRecord, Trouble> {
        let object = Description::usable(account)?.known(object)?;
        success(account, answer, TroubleKind::Record)?;
        let body = common::json(NAME, answer)?;
        record(&object, written_in(&object, body))
    }

    fn write(&self, account: &Account, outgoing: Outgoing<'_>) -> Result<Request, Trouble> {
        let description = Description::usable(account)?;
        let object = description.known(outgoing.object)?;
        let members = common::members_of(outgoing.object, outgoing.data)?;
        let body = match &object.wrap {
            Some(wrap) => json!({ wrap.as_str(): members }),
            None => outgoing.data.clone(),
        };
        let (method, path, id) = match outgoing.remote {
            None => (object.create.0, &object.create.1, ""),
            Some(remote) => (object.update.0, &object.update.1, remote.id.as_str()),
        };
        let url = format!("{}{}", description.base, filled(account, path, &object.name, id)?);
        let mut request = with_headers(account, &description, common::send(method, url, &body));
        if let Some(header) = &object.idempotency_header {
            let key = outgoing.idempotency_key.to_owned();
            request.headers.push((header.clone(), key));
        }
        let version = outgoing.remote.and_then(|remote| remote.version.clone());
        if let Some(version) = version.filter(|_| object.if_match) {
            let quoted = version.starts_with('"') || version.starts_with("W/");
            let value = if quoted { version } else { format!("\"{version}\"") };
            request.headers.push(("if-match".to_owned(), value));
        }
        Ok(request)
    }

    fn read_written(&self, account: &Account, outgoing: Outgoing<'_>, answer: &Response) -> Result<Written, Trouble> {
        let object = Description::usable(account)?.known(outgoing.object)?;
        if object.if_match && outgoing.remote.is_some() && matches!(answer.status, 409 | 412) {
            let stale = "the API says that the record was changed there meanwhile";
            return Err(Trouble::new(TroubleKind::Stale, stale));
        }
        success(account, answer, TroubleKind::Record)?;
        let known = outgoing.remote.map(|remote| remote.id.clone());
        // An answer without a body is one, and an update needs none.
        let body = common::json(NAME, answer).unwrap_or(Value::Null);
        let one = written_in(&object, body);
        let id = find(&one, &object.id)
            .and_then(common::text_of)
            .or(known)
            .or_else(|| located(answer))
            .ok_or_else(|| {
                Trouble::new(
                    TroubleKind::Unusable,
                    format!(
                        "the API took a record of {} but neither its answer nor a Location header has the id {:?}",
                        object.name, object.id
                    ),
                )
            })?;
        let etag = || answer.header("etag").map(str::to_owned).filter(|_| object.if_match);
        let version = text_at(&one, object.version.as_deref()).or_else(etag);
        Ok(Written {
            updated_at: updated_at(&object, &one),
            remote: RemoteRef { id, version },
        })
    }
}

/// A member of a value: named with dots, or as a JSON pointer; empty: the value itself.
fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() || path.starts_with('/') {
        return value.pointer(path.trim_end_matches('/'));
    }
    // A member whose name has a dot in it is meant first.
    value.get(path).or_else(|| {
        path.split('.').try_fold(value, |inner, name| match inner {
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            other => other.get(name),
        })
    })
}

fn text_at(value: &Value, path: Option<&str>) -> Option<String> {
    common::text_of(find(value, path?)?)
}

/// A path with its places filled in, each as one segment.
///
/// # Errors
/// As [`common::segment`].
fn filled(account: &Account, path: &str, object: &str, id: &str) -> Result<String, Trouble> {
    let instance = account.profile.remote_instance_id.as_deref().unwrap_or_default();
    path.split('{')
        .enumerate()
        .map(|(at, piece)| {
            let (text, rest) = match piece.split_once('}').filter(|_| at > 0) {
                Some(("object", rest)) => (object, rest),
                Some(("id", rest)) => (id, rest),
                Some(("account", rest)) => (instance, rest),
                _ if at > 0 => return Ok(format!("{{{piece}")),
                _ => return Ok(piece.to_owned()),
            };
            Ok(format!("{}{rest}", common::segment(text)?))
        })
        .collect()
}

fn with_query<'a>(path: String, pairs: impl IntoIterator<Item = &'a (String, String)>) -> String {
    let query = common::query(pairs.into_iter().map(|(name, value)| (name.as_str(), value.as_str())));
    match (query.is_empty(), path.contains('?')) {
        (true, _) => path,
        (false, true) => format!("{path}&{query}"),
        (false, false) => format!("{path}?{query}"),
    }
}

/// Adds the described headers; one of ours that is described goes.
fn with_headers(account: &Account, description: &Description, mut request: Request) -> Request {
    let instance = account.profile.remote_instance_id.as_deref().unwrap_or_default();
    for (name, value) in &description.headers {
        request.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        request
            .headers
            .push((name.clone(), value.replace("{account}", instance)));
    }
    request
}

/// An address without the key that the API repeats in it: places are kept in the clear, and the key is added to each request anyway.
fn without_key(account: &Account, description: &Description, place: PagePlace) -> PagePlace {
    let Ok(Auth::ApiKey {
        place: KeyPlace::Query,
        name,
        ..
    }) = credentials::auth(account, description)
    else {
        return place;
    };
    let Ok(mut url) = Url::parse(&place.0) else {
        return place;
    };
    let pairs: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, _)| *key != name)
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    PagePlace(url.into())
}

fn since_text(since: &Since, at: Timestamp) -> String {
    let usual = match since.place {
        SincePlace::Query => SinceFormat::Rfc3339,
        SincePlace::Header => SinceFormat::Http,
    };
    let text = match since.format.unwrap_or(usual) {
        SinceFormat::Rfc3339 => format!("{}Z", common::seconds_utc(at)),
        SinceFormat::Datetime => common::seconds_utc(at),
        SinceFormat::Date => TimeZone::UTC.to_datetime(at).date().to_string(),
        SinceFormat::Unix => at.as_second().to_string(),
        SinceFormat::UnixMs => at.as_millisecond().to_string(),
        SinceFormat::Http => DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&at)
            .unwrap_or_else(|_| common::seconds_utc(at)),
    };
    match &since.value {
        Some(value) => value.replace("{since}", &text),
        None => text,
    }
}

/// Takes the list out of an answer; what is left still says where the next page is.
fn take_items(object: &Described, body: &mut Value) -> Result<Vec<Value>, Trouble> {
    let unusable = |what: &str| {
        Trouble::new(
            TroubleKind::Unusable,
            format!("the API answered for {} {what}", object.name),
        )
    };
    if let Some(path) = &object.items {
        // A moved list would take the members beside it along where the list is the whole answer.
        return match find(body, path) {
            Some(Value::Array(items)) => Ok(items.clone()),
            Some(Value::Null) => Ok(Vec::new()),
            _ => Err(unusable(&format!(
                "without a list at {path:?}; see items in supporting_fields"
            ))),
        };
    }
    match body {
        Value::Array(items) => Ok(std::mem::take(items)),
        Value::Object(members) => {
            let mut lists = members.values_mut().filter_map(Value::as_array_mut);
            match (lists.next(), lists.next()) {
                (Some(items), None) => Ok(std::mem::take(items)),
                (None, _) => Err(unusable("without a list")),
                (Some(_), Some(_)) => Err(unusable(
                    "with several lists; say in supporting_fields which are the items",
                )),
            }
        }
        _ => Err(unusable("with no list and no object")),
    }
}

fn record(object: &Described, data: Value) -> Result<RemoteRecord, Trouble> {
    let unusable = |what: String| {
        Trouble::new(
            TroubleKind::Unusable,
            format!("the API answered with a record of {} {what}", object.name),
        )
    };
    if !data.is_object() {
        return Err(unusable("that is no JSON object".to_owned()));
    }
    let id = text_at(&data, Some(&object.id)).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| unusable(format!("that has no {:?}; see id in supporting_fields", object.id)))?;
    let deleted = object
        .deleted
        .as_ref()
        .is_some_and(|(member, value)| text_at(&data, Some(member)).as_ref() == Some(value));
    Ok(RemoteRecord {
        id,
        version: text_at(&data, object.version.as_deref()),
        updated_at: updated_at(object, &data),
        deleted,
        data,
    })
}

fn updated_at(object: &Described, data: &Value) -> Option<Timestamp> {
    match find(data, object.updated.as_deref()?)? {
        Value::String(text) => common::time(text, &object.zone),
        Value::Number(number) => {
            let number = number.as_i64()?;
            if number.abs() > SECONDS_MAX {
                Timestamp::from_millisecond(number).ok()
            } else {
                Timestamp::from_second(number).ok()
            }
        }
        _ => None,
    }
}

/// The record in the answer to a write or a fetch.
fn written_in(object: &Described, body: Value) -> Value {
    let path = object.written.as_deref().or(object.wrap.as_deref()).unwrap_or_default();
    let one = find(&body, path).cloned().unwrap_or(body);
    match one {
        Value::Array(items) => items.into_iter().next().unwrap_or(Value::Null),
        other => other,
    }
}

/// The last segment of the `Location` of what was made.
fn located(answer: &Response) -> Option<String> {
    let location = answer.header("location")?.split(['?', '#']).next()?;
    let last = location.trim_end_matches('/').rsplit('/').next()?;
    let pairs = format!("id={}", last.replace('+', "%2B"));
    let (_, id) = url::form_urlencoded::parse(pairs.as_bytes()).next()?;
    Some(id.into_owned()).filter(|id| !id.is_empty())
}

fn success(account: &Account, answer: &Response, refused: TroubleKind) -> Result<(), Trouble> {
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    Err(common::trouble(NAME, account, answer, &words(answer), refused))
}

/// The API's own words in an error, where they usually stand.
fn words(answer: &Response) -> String {
    let Ok(body) = common::json(NAME, answer) else {
        return String::from_utf8_lossy(&answer.body).into_owned();
    };
    let places = [
        "/errors/0/message",
        "/errors/0/detail",
        "/errors/0",
        "/error/message",
        "/error_description",
        "/message",
        "/detail",
        "/error",
        "/title",
        "",
    ];
    let text = |path: &&str| body.pointer(path).and_then(Value::as_str);
    places.iter().find_map(text).unwrap_or_default().to_owned()
}

#[cfg(test)]
#[path = "rest_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "rest_write_tests.rs"]
mod write_tests;

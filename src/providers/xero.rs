//! Xero's dialect: pages by id, `If-Modified-Since` to the second, `/Date(ms)/`, the organisation in a header, errors per element.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::common;
use super::data::{Change, ObjectData, ProviderData, pair};
use super::{
    Account, ListQuery, Object, Outgoing, PagePlace, Provider, RemotePage, RemoteRecord, RemoteRef, Trouble,
    TroubleKind, Written,
};
use crate::domain::{connection::ProviderKind, validate::FieldError};
use crate::http::{Auth, Limits, Method, Request, Response};

const FILE: &str = include_str!("../../settings/providers/xero.toml");
/// A test sees to it that the file can be read.
static DATA: LazyLock<ProviderData> = LazyLock::new(|| ProviderData::read(FILE).unwrap_or_default());

const NAME: &str = "Xero";
/// The longest idempotency key that Xero takes, characters.
const IDEMPOTENCY_CHARACTERS_MAX: usize = 128;

/// Members that Xero alone sets: what is sent does not carry them.
const OWN_MEMBERS: [&str; 7] = [
    "UpdatedDateUTC",
    "HasAttachments",
    "HasErrors",
    "HasValidationErrors",
    "ValidationErrors",
    "StatusAttributeString",
    "Warnings",
];

/// Xero Accounting.
pub struct Xero;

impl Provider for Xero {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Xero
    }

    fn auth(&self, account: &Account) -> Result<Auth, Vec<FieldError>> {
        let token_url = common::address(
            account.profile.account_server.as_deref(),
            &DATA.token_base,
            &DATA.token_path,
        );
        let mut errors = Vec::new();
        if let Err(error) = common::supporting(account) {
            errors.push(error);
        }
        let size = common::supporting_text(account, "page_size");
        if size.is_some_and(|text| {
            text.parse()
                .map_or(true, |size: u32| !(1..=DATA.page_size_max).contains(&size))
        }) {
            errors.push(FieldError::new(
                "supporting_fields.page_size",
                format!("must be a number from 1 to {}", DATA.page_size_max),
            ));
        }
        let scope = common::supporting_text(account, "scope");
        let auth = common::oauth(account, &token_url, scope.as_deref());
        // The token of a custom connection belongs to one organisation; any other may reach several.
        let needs_tenant = !matches!(auth, Ok(Auth::Oauth2ClientCredentials { .. } | Auth::None {}));
        if needs_tenant && tenant(account).is_none() {
            errors.push(FieldError::new(
                "remote_instance_id",
                "is needed: the tenantId of the organisation, as GET https://api.xero.com/connections shows it",
            ));
        }
        match auth {
            Ok(auth) if errors.is_empty() => Ok(auth),
            Ok(_) => Err(errors),
            Err(mut more) => {
                more.append(&mut errors);
                Err(more)
            }
        }
    }

    fn limits(&self, account: &Account) -> Option<Limits> {
        common::limits(account, DATA.limits)
    }

    fn object(&self, _account: &Account, name: &str) -> Result<Object, Trouble> {
        DATA.object(name)
    }

    fn check(&self, account: &Account) -> Request {
        let api = api(account);
        let base = api.strip_suffix(&DATA.api_path).unwrap_or(&api);
        common::get(format!("{base}{}", DATA.check_path))
    }

    fn headers(&self, account: &Account) -> Vec<(String, String)> {
        in_organisation(account, self.check(account)).headers
    }

    fn read_check(&self, account: &Account, answer: &Response) -> Result<String, Trouble> {
        let body = usable(account, answer, TroubleKind::Unusable)?;
        let organisations = body.as_array().ok_or_else(|| {
            Trouble::new(
                TroubleKind::Passing,
                "Xero did not answer with a list of the organisations that the credentials reach",
            )
        })?;
        let member = |one: &Value, name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(wanted) = tenant(account) else {
            let names: Vec<String> = organisations.iter().map(|one| member(one, "tenantName")).collect();
            return match names.as_slice() {
                [] => Err(Trouble::new(
                    TroubleKind::Account,
                    "Xero takes the credentials, but they reach no organisation",
                )),
                names => Ok(format!("Xero answers for {}", names.join(", "))),
            };
        };
        let found = organisations
            .iter()
            .find(|one| member(one, "tenantId").eq_ignore_ascii_case(wanted));
        match found {
            Some(one) => Ok(format!("Xero answers for {}", member(one, "tenantName"))),
            None => Err(Trouble::new(
                TroubleKind::Account,
                format!("Xero takes the credentials, but they do not reach the organisation {wanted:?}"),
            )),
        }
    }

    fn list(&self, account: &Account, query: ListQuery<'_>) -> Result<Request, Trouble> {
        let data = DATA.object_data(query.object)?;
        let order = format!("{} ASC", data.id);
        let (page, size) = (page_of(query.place)?.to_string(), page_size(account).to_string());
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        if data.paged {
            pairs.extend([("page", page.as_str()), ("pageSize", size.as_str())]);
        }
        // The order of ids is the one that no change of a record shifts.
        pairs.push(("order", &order));
        pairs.extend(data.filter.as_deref().map(|filter| ("where", filter)));
        pairs.extend(data.query.iter().map(|text| pair(text)));
        let url = format!("{}/{}?{}", api(account), data.place(), common::query(pairs));
        let mut request = in_organisation(account, common::get(url));
        if let Some(since) = query.since {
            let since = common::seconds_utc(since);
            request.headers.push(("if-modified-since".to_owned(), since));
        }
        Ok(request)
    }

    fn read_list(&self, account: &Account, query: ListQuery<'_>, answer: &Response) -> Result<RemotePage, Trouble> {
        let data = DATA.object_data(query.object)?;
        let (records, next) = (Vec::new(), None);
        if answer.status == 304 {
            return Ok(RemotePage { records, next });
        }
        let mut body = usable(account, answer, TroubleKind::Unusable)?;
        let found = body.get_mut(data.place()).map(Value::take);
        let Some(Value::Array(elements)) = found else {
            return Err(Trouble::new(
                TroubleKind::Unusable,
                format!("Xero answered without a list {:?}", data.place()),
            ));
        };
        let count = elements.len();
        let records = elements
            .into_iter()
            .map(|element| record(data, element))
            .collect::<Result<_, _>>()?;
        let page = page_of(query.place)?;
        let pages = body.pointer("/pagination/pageCount").and_then(Value::as_u64);
        let more = data.paged
            && count > 0
            && match pages {
                Some(pages) => page < pages,
                None => u64::try_from(count).is_ok_and(|count| count >= u64::from(page_size(account))),
            };
        let next = more.then(|| PagePlace((page + 1).to_string()));
        Ok(RemotePage { records, next })
    }

    fn fetch(&self, _account: &Account, _object: &Object, _id: &str) -> Option<Request> {
        None
    }

    fn read_fetched(&self, account: &Account, object: &Object, answer: &Response) -> Result<RemoteRecord, Trouble> {
        let data = DATA.object_data(object)?;
        let body = usable(account, answer, TroubleKind::Unusable)?;
        record(data, element_of(data, body)?)
    }

    fn write(&self, account: &Account, outgoing: Outgoing<'_>) -> Result<Request, Trouble> {
        let data = DATA.object_data(outgoing.object)?;
        let mut members = common::members_of(outgoing.object, outgoing.data)?.clone();
        members.retain(|name, _| !OWN_MEMBERS.contains(&name.as_str()));
        let mut url = format!("{}/{}", api(account), data.place());
        let method = match outgoing.remote {
            None => {
                members.remove(&data.id);
                for (member, value) in data.members.iter().map(|text| pair(text)) {
                    members.entry(member).or_insert_with(|| value.into());
                }
                Method::Put
            }
            Some(remote) => {
                check_change(data, &members)?;
                members.insert(data.id.clone(), Value::String(remote.id.clone()));
                if data.change != Change::Inside {
                    members.remove(&data.id);
                    url = format!("{url}/{}", common::segment(&remote.id)?);
                }
                Method::Post
            }
        };
        if !data.write_query.is_empty() {
            let pairs = data.write_query.iter().map(|text| pair(text));
            url = format!("{url}?{}", common::query(pairs));
        }
        let bare = data.change == Change::AtPath || (data.change == Change::DeleteOnly && method == Method::Post);
        let body = if bare {
            Value::Object(members)
        } else {
            json!({ data.place(): [members] })
        };
        let mut request = in_organisation(account, common::send(method, url, &body));
        let key: String = outgoing
            .idempotency_key
            .chars()
            .take(IDEMPOTENCY_CHARACTERS_MAX)
            .collect();
        request.headers.push(("idempotency-key".to_owned(), key));
        Ok(request)
    }

    fn read_written(&self, account: &Account, outgoing: Outgoing<'_>, answer: &Response) -> Result<Written, Trouble> {
        let data = DATA.object_data(outgoing.object)?;
        let body = usable(account, answer, TroubleKind::Record)?;
        let element = element_of(data, body)?;
        let refused = element.get("StatusAttributeString").and_then(Value::as_str) == Some("ERROR")
            || element.get("HasValidationErrors").and_then(Value::as_bool) == Some(true);
        if refused {
            let words = common::messages(element.get("ValidationErrors"), "Message");
            let words = common::clean(account, answer, &words);
            return Err(Trouble::new(
                TroubleKind::Record,
                format!("Xero refuses this record of {}: {words}", outgoing.object.name),
            ));
        }
        let record = record(data, element)?;
        Ok(Written {
            remote: RemoteRef {
                id: record.id,
                version: None,
            },
            updated_at: record.updated_at,
        })
    }
}

/// The base of the accounting API.
fn api(account: &Account) -> String {
    common::address(account.profile.api_domain.as_deref(), &DATA.api_base, &DATA.api_path)
}

fn tenant(account: &Account) -> Option<&str> {
    common::given(account.profile.remote_instance_id.as_deref())
}

fn in_organisation(account: &Account, mut request: Request) -> Request {
    if let Some(tenant) = tenant(account) {
        request.headers.push(("xero-tenant-id".to_owned(), tenant.to_owned()));
    }
    request
}

fn page_of(place: Option<&PagePlace>) -> Result<u64, Trouble> {
    let Some(PagePlace(text)) = place else { return Ok(1) };
    text.parse()
        .map_err(|_| Trouble::new(TroubleKind::Unusable, format!("{text:?} is no page of a list of Xero")))
}

fn page_size(account: &Account) -> u32 {
    common::supporting_text(account, "page_size")
        .and_then(|text| text.parse().ok())
        .unwrap_or(DATA.page_size)
        .clamp(1, DATA.page_size_max)
}

/// Some objects can be changed in one way only.
fn check_change(data: &ObjectData, members: &Map<String, Value>) -> Result<(), Trouble> {
    let deletes = data
        .deleted
        .as_deref()
        .map(pair)
        .is_some_and(|(member, value)| members.get(member).and_then(Value::as_str) == Some(value));
    let refusal = match data.change {
        Change::Inside | Change::AtPath => return Ok(()),
        Change::DeleteOnly if deletes => return Ok(()),
        Change::DeleteOnly => "can be deleted (Status DELETED) but not changed otherwise",
        Change::Never => "cannot be changed",
    };
    Err(Trouble::new(
        TroubleKind::Record,
        format!("{} that are in Xero {refusal}", data.name),
    ))
}

/// The body of a success, or the trouble with what Xero says.
fn usable(account: &Account, answer: &Response, refused: TroubleKind) -> Result<Value, Trouble> {
    if (200..300).contains(&answer.status) {
        return common::json(NAME, answer);
    }
    let words = match answer.header("x-rate-limit-problem") {
        Some(problem) if answer.status == 429 => format!("its limit of requests is reached ({problem})"),
        _ => words(answer),
    };
    Err(common::trouble(NAME, account, answer, &words, refused))
}

/// Xero's own words in an error: the validation errors of the elements, else the message.
fn words(answer: &Response) -> String {
    let Ok(body) = common::json(NAME, answer) else {
        return String::from_utf8_lossy(&answer.body).into_owned();
    };
    let elements = body.get("Elements").and_then(Value::as_array);
    let found: Vec<String> = elements
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(|element| common::messages(element.get("ValidationErrors"), "Message"))
        .filter(|text| !text.is_empty())
        .collect();
    if !found.is_empty() {
        return found.join("; ");
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    ["Detail", "Message", "detail", "message", "Title", "title", "error"]
        .into_iter()
        .find_map(text)
        .unwrap_or_default()
        .to_owned()
}

/// The only element of an answer.
fn element_of(data: &ObjectData, mut body: Value) -> Result<Value, Trouble> {
    let found = body.get_mut(data.place()).and_then(|list| list.get_mut(0));
    found.map(Value::take).ok_or_else(|| {
        Trouble::new(
            TroubleKind::Unusable,
            format!("Xero answered without an element in {:?}", data.place()),
        )
    })
}

fn record(data: &ObjectData, mut element: Value) -> Result<RemoteRecord, Trouble> {
    common::microsoft_dates_to_rfc3339(&mut element);
    let text = |name: &str| element.get(name).and_then(Value::as_str);
    let Some(id) = text(&data.id).filter(|id| !id.is_empty()) else {
        return Err(Trouble::new(
            TroubleKind::Unusable,
            format!("Xero answered with one of {} that has no {}", data.place(), data.id),
        ));
    };
    Ok(RemoteRecord {
        id: id.to_owned(),
        version: None,
        updated_at: data
            .updated
            .as_deref()
            .and_then(text)
            .and_then(|text| common::time(text, &jiff::tz::TimeZone::UTC)),
        deleted: data.is_deleted(&element),
        data: element,
    })
}

#[cfg(test)]
#[path = "xero_tests.rs"]
mod tests;

//! QuickBooks Online: its query language, change data capture for deletions, sparse updates with SyncToken, request ids.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::common;
use super::data::{ObjectData, ProviderData};
use super::{
    Account, ListQuery, Object, Outgoing, Provider, RemotePage, RemoteRecord, RemoteRef, Trouble, TroubleKind, Written,
};
use crate::domain::connection::ProviderKind;
use crate::domain::validate::FieldError;
use crate::http::{Auth, Limits, Method, Request, Response};

mod fault;
mod place;

use self::place::Place;

/// The version of the API's members that answers come in; older ones ended in August 2025.
const MINOR_VERSION: &str = "75";
/// Members that QuickBooks alone sets: what is sent does not carry them.
const OWN_MEMBERS: [&str; 6] = ["Id", "SyncToken", "MetaData", "domain", "status", "sparse"];

static DATA: LazyLock<ProviderData> = LazyLock::new(|| {
    // A test sees to it that the file can be read.
    ProviderData::read(include_str!("../../settings/providers/quickbooks.toml")).unwrap_or_default()
});

/// The dialect of QuickBooks Online.
#[derive(Debug, Clone, Copy)]
pub struct QuickBooks;

impl Provider for QuickBooks {
    fn kind(&self) -> ProviderKind {
        ProviderKind::QuickBooks
    }

    fn auth(&self, account: &Account) -> Result<Auth, Vec<FieldError>> {
        let mut errors = Vec::new();
        let realm = common::given(account.profile.remote_instance_id.as_deref());
        if realm.is_none_or(|realm| common::segment(realm).is_err()) {
            errors.push(FieldError::new(
                "remote_instance_id",
                "is needed: the realm id of the company",
            ));
        }
        let secrets = &account.secrets;
        let signs_in = account.profile.require_authentication != Some(false);
        let access = common::given_secret(secrets.access_token.as_ref());
        let refresh = common::given_secret(secrets.refresh_token.as_ref());
        let auth = match (signs_in, refresh, access) {
            // There is no client credentials grant here: a token comes from a person who signed in.
            (true, None, None) => Err(vec![FieldError::new(
                "integration_refresh_token",
                "is needed: QuickBooks gives tokens only to somebody who signs in",
            )]),
            (true, None, Some(token)) => Ok(Auth::Bearer { token: token.clone() }),
            _ => common::oauth(account, &token_url(account), None),
        };
        match auth {
            Ok(auth) if errors.is_empty() => Ok(auth),
            Ok(_) => Err(errors),
            Err(more) => {
                errors.extend(more);
                Err(errors)
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
        let path = format!("{}/{}", DATA.check_path, realm(account));
        common::get(self::url(account, &path, &[]))
    }

    fn read_check(&self, account: &Account, answer: &Response) -> Result<String, Trouble> {
        let body = fault::read(account, answer, TroubleKind::Account)?;
        let company = body.pointer("/CompanyInfo/CompanyName").and_then(Value::as_str);
        match company {
            Some(name) => Ok(format!("QuickBooks answered for the company {name:?}")),
            None => Err(unusable("QuickBooks answered without the company's name")),
        }
    }

    fn list(&self, account: &Account, query: ListQuery<'_>) -> Result<Request, Trouble> {
        let object = DATA.object_data(query.object)?;
        match Place::read(query.place)? {
            Place::Records { start, .. } => {
                let statement = statement(object, query, start);
                Ok(common::get(url(account, "/query", &[("query", &statement)])))
            }
            Place::Deletions { now } => {
                let since = place::deletions_since(object, query.since, now)?;
                let parameters = [("entities", object.name.as_str()), ("changedSince", &since)];
                Ok(common::get(url(account, "/cdc", &parameters)))
            }
        }
    }

    fn read_list(&self, account: &Account, query: ListQuery<'_>, answer: &Response) -> Result<RemotePage, Trouble> {
        let object = DATA.object_data(query.object)?;
        let body = fault::read(account, answer, TroubleKind::Unusable)?;
        match Place::read(query.place)? {
            Place::Records { start, last } => {
                let got = place::entities(body.get("QueryResponse"), &object.name)?;
                let records = got
                    .iter()
                    .map(|one| record(object, one))
                    .collect::<Result<Vec<_>, _>>()?;
                place::records_page(records, start, last.as_deref(), query.since, &body)
            }
            Place::Deletions { .. } => {
                let got = place::changes(&body, &object.name)?;
                let records = got
                    .iter()
                    .map(|one| record(object, one))
                    .collect::<Result<Vec<_>, _>>()?;
                place::deletions_page(object, records, query.since)
            }
        }
    }

    fn fetch(&self, account: &Account, object: &Object, id: &str) -> Option<Request> {
        let path = format!("/{}/{}", entity_path(object), common::segment(id).ok()?);
        Some(common::get(url(account, &path, &[])))
    }

    fn read_fetched(&self, account: &Account, object: &Object, answer: &Response) -> Result<RemoteRecord, Trouble> {
        let described = DATA.object_data(object)?;
        let body = fault::read(account, answer, TroubleKind::Record)?;
        record(described, entity(&body, object)?)
    }

    fn write(&self, account: &Account, outgoing: Outgoing<'_>) -> Result<Request, Trouble> {
        DATA.object_data(outgoing.object)?;
        let mut members = common::members_of(outgoing.object, outgoing.data)?.clone();
        for own in OWN_MEMBERS {
            members.remove(own);
        }
        if let Some(remote) = outgoing.remote {
            let Some(token) = &remote.version else {
                let message = format!("the SyncToken of {} {} is not known", outgoing.object.name, remote.id);
                return Err(Trouble::new(TroubleKind::Stale, message));
            };
            members.insert("Id".to_owned(), json!(remote.id));
            members.insert("SyncToken".to_owned(), json!(token));
            members.insert("sparse".to_owned(), json!(true));
        }
        let request_id = request_id(&outgoing);
        let path = format!("/{}", entity_path(outgoing.object));
        let url = url(account, &path, &[("requestid", &request_id)]);
        Ok(common::send(Method::Post, url, &Value::Object(members)))
    }

    fn read_written(&self, account: &Account, outgoing: Outgoing<'_>, answer: &Response) -> Result<Written, Trouble> {
        let described = DATA.object_data(outgoing.object)?;
        let body = fault::read(account, answer, TroubleKind::Record)?;
        let written = record(described, entity(&body, outgoing.object)?)?;
        Ok(Written {
            remote: RemoteRef {
                id: written.id,
                version: written.version,
            },
            updated_at: written.updated_at,
        })
    }
}

/// The realm as a segment of a path.
fn realm(account: &Account) -> String {
    let realm = common::given(account.profile.remote_instance_id.as_deref()).unwrap_or_default();
    // `auth` refuses what is no segment.
    common::segment(realm).unwrap_or_default()
}

fn token_url(account: &Account) -> String {
    let replaced = account.profile.account_server.as_deref();
    common::address(replaced, &DATA.token_base, &DATA.token_path)
}

/// An address within the company.
fn url(account: &Account, path: &str, parameters: &[(&str, &str)]) -> String {
    let base = common::address(account.profile.api_domain.as_deref(), &DATA.api_base, &DATA.api_path);
    let query = common::query(parameters.iter().copied().chain([("minorversion", MINOR_VERSION)]));
    format!("{base}/{}{path}?{query}", realm(account))
}

/// The path of an entity is its name in lower case.
fn entity_path(object: &Object) -> String {
    object.name.to_ascii_lowercase()
}

/// The statement of one page. The order is that of the ids, which changes of records do not shift.
fn statement(object: &ObjectData, query: ListQuery<'_>, start: u64) -> String {
    let mut conditions: Vec<String> = object.filter.clone().into_iter().collect();
    if let (Some(since), Some(updated)) = (query.since, &object.updated) {
        conditions.push(format!("{updated} >= {}", quoted(&place::time_text(since))));
    }
    let wheres = if conditions.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", conditions.join(" AND "))
    };
    format!(
        "SELECT * FROM {}{wheres} ORDERBY {} STARTPOSITION {start} MAXRESULTS {}",
        object.name, object.id, DATA.page_size
    )
}

/// A text of the query language: a backslash escapes quotes and itself.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A request id that QuickBooks takes (it has at most 50 characters), the same for the same try. A fresh SyncToken makes another one:
/// otherwise the answer "stale" would be replayed for ever.
fn request_id(outgoing: &Outgoing<'_>) -> String {
    let token = outgoing.remote.and_then(|remote| remote.version.as_deref());
    let name = format!("{}/{}", outgoing.idempotency_key, token.unwrap_or_default());
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

/// The object under its name in an answer.
fn entity<'a>(body: &'a Value, object: &Object) -> Result<&'a Map<String, Value>, Trouble> {
    body.get(&object.name).and_then(Value::as_object).ok_or_else(|| {
        Trouble::new(
            TroubleKind::Passing,
            format!("QuickBooks answered without the {} that was asked for", object.name),
        )
    })
}

fn record(object: &ObjectData, members: &Map<String, Value>) -> Result<RemoteRecord, Trouble> {
    let text = |path: &str| place::member(members, path).and_then(common::text_of);
    let Some(id) = text(&object.id) else {
        return Err(unusable(&format!(
            "QuickBooks sent a {} without an {}",
            object.name, object.id
        )));
    };
    let updated = object.updated.as_deref().and_then(text);
    Ok(RemoteRecord {
        id,
        version: object.version.as_deref().and_then(text),
        updated_at: updated.and_then(|text| common::time(&text, &jiff::tz::TimeZone::UTC)),
        deleted: members.get("status").and_then(Value::as_str) == Some("Deleted"),
        data: Value::Object(members.clone()),
    })
}

fn unusable(message: &str) -> Trouble {
    Trouble::new(TroubleKind::Unusable, message)
}

#[cfg(test)]
#[path = "quickbooks/tests.rs"]
mod tests;

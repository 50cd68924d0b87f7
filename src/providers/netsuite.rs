//! NetSuite: SuiteQL lists in the order of ids, upserts by external id, errors in `o:errorDetails`.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::common;
use super::data::{Change, ObjectData, ProviderData};
use super::{
    Account, ListQuery, Object, Outgoing, PagePlace, Provider, RemotePage, RemoteRecord, RemoteRef, Trouble,
    TroubleKind, Written,
};
use crate::domain::connection::ProviderKind;
use crate::domain::validate::FieldError;
use crate::http::{Auth, Limits, Method, Request, Response};

mod credentials;
mod fault;
mod suiteql;

/// Stands in the addresses of the data file where the account goes.
const ACCOUNT: &str = "{account}";
/// Custom records are named so, each account has its own.
const CUSTOM: &str = "customrecord";
/// What the data file says of all of them.
const CUSTOM_TEMPLATE: &str = "customrecord_<id>";
/// Members that are of the answer and not of the record.
const LINKS: &str = "links";

static DATA: LazyLock<ProviderData> = LazyLock::new(|| {
    // A test sees to it that the file can be read.
    ProviderData::read(include_str!("../../settings/providers/netsuite.toml")).unwrap_or_default()
});

/// The dialect of NetSuite's REST web services.
#[derive(Debug, Clone, Copy)]
pub struct NetSuite;

impl Provider for NetSuite {
    fn kind(&self) -> ProviderKind {
        ProviderKind::NetSuite
    }

    fn auth(&self, account: &Account) -> Result<Auth, Vec<FieldError>> {
        credentials::auth(account)
    }

    fn limits(&self, account: &Account) -> Option<Limits> {
        common::limits(account, DATA.limits)
    }

    fn object(&self, _account: &Account, name: &str) -> Result<Object, Trouble> {
        let own = name.trim().to_ascii_lowercase();
        if is_custom(&own) {
            return Ok(Object { name: own });
        }
        let found = DATA.object(name)?;
        if found.name == CUSTOM_TEMPLATE {
            return Err(unusable(&format!(
                "{name:?} is not the name of a custom record, like customrecord_vehicle"
            )));
        }
        Ok(found)
    }

    fn check(&self, account: &Account) -> Request {
        common::get(url(account, &DATA.check_path))
    }

    fn read_check(&self, account: &Account, answer: &Response) -> Result<String, Trouble> {
        let body = fault::read(account, answer, TroubleKind::Account)?;
        let limit = body.get("accountConcurrencyLimit").and_then(common::text_of);
        Ok(match limit {
            Some(limit) => format!("NetSuite answered; the account takes {limit} requests at the same time"),
            None => "NetSuite answered".to_owned(),
        })
    }

    fn list(&self, account: &Account, query: ListQuery<'_>) -> Result<Request, Trouble> {
        let object = described(query.object)?;
        let statement = suiteql::statement(&object, &zone(account)?, query)?;
        let limit = DATA.page_size.to_string();
        let parameters = common::query([("limit", limit.as_str()), ("offset", "0")]);
        let address = url(account, &format!("/query/v1/suiteql?{parameters}"));
        let mut request = common::send(Method::Post, address, &json!({ "q": statement }));
        request.headers.push(("prefer".to_owned(), "transient".to_owned()));
        Ok(request)
    }

    fn read_list(&self, account: &Account, query: ListQuery<'_>, answer: &Response) -> Result<RemotePage, Trouble> {
        let object = described(query.object)?;
        let zone = zone(account)?;
        let body = fault::read(account, answer, TroubleKind::Unusable)?;
        let Some(items) = body.get("items").and_then(Value::as_array) else {
            return Err(Trouble::new(
                TroubleKind::Passing,
                "NetSuite answered a query without items",
            ));
        };
        let records = items
            .iter()
            .map(|item| suiteql::record(&object, &zone, item))
            .collect::<Result<Vec<_>, _>>()?;
        let more = body.get("hasMore").and_then(Value::as_bool).unwrap_or(false);
        let next = records.last().filter(|_| more).map(|last| PagePlace(last.id.clone()));
        Ok(RemotePage { records, next })
    }

    fn fetch(&self, _account: &Account, _object: &Object, _id: &str) -> Option<Request> {
        // Records have no version that a write has to name.
        None
    }

    fn read_fetched(&self, account: &Account, object: &Object, answer: &Response) -> Result<RemoteRecord, Trouble> {
        let described = described(object)?;
        let body = fault::read(account, answer, TroubleKind::Record)?;
        suiteql::record(&described, &zone(account)?, &body)
    }

    fn write(&self, account: &Account, outgoing: Outgoing<'_>) -> Result<Request, Trouble> {
        let object = described(outgoing.object)?;
        if object.change == Change::Never {
            return Err(unusable(&format!(
                "NetSuite has no record type {:?} to write to: let the partner function name one, like inventoryItem",
                object.name
            )));
        }
        let mut members: Map<String, Value> = common::members_of(outgoing.object, outgoing.data)?.clone();
        for own in ["id", LINKS] {
            members.remove(own);
        }
        let (method, place) = match outgoing.remote {
            Some(remote) => (Method::Patch, common::segment(&remote.id)?),
            // An upsert: sent twice, it makes one record.
            None => (Method::Put, format!("eid:{}", common::segment(outgoing.key)?)),
        };
        let address = url(account, &format!("/record/v1/{}/{place}", object.name));
        Ok(common::send(method, address, &Value::Object(members)))
    }

    fn read_written(&self, account: &Account, outgoing: Outgoing<'_>, answer: &Response) -> Result<Written, Trouble> {
        if !(200..300).contains(&answer.status) {
            return Err(fault::trouble(account, answer, TroubleKind::Record));
        }
        let known = outgoing.remote.map(|remote| remote.id.clone());
        let Some(id) = known.or_else(|| answer.header("location").and_then(id_of_location)) else {
            // The same upsert again finds the record that there is now.
            return Err(Trouble::new(
                TroubleKind::Passing,
                "NetSuite took the record without telling its id in Location",
            ));
        };
        Ok(Written {
            remote: RemoteRef { id, version: None },
            updated_at: None,
        })
    }
}

/// What is known of an object; custom records all look the same.
fn described(object: &Object) -> Result<Cow<'static, ObjectData>, Trouble> {
    if is_custom(&object.name) {
        let template = DATA.object_data(&Object {
            name: CUSTOM_TEMPLATE.to_owned(),
        })?;
        return Ok(Cow::Owned(ObjectData {
            name: object.name.clone(),
            ..template.clone()
        }));
    }
    DATA.object_data(object).map(Cow::Borrowed)
}

/// Names go into statements: letters, digits and underscores only.
fn is_custom(name: &str) -> bool {
    name.strip_prefix(CUSTOM).is_some_and(|rest| {
        !rest.is_empty()
            && rest
                .bytes()
                .all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

/// An address of the account.
fn url(account: &Account, path: &str) -> String {
    let base = credentials::with_account(account, &DATA.api_base);
    let base = common::address(account.profile.api_domain.as_deref(), &base, &DATA.api_path);
    format!("{base}{path}")
}

/// The account's time zone, in which SuiteQL reads and writes times.
fn zone(account: &Account) -> Result<jiff::tz::TimeZone, Trouble> {
    credentials::zone(account).map_err(|error| unusable(&error.to_string()))
}

/// The last segment: `.../record/v1/customer/647`.
fn id_of_location(location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next()?.trim_end_matches('/');
    let id = path.rsplit('/').next()?;
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then(|| id.to_owned())
}

fn unusable(message: &str) -> Trouble {
    Trouble::new(TroubleKind::Unusable, message)
}

#[cfg(test)]
#[path = "netsuite/tests.rs"]
mod tests;

//! The members of a description as people write them in `supporting_fields`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::common;
use crate::http::Method;

/// The members that are not defaults of objects.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Whole {
    pub auth: Option<Map<String, Value>>,
    pub headers: BTreeMap<String, Scalar>,
    pub limits: Option<common::LimitsText>,
    #[serde(alias = "checkPath")]
    pub check_path: Option<String>,
    pub objects: BTreeMap<String, ObjectText>,
}

/// A text, number or boolean, as text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Scalar(pub String);

impl TryFrom<Value> for Scalar {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        common::text_of(&value)
            .map(Self)
            .ok_or("must be a text, a number or a boolean")
    }
}

/// One object, or the defaults of all; each member may be absent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ObjectText {
    pub aliases: Vec<String>,
    #[serde(alias = "listPath", alias = "path")]
    pub list_path: Option<String>,
    pub query: Option<BTreeMap<String, Scalar>>,
    #[serde(alias = "items_pointer", alias = "itemsPointer")]
    pub items: Option<String>,
    pub id: Option<String>,
    pub updated: Option<String>,
    pub version: Option<String>,
    pub deleted: Option<String>,
    #[serde(alias = "deletedValue")]
    pub deleted_value: Option<Scalar>,
    #[serde(alias = "timeZone")]
    pub time_zone: Option<String>,
    pub paging: Option<Paging>,
    #[serde(alias = "modifiedSince")]
    pub modified_since: Option<Since>,
    #[serde(alias = "fetchPath")]
    pub fetch_path: Option<String>,
    pub create: Option<WriteText>,
    pub update: Option<WriteText>,
    pub wrap: Option<String>,
    pub written: Option<String>,
    #[serde(alias = "idempotencyHeader")]
    pub idempotency_header: Option<String>,
    #[serde(alias = "ifMatch")]
    pub if_match: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WriteText {
    pub method: Option<Method>,
    pub path: Option<String>,
}

/// How a list is cut into pages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging {
    pub kind: PagingKind,
    /// The query parameter of the page, the offset or the cursor.
    #[serde(default)]
    pub parameter: Option<String>,
    /// The number of the first page.
    #[serde(default)]
    pub first: Option<u64>,
    /// Records on one page.
    #[serde(default)]
    pub size: Option<u64>,
    /// The query parameter of the size; empty: none is sent.
    #[serde(default, alias = "sizeParameter")]
    pub size_parameter: Option<String>,
    /// Where the answer has the next cursor or address.
    #[serde(default)]
    pub next: Option<String>,
    /// Where the answer has the number of all records.
    #[serde(default)]
    pub total: Option<String>,
    /// Where the answer has the number of pages.
    #[serde(default)]
    pub pages: Option<String>,
    /// Where the answer says whether there is more.
    #[serde(default)]
    pub more: Option<String>,
}

/// The kinds of paging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PagingKind {
    None,
    Page,
    Offset,
    Cursor,
    Link,
    Next,
}

/// How a list is asked for what changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// Of the parameter or header.
    #[serde(alias = "parameter", alias = "header")]
    pub name: String,
    #[serde(default, rename = "in")]
    pub place: SincePlace,
    #[serde(default)]
    pub format: Option<SinceFormat>,
    /// With `{since}` where the time stands.
    #[serde(default)]
    pub value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SincePlace {
    #[default]
    Query,
    Header,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SinceFormat {
    Rfc3339,
    Datetime,
    Date,
    Unix,
    UnixMs,
    Http,
}

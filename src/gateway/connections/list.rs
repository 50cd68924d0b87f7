//! Lists of the integration API: `limit offset order_by direction fields` in the query, the items under a name of their own and
//! `pagination` in the answer.

use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::path;
use crate::{
    domain::validate::FieldError,
    engine::Engine,
    error::{Code, Error, Result},
    store::{
        listing::{Listed, OrderBy, Window},
        page::{LIMIT_DEFAULT, LIMIT_MAX},
    },
};

/// The query of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Items at most, 1 to 200 (50).
    pub limit: Option<u64>,
    /// Items to leave out at the begin (0).
    pub offset: Option<u64>,
    /// A member of the items; `created` if absent.
    pub order_by: Option<String>,
    /// `asc` (default) or `desc`, in any case.
    pub direction: Option<String>,
    /// Members of the items that are wanted, with commas between; all if absent.
    pub fields: Option<String>,
}

/// Where a part of a list lies.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pagination {
    /// Items in the whole list.
    records: u64,
    /// Items of this part at most.
    limit: u64,
    /// Items before it.
    offset: u64,
    /// Where the part before is; null for the first.
    previous_page: Option<String>,
    /// Where the next part is; null for the last.
    next_page: Option<String>,
}

/// What a list is asked for, read.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) limit: u64,
    pub(super) offset: u64,
    pub(super) order_by: Option<String>,
    pub(super) descending: bool,
    fields: Option<Vec<String>>,
}

impl ListQuery {
    /// # Errors
    /// [`Code::BadRequest`] for what is out of bounds.
    pub(super) fn read(self) -> Result<Wanted> {
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(refused("limit", format!("must be from 1 to {LIMIT_MAX}, not {limit}")));
        }
        let offset = self.offset.unwrap_or(0);
        if i64::try_from(offset).is_err() {
            return Err(refused("offset", format!("must be from 0 to {}", i64::MAX)));
        }
        let descending = match self.direction.as_deref().map(str::trim).unwrap_or_default() {
            "" => false,
            text if text.eq_ignore_ascii_case("asc") => false,
            text if text.eq_ignore_ascii_case("desc") => true,
            text => return Err(refused("direction", format!("must be asc or desc, not {text:?}"))),
        };
        let list = |text: String| -> Vec<String> {
            let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
            names.map(str::to_owned).collect()
        };
        Ok(Wanted {
            limit,
            offset,
            order_by: self
                .order_by
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty()),
            descending,
            fields: self.fields.map(list).filter(|names| !names.is_empty()),
        })
    }
}

impl Wanted {
    /// The part of the list, ordered by one of `known`.
    ///
    /// # Errors
    /// [`Code::BadRequest`] with the names that are known.
    pub(super) fn window(&self, known: &[(&str, OrderBy)]) -> Result<Window> {
        let order_by = match &self.order_by {
            None => OrderBy::default(),
            Some(name) => match known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                Some((_, order_by)) => *order_by,
                None => {
                    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                    let message = format!("must be one of {}, not {name:?}", names.join(", "));
                    return Err(refused("order_by", message));
                }
            },
        };
        Ok(Window {
            limit: self.limit,
            offset: self.offset,
            order_by,
            descending: self.descending,
        })
    }

    /// The answer with these rows under `name`.
    ///
    /// # Errors
    /// [`Code::BadRequest`] for `fields` that are none of `known`.
    pub(super) fn answer<Answer: Serialize, Row: Into<Answer>>(
        &self,
        engine: &Engine,
        request: &HttpRequest,
        name: &'static str,
        known: &[&str],
        listed: Listed<Row>,
    ) -> Result<HttpResponse> {
        if let Some(unknown) = self
            .fields
            .iter()
            .flatten()
            .find(|field| !known.contains(&field.as_str()))
        {
            let message = format!("must be of {}, and {unknown:?} is not", known.join(", "));
            return Err(refused("fields", message));
        }
        let item = |row: Row| serde_json::to_value::<Answer>(row.into()).map(|item| self.cut(item));
        let items: Result<Vec<Value>, _> = listed.items.into_iter().map(item).collect();
        let url = path::own_url(engine, request);
        let page = |offset: u64| format!("{url}?{}", self.query(offset));
        let next = self.offset.saturating_add(self.limit);
        let pagination = Pagination {
            records: listed.total,
            limit: self.limit,
            offset: self.offset,
            previous_page: (self.offset > 0).then(|| page(self.offset.saturating_sub(self.limit))),
            next_page: (next < listed.total).then(|| page(next)),
        };
        let mut answer = Map::new();
        answer.insert(name.to_owned(), Value::Array(items.map_err(Error::internal)?));
        let pagination = serde_json::to_value(pagination).map_err(Error::internal)?;
        answer.insert("pagination".to_owned(), pagination);
        Ok(HttpResponse::Ok().json(answer))
    }

    fn cut(&self, item: Value) -> Value {
        match (item, &self.fields) {
            (Value::Object(mut members), Some(fields)) => {
                members.retain(|name, _| fields.contains(name));
                Value::Object(members)
            }
            (item, _) => item,
        }
    }

    fn query(&self, offset: u64) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &self.limit.to_string());
        query.append_pair("offset", &offset.to_string());
        if let Some(order_by) = &self.order_by {
            query.append_pair("order_by", order_by);
        }
        if self.descending {
            query.append_pair("direction", "desc");
        }
        if let Some(fields) = &self.fields {
            query.append_pair("fields", &fields.join(","));
        }
        query.finish()
    }
}

fn refused(parameter: &'static str, message: String) -> Error {
    Error::new(Code::BadRequest, format!("{parameter}: {message}"))
        .with_fields(vec![FieldError::new(parameter, message)])
}

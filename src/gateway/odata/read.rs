//! GET: lists, entities, properties, what navigations lead to, counts, the model.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use serde_json::Value;

use super::{
    Asking,
    format::{Format, Prefer},
    not_allowed,
};
use crate::{
    domain::odata::{
        self, Asked, Edm, Entity, EntitySet, Key, Link, Listed, Navigation, Options, Part, Property, Query, Resource,
        percent_encoded,
    },
    engine::odata::{PAGE_DEFAULT, PAGE_MAX, Reached},
    error::{Code, Error, Result},
    gateway::headers,
};

impl Asking<'_> {
    pub(super) async fn read(&self) -> Result<HttpResponse> {
        match &self.resource {
            Resource::Service => {
                let options = self.options(EntitySet::Integrations, Asked::Nothing)?;
                let format = self.format(&options)?;
                format.answer(StatusCode::OK, &format.writer(self.root()).service())
            }
            Resource::Metadata => self.metadata(),
            Resource::Set(set) => self.set(*set).await,
            Resource::Count(set) => {
                let options = self.options(*set, Asked::Count)?;
                let count = self.engine.odata().count(self.caller, &options.query).await?;
                Ok(plain(count.to_string()))
            }
            Resource::Entity(set, key, part) => match part {
                Part::Whole => self.one(*set, key).await,
                Part::Property(property, raw) => self.property(*set, key, property, *raw).await,
                Part::Navigation(navigation) => self.navigation(*set, key, navigation).await,
                Part::Count(navigation) => {
                    let options = self.options(navigation.target, Asked::Count)?;
                    let odata = self.engine.odata();
                    let count = odata.count_reached(self.caller, (*set, key), navigation, &options.query);
                    Ok(plain(count.await?.to_string()))
                }
                Part::Action(action) => Err(not_allowed(&format!("{} is an action: send it with POST", action.name))),
            },
        }
    }

    fn metadata(&self) -> Result<HttpResponse> {
        let options = self.options(EntitySet::Integrations, Asked::Nothing)?;
        if options
            .format
            .is_some_and(|format| !matches!(format.as_str(), "xml" | "application/xml"))
        {
            return Err(Error::new(
                Code::NotAcceptable,
                "The model is answered as application/xml.",
            ));
        }
        let document = odata::document().map_err(Error::internal)?;
        let mut response = HttpResponse::Ok();
        Ok(response
            .insert_header((header::CONTENT_TYPE, "application/xml;charset=utf-8"))
            .body(document))
    }

    async fn set(&self, set: EntitySet) -> Result<HttpResponse> {
        let options = self.options(set, Asked::Many)?;
        let format = self.format(&options)?;
        let (prefer, page) = self.page();
        let listed = self.engine.odata().list(self.caller, &options.query, page).await?;
        self.list(&options, format, prefer, page, &listed)
    }

    async fn one(&self, set: EntitySet, key: &Key) -> Result<HttpResponse> {
        let options = self.options(set, Asked::One)?;
        let format = self.format(&options)?;
        let entity = self.engine.odata().one(self.caller, &options.query, key).await?;
        if let Some(version) = entity.version
            && self.has_seen(version)
        {
            return Ok(tagged(HttpResponse::NotModified().finish(), &entity));
        }
        self.entity(StatusCode::OK, format, &entity, &options.query)
    }

    /// Whether `If-None-Match` names this version.
    fn has_seen(&self, version: i64) -> bool {
        let values = self.request.headers().get_all(header::IF_NONE_MATCH);
        let mut tags = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let tag = format!("\"{version}\"");
        tags.any(|given| matches!(given.trim(), "*") || given.trim().trim_start_matches("W/") == tag)
    }

    async fn property(
        &self,
        set: EntitySet,
        key: &Key,
        property: &'static Property,
        raw: bool,
    ) -> Result<HttpResponse> {
        let options = self.options(set, Asked::Nothing)?;
        let mut query = options.query.clone();
        query.select = Some(vec![property]);
        let entity = self.engine.odata().one(self.caller, &query, key).await?;
        let value = entity.value(property.name).unwrap_or(&Value::Null);
        if value.is_null() {
            return Ok(HttpResponse::NoContent().finish());
        }
        if raw {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            return Ok(plain(text));
        }
        let format = self.format(&options)?;
        let json = format.writer(self.root()).property(set, key, property, value);
        format.answer(StatusCode::OK, &json)
    }

    async fn navigation(&self, set: EntitySet, key: &Key, navigation: &'static Navigation) -> Result<HttpResponse> {
        let asked = match navigation.link {
            Link::One(_) => Asked::One,
            Link::Many(_) => Asked::Many,
        };
        let options = self.options(navigation.target, asked)?;
        let format = self.format(&options)?;
        let (prefer, page) = self.page();
        let odata = self.engine.odata();
        match odata
            .reached(self.caller, (set, key), navigation, &options.query, page)
            .await?
        {
            Reached::One(None) => Ok(HttpResponse::NoContent().finish()),
            Reached::One(Some(entity)) => self.entity(StatusCode::OK, format, &entity, &options.query),
            Reached::Many(listed) => self.list(&options, format, prefer, page, &listed),
        }
    }

    fn page(&self) -> (Prefer, u64) {
        let prefer = Prefer::of(self.request);
        (prefer, prefer.page.map_or(PAGE_DEFAULT, |page| page.min(PAGE_MAX)))
    }

    /// An entity, with its tag.
    pub(super) fn entity(
        &self,
        status: StatusCode,
        format: Format,
        entity: &Entity,
        query: &Query,
    ) -> Result<HttpResponse> {
        let json = format.writer(self.root()).entity(entity, query);
        Ok(tagged(format.answer(status, &json)?, entity))
    }

    fn list(
        &self,
        options: &Options,
        format: Format,
        prefer: Prefer,
        page: u64,
        listed: &Listed,
    ) -> Result<HttpResponse> {
        let next =
            next_link(options, page, listed).map(|query| format!("{}/{}?{query}", self.root(), self.written_path()));
        let json = format.writer(self.root()).list(listed, &options.query, next);
        let mut response = format.answer(StatusCode::OK, &json)?;
        if prefer.page.is_some() {
            headers::set(
                response.headers_mut(),
                "preference-applied",
                &format!("odata.maxpagesize={page}"),
            );
        }
        Ok(response)
    }

    /// The path of a list in a link.
    fn written_path(&self) -> String {
        match &self.resource {
            Resource::Set(set) => set.to_string(),
            Resource::Entity(set, key, Part::Navigation(navigation)) => {
                format!("{set}{}/{}", key.in_path(), navigation.name)
            }
            _ => self.path.clone(),
        }
    }
}

/// The options of the next part of a list: none where there is no more, or no more was asked for. In the order of keys the next part
/// begins behind the last one; in another order, so many are passed over.
fn next_link(options: &Options, page: u64, listed: &Listed) -> Option<String> {
    let query = &options.query;
    let read = u64::try_from(listed.entities.len()).ok()?;
    let left = query.top.map(|top| top.saturating_sub(read));
    if !listed.more || left == Some(0) || query.top.is_some_and(|top| top <= page) {
        return None;
    }
    let kept = options
        .written
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "$top" | "$skip" | "$skiptoken"));
    let mut parts: Vec<String> = kept
        .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
        .collect();
    if let Some(left) = left {
        parts.push(format!("$top={left}"));
    }
    let by_key = query.order.is_empty() && query.set.entity_type().key().edm != Edm::String;
    let token = match listed.entities.last().and_then(Entity::key) {
        Some(Key::Number(last)) if by_key => format!("after-{last}"),
        _ => format!("skip-{}", query.skip.saturating_add(read)),
    };
    parts.push(format!("$skiptoken={token}"));
    Some(parts.join("&"))
}

pub(super) fn tagged(mut response: HttpResponse, entity: &Entity) -> HttpResponse {
    if let Some(version) = entity.version {
        headers::set(response.headers_mut(), "etag", &format!("\"{version}\""));
    }
    response
}

fn plain(text: String) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, "text/plain;charset=utf-8"))
        .body(text)
}

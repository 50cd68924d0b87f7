//! POST, PATCH and DELETE: entities are made, changed and deleted, and actions are called.

use actix_web::{HttpResponse, dev::Payload, http::StatusCode};
use serde_json::{Map, Value};

use super::{
    Asking,
    format::{Format, Prefer},
    not_allowed,
    read::tagged,
};
use crate::{
    domain::odata::{self, Asked, BoundAction, Entity, EntitySet, Key, Part, Purpose, Query, Resource},
    engine::integrations::ActionAnswer,
    error::{Code, Error, Result},
    gateway::{headers, json},
};

impl Asking<'_> {
    pub(super) async fn post(&self, payload: Payload) -> Result<HttpResponse> {
        match &self.resource {
            Resource::Set(set) => self.create(*set, payload).await,
            Resource::Entity(set, key, Part::Action(action)) => self.act(*set, key, action, payload).await,
            Resource::Entity(..) => Err(not_allowed("POST goes to a set, or to an action of an entity")),
            Resource::Service | Resource::Metadata | Resource::Count(_) => Err(read_only()),
        }
    }

    async fn create(&self, set: EntitySet, payload: Payload) -> Result<HttpResponse> {
        if !set.entity_type().changes.create {
            return Err(not_allowed(&format!("entities of {set} are made by the engine")));
        }
        let options = self.options(set, Asked::One)?;
        let format = self.format(&options)?;
        let body = self.members(set, Purpose::Create, payload).await?;
        let id = self.engine.integrations().create(self.caller, set, &body).await?;
        let key = Key::Number(id);
        let entity = self.engine.odata().one(self.caller, &options.query, &key).await?;
        let place = format.writer(self.root()).place(set, &key);
        let mut response = self.changed(StatusCode::CREATED, format, &entity, &options.query)?;
        headers::set(response.headers_mut(), "location", &place);
        Ok(response)
    }

    pub(super) async fn patch(&self, payload: Payload, version: Option<i64>) -> Result<HttpResponse> {
        let (set, key) = self.to_change()?;
        if !set.entity_type().changes.patch {
            return Err(not_allowed(&format!("entities of {set} are changed by the engine")));
        }
        let options = self.options(set, Asked::One)?;
        let format = self.format(&options)?;
        let body = self.members(set, Purpose::Patch, payload).await?;
        let number = number(key)?;
        self.engine
            .integrations()
            .patch(self.caller, set, number, version, &body)
            .await?;
        let entity = self.engine.odata().one(self.caller, &options.query, key).await?;
        self.changed(StatusCode::OK, format, &entity, &options.query)
    }

    pub(super) async fn delete(&self, version: Option<i64>) -> Result<HttpResponse> {
        let (set, key) = self.to_change()?;
        if !set.entity_type().changes.delete {
            return Err(not_allowed(&format!("entities of {set} are deleted by the engine")));
        }
        self.options(set, Asked::Nothing)?;
        let number = number(key)?;
        self.engine
            .integrations()
            .delete(self.caller, set, number, version)
            .await?;
        Ok(HttpResponse::NoContent().finish())
    }

    async fn act(&self, set: EntitySet, key: &Key, action: &BoundAction, payload: Payload) -> Result<HttpResponse> {
        let asked = if action.answers.is_some() {
            Asked::Nothing
        } else {
            Asked::One
        };
        let options = self.options(set, asked)?;
        let format = self.format(&options)?;
        let mut body = match self.body(payload).await? {
            None => Map::new(),
            Some(Value::Object(members)) => members,
            Some(_) => {
                return Err(Error::invalid_field(
                    "",
                    "must be an object with the parameters of the action",
                ));
            }
        };
        body.retain(|name, _| !name.contains('@'));
        let number = number(key)?;
        let integrations = self.engine.integrations();
        let answer = integrations
            .act(self.caller, set, number, action.name, &Value::Object(body))
            .await?;
        match answer {
            ActionAnswer::Entity => {
                let entity = self.engine.odata().one(self.caller, &options.query, key).await?;
                self.changed(StatusCode::OK, format, &entity, &options.query)
            }
            ActionAnswer::Value(value) => {
                let type_name = action.answers.unwrap_or(set.entity_type().name);
                let json = format.writer(self.root()).answer(type_name, value);
                format.answer(StatusCode::OK, &json)
            }
        }
    }

    /// What a change answers: the entity, or nothing where the caller prefers that.
    fn changed(&self, status: StatusCode, format: Format, entity: &Entity, query: &Query) -> Result<HttpResponse> {
        let prefer = Prefer::of(self.request);
        if !prefer.minimal {
            let mut response = self.entity(status, format, entity, query)?;
            if prefer.representation {
                headers::set(response.headers_mut(), "preference-applied", "return=representation");
            }
            return Ok(response);
        }
        let mut response = tagged(HttpResponse::NoContent().finish(), entity);
        headers::set(response.headers_mut(), "preference-applied", "return=minimal");
        if let Some(key) = entity.key() {
            let place = format.writer(self.root()).place(entity.set, &key);
            headers::set(response.headers_mut(), "odata-entityid", &place);
        }
        Ok(response)
    }

    fn to_change(&self) -> Result<(EntitySet, &Key)> {
        match &self.resource {
            Resource::Entity(set, key, Part::Whole) => Ok((*set, key)),
            Resource::Entity(..) => Err(not_allowed("entities are changed as a whole, at their own path")),
            Resource::Set(_) => Err(not_allowed("one entity is changed at a time: name it by its key")),
            Resource::Service | Resource::Metadata | Resource::Count(_) => Err(read_only()),
        }
    }

    async fn members(&self, set: EntitySet, purpose: Purpose, payload: Payload) -> Result<Value> {
        let body = self.body(payload).await?;
        let body = body.ok_or_else(|| Error::new(Code::BadRequest, "The request needs a JSON body."))?;
        odata::members(set, purpose, body).map_err(|wrong| {
            let text: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            Error::new(Code::BadRequest, text.join("; ")).with_fields(wrong)
        })
    }

    /// The body, if there is one.
    async fn body(&self, payload: Payload) -> Result<Option<Value>> {
        let bytes = json::read_body(self.request, payload).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        json::check_media_type(self.request)?;
        json::parse(&bytes).map(Some)
    }
}

fn read_only() -> Error {
    not_allowed("this is only read")
}

/// Sets that are changed have numbers as keys.
fn number(key: &Key) -> Result<i64> {
    match key {
        Key::Number(number) => Ok(*number),
        Key::Text(_) => Err(read_only()),
    }
}

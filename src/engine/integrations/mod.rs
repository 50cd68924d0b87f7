//! Integrations as a service: what the OData surface and a host app change.

use serde_json::Value;

use super::{Engine, caller::Caller};
use crate::{
    domain::odata::EntitySet,
    error::{Code, Error, Result},
};

mod queue;

/// Integrations and what belongs to them.
pub struct Integrations<'a> {
    engine: &'a Engine,
}

/// What an action of an entity answers.
#[derive(Clone, Debug, PartialEq)]
pub enum ActionAnswer {
    /// The entity as it is now.
    Entity,
    /// Something else.
    Value(Value),
}

impl Engine {
    /// Integrations.
    #[must_use]
    pub fn integrations(&self) -> Integrations<'_> {
        Integrations { engine: self }
    }
}

impl Integrations<'_> {
    /// Makes an entity; its number.
    ///
    /// # Errors
    /// Without the right; `bad_request`, `invalid`, `name_in_use`.
    pub async fn create(&self, _caller: &Caller, set: EntitySet, _body: &Value) -> Result<i64> {
        let _ = self.engine;
        Err(read_only(set))
    }

    /// Changes members of an entity; what the body leaves out stays.
    ///
    /// # Errors
    /// As [`Integrations::create`]; `not_found`, `stale_version`.
    pub async fn patch(
        &self,
        _caller: &Caller,
        set: EntitySet,
        _key: i64,
        _version: Option<i64>,
        _body: &Value,
    ) -> Result<()> {
        Err(read_only(set))
    }

    /// Deletes an entity.
    ///
    /// # Errors
    /// Without the right; `not_found`, `stale_version`, `in_use`.
    pub async fn delete(&self, _caller: &Caller, set: EntitySet, _key: i64, _version: Option<i64>) -> Result<()> {
        Err(read_only(set))
    }

    /// A bound action of an entity.
    ///
    /// # Errors
    /// Without the right; `not_found`: the entity, or the action; `wrong_state`.
    pub async fn act(
        &self,
        caller: &Caller,
        set: EntitySet,
        key: i64,
        action: &str,
        body: &Value,
    ) -> Result<ActionAnswer> {
        match set {
            EntitySet::IntegrationQueues => queue::act(self.engine, caller, key, action, body).await,
            _ => Err(read_only(set)),
        }
    }
}

fn read_only(set: EntitySet) -> Error {
    Error::new(
        Code::MethodNotAllowed,
        format!("Entities of {set} cannot be changed here."),
    )
}

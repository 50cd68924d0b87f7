//! Object mappings of a connection as a service: kept by name, checked before they are stored.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Engine, caller::Caller, refusal::body_refused};
use crate::{
    domain::{
        ids::ConnectionId,
        mapping::{Mapping, definition_of},
        rights::Right,
        validate::{self, FieldError},
    },
    error::{Code, Error, Result},
    script,
    store::{
        self,
        listing::{Listed, Window},
        object_mappings::NewMapping,
    },
};

pub use crate::store::object_mappings::ObjectMapping;

/// Object mappings of a caller's tenant.
pub struct Mappings<'a> {
    engine: &'a Engine,
}

impl Engine {
    /// Object mappings.
    #[must_use]
    pub fn mappings(&self) -> Mappings<'_> {
        Mappings { engine: self }
    }
}

impl Mappings<'_> {
    /// Object mappings of a connection.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`.
    pub async fn list(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        window: Window,
    ) -> Result<Listed<ObjectMapping>> {
        self.engine.connections().get(caller, connection).await?;
        let store = self.engine.store();
        Ok(store.object_mappings(caller.tenant_id, connection, window).await?)
    }

    /// One object mapping.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`.
    pub async fn get(&self, caller: &Caller, connection: ConnectionId, name: &str) -> Result<ObjectMapping> {
        self.engine.connections().get(caller, connection).await?;
        let store = self.engine.store();
        let found = store.object_mapping(caller.tenant_id, connection, name).await?;
        found.ok_or_else(|| missing(name))
    }

    /// Stores an object mapping under its name, over one that is there; with `version` only over that one. Answers it and whether
    /// it is new.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`; `bad_request` for unknown members, `invalid`, `stale_version`.
    pub async fn put(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        name: &str,
        version: Option<i64>,
        body: &Value,
    ) -> Result<(ObjectMapping, bool)> {
        self.engine.connections().get(caller, connection).await?;
        validate::check_name("name", name).map_err(|wrong| Error::invalid(vec![wrong]))?;
        let mapping = Mapping::read(body).map_err(body_refused)?;
        self.check(caller, &mapping).await?;
        let store = self.engine.store();
        let before = store.object_mapping(caller.tenant_id, connection, name).await?;
        let new = NewMapping {
            tenant_id: caller.tenant_id,
            connection_id: connection,
            name: name.to_owned(),
            definition: definition_of(body).clone(),
            script_id: mapping.script_id(),
        };
        let shown = |definition: &Value| json!({ "connectionId": connection, "name": name, "mapping": definition });
        let was = before.as_ref().map(|before| shown(&before.definition));
        let is = Some(shown(&new.definition));
        let entry = caller.audit("object_mapping.put", "object_mapping", name, was, is);
        let written = store.put_object_mapping(new, version, entry).await;
        written.map_err(|error| refused(error, name))
    }

    /// Deletes an object mapping; partner functions that name it take records as they are.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`, `stale_version`.
    pub async fn delete(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        name: &str,
        version: Option<i64>,
    ) -> Result<()> {
        caller.require(Right::ConnectionsManage)?;
        let before = self.get(caller, connection, name).await?;
        let was = json!({ "connectionId": connection, "name": name, "mapping": before.definition });
        let entry = caller.audit("object_mapping.delete", "object_mapping", name, Some(was), None);
        let store = self.engine.store();
        let deleted = store
            .delete_object_mapping(caller.tenant_id, connection, name, version, entry)
            .await;
        deleted.map_err(|error| refused(error, name))
    }

    /// Whether its script compiles or is there.
    async fn check(&self, caller: &Caller, mapping: &Mapping) -> Result<()> {
        let wrong = match mapping {
            Mapping::Pairs(_) => None,
            Mapping::Script(source) => {
                let kind = script::Kind::Record;
                let (name, source) = (Arc::from(kind.script_name()), Arc::from(source.as_str()));
                let compiled = self.engine.scripts().compile(kind, name, source).await;
                compiled.err().map(|error| FieldError::new("script", error.to_string()))
            }
            Mapping::ScriptId(id) => {
                let found = self.engine.store().script_source(caller.tenant_id, *id).await?;
                let message = format!("there is no script {id} in this tenant");
                found.is_none().then(|| FieldError::new("script_id", message))
            }
        };
        wrong.map_or(Ok(()), |wrong| Err(Error::invalid(vec![wrong])))
    }
}

fn missing(name: &str) -> Error {
    Error::new(
        Code::NotFound,
        format!("There is no object mapping {name:?} in this connection."),
    )
}

fn refused(error: store::Error, name: &str) -> Error {
    match error {
        store::Error::NotFound => missing(name),
        other => other.into(),
    }
}

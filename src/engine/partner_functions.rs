//! Partner functions of a connection as a service: to make, see, change, switch and delete them.

use std::collections::HashMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Engine,
    caller::Caller,
    change::again_if_stale,
    connections::Connection,
    refusal::{body_refused, tell},
};
use crate::{
    actors::observed::KIND_AUTOMATION,
    domain::{
        connection::ProviderKind,
        ids::{ConnectionId, PartnerFunctionId, ScriptId},
        partner_function::{PartnerFunction, read},
        rights::Right,
        validate::FieldError,
    },
    error::{Code, Error, Result},
    providers::{self, Account, Secrets},
    store::{
        self,
        listing::{Listed, Window},
        partner_functions::StoredPartnerFunction,
    },
};

/// Partner functions of a caller's tenant.
pub struct PartnerFunctions<'a> {
    engine: &'a Engine,
}

/// A partner function as it is shown.
#[derive(Clone, Debug)]
pub struct PartnerFunctionShown {
    /// As it is stored.
    pub row: StoredPartnerFunction,
    /// The connection's provider.
    pub provider: ProviderKind,
    /// Of the object mapping that it names, where there is one.
    pub mapping_id: Option<Uuid>,
    /// What is acceptable and will not work as it is. Not looked for in lists.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Partner functions.
    #[must_use]
    pub fn partner_functions(&self) -> PartnerFunctions<'_> {
        PartnerFunctions { engine: self }
    }
}

impl PartnerFunctions<'_> {
    /// Partner functions of a connection.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`.
    pub async fn list(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        window: Window,
    ) -> Result<Listed<PartnerFunctionShown>> {
        let provider = self.engine.connections().get(caller, connection).await?.provider;
        let store = self.engine.store();
        let listed = store.partner_functions(caller.tenant_id, connection, window).await?;
        let mut known: HashMap<String, Option<Uuid>> = HashMap::new();
        for row in &listed.items {
            if let Some(name) = row
                .definition
                .object_mapping
                .as_ref()
                .filter(|name| !known.contains_key(*name))
            {
                let found = store.object_mapping(caller.tenant_id, connection, name).await?;
                known.insert(name.clone(), found.map(|mapping| mapping.id));
            }
        }
        let shown = |row: StoredPartnerFunction| PartnerFunctionShown {
            mapping_id: row
                .definition
                .object_mapping
                .as_ref()
                .and_then(|name| known.get(name).copied()?),
            provider,
            row,
            warnings: Vec::new(),
        };
        Ok(Listed {
            items: listed.items.into_iter().map(shown).collect(),
            total: listed.total,
        })
    }

    /// One partner function.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`.
    pub async fn get(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        id: PartnerFunctionId,
    ) -> Result<PartnerFunctionShown> {
        let connection = self.engine.connections().get(caller, connection).await?;
        let row = self.find(caller, connection.id, id).await?;
        self.shown(connection, row).await
    }

    /// Makes a partner function from the body of a request.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`; `bad_request` for unknown members, `invalid`, `name_in_use`.
    pub async fn create(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        body: &Value,
    ) -> Result<PartnerFunctionShown> {
        let connection = self.engine.connections().get(caller, connection).await?;
        let definition = read::read_new(body).map_err(body_refused)?;
        self.check(caller, &definition).await?;
        let clock = self.engine.clock();
        let (id, now) = (PartnerFunctionId::from(clock.new_id()), clock.now());
        let row = StoredPartnerFunction {
            id,
            tenant_id: caller.tenant_id,
            connection_id: connection.id,
            definition,
            enabled: true,
            created_by: caller.user_id,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let entry = caller.audit(
            "partner_function.create",
            "partner_function",
            id,
            None,
            Some(for_audit(&row)),
        );
        let created = self.engine.store().create_partner_function(row.clone(), entry).await;
        created.map_err(|error| refused(error, &row))?;
        self.tell_automations(caller, connection.id).await?;
        self.shown(connection, row).await
    }

    /// Changes members of a partner function; what the body leaves out stays.
    ///
    /// # Errors
    /// As [`PartnerFunctions::create`]; `stale_version`.
    pub async fn patch(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        id: PartnerFunctionId,
        version: Option<i64>,
        body: &Value,
    ) -> Result<PartnerFunctionShown> {
        let connection = self.engine.connections().get(caller, connection).await?;
        let row = again_if_stale(version, || self.write(caller, connection.id, id, version, body)).await?;
        self.tell_automations(caller, connection.id).await?;
        self.shown(connection, row).await
    }

    /// Enables or disables a partner function.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`, `stale_version`.
    pub async fn set_enabled(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        id: PartnerFunctionId,
        version: Option<i64>,
        enabled: bool,
    ) -> Result<()> {
        caller.require(Right::ConnectionsManage)?;
        let before = self.find(caller, connection, id).await?;
        let action = if enabled {
            "partner_function.enable"
        } else {
            "partner_function.disable"
        };
        let state = |enabled: bool| Some(json!({ "enabled": enabled }));
        let entry = caller.audit(action, "partner_function", id, state(before.enabled), state(enabled));
        let store = self.engine.store();
        store
            .set_partner_function_enabled(caller.tenant_id, connection, id, version, enabled, entry)
            .await
            .map_err(|error| refused(error, &before))?;
        if enabled {
            self.tell_automations(caller, connection).await?;
        }
        Ok(())
    }

    /// Deletes a partner function; automations that name it find it missing at their next run.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`, `stale_version`.
    pub async fn delete(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        id: PartnerFunctionId,
        version: Option<i64>,
    ) -> Result<()> {
        caller.require(Right::ConnectionsManage)?;
        let before = self.find(caller, connection, id).await?;
        let entry = caller.audit(
            "partner_function.delete",
            "partner_function",
            id,
            Some(for_audit(&before)),
            None,
        );
        let store = self.engine.store();
        let deleted = store
            .delete_partner_function(caller.tenant_id, connection, id, version, entry)
            .await;
        deleted.map_err(|error| refused(error, &before))
    }

    async fn write(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        id: PartnerFunctionId,
        version: Option<i64>,
        body: &Value,
    ) -> Result<StoredPartnerFunction> {
        let before = self.find(caller, connection, id).await?;
        store::expect_version(version, before.version)?;
        let definition = read::patch(&before.definition, body).map_err(body_refused)?;
        self.check(caller, &definition).await?;
        let after = StoredPartnerFunction {
            definition,
            version: before.version + 1,
            updated_at: self.engine.clock().now(),
            ..before.clone()
        };
        let (was, is) = (Some(for_audit(&before)), Some(for_audit(&after)));
        let entry = caller.audit("partner_function.update", "partner_function", id, was, is);
        let written = self.engine.store().update_partner_function(after.clone(), entry).await;
        written.map_err(|error| refused(error, &after))?;
        Ok(after)
    }

    /// After a commit: automations that missed the partner function look whether they can go on.
    async fn tell_automations(&self, caller: &Caller, connection: ConnectionId) -> Result<()> {
        let store = self.engine.store();
        for automation in store.automation_ids_of(caller.tenant_id, connection).await? {
            tell(self.engine, caller, KIND_AUTOMATION, automation.uuid()).await;
        }
        Ok(())
    }

    /// Whether its scripts are there.
    async fn check(&self, caller: &Caller, definition: &PartnerFunction) -> Result<()> {
        let scripts = [
            ("pre_run_script_id", definition.pre_run_script_id),
            ("post_run_script_id", definition.post_run_script_id),
        ];
        let mut wrong = Vec::new();
        for (field, script) in scripts {
            if let Some(id) = script
                && !self.has_script(caller, id).await?
            {
                wrong.push(FieldError::new(
                    field,
                    format!("there is no script {id} in this tenant"),
                ));
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid(wrong))
        }
    }

    async fn has_script(&self, caller: &Caller, id: ScriptId) -> Result<bool> {
        Ok(self.engine.store().script_source(caller.tenant_id, id).await?.is_some())
    }

    async fn find(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        id: PartnerFunctionId,
    ) -> Result<StoredPartnerFunction> {
        let store = self.engine.store();
        let found = store.partner_function(caller.tenant_id, connection, id).await?;
        found.ok_or_else(|| missing(id))
    }

    async fn shown(&self, connection: Connection, row: StoredPartnerFunction) -> Result<PartnerFunctionShown> {
        let mut warnings = Vec::new();
        let mut mapping_id = None;
        if let Some(name) = &row.definition.object_mapping {
            let store = self.engine.store();
            let found = store.object_mapping(row.tenant_id, row.connection_id, name).await?;
            mapping_id = found.map(|mapping| mapping.id);
            if mapping_id.is_none() {
                warnings.push(format!(
                    "The connection has no object mapping {name:?}: records are taken as they are until it is put."
                ));
            }
        }
        let provider = connection.provider;
        let account = Account {
            tenant_id: connection.tenant_id,
            id: connection.id,
            version: connection.version,
            provider,
            profile: connection.profile,
            // Names of objects are no matter of secrets.
            secrets: Secrets::default(),
        };
        if let Err(trouble) = providers::of(provider).object(&account, &row.definition.object_name) {
            warnings.push(trouble.message);
        }
        Ok(PartnerFunctionShown {
            row,
            provider,
            mapping_id,
            warnings,
        })
    }
}

fn for_audit(row: &StoredPartnerFunction) -> Value {
    json!({ "connectionId": row.connection_id, "definition": row.definition, "enabled": row.enabled })
}

fn missing(id: PartnerFunctionId) -> Error {
    Error::new(
        Code::NotFound,
        format!("There is no partner function {id} in this connection."),
    )
}

fn refused(error: store::Error, row: &StoredPartnerFunction) -> Error {
    match error {
        store::Error::Unique(_) => Error::new(
            Code::NameInUse,
            format!(
                "There is a partner function {:?} in this connection already.",
                row.definition.name
            ),
        ),
        store::Error::NotFound => missing(row.id),
        other => other.into(),
    }
}

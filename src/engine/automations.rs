//! Automations of a connection as a service: how they are shown, reading and explaining them, and their runs. Changing them is in
//! `changes`, running one on request in `run`.

use std::collections::HashMap;

use serde_json::Value;

use super::{Engine, caller::Caller, connections::Connection};
use crate::{
    domain::{
        automation::{Automation, criteria, text},
        connection::ProviderKind,
        ids::{AutomationId, ConnectionId, RunId},
        rights::Right,
    },
    error::{Code, Error, Result},
    store::{
        Page, Paged,
        automations::{AutomationState, StoredAutomation},
        listing::{Listed, Window},
        partner_functions::StoredPartnerFunction,
    },
};

mod changes;
mod run;

pub use crate::store::automations::AutomationRun;

/// Automations of a caller's tenant.
pub struct Automations<'a> {
    engine: &'a Engine,
}

/// An automation as it is shown.
#[derive(Clone, Debug)]
pub struct AutomationShown {
    /// As it is stored.
    pub row: StoredAutomation,
    /// What its runs have left.
    pub state: AutomationState,
    /// The connection's provider.
    pub provider: ProviderKind,
    /// In plain English.
    pub texts: text::Texts,
    /// What is acceptable and will not work as it is. Not looked for in lists.
    pub warnings: Vec<String>,
}

/// Why a record meets the criteria or not.
#[derive(Clone, Debug)]
pub struct Explained {
    /// Whether it does.
    pub matches: bool,
    /// The criteria as a tree with the values that were found; null where there are none.
    pub criteria: Value,
}

impl Engine {
    /// Automations.
    #[must_use]
    pub fn automations(&self) -> Automations<'_> {
        Automations { engine: self }
    }
}

impl Automations<'_> {
    /// Automations of a connection.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`.
    pub async fn list(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        window: Window,
    ) -> Result<Listed<AutomationShown>> {
        let connection = self.engine.connections().get(caller, connection).await?;
        let store = self.engine.store();
        let listed = store.automations(caller.tenant_id, connection.id, window).await?;
        let ids = listed.items.iter().map(|row| row.id).collect();
        // One that was deleted since the list was read has none.
        let mut states = store.automation_states(caller.tenant_id, ids).await?;
        let mut functions: HashMap<String, Option<StoredPartnerFunction>> = HashMap::new();
        let mut items = Vec::with_capacity(listed.items.len());
        for row in listed.items {
            let named = &row.definition.perform_action;
            if !functions.contains_key(named) {
                let found = store
                    .partner_function_named(caller.tenant_id, connection.id, named)
                    .await?;
                functions.insert(named.clone(), found);
            }
            let function = functions.get(named).and_then(Option::as_ref);
            let texts = texts(&row.definition, connection.provider, function);
            items.push(AutomationShown {
                state: states.remove(&row.id).unwrap_or_default(),
                row,
                provider: connection.provider,
                texts,
                warnings: Vec::new(),
            });
        }
        Ok(Listed {
            items,
            total: listed.total,
        })
    }

    /// One automation.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`.
    pub async fn get(&self, caller: &Caller, connection: ConnectionId, id: AutomationId) -> Result<AutomationShown> {
        let connection = self.engine.connections().get(caller, connection).await?;
        let row = self.find(caller, connection.id, id).await?;
        self.shown(connection, row).await
    }

    /// Whether a record meets the criteria of an automation, and why.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`; `invalid`: the record is no JSON object.
    pub async fn explain(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        id: AutomationId,
        record: &Value,
    ) -> Result<Explained> {
        caller.require(Right::ConnectionsManage)?;
        let row = self.find(caller, connection, id).await?;
        if !record.is_object() {
            return Err(Error::invalid_field("body", "must be a record: a JSON object"));
        }
        let definition = row.definition;
        if !definition.additional_criteria || definition.criteria.is_empty() {
            return Ok(Explained {
                matches: true,
                criteria: Value::Null,
            });
        }
        // They were compiled when they were stored.
        let compiled = criteria::compile(&definition.criteria).map_err(Error::invalid)?;
        let explained = compiled.explain(record);
        Ok(Explained {
            matches: compiled.matches(record),
            criteria: serde_json::to_value(explained).map_err(Error::internal)?,
        })
    }

    /// The runs of an automation, newest first.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`; `bad_request` for a foreign cursor.
    pub async fn runs(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        id: AutomationId,
        page: Page,
    ) -> Result<Paged<AutomationRun>> {
        caller.require(Right::ConnectionsManage)?;
        self.find(caller, connection, id).await?;
        Ok(self.engine.store().automation_runs(caller.tenant_id, id, page).await?)
    }

    /// One run of an automation.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`.
    pub async fn one_run(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        id: AutomationId,
        run: RunId,
    ) -> Result<AutomationRun> {
        caller.require(Right::ConnectionsManage)?;
        self.find(caller, connection, id).await?;
        let found = self.engine.store().automation_run(caller.tenant_id, run).await?;
        found
            .filter(|found| found.automation_id == id)
            .ok_or_else(|| Error::new(Code::NotFound, format!("There is no run {run} of this automation.")))
    }

    async fn find(&self, caller: &Caller, connection: ConnectionId, id: AutomationId) -> Result<StoredAutomation> {
        let store = self.engine.store();
        let found = store.automation(caller.tenant_id, connection, id).await?;
        found.ok_or_else(|| missing(id))
    }

    async fn shown(&self, connection: Connection, row: StoredAutomation) -> Result<AutomationShown> {
        let (store, definition) = (self.engine.store(), &row.definition);
        let named = definition.perform_action.as_str();
        let function = store
            .partner_function_named(row.tenant_id, connection.id, named)
            .await?;
        let mut warnings = Vec::new();
        warnings.extend(warning_of(named, definition, function.as_ref()));
        if let Some(another) = &definition.another_automation {
            match store.automation_named(row.tenant_id, connection.id, another).await? {
                None => warnings.push(format!(
                    "There is no automation {another:?} in this connection: a run of this one cannot be followed by it until there is \
                     one."
                )),
                Some(next) if !next.enabled => {
                    warnings.push(format!("The automation {another:?} is disabled: it does not follow a run of this one."));
                }
                Some(_) => {}
            }
        }
        Ok(AutomationShown {
            state: store.automation_state(row.tenant_id, row.id).await?,
            texts: texts(definition, connection.provider, function.as_ref()),
            provider: connection.provider,
            row,
            warnings,
        })
    }
}

/// What stands in the way of the partner function that an automation names.
fn warning_of(named: &str, definition: &Automation, function: Option<&StoredPartnerFunction>) -> Option<String> {
    let Some(function) = function else {
        return Some(format!(
            "There is no partner function {named:?} in this connection: runs of this automation fail until there is one."
        ));
    };
    if !function.enabled {
        return Some(format!(
            "The partner function {named:?} is disabled: this automation does nothing until it is enabled."
        ));
    }
    let (ours, theirs) = (definition.direction, function.definition.direction);
    (ours != theirs).then(|| {
        format!(
            "The partner function {named:?} is for {}, this automation for {}: runs of it fail until they agree.",
            theirs.as_str(),
            ours.as_str()
        )
    })
}

fn texts(definition: &Automation, provider: ProviderKind, function: Option<&StoredPartnerFunction>) -> text::Texts {
    let name = function.map_or(definition.perform_action.as_str(), |function| {
        function.definition.name.as_str()
    });
    text::texts(definition, provider, name)
}

fn missing(id: AutomationId) -> Error {
    Error::new(
        Code::NotFound,
        format!("There is no automation {id} in this connection."),
    )
}

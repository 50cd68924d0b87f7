//! Integrations as a service: what the OData surface and a host app change.
//!
//! Definitions are in `definitions` with their checks in `checks`, what clients make of them in `clients`.

use serde_json::Value;
use uuid::Uuid;

use super::{Engine, caller::Caller, change::again_if_stale, identity::FIRST_COMPANY_ID};
use crate::{
    actors::observed::KIND_CLIENT_INTEGRATION,
    domain::{ids::TenantId, odata::EntitySet, rights::Right},
    error::{Code, Error, Result},
    store::{Page, integrations::changes::Part},
};

mod checks;
mod clients;
pub mod consents;
mod definitions;
mod explain;
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

/// What can be changed here.
enum Changed {
    Part(Part),
    ClientIntegration,
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
    /// Without the right; `forbidden`: it shall be managed, and the tenant is not the operator's; `bad_request`, `invalid`, or the
    /// word of a rule; `name_in_use`, `in_use`.
    pub async fn create(&self, caller: &Caller, set: EntitySet, body: &Value) -> Result<i64> {
        caller.require(Right::IntegrationsManage)?;
        match changed(set)? {
            Changed::Part(part) => self.create_part(caller, part, body).await,
            Changed::ClientIntegration => self.create_client(caller, body).await,
        }
    }

    /// Changes members of an entity; what the body leaves out stays. All actors that read it hear of the change, in every tenant.
    ///
    /// # Errors
    /// As [`Integrations::create`]; `not_found`, `stale_version`; `forbidden`: it is managed, and the tenant is not the operator's.
    pub async fn patch(
        &self,
        caller: &Caller,
        set: EntitySet,
        key: i64,
        version: Option<i64>,
        body: &Value,
    ) -> Result<()> {
        caller.require(Right::IntegrationsManage)?;
        let readers = match changed(set)? {
            Changed::Part(part) => {
                again_if_stale(version, || self.patch_part(caller, part, key, version, body)).await?
            }
            Changed::ClientIntegration => {
                again_if_stale(version, || self.patch_client(caller, key, version, body)).await?
            }
        };
        self.tell(&readers).await;
        Ok(())
    }

    /// Deletes an entity.
    ///
    /// # Errors
    /// Without the right; `not_found`, `stale_version`, `in_use`; `forbidden` as for [`Integrations::patch`].
    pub async fn delete(&self, caller: &Caller, set: EntitySet, key: i64, version: Option<i64>) -> Result<()> {
        caller.require(Right::IntegrationsManage)?;
        match changed(set)? {
            Changed::Part(part) => self.delete_part(caller, part, key, version).await,
            Changed::ClientIntegration => self.delete_client(caller, key, version).await,
        }
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
            EntitySet::Consents => Box::pin(consents::act(self.engine, caller, key, action, body)).await,
            EntitySet::Integrations if action == "Explain" => self.explain(caller, key, body).await,
            EntitySet::IntegrationQueues => queue::act(self.engine, caller, key, action, body).await,
            _ => Err(Error::new(
                Code::NotFound,
                format!("Entities of {set} have no action {action}."),
            )),
        }
    }

    /// What the filter of an integration makes of an item that the caller gives.
    async fn explain(&self, caller: &Caller, key: i64, body: &Value) -> Result<ActionAnswer> {
        caller.require(Right::IntegrationsManage)?;
        let store = self.engine.store();
        let found = store.integration_visible(caller.tenant_id, key.into()).await?;
        let found = found.ok_or_else(|| Error::not_found("integration", key))?.value;
        let (filter, schema) = (found.filter.as_deref(), checks::schema_of(&found.entity_id));
        let item = explain::item_of(body)?;
        let explained = explain::explain_filter(filter, &schema, item, self.engine.clock().now())?;
        Ok(ActionAnswer::Value(explained))
    }

    /// What a filter that is not saved yet makes of a row of an entity that the caller gives: see [`Integrations::act`], `Explain`.
    ///
    /// # Errors
    /// Without the right; `invalid`: the filter is none, or the row has members that no row of the entity can have.
    pub fn try_filter(&self, caller: &Caller, entity: &str, filter: &str, item: &Value) -> Result<Value> {
        caller.require(Right::IntegrationsManage)?;
        let schema = checks::schema_of(entity);
        explain::explain_filter(Some(filter), &schema, item, self.engine.clock().now())
    }

    /// After a commit: actors look at what they read. Where they cannot be told now, the registry's sweep finds the change: what was
    /// asked for is done all the same.
    async fn tell(&self, readers: &[(TenantId, Uuid)]) {
        for (tenant, uuid) in readers {
            let registry = self.engine.registry();
            if let Err(error) = registry.refresh_member(KIND_CLIENT_INTEGRATION, *tenant, *uuid).await {
                tracing::warn!(
                    actor.kind = KIND_CLIENT_INTEGRATION, actor.id = %uuid, error = %error, "an actor hears of a change later"
                );
            }
        }
    }

    /// Whose integrations can be managed: the first tenant.
    async fn is_operator(&self, tenant: TenantId) -> Result<bool> {
        let store = self.engine.store();
        if let Some(first) = store.tenant_by_company_id(FIRST_COMPANY_ID).await? {
            return Ok(first.id == tenant);
        }
        // Its company id was changed: then the oldest one.
        let oldest = store.tenants(None, Page::new(Some(1), None)).await?.items;
        Ok(oldest.first().is_some_and(|oldest| oldest.id == tenant))
    }
}

/// What entities of a set are.
fn changed(set: EntitySet) -> Result<Changed> {
    Ok(match set {
        EntitySet::Integrations => Changed::Part(Part::Integration),
        EntitySet::IntegrationSystems => Changed::Part(Part::System),
        EntitySet::Schedules => Changed::Part(Part::Schedule),
        EntitySet::Actions => Changed::Part(Part::Action),
        EntitySet::ClientIntegrations => Changed::ClientIntegration,
        EntitySet::Consents
        | EntitySet::ConsentTypes
        | EntitySet::IntegrationDirections
        | EntitySet::Entities
        | EntitySet::IntegrationQueues
        | EntitySet::IntegrationQueueStates
        | EntitySet::ActionLogs => {
            return Err(Error::new(
                Code::MethodNotAllowed,
                format!(
                    "Entities of {set} cannot be made, changed or deleted: they can be read, and some have actions."
                ),
            ));
        }
    })
}

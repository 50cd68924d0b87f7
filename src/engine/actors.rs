//! Inspection of actors as a service: what lives, what it does now, what it did last; and a fresh start on request.

use uuid::Uuid;

use crate::{
    actors::{
        observed::{Observed, list_key},
        registry::{ActorFilter, Summary},
    },
    domain::{ids::CallApiId, rights::Right},
    engine::{Engine, caller::Caller},
    error::{Code, Error, Result},
    store::{Page, Paged},
};

/// Actors of a caller's tenant.
pub struct Actors<'a> {
    engine: &'a Engine,
}

impl Engine {
    /// Actors.
    pub fn actors(&self) -> Actors<'_> {
        Actors { engine: self }
    }
}

impl Actors<'_> {
    /// The actors of this kind and in this phase, by id.
    ///
    /// # Errors
    /// `forbidden` without `actors.inspect`; `bad_request` for a foreign cursor.
    pub async fn list(
        &self,
        caller: &Caller,
        kind: Option<String>,
        phase: Option<String>,
        page: Page,
    ) -> Result<Paged<Observed>> {
        caller.require(Right::ActorsInspect)?;
        let filter = ActorFilter {
            tenant: Some(caller.tenant_id),
            kind,
            phase,
            after: page.after_id()?.map(CallApiId::from),
            limit: usize::try_from(page.fetch()).unwrap_or(usize::MAX),
        };
        let observed = self.engine.registry().observe(filter).await?;
        let key = |actor: &Observed| list_key(actor.kind, actor.id);
        Ok(Paged::new(observed, &page, key))
    }

    /// One actor.
    ///
    /// # Errors
    /// `forbidden` without `actors.inspect`, `not_found`.
    pub async fn get(&self, caller: &Caller, kind: &str, id: Uuid) -> Result<Observed> {
        caller.require(Right::ActorsInspect)?;
        self.engine.registry().observe_one(caller.tenant_id, kind, id).await
    }

    /// Counts by kind and phase.
    ///
    /// # Errors
    /// `forbidden` without `actors.inspect`.
    pub async fn summary(&self, caller: &Caller) -> Result<Summary> {
        caller.require(Right::ActorsInspect)?;
        self.engine.registry().summary(Some(caller.tenant_id)).await
    }

    /// Ends an actor, after the run that is going, and starts it anew from its row.
    ///
    /// # Errors
    /// `forbidden` without `actors.inspect`, and for who does not reach all tenants where the actor works for all;
    /// `not_found`.
    pub async fn restart(&self, caller: &Caller, kind: &str, id: Uuid) -> Result<()> {
        caller.require(Right::ActorsInspect)?;
        let works_for_all = list_key(kind, Uuid::max()) != Uuid::max();
        if works_for_all && !caller.all_tenants {
            return Err(Error::new(
                Code::Forbidden,
                "This actor works for all tenants; only an administrator of all may restart it.",
            ));
        }
        if !works_for_all {
            self.engine.registry().observe_one(caller.tenant_id, kind, id).await?;
        }
        let entry = caller.audit("actor.restart", "actor", format!("{kind}/{id}"), None, None);
        self.engine.store().record_audit(entry).await?;
        self.engine.registry().restart(caller.tenant_id, kind, id).await
    }
}

//! Changing automations: none may start itself in the end, and its actor hears of each change.

use serde_json::{Value, json};

use super::{AutomationShown, Automations, missing};
use crate::{
    actors::observed::KIND_AUTOMATION,
    domain::{
        automation::{
            Automation,
            chain::{self, Link},
            criteria, read,
        },
        ids::{AutomationId, ConnectionId},
        rights::Right,
    },
    engine::{
        caller::Caller,
        change::again_if_stale,
        refusal::{body_refused, tell},
    },
    error::{Code, Error, Result},
    store::{
        self,
        automations::{StoredAutomation, Toggle},
    },
};

impl Automations<'_> {
    /// Makes an automation from the body of a request; it runs from then on.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`; `bad_request` for unknown members, `invalid` also for a chain that leads back,
    /// `name_in_use`.
    pub async fn create(&self, caller: &Caller, connection: ConnectionId, body: &Value) -> Result<AutomationShown> {
        let connection = self.engine.connections().get(caller, connection).await?;
        let definition = read::read_new(body).map_err(body_refused)?;
        check(&definition)?;
        let clock = self.engine.clock();
        let (id, now) = (AutomationId::from(clock.new_id()), clock.now());
        let row = StoredAutomation {
            id,
            tenant_id: caller.tenant_id,
            connection_id: connection.id,
            definition,
            enabled: true,
            disabled_reason: None,
            anchor_at: now,
            created_by: caller.user_id,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let entry = caller.audit("automation.create", "automation", id, None, Some(for_audit(&row)));
        let one_at_a_time = self.engine.services().chains.lock().await;
        self.refuse_cycle(caller, &row).await?;
        let created = self.engine.store().create_automation(row.clone(), entry).await;
        created.map_err(|error| refused(error, &row))?;
        drop(one_at_a_time);
        tell(self.engine, caller, KIND_AUTOMATION, id.uuid()).await;
        self.shown(connection, row).await
    }

    /// Changes members of an automation; what the body leaves out stays. Where its schedule changes, due times are counted anew.
    ///
    /// # Errors
    /// As [`Automations::create`]; `stale_version`.
    pub async fn patch(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        id: AutomationId,
        version: Option<i64>,
        body: &Value,
    ) -> Result<AutomationShown> {
        let connection = self.engine.connections().get(caller, connection).await?;
        let row = again_if_stale(version, || self.write(caller, connection.id, id, version, body)).await?;
        tell(self.engine, caller, KIND_AUTOMATION, id.uuid()).await;
        self.shown(connection, row).await
    }

    /// Enables or disables an automation; a run that goes on may finish.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`, `stale_version`.
    pub async fn set_enabled(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        id: AutomationId,
        version: Option<i64>,
        enabled: bool,
    ) -> Result<()> {
        caller.require(Right::ConnectionsManage)?;
        let before = self.find(caller, connection, id).await?;
        let (action, toggle) = if enabled {
            ("automation.enable", Toggle::On)
        } else {
            ("automation.disable", Toggle::Off(None))
        };
        let state = |enabled: bool| Some(json!({ "enabled": enabled }));
        let entry = caller.audit(action, "automation", id, state(before.enabled), state(enabled));
        let store = self.engine.store();
        store
            .set_automation_enabled(caller.tenant_id, connection, id, version, toggle, entry)
            .await
            .map_err(|error| refused(error, &before))?;
        tell(self.engine, caller, KIND_AUTOMATION, id.uuid()).await;
        Ok(())
    }

    /// Deletes an automation.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`, `stale_version`.
    pub async fn delete(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        id: AutomationId,
        version: Option<i64>,
    ) -> Result<()> {
        caller.require(Right::ConnectionsManage)?;
        let before = self.find(caller, connection, id).await?;
        let entry = caller.audit("automation.delete", "automation", id, Some(for_audit(&before)), None);
        let store = self.engine.store();
        let deleted = store
            .delete_automation(caller.tenant_id, connection, id, version, entry)
            .await;
        deleted.map_err(|error| refused(error, &before))?;
        tell(self.engine, caller, KIND_AUTOMATION, id.uuid()).await;
        Ok(())
    }

    async fn write(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        id: AutomationId,
        version: Option<i64>,
        body: &Value,
    ) -> Result<StoredAutomation> {
        let before = self.find(caller, connection, id).await?;
        store::expect_version(version, before.version)?;
        let definition = read::patch(&before.definition, body).map_err(body_refused)?;
        check(&definition)?;
        let now = self.engine.clock().now();
        let anchor_at = if is_due_alike(&before.definition, &definition) {
            before.anchor_at
        } else {
            now
        };
        let after = StoredAutomation {
            definition,
            anchor_at,
            version: before.version + 1,
            updated_at: now,
            ..before.clone()
        };
        let (was, is) = (Some(for_audit(&before)), Some(for_audit(&after)));
        let entry = caller.audit("automation.update", "automation", id, was, is);
        let _one_at_a_time = self.engine.services().chains.lock().await;
        self.refuse_cycle(caller, &after).await?;
        let written = self.engine.store().update_automation(after.clone(), entry).await;
        written.map_err(|error| refused(error, &after))?;
        Ok(after)
    }

    /// Held under the lock of the chains: two changes at the same time could close a circle that neither of them sees.
    async fn refuse_cycle(&self, caller: &Caller, row: &StoredAutomation) -> Result<()> {
        let link = |id, name: &str, connection_id, another: &Option<String>| Link {
            id,
            name: name.to_owned(),
            connection_id,
            another: another.clone(),
        };
        let stored = self.engine.store().chains_of(caller.tenant_id).await?;
        let links = stored
            .iter()
            .map(|one| link(one.id, &one.name, one.connection_id, &one.another));
        let links: Vec<Link> = links.collect();
        let definition = &row.definition;
        let changed = link(
            row.id,
            &definition.name,
            row.connection_id,
            &definition.another_automation,
        );
        chain::check(&changed, &links)
            .map_err(|names| Error::invalid_field("another_automation", chain::refusal(&names)))
    }
}

/// Whether the criteria can be evaluated.
fn check(definition: &Automation) -> Result<()> {
    match criteria::compile(&definition.criteria) {
        Ok(_) => Ok(()),
        Err(wrong) => Err(Error::invalid(wrong)),
    }
}

/// Whether two definitions are due at the same times.
fn is_due_alike(one: &Automation, other: &Automation) -> bool {
    one.automation_type == other.automation_type
        && one.check_on == other.check_on
        && one.custom_day == other.custom_day
        && one.custom_time == other.custom_time
        && one.time_zone == other.time_zone
}

fn for_audit(row: &StoredAutomation) -> Value {
    json!({ "connectionId": row.connection_id, "definition": row.definition, "enabled": row.enabled })
}

fn refused(error: store::Error, row: &StoredAutomation) -> Error {
    match error {
        store::Error::Unique(_) => Error::new(
            Code::NameInUse,
            format!(
                "There is an automation {:?} in this connection already.",
                row.definition.name
            ),
        ),
        store::Error::NotFound => missing(row.id),
        other => other.into(),
    }
}

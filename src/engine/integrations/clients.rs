//! What clients make of integrations: using them, with a schedule of their own where that is allowed.

use serde_json::{Value, json};

use super::Integrations;
use crate::{
    actors::integration::consent::link_rules,
    domain::integration::{ClientIntegration, ClientIntegrationId, Stamp, read},
    engine::{caller::Caller, refusal::body_refused},
    error::{Code, Error, Result},
    store::{
        self, expect_version,
        integrations::{StoredClientIntegration, changes::Readers},
    },
};

const KIND: &str = "client_integration";

impl Integrations<'_> {
    pub(super) async fn create_client(&self, caller: &Caller, body: &Value) -> Result<i64> {
        let read = read::client_integration(None, None, body).map_err(body_refused)?;
        let clock = self.engine.clock();
        let (uuid, now) = (clock.new_id(), clock.now());
        let new = ClientIntegration {
            integration_id: read.integration_id,
            enabled: read.enabled,
            disabled_reason: None,
            schedule_id: read.schedule_id,
            connection_id: read.connection_id,
            consent_id: None,
            anchor_at: now,
        };
        let stamp = Stamp::new(caller.tenant_id, caller.user_id, now);
        // The store names the number.
        let entry = caller.audit("client_integration.create", KIND, "", None, Some(shown(&new)));
        let integration = new.integration_id;
        let rules = link_rules(self.engine.services());
        let store = self.engine.store();
        let created = store.create_client_integration(rules, uuid, stamp, new, entry).await;
        let id = created.map_err(|error| match error {
            store::Error::Unique(_) => Error::new(
                Code::InUse,
                format!(
                    "This tenant has a client integration of the integration {integration} already: change that one."
                ),
            ),
            other => other.into(),
        })?;
        self.tell(&[(caller.tenant_id, uuid)]).await;
        Ok(id.get())
    }

    pub(super) async fn patch_client(
        &self,
        caller: &Caller,
        id: i64,
        version: Option<i64>,
        body: &Value,
    ) -> Result<Readers> {
        let before = self.client(caller, id).await?;
        expect_version(version, before.stamp.version)?;
        let read = read::client_integration(Some(&before.value), Some(id), body).map_err(body_refused)?;
        let now = self.engine.clock().now();
        let value = &before.value;
        // Intervals are counted anew by who begins to use it, or another schedule.
        let begins = read.enabled && !value.enabled || read.schedule_id != value.schedule_id;
        let after = ClientIntegration {
            integration_id: read.integration_id,
            enabled: read.enabled,
            disabled_reason: value.disabled_reason.clone().filter(|_| !read.enabled),
            schedule_id: read.schedule_id,
            connection_id: read.connection_id,
            consent_id: value.consent_id,
            anchor_at: if begins { now } else { value.anchor_at },
        };
        let (was, is) = (Some(shown(value)), Some(shown(&after)));
        let entry = caller.audit("client_integration.update", KIND, id, was, is);
        let readers = vec![(caller.tenant_id, before.uuid)];
        let after = StoredClientIntegration {
            stamp: before.stamp.next(now),
            value: after,
            ..before
        };
        let rules = link_rules(self.engine.services());
        self.engine
            .store()
            .update_client_integration(rules, after, entry)
            .await?;
        Ok(readers)
    }

    pub(super) async fn delete_client(&self, caller: &Caller, id: i64, version: Option<i64>) -> Result<()> {
        let before = self.client(caller, id).await?;
        let entry = caller.audit("client_integration.delete", KIND, id, Some(shown(&before.value)), None);
        let store = self.engine.store();
        let consents = store
            .delete_client_integration(caller.tenant_id, id.into(), version, entry)
            .await?;
        for consent in consents {
            self.engine.outbound().forget_client(caller.tenant_id.uuid(), consent);
        }
        self.tell(&[(caller.tenant_id, before.uuid)]).await;
        Ok(())
    }

    async fn client(&self, caller: &Caller, id: i64) -> Result<StoredClientIntegration> {
        let found = self
            .engine
            .store()
            .client_integration(caller.tenant_id, ClientIntegrationId::from(id))
            .await?;
        found.ok_or_else(|| Error::not_found("client integration", id))
    }
}

/// For the audit log.
fn shown(value: &ClientIntegration) -> Value {
    json!({
        "IntegrationId": value.integration_id,
        "Enabled": value.enabled,
        "ScheduleId": value.schedule_id,
        "ConnectionUuid": value.connection_id,
    })
}

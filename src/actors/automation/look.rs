//! What the actor reads of its rows, and what they ask for.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    actors::services::Services,
    domain::{
        automation::{AutomationType, machine::Loaded, run::RunTrigger, schedule::schedule_of},
        connection::Health,
        ids::{AutomationId, TenantId},
    },
    store::{self, automations::LoadedAutomation},
};

/// Wait before the rows are read again after the store refused.
const AGAIN: Duration = Duration::from_secs(1);

/// See the module.
pub(super) enum Look {
    /// The automation or its connection is gone or disabled.
    Gone,
    /// What they say.
    Rows {
        /// The automation's name.
        name: Box<str>,
        /// For the machine.
        rows: Loaded,
    },
}

/// Reads the rows, until the store answers.
pub(super) async fn look(services: Arc<Services>, tenant: TenantId, id: AutomationId) -> Look {
    loop {
        match once(&services, tenant, id).await {
            Ok(Some(seen)) => return seen,
            // They changed while they were read.
            Ok(None) => {}
            Err(store::Error::Closed | store::Error::NotFound) => return Look::Gone,
            Err(error) => {
                tracing::error!(automation.id = %id, error = ?error, "an automation cannot be read; trying again");
                services.clock.sleep(AGAIN).await;
            }
        }
    }
}

/// None: the automation was changed meanwhile.
async fn once(services: &Services, tenant: TenantId, id: AutomationId) -> store::Result<Option<Look>> {
    let store = &services.store;
    let loaded = store.load_automation(tenant, id).await?;
    let Some(loaded) = loaded.filter(|loaded| loaded.row.enabled) else {
        return Ok(Some(Look::Gone));
    };
    let connection = store.connection(tenant, loaded.row.connection_id).await?;
    let Some(connection) = connection.filter(|connection| connection.enabled) else {
        return Ok(Some(Look::Gone));
    };
    let is_event_based = loaded.row.definition.automation_type == AutomationType::EventBased;
    let asked = if loaded.state.requested_by.is_some() {
        Some(RunTrigger::Chained)
    } else if is_event_based && may_try_again(services, &loaded) && store.has_events(tenant, id).await? {
        Some(RunTrigger::Event)
    } else {
        None
    };
    let open = loaded
        .open_run
        .as_ref()
        .map(|run| run.resume_at.unwrap_or(run.started_at));
    let next_due_at = match (loaded.state.next_due_at, is_event_based) {
        (None, false) => match first_due(services, &loaded).await? {
            Some(due_at) => due_at,
            None => return Ok(None),
        },
        (stored, _) => stored,
    };
    Ok(Some(Look::Rows {
        name: loaded.row.definition.name.as_str().into(),
        rows: Loaded {
            blocked: connection.state.health == Health::NeedsReauthorisation,
            open,
            asked,
            next_due_at,
        },
    }))
}

/// After a failure, events wait for the time of the next try: it is armed as the next due time.
fn may_try_again(services: &Services, loaded: &LoadedAutomation) -> bool {
    let now = services.clock.now();
    loaded.state.next_due_at.is_none_or(|next| next <= now)
}

/// The first due time after what due times are counted from; in the past where nobody was there for it. None: they are counted
/// from elsewhere by now.
async fn first_due(services: &Services, loaded: &LoadedAutomation) -> store::Result<Option<Option<Timestamp>>> {
    let row = &loaded.row;
    let due_at = schedule_of(&row.definition, row.anchor_at).and_then(|schedule| schedule.next_after(row.anchor_at));
    // So that people see it.
    let is_written = services
        .store
        .set_automation_due(row.tenant_id, row.id, row.anchor_at, due_at, services.epoch)
        .await?;
    Ok(is_written.then_some(due_at))
}

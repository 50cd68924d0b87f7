//! What the actor reads of its rows, and what they ask for.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    actors::{integration::work::lives, services::Services},
    domain::{
        ids::TenantId,
        integration::{
            due::{due_times, fingerprint},
            machine::Loaded,
        },
        schedule::Schedule,
    },
    store::{
        self,
        integrations::{LoadedClientIntegration, RunsLeft, Whose},
    },
};

/// Wait before the rows are read again after the store refused.
const AGAIN: Duration = Duration::from_secs(1);

/// See the module.
pub(super) enum Look {
    /// The client integration is gone, disabled or not consented to.
    Gone,
    /// What they say.
    Rows {
        /// The integration's name.
        name: Box<str>,
        /// For the machine.
        rows: Loaded,
    },
}

/// Reads the rows, until the store answers; `first`: what the end of an engine cut off is found again before.
pub(super) async fn look(services: Arc<Services>, tenant: TenantId, uuid: Uuid, first: bool) -> Look {
    loop {
        match once(&services, tenant, uuid, first).await {
            Ok(seen) => return seen,
            Err(store::Error::Closed | store::Error::NotFound | store::Error::Lease(_)) => return Look::Gone,
            Err(error) => {
                tracing::error!(client_integration.uuid = %uuid, error = ?error, "a client integration cannot be read; trying again");
                services.clock.sleep(AGAIN).await;
            }
        }
    }
}

async fn once(services: &Services, tenant: TenantId, uuid: Uuid, first: bool) -> store::Result<Look> {
    let store = &services.store;
    let Some(loaded) = store.load_client_integration(tenant, uuid).await?.filter(lives) else {
        return Ok(Look::Gone);
    };
    let whose = whose(&loaded);
    let now = services.clock.now();
    if first {
        let attempts = loaded.integration.value.max_attempts;
        store.recover_integration(whose, attempts, now, services.epoch).await?;
    }
    let mut left = store.integration_runs_left(whose).await?;
    let anchor = loaded.client.value.anchor_at;
    let key = fingerprint(&loaded.schedule.value, anchor);
    if left.schedule_key.as_deref() != Some(&key) {
        left.next_due_at = counted_anew(&loaded, &left, now);
        // So that people see it, and it is the same after a restart.
        store
            .set_integration_due(whose, left.next_due_at, key, services.epoch)
            .await?;
    }
    Ok(Look::Rows {
        name: loaded.integration.value.integration_name.as_str().into(),
        rows: rows(&left),
    })
}

/// What the runs have left, for the machine.
pub(super) fn rows(left: &RunsLeft) -> Loaded {
    Loaded {
        asked: false,
        left: left.selection.is_some(),
        next_due_at: left.next_due_at,
        next_item_at: left.next_item_at,
    }
}

/// The first due time of what is new or was enabled: after its anchor, in the past where nobody was there for it. Of another schedule
/// than before: after now, so that a change of it is no due time.
fn counted_anew(loaded: &LoadedClientIntegration, left: &RunsLeft, now: Timestamp) -> Option<Timestamp> {
    let anchor = loaded.client.value.anchor_at;
    let same_anchor = format!("{}|", anchor.as_microsecond());
    let is_edited = left
        .schedule_key
        .as_ref()
        .is_some_and(|key| key.starts_with(&same_anchor));
    let after = if is_edited { now.max(anchor) } else { anchor };
    schedule_of(loaded)?.next_after(after)
}

/// The due times; none where the schedule has none, which is logged: its rules are checked when it is stored.
pub(super) fn schedule_of(loaded: &LoadedClientIntegration) -> Option<Schedule> {
    let found = due_times(&loaded.schedule.value, loaded.client.value.anchor_at);
    found.unwrap_or_else(|error| {
        tracing::error!(schedule.id = %loaded.schedule.id, %error, "a schedule is never due");
        None
    })
}

/// Whose runs and items these are.
pub(super) fn whose(loaded: &LoadedClientIntegration) -> Whose {
    Whose {
        tenant_id: loaded.client.stamp.tenant_id,
        integration_id: loaded.integration.id,
        id: loaded.client.id,
        uuid: loaded.client.uuid,
    }
}

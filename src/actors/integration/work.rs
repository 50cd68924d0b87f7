//! What a run of a client integration works with, and what became of an item.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    domain::{
        expression::{Expr, linq},
        ids::TenantId,
        integration::{
            Action, ActionId, ClientIntegration, ClientIntegrationId, Consent, ConsentState, ConsentType, Integration,
            IntegrationId, QueueItem, System,
            settle::{Attempt, Settled, settle},
        },
    },
    store::integrations::{LoadedClientIntegration, Whose},
};

/// Everything that is known of a client integration, read at once; what secrets it needs, the action opens itself.
#[derive(Clone, Debug)]
pub struct Work {
    /// Whose.
    pub tenant_id: TenantId,
    /// The client integration.
    pub id: ClientIntegrationId,
    /// The actor's.
    pub uuid: Uuid,
    /// What the client makes of it.
    pub client: ClientIntegration,
    /// Which definition.
    pub integration_id: IntegrationId,
    /// The tenant whose definition it is: systems, schedules and actions are its.
    pub owner_id: TenantId,
    /// The definition.
    pub integration: Integration,
    /// With which system.
    pub system: System,
    /// What happens to an item.
    pub action: Option<(ActionId, Action)>,
    /// In which version of the action.
    pub action_version: i64,
    /// The consent, where one is needed.
    pub consent: Option<Consent>,
    /// The filter, read.
    pub filter: Option<Arc<Expr>>,
}

/// Whether items are processed for this client.
pub(super) fn lives(loaded: &LoadedClientIntegration) -> bool {
    let (client, of) = (&loaded.client.value, &loaded.integration.value);
    let asked = of.consent_type_id;
    let is_consented = asked == ConsentType::None
        || loaded.consent.as_ref().is_some_and(|consent| {
            consent.value.state == ConsentState::Granted && consent.value.consent_type_id == asked
        });
    client.enabled && of.active && loaded.action.is_some() && is_consented
}

impl Work {
    /// What was read; and, where its filter cannot be read any more, why.
    pub(super) fn of(loaded: LoadedClientIntegration) -> (Self, Option<String>) {
        let (client, of) = (loaded.client, loaded.integration);
        let filter = read_filter(of.value.filter.as_deref().unwrap_or_default());
        let (filter, problem) = match filter {
            Ok(filter) => (filter, None),
            Err(why) => (
                None,
                Some(format!("The filter of the integration cannot be used: {why}")),
            ),
        };
        let work = Self {
            tenant_id: client.stamp.tenant_id,
            id: client.id,
            uuid: client.uuid,
            client: client.value,
            integration_id: of.id,
            owner_id: of.stamp.tenant_id,
            integration: of.value,
            system: loaded.system.value,
            action_version: loaded.action.as_ref().map_or(0, |action| action.stamp.version),
            action: loaded.action.map(|action| (action.id, action.value)),
            consent: loaded.consent.map(|consent| consent.value),
            filter: filter.map(Arc::new),
        };
        (work, problem)
    }

    /// Whose queue and whose runs.
    pub(super) const fn whose(&self) -> Whose {
        Whose {
            tenant_id: self.tenant_id,
            integration_id: self.integration_id,
            id: self.id,
            uuid: self.uuid,
        }
    }

    /// Which action happens to an item, and in which version.
    pub(super) fn in_force(&self) -> Option<(ActionId, i64)> {
        self.action.as_ref().map(|(id, _)| (*id, self.action_version))
    }
}

/// The filter; none where it is blank.
fn read_filter(text: &str) -> Result<Option<Expr>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    linq::parse(text).map(Some).map_err(|problem| problem.told(text))
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acted {
    /// It is done.
    Done {
        /// For people.
        result: Option<String>,
    },
    /// It failed: another attempt is made if there are any left, and it is not final.
    Failed {
        /// Why, for people.
        message: String,
        /// What the other side asked for, milliseconds.
        retry_after_ms: Option<u64>,
        /// No further attempt can help.
        is_final: bool,
    },
    /// A script of the action threw or returned what it must not: the item fails for good, and the client integration is disabled
    /// until somebody looks at it.
    Broken {
        /// Which script, where and why, for people.
        message: String,
    },
    /// Its row is gone, or an attempt makes no sense any more.
    Dropped {
        /// Why, for people.
        message: String,
    },
    /// Not now, through no fault of the item: the attempt does not count.
    Later {
        /// When to look again.
        until: Timestamp,
        /// Why, for people.
        reason: String,
    },
    /// The engine is on its way out: nothing is known of the attempt.
    Left,
    /// What became of it is stored already, with what came of it.
    Written(Settled),
}

impl Acted {
    /// What is written of an item as it was claimed.
    pub(super) fn settled(self, item: &QueueItem, max_attempts: u32, now: Timestamp) -> Settled {
        let attempt = match self {
            Self::Written(settled) => return settled,
            Self::Done { result } => Attempt::Done(result),
            Self::Failed {
                message,
                retry_after_ms,
                is_final,
            } => Attempt::Failed {
                message,
                retry_after_ms,
                is_final,
            },
            Self::Broken { message } => Attempt::Failed {
                message,
                retry_after_ms: None,
                is_final: true,
            },
            Self::Dropped { message } => Attempt::Dropped(message),
            Self::Later { until, reason } => Attempt::Later { until, reason },
            Self::Left => Attempt::Left,
        };
        settle(item, attempt, max_attempts, now)
    }
}

//! What a run of a client integration works with, and what became of an item.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::{
    expression::Expr,
    ids::TenantId,
    integration::{
        Action, ActionId, ClientIntegration, ClientIntegrationId, Consent, Integration, IntegrationId, System,
    },
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
    /// The consent, where one is needed.
    pub consent: Option<Consent>,
    /// The filter, read.
    pub filter: Option<Arc<Expr>>,
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
}

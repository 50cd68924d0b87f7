//! Integrations: definitions, what clients make of them, their consents, the queue of items and the logs of runs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::ids::{ClientId, ConnectionId, PartnerFunctionId, TenantId, UserId};

pub mod address;
pub mod admit;
pub mod batch;
pub mod consent;
pub mod due;
pub mod headers;
pub mod machine;
mod numbers;
pub mod read;
pub mod rules;
pub mod settle;
pub mod turns;
mod words;

pub use numbers::{
    ActionId, ActionLogId, ClientIntegrationId, ConsentId, IntegrationId, QueueItemId, ScheduleId, SystemId,
};
pub use words::{
    ActionKind, ConsentState, ConsentType, IntegrationDirection, QueueState, RunOutcome, RunTrigger, ScheduleKind,
    UnknownWord,
};

/// The name of the source that is no record entity.
pub const TRANSACTION: &str = "Transaction";

/// With each definition: whose it is, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Owner; of what is managed, the operator.
    pub tenant_id: TenantId,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// Grows by one with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// What is integrated, which way and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Integration {
    /// 1 to 128 characters, unique in the tenant.
    pub integration_name: String,
    /// Outbound: the source; inbound: the destination. [`TRANSACTION`] or the name of a record entity, in any case.
    pub entity_id: String,
    /// Which way.
    pub integration_direction_id: IntegrationDirection,
    /// With which system.
    pub integration_system_id: SystemId,
    /// What happens to an item; without one nothing is processed.
    pub action_id: Option<ActionId>,
    /// Id of the element in the other system, at most 256 characters.
    pub element_id: Option<String>,
    /// For people.
    pub comment: Option<String>,
    /// Which rows become items, as it was written.
    pub filter: Option<String>,
    /// When it runs, where a client has no schedule of its own.
    pub schedule_id: ScheduleId,
    /// Attempts for an item, at least 1.
    pub max_attempts: u32,
    /// Items at once, at least 1.
    pub batch_size: u32,
    /// Items are processed at the same time, at most `batch_size`; else one after the other.
    pub execute_in_parallel: bool,
    /// A row that changed becomes an item again.
    pub include_update: bool,
    /// A row becomes an item again at each scheduled run, as long as it meets the filter.
    pub continuous: bool,
    /// The operator's, common to all tenants.
    pub managed: bool,
    /// Clients may choose another schedule.
    pub allow_schedule_change: bool,
    /// What a client has to do first.
    pub consent_type_id: ConsentType,
    /// Whether it runs at all.
    pub active: bool,
}

/// A system that integrations are made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// Unique in the tenant.
    pub name: String,
    /// For people.
    pub comment: Option<String>,
    /// Where people consent, and where tokens are got: for consents of the type OAuth2.
    pub oauth: Option<SystemOauth>,
}

/// The other side of consents of the type OAuth2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemOauth {
    /// Where people consent.
    pub authorize_url: String,
    /// Where tokens are got.
    pub token_url: String,
    /// Our id there.
    pub client_id: String,
    /// What is asked for.
    pub scope: Option<String>,
}

/// When integrations run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationSchedule {
    /// Unique in the tenant.
    pub name: String,
    /// Which of the other members count.
    pub kind: ScheduleKind,
    /// Of `Interval`.
    pub interval_seconds: Option<u32>,
    /// Of `Cron`.
    pub cron: Option<String>,
    /// Of `Weekly`: `Monday` to `Sunday`; every day where absent.
    pub day_of_week: Option<String>,
    /// Of `Weekly`: `HH:MM` or `HH:MM:SS`.
    pub time_of_day: Option<String>,
    /// IANA name.
    pub time_zone: String,
}

/// What happens to an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Unique in the tenant.
    pub name: String,
    /// What it does.
    pub kind: ActionKind,
    /// Of `Http`; `POST` where absent for outbound, `GET` for inbound.
    pub method: Option<String>,
    /// Template.
    pub url: Option<String>,
    /// Template: JSON object of names and values. In what is answered, secret values are masked.
    pub headers: Option<String>,
    /// Template.
    pub body: Option<String>,
    /// Script that returns the body; has precedence over `body`.
    pub body_script: Option<String>,
    /// Script that reads the answer.
    pub result_script: Option<String>,
    /// Client whose credentials go with it.
    pub client_id: Option<ClientId>,
    /// Of `PartnerFunction`.
    pub partner_function_id: Option<PartnerFunctionId>,
}

/// What a client makes of an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIntegration {
    /// Of what.
    pub integration_id: IntegrationId,
    /// Whether it is used.
    pub enabled: bool,
    /// Why the engine disabled it.
    pub disabled_reason: Option<String>,
    /// The client's own schedule.
    pub schedule_id: Option<ScheduleId>,
    /// Whose credentials and partner functions are used.
    pub connection_id: Option<ConnectionId>,
    /// The consent, where one is needed.
    pub consent_id: Option<ConsentId>,
    /// Intervals are counted from here.
    pub anchor_at: Timestamp,
}

/// A client's consent, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Id in the vault of tokens.
    pub uuid: Uuid,
    /// Of what.
    pub client_integration_id: ClientIntegrationId,
    /// What has to be done.
    pub consent_type_id: ConsentType,
    /// Where it stands.
    pub state: ConsentState,
    /// Where the person goes, for the type OAuth2.
    pub authorize_url: Option<String>,
    /// Who granted it.
    pub granted_by: Option<UserId>,
    /// When.
    pub granted_at: Option<Timestamp>,
    /// Until when the link, or the grant, is good.
    pub expires_at: Option<Timestamp>,
    /// Why it stands so, for people.
    pub detail: Option<String>,
}

/// What is to be sent or fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueItem {
    /// Number.
    pub id: QueueItemId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Of which definition.
    pub integration_id: IntegrationId,
    /// For whom.
    pub client_integration_id: ClientIntegrationId,
    /// Outbound: id of the transaction, or key of the record. Inbound: due time of the run that fetches.
    pub item_id: String,
    /// For people.
    pub item_name: String,
    /// Of the row when it was queued, or of the newer one that it was sent in.
    pub item_version: i64,
    /// Of the row in that version.
    pub item_updated_on: Timestamp,
    /// Attempts so far, the present one included; 0 after a success.
    pub attempt: u32,
    /// From 1 on; grows when what was completed is to be processed once more.
    pub round: u32,
    /// Where it stands.
    pub state: QueueState,
    /// The run that processed it last.
    pub action_log_id: Option<ActionLogId>,
    /// What became of it, for people.
    pub result: Option<String>,
    /// It may be processed from then on.
    pub due_at: Timestamp,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it was written last.
    pub updated_at: Timestamp,
}

/// A run of a client integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionLog {
    /// Number.
    pub id: ActionLogId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Of which definition.
    pub integration_id: IntegrationId,
    /// For whom.
    pub client_integration_id: ClientIntegrationId,
    /// What was done to items.
    pub action_id: Option<ActionId>,
    /// What began it.
    pub trigger: RunTrigger,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How.
    pub outcome: Option<RunOutcome>,
    /// Why, for people.
    pub message: Option<String>,
    /// What was done.
    pub counts: RunCounts,
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunCounts {
    /// Rows that became items.
    pub selected: u64,
    /// Items that were completed.
    pub completed: u64,
    /// Attempts that failed, and are made again.
    pub failed: u64,
    /// Items that were given up.
    pub abandoned: u64,
}

impl Stamp {
    /// Of something that is made now.
    #[must_use]
    pub const fn new(tenant_id: TenantId, created_by: Option<UserId>, now: Timestamp) -> Self {
        Self {
            tenant_id,
            created_by,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Of the version that a change makes.
    #[must_use]
    pub const fn next(&self, now: Timestamp) -> Self {
        Self {
            tenant_id: self.tenant_id,
            created_by: self.created_by,
            version: self.version + 1,
            created_at: self.created_at,
            updated_at: now,
        }
    }
}

impl QueueItem {
    /// What goes with the requests of this item, so that the other side does its work once in each round.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        let round = match self.round {
            0 | 1 => String::new(),
            // Not another colon: the key of a row may end in a colon and a number, and so do those of pages of a fetch.
            round => format!(".{round}"),
        };
        let (whose, item, version) = (self.client_integration_id, &self.item_id, self.item_version);
        format!("{whose}:{item}:{version}{round}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(item_id: &str, item_version: i64, round: u32) -> String {
        let at = Timestamp::UNIX_EPOCH;
        let item = QueueItem {
            id: 7.into(),
            tenant_id: Uuid::nil().into(),
            integration_id: 1.into(),
            client_integration_id: 2.into(),
            item_id: item_id.to_owned(),
            item_name: String::new(),
            item_version,
            item_updated_on: at,
            attempt: 1,
            round,
            state: QueueState::Processing,
            action_log_id: None,
            result: None,
            due_at: at,
            created_at: at,
            updated_at: at,
        };
        item.idempotency_key()
    }

    #[test]
    fn each_round_of_an_item_has_a_key_of_its_own() {
        assert_eq!([key("a", 1, 1), key("a", 1, 2)], ["2:a:1", "2:a:1.2"]);
        assert_ne!(key("a", 1, 2), key("a:1", 2, 1), "rows may have keys like this");
    }
}

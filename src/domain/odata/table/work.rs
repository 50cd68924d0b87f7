//! Types of what clients make of integrations: client integrations, consents, the queue and the logs.

use super::{
    ALL, EntitySet, EntityType, NONE, action, computed, created_at, found, long, number, once, one, optional,
    parameter, required, updated_at, version,
};
use crate::domain::odata::model::{BoundAction, Edm};

pub(super) const CLIENT_INTEGRATION: EntityType = EntityType {
    set: EntitySet::ClientIntegrations,
    name: "ClientIntegration",
    called: "client integration",
    properties: &[
        number("ClientIntegrationId", Edm::Int32, "Number."),
        once("IntegrationId", Edm::Int32, "Of which integration."),
        required("Enabled", Edm::Boolean, "Whether it is used."),
        found("DisabledReason", Edm::String, "Why the engine disabled it."),
        optional(
            "ScheduleId",
            Edm::Int32,
            "The client's own schedule, where the integration allows one.",
        ),
        optional(
            "ConnectionUuid",
            Edm::Guid,
            "Whose credentials and partner functions are used.",
        ),
        found("ConsentId", Edm::Int32, "The consent, where one is needed."),
        found("NextDueAt", Edm::DateTimeOffset, "When it runs next."),
        found("LastRunAt", Edm::DateTimeOffset, "When it ran last."),
        found("LastOutcome", Edm::String, "How the last run ended."),
        version(),
        created_at(),
        updated_at(),
    ],
    navigations: &[
        one("Integration", EntitySet::Integrations, "IntegrationId"),
        one("Schedule", EntitySet::Schedules, "ScheduleId"),
        one("Consent", EntitySet::Consents, "ConsentId"),
        super::many("IntegrationQueues", EntitySet::IntegrationQueues, "ClientIntegrationId"),
        super::many("ActionLogs", EntitySet::ActionLogs, "ClientIntegrationId"),
    ],
    actions: &[],
    changes: ALL,
};

pub(super) const CONSENT: EntityType = EntityType {
    set: EntitySet::Consents,
    name: "Consent",
    called: "consent",
    properties: &[
        number("ConsentId", Edm::Int32, "Number."),
        computed("ClientIntegrationId", Edm::Int32, "Of which client integration."),
        long(computed("ConsentTypeId", Edm::String, "What has to be done."), 64),
        computed("State", Edm::String, "Pending, Granted, Refused or Revoked."),
        found("AuthorizeUrl", Edm::String, "Of OAuth2: where the person goes."),
        found("GrantedBy", Edm::Guid, "The user who granted it."),
        found("GrantedAt", Edm::DateTimeOffset, "When."),
        found(
            "ExpiresAt",
            Edm::DateTimeOffset,
            "Until when the link, or the grant, is good.",
        ),
        found("Detail", Edm::String, "Why it stands so."),
        version(),
        created_at(),
        updated_at(),
    ],
    navigations: &[
        one(
            "ClientIntegration",
            EntitySet::ClientIntegrations,
            "ClientIntegrationId",
        ),
        one("ConsentType", EntitySet::ConsentTypes, "ConsentTypeId"),
    ],
    actions: &[
        action(
            "Begin",
            "Asks again, with another link where there is one; what is granted stays.",
        ),
        action("Approve", "Of Manual: a person who has the right says yes."),
        BoundAction {
            name: "Refuse",
            parameters: &[parameter("Detail", "Edm.String", true)],
            answers: None,
            about: "A person who has the right says no, and why.",
        },
        BoundAction {
            name: "Submit",
            parameters: &[
                parameter("Username", "Edm.String", true),
                parameter("Password", "Edm.String", true),
                parameter("Token", "Edm.String", true),
                parameter("ApiKey", "Edm.String", true),
                parameter("ApiKeyName", "Edm.String", true),
                parameter("ApiKeyIn", "Edm.String", true),
            ],
            answers: None,
            about: "Of Credentials: Username and Password, or Token, or ApiKey with the header or query parameter it goes in; they are \
                    never answered.",
        },
        action("Revoke", "Takes a consent back."),
    ],
    changes: NONE,
};

pub(super) const QUEUE_ITEM: EntityType = EntityType {
    set: EntitySet::IntegrationQueues,
    name: "IntegrationQueue",
    called: "item of the queue",
    properties: &[
        number("IntegrationQueueId", Edm::Int64, "Number."),
        computed("IntegrationId", Edm::Int32, "Of which integration."),
        computed("ClientIntegrationId", Edm::Int32, "Of which client integration."),
        long(computed("ItemId", Edm::String, "Id of the row."), 450),
        long(computed("ItemName", Edm::String, "What the row is called."), 450),
        computed("ItemVersion", Edm::Int64, "Version of the row when it was queued."),
        computed(
            "ItemUpdatedOn",
            Edm::DateTimeOffset,
            "When the row had been changed, as it was queued.",
        ),
        computed("Attempt", Edm::Int32, "Attempts so far; 0 after a success."),
        long(
            computed("IntegrationQueueStateId", Edm::String, "Where it stands."),
            450,
        ),
        found("ActionLogId", Edm::Int64, "The run that processed it last."),
        found("Result", Edm::String, "What became of it."),
        computed("DueAt", Edm::DateTimeOffset, "It may be processed from then on."),
        created_at(),
        updated_at(),
    ],
    navigations: &[
        one("Integration", EntitySet::Integrations, "IntegrationId"),
        one(
            "ClientIntegration",
            EntitySet::ClientIntegrations,
            "ClientIntegrationId",
        ),
        one(
            "IntegrationQueueState",
            EntitySet::IntegrationQueueStates,
            "IntegrationQueueStateId",
        ),
        one("ActionLog", EntitySet::ActionLogs, "ActionLogId"),
    ],
    actions: &[
        action("Retry", "Processes it again, with all its attempts."),
        action("Cancel", "It is not processed any more."),
        action("Execute", "Processes it now."),
    ],
    changes: NONE,
};

pub(super) const ACTION_LOG: EntityType = EntityType {
    set: EntitySet::ActionLogs,
    name: "ActionLog",
    called: "log",
    properties: &[
        number("ActionLogId", Edm::Int64, "Number."),
        computed("IntegrationId", Edm::Int32, "Of which integration."),
        computed("ClientIntegrationId", Edm::Int32, "Of which client integration."),
        found("ActionId", Edm::Int32, "What was done to items."),
        computed("Trigger", Edm::String, "What began it: Schedule, Queue or Person."),
        computed("StartedAt", Edm::DateTimeOffset, "When it began."),
        found("FinishedAt", Edm::DateTimeOffset, "When it ended."),
        found(
            "Outcome",
            Edm::String,
            "How: Succeeded, Partial, Failed or Interrupted.",
        ),
        found("Message", Edm::String, "Why."),
        computed("Selected", Edm::Int64, "Rows that became items."),
        computed("Completed", Edm::Int64, "Items that were completed."),
        computed("Failed", Edm::Int64, "Attempts that failed, and are made again."),
        computed("Abandoned", Edm::Int64, "Items that were given up."),
    ],
    navigations: &[
        one("Integration", EntitySet::Integrations, "IntegrationId"),
        one(
            "ClientIntegration",
            EntitySet::ClientIntegrations,
            "ClientIntegrationId",
        ),
        one("Action", EntitySet::Actions, "ActionId"),
        super::many("IntegrationQueues", EntitySet::IntegrationQueues, "ActionLogId"),
    ],
    actions: &[],
    changes: NONE,
};

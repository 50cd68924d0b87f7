//! Types of definitions: integrations, the systems they are made with, schedules and actions.

use super::{
    ALL, EntitySet, EntityType, created_at, long, many, number, one, optional, parameter, required, secret, updated_at,
    version,
};
use crate::domain::odata::model::{BoundAction, Edm};

pub(super) const INTEGRATION: EntityType = EntityType {
    set: EntitySet::Integrations,
    name: "Integration",
    called: "integration",
    properties: &[
        number("IntegrationId", Edm::Int32, "Number."),
        long(required("IntegrationName", Edm::String, "Unique name."), 128),
        long(
            required(
                "EntityId",
                Edm::String,
                "Inbound: the destination. Outbound: the source.",
            ),
            450,
        ),
        long(
            required("IntegrationDirectionId", Edm::String, "Inbound or Outbound."),
            450,
        ),
        required("IntegrationSystemId", Edm::Int32, "The system it is made with."),
        optional("ActionId", Edm::Int32, "What happens to an item."),
        long(
            optional("ElementId", Edm::String, "Id of the element in the other system."),
            256,
        ),
        optional("Comment", Edm::String, "Notes."),
        optional("Filter", Edm::String, "LINQ expression: which rows become items."),
        required(
            "ScheduleId",
            Edm::Int32,
            "When it runs, where a client has no schedule of its own.",
        ),
        required("MaxAttempts", Edm::Int32, "Attempts for an item, at least 1."),
        required("BatchSize", Edm::Int32, "Items at once, at least 1."),
        required(
            "ExecuteInParallel",
            Edm::Boolean,
            "Items are processed at the same time.",
        ),
        required(
            "IncludeUpdate",
            Edm::Boolean,
            "A row that changed becomes an item again.",
        ),
        required(
            "Continuous",
            Edm::Boolean,
            "A row becomes an item again at each scheduled run.",
        ),
        required("Managed", Edm::Boolean, "The operator's, common to all tenants."),
        required(
            "AllowScheduleChange",
            Edm::Boolean,
            "Clients may choose another schedule.",
        ),
        long(
            required("ConsentTypeId", Edm::String, "What a client has to do first."),
            64,
        ),
        required("Active", Edm::Boolean, "Whether it runs at all."),
        version(),
        created_at(),
        updated_at(),
    ],
    navigations: &[
        one(
            "IntegrationSystem",
            EntitySet::IntegrationSystems,
            "IntegrationSystemId",
        ),
        one("Schedule", EntitySet::Schedules, "ScheduleId"),
        one("Action", EntitySet::Actions, "ActionId"),
        one("Entity", EntitySet::Entities, "EntityId"),
        one(
            "IntegrationDirection",
            EntitySet::IntegrationDirections,
            "IntegrationDirectionId",
        ),
        one("ConsentType", EntitySet::ConsentTypes, "ConsentTypeId"),
        many("ClientIntegrations", EntitySet::ClientIntegrations, "IntegrationId"),
        many("IntegrationQueues", EntitySet::IntegrationQueues, "IntegrationId"),
        many("ActionLogs", EntitySet::ActionLogs, "IntegrationId"),
    ],
    actions: &[BoundAction {
        name: "Explain",
        parameters: &[parameter("item", "Orrery.Item", false)],
        answers: Some("Explanation"),
        about: "Whether a row meets the filter, and what each part of the filter is for it.",
    }],
    changes: ALL,
};

pub(super) const SYSTEM: EntityType = EntityType {
    set: EntitySet::IntegrationSystems,
    name: "IntegrationSystem",
    called: "system",
    properties: &[
        number("IntegrationSystemId", Edm::Int32, "Number."),
        long(required("IntegrationSystemName", Edm::String, "Unique name."), 128),
        optional("Comment", Edm::String, "Notes."),
        long(
            optional(
                "AuthorizeUrl",
                Edm::String,
                "Consents of the type OAuth2: where people consent.",
            ),
            2_000,
        ),
        long(
            optional(
                "TokenUrl",
                Edm::String,
                "Consents of the type OAuth2: where tokens are got.",
            ),
            2_000,
        ),
        long(
            optional(
                "OAuthClientId",
                Edm::String,
                "Consents of the type OAuth2: our id there.",
            ),
            450,
        ),
        long(
            secret("OAuthClientSecret", "Consents of the type OAuth2: our secret there."),
            2_000,
        ),
        long(
            optional(
                "OAuthScope",
                Edm::String,
                "Consents of the type OAuth2: what is asked for.",
            ),
            2_000,
        ),
        version(),
        created_at(),
        updated_at(),
    ],
    navigations: &[many("Integrations", EntitySet::Integrations, "IntegrationSystemId")],
    actions: &[],
    changes: ALL,
};

pub(super) const SCHEDULE: EntityType = EntityType {
    set: EntitySet::Schedules,
    name: "Schedule",
    called: "schedule",
    properties: &[
        number("ScheduleId", Edm::Int32, "Number."),
        long(required("ScheduleName", Edm::String, "Unique name."), 128),
        long(required("Kind", Edm::String, "Interval, Cron or Weekly."), 16),
        optional("IntervalSeconds", Edm::Int32, "Of Interval."),
        long(optional("Cron", Edm::String, "Of Cron."), 256),
        long(
            optional(
                "DayOfWeek",
                Edm::String,
                "Of Weekly: Monday to Sunday; null: every day.",
            ),
            16,
        ),
        long(optional("TimeOfDay", Edm::String, "Of Weekly: HH:MM or HH:MM:SS."), 16),
        long(required("TimeZone", Edm::String, "IANA name."), 64),
        version(),
        created_at(),
        updated_at(),
    ],
    navigations: &[
        many("Integrations", EntitySet::Integrations, "ScheduleId"),
        many("ClientIntegrations", EntitySet::ClientIntegrations, "ScheduleId"),
    ],
    actions: &[],
    changes: ALL,
};

pub(super) const ACTION: EntityType = EntityType {
    set: EntitySet::Actions,
    name: "Action",
    called: "action",
    properties: &[
        number("ActionId", Edm::Int32, "Number."),
        long(required("ActionName", Edm::String, "Unique name."), 128),
        long(required("Kind", Edm::String, "Http or PartnerFunction."), 32),
        long(optional("Method", Edm::String, "Of Http."), 16),
        optional("Url", Edm::String, "Of Http: template."),
        optional(
            "Headers",
            Edm::String,
            "Of Http: JSON text of names and values; secret ones are masked.",
        ),
        optional("Body", Edm::String, "Template."),
        optional("BodyScript", Edm::String, "Script that returns the body."),
        optional("ResultScript", Edm::String, "Script that reads the answer."),
        optional("ClientUuid", Edm::Guid, "Client whose credentials go with it."),
        optional("PartnerFunctionUuid", Edm::Guid, "Of PartnerFunction."),
        version(),
        created_at(),
        updated_at(),
    ],
    navigations: &[
        many("Integrations", EntitySet::Integrations, "ActionId"),
        many("ActionLogs", EntitySet::ActionLogs, "ActionId"),
    ],
    actions: &[],
    changes: ALL,
};

//! Types whose entities are words: consent types, directions, states of the queue, entities.

use super::{EntitySet, EntityType, NONE, long, many};
use crate::domain::odata::model::{Edm, Property};

const fn word(name: &'static str, max_length: u32) -> Property {
    long(super::computed(name, Edm::String, "The word."), max_length)
}

const fn description() -> Property {
    super::computed("Description", Edm::String, "For people.")
}

pub(super) const CONSENT_TYPE: EntityType = EntityType {
    set: EntitySet::ConsentTypes,
    name: "ConsentType",
    called: "consent type",
    properties: &[word("ConsentTypeId", 64), description()],
    navigations: &[many("Integrations", EntitySet::Integrations, "ConsentTypeId")],
    actions: &[],
    changes: NONE,
};

pub(super) const DIRECTION: EntityType = EntityType {
    set: EntitySet::IntegrationDirections,
    name: "IntegrationDirection",
    called: "direction",
    properties: &[word("IntegrationDirectionId", 450), description()],
    navigations: &[many("Integrations", EntitySet::Integrations, "IntegrationDirectionId")],
    actions: &[],
    changes: NONE,
};

pub(super) const QUEUE_STATE: EntityType = EntityType {
    set: EntitySet::IntegrationQueueStates,
    name: "IntegrationQueueState",
    called: "state of the queue",
    properties: &[word("IntegrationQueueStateId", 450), description()],
    navigations: &[],
    actions: &[],
    changes: NONE,
};

pub(super) const ENTITY: EntityType = EntityType {
    set: EntitySet::Entities,
    name: "Entity",
    called: "entity",
    properties: &[word("EntityId", 450), description()],
    navigations: &[many("Integrations", EntitySet::Integrations, "EntityId")],
    actions: &[],
    changes: NONE,
};

//! The model itself: every entity type with its properties, navigations and actions. Metadata, options, bodies and the store's
//! reader all go by it.

use super::{
    EntitySet,
    model::{Access, BoundAction, Changes, Edm, EntityType, Link, Navigation, Parameter, Property},
};

mod definitions;
mod lookups;
mod work;

/// Name of the property that grows by one with each change.
pub const VERSION: &str = "Version";

/// Stands for the key of a type that has none; there is no such type.
pub(super) const NOTHING: Property = number("", Edm::Int32, "");

const ALL: Changes = Changes {
    create: true,
    patch: true,
    delete: true,
};
const NONE: Changes = Changes {
    create: false,
    patch: false,
    delete: false,
};

/// The type of a set.
pub(super) const fn of(set: EntitySet) -> &'static EntityType {
    match set {
        EntitySet::Integrations => &definitions::INTEGRATION,
        EntitySet::IntegrationSystems => &definitions::SYSTEM,
        EntitySet::Schedules => &definitions::SCHEDULE,
        EntitySet::Actions => &definitions::ACTION,
        EntitySet::ClientIntegrations => &work::CLIENT_INTEGRATION,
        EntitySet::Consents => &work::CONSENT,
        EntitySet::ConsentTypes => &lookups::CONSENT_TYPE,
        EntitySet::IntegrationDirections => &lookups::DIRECTION,
        EntitySet::Entities => &lookups::ENTITY,
        EntitySet::IntegrationQueues => &work::QUEUE_ITEM,
        EntitySet::IntegrationQueueStates => &lookups::QUEUE_STATE,
        EntitySet::ActionLogs => &work::ACTION_LOG,
    }
}

/// A key that the engine gives out.
const fn number(name: &'static str, edm: Edm, about: &'static str) -> Property {
    computed(name, edm, about)
}

/// Required, settable.
const fn required(name: &'static str, edm: Edm, about: &'static str) -> Property {
    Property {
        name,
        edm,
        nullable: false,
        max_length: None,
        access: Access::Set,
        about,
    }
}

/// May be null, settable.
const fn optional(name: &'static str, edm: Edm, about: &'static str) -> Property {
    let mut property = required(name, edm, about);
    property.nullable = true;
    property
}

/// Never null; the engine sets it.
const fn computed(name: &'static str, edm: Edm, about: &'static str) -> Property {
    let mut property = required(name, edm, about);
    property.access = Access::Computed;
    property
}

/// May be null; the engine sets it.
const fn found(name: &'static str, edm: Edm, about: &'static str) -> Property {
    let mut property = optional(name, edm, about);
    property.access = Access::Computed;
    property
}

/// A secret, or null.
const fn secret(name: &'static str, about: &'static str) -> Property {
    let mut property = optional(name, Edm::String, about);
    property.access = Access::WriteOnly;
    property
}

/// Never null, set when the entity is made.
const fn once(name: &'static str, edm: Edm, about: &'static str) -> Property {
    let mut property = required(name, edm, about);
    property.access = Access::SetOnce;
    property
}

/// The same with a longest length, in characters.
const fn long(mut property: Property, max_length: u32) -> Property {
    property.max_length = Some(max_length);
    property
}

const fn version() -> Property {
    computed(VERSION, Edm::Int64, "Grows by one with each change.")
}

const fn created_at() -> Property {
    computed("CreatedAt", Edm::DateTimeOffset, "When it was made.")
}

const fn updated_at() -> Property {
    computed("UpdatedAt", Edm::DateTimeOffset, "When it was written last.")
}

const fn one(name: &'static str, target: EntitySet, property: &'static str) -> Navigation {
    Navigation {
        name,
        target,
        link: Link::One(property),
    }
}

const fn many(name: &'static str, target: EntitySet, property: &'static str) -> Navigation {
    Navigation {
        name,
        target,
        link: Link::Many(property),
    }
}

/// An action without parameters that answers the entity.
const fn action(name: &'static str, about: &'static str) -> BoundAction {
    BoundAction {
        name,
        parameters: &[],
        answers: None,
        about,
    }
}

const fn parameter(name: &'static str, edm: &'static str, nullable: bool) -> Parameter {
    Parameter { name, edm, nullable }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_table_is_whole() {
        for set in EntitySet::ALL {
            let of = set.entity_type();
            assert_eq!(of.set, set);
            assert!(!of.key().name.is_empty() && !of.key().nullable, "{set}");
            let properties = of.properties.iter().map(|property| property.name);
            let navigations = of.navigations.iter().map(|navigation| navigation.name);
            let actions = of.actions.iter().map(|action| action.name);
            let mut seen = HashSet::new();
            for name in properties.chain(navigations).chain(actions) {
                assert!(seen.insert(name), "{set}: {name} twice");
            }
            for navigation in of.navigations {
                let target = navigation.target.entity_type();
                let (here, there) = match navigation.link {
                    Link::One(property) => (of.property(property).unwrap(), target.key()),
                    Link::Many(property) => (of.key(), target.property(property).unwrap()),
                };
                assert_eq!(here.edm, there.edm, "{set}/{}", navigation.name);
            }
        }
    }

    #[test]
    fn actions_are_found_with_their_namespace_and_without() {
        let of = EntitySet::IntegrationQueues.entity_type();
        assert_eq!(of.action("Orrery.Retry").unwrap().name, "Retry");
        assert_eq!(of.action("Retry").unwrap().name, "Retry");
        assert!(of.action("Other.Retry").is_none() && of.action("retry").is_none());
    }
}

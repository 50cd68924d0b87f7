//! The shape of the model: what entity types, properties, navigations and actions are. The table itself is in `table`.

use super::{EntitySet, table};

/// The namespace of everything in the model.
pub const NAMESPACE: &str = "Orrery";

/// Type of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are OData's")]
pub enum Edm {
    Int32,
    Int64,
    String,
    Boolean,
    DateTimeOffset,
    Guid,
}

/// What callers may do with a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read and set.
    Set,
    /// Read, and set when the entity is made.
    SetOnce,
    /// Read; the engine sets it.
    Computed,
    /// Set; never answered: a secret.
    WriteOnly,
}

/// A property of an entity type.
#[derive(Debug, PartialEq, Eq)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub edm: Edm,
    /// Whether it may be null.
    pub nullable: bool,
    /// Of texts: characters at most.
    pub max_length: Option<u32>,
    /// What callers may do.
    pub access: Access,
    /// For people.
    pub about: &'static str,
}

/// From an entity to others.
#[derive(Debug, PartialEq, Eq)]
pub struct Navigation {
    /// Its name.
    pub name: &'static str,
    /// Where it leads.
    pub target: EntitySet,
    /// To how many.
    pub link: Link,
}

/// How entities are linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// To one: the key is in this property of the entity.
    One(&'static str),
    /// To many: they have the entity's key in this property.
    Many(&'static str),
}

/// An action bound to an entity.
#[derive(Debug, PartialEq, Eq)]
pub struct BoundAction {
    /// Its name, without the namespace.
    pub name: &'static str,
    /// What it takes.
    pub parameters: &'static [Parameter],
    /// Name of the complex type it answers, without the namespace; none: the entity.
    pub answers: Option<&'static str>,
    /// For people.
    pub about: &'static str,
}

/// A parameter of an action.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its type, with the namespace.
    pub edm: &'static str,
    /// Whether it may be left out.
    pub nullable: bool,
}

/// An entity type and its set.
#[derive(Debug, PartialEq, Eq)]
pub struct EntityType {
    /// Its set.
    pub set: EntitySet,
    /// Its name, without the namespace.
    pub name: &'static str,
    /// For people.
    pub called: &'static str,
    /// Its properties; the first one is the key.
    pub properties: &'static [Property],
    /// Where it leads.
    pub navigations: &'static [Navigation],
    /// What can be done with one.
    pub actions: &'static [BoundAction],
    /// What can be done with the set.
    pub changes: Changes,
}

/// What can be done with a set, besides reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Changes {
    pub create: bool,
    pub patch: bool,
    pub delete: bool,
}

impl Edm {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Int32 => "Edm.Int32",
            Self::Int64 => "Edm.Int64",
            Self::String => "Edm.String",
            Self::Boolean => "Edm.Boolean",
            Self::DateTimeOffset => "Edm.DateTimeOffset",
            Self::Guid => "Edm.Guid",
        }
    }
}

impl EntitySet {
    /// The type of its entities.
    #[must_use]
    pub const fn entity_type(self) -> &'static EntityType {
        table::of(self)
    }
}

impl EntityType {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &'static Property {
        // The table is a constant, and a test sees that no type is without.
        self.properties.first().unwrap_or(&table::NOTHING)
    }

    /// A property by its name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// A navigation by its name.
    #[must_use]
    pub fn navigation(&self, name: &str) -> Option<&'static Navigation> {
        self.navigations.iter().find(|navigation| navigation.name == name)
    }

    /// An action by its name, with or without the namespace.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&'static BoundAction> {
        let bare = name.strip_prefix(NAMESPACE).and_then(|rest| rest.strip_prefix('.'));
        let bare = bare.unwrap_or(name);
        self.actions.iter().find(|action| action.name == bare)
    }

    /// What is answered where nothing is selected.
    pub fn readable(&self) -> impl Iterator<Item = &'static Property> + use<> {
        self.properties
            .iter()
            .filter(|property| property.access != Access::WriteOnly)
    }

    /// Whether its entities have versions, and so entity tags.
    #[must_use]
    pub fn is_versioned(&self) -> bool {
        self.property(table::VERSION).is_some()
    }
}

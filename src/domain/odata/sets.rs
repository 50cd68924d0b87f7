//! The entity sets by name.

use std::{fmt, str::FromStr};

/// An entity set of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum EntitySet {
    Integrations,
    IntegrationSystems,
    Schedules,
    Actions,
    ClientIntegrations,
    Consents,
    ConsentTypes,
    IntegrationDirections,
    Entities,
    IntegrationQueues,
    IntegrationQueueStates,
    ActionLogs,
}

/// There is no such set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no entity set \"{0}\"")]
pub struct UnknownSet(pub String);

impl EntitySet {
    /// Every set, in the order of the service document.
    pub const ALL: [Self; 12] = [
        Self::Integrations,
        Self::IntegrationSystems,
        Self::Schedules,
        Self::Actions,
        Self::ClientIntegrations,
        Self::Consents,
        Self::ConsentTypes,
        Self::IntegrationDirections,
        Self::Entities,
        Self::IntegrationQueues,
        Self::IntegrationQueueStates,
        Self::ActionLogs,
    ];

    /// Its name in paths.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Integrations => "Integrations",
            Self::IntegrationSystems => "IntegrationSystems",
            Self::Schedules => "Schedules",
            Self::Actions => "Actions",
            Self::ClientIntegrations => "ClientIntegrations",
            Self::Consents => "Consents",
            Self::ConsentTypes => "ConsentTypes",
            Self::IntegrationDirections => "IntegrationDirections",
            Self::Entities => "Entities",
            Self::IntegrationQueues => "IntegrationQueues",
            Self::IntegrationQueueStates => "IntegrationQueueStates",
            Self::ActionLogs => "ActionLogs",
        }
    }
}

impl fmt::Display for EntitySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for EntitySet {
    type Err = UnknownSet;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|set| set.as_str() == name);
        found.ok_or_else(|| UnknownSet(name.to_owned()))
    }
}

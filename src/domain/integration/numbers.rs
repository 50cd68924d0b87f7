//! Ids of the OData entities: numbers, one newtype for each set.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Defines the newtypes; the text before each name is its documentation.
macro_rules! numbers {
    ($($(#[$attribute:meta])* $name:ident;)+) => {$(
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// The number itself.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl From<i64> for $name {
            fn from(number: i64) -> Self {
                Self(number)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, formatter)
            }
        }
    )+};
}

numbers! {
    /// An integration's definition.
    IntegrationId;
    /// A system that integrations are made with.
    SystemId;
    /// A schedule.
    ScheduleId;
    /// What happens to an item.
    ActionId;
    /// What a client makes of an integration.
    ClientIntegrationId;
    /// A client's consent.
    ConsentId;
    /// An item of the queue.
    QueueItemId;
    /// A run of a client integration.
    ActionLogId;
}

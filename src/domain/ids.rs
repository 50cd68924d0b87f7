//! The id types: one newtype over a UUID for each thing, so that a client's id is never taken for a user's.
//!
//! Nothing is generated here: `clock::Clock` makes UUID v7 values.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Defines id newtypes; the text before each name is its documentation.
macro_rules! ids {
    ($($(#[$attribute:meta])* $name:ident;)+) => {$(
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The UUID itself.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )+};
}

ids! {
    /// A tenant: the company that data belongs to.
    TenantId;
    /// A user.
    UserId;
    /// A group of users, which holds rights.
    GroupId;
    /// An API token of a user.
    ApiTokenId;
    /// A client: credentials and limits for outbound requests.
    ClientId;
    /// A scheduled call of an external API.
    CallApiId;
    /// One run of something scheduled.
    RunId;
    /// A transaction made by a run, by hand or by another system.
    TransactionId;
    /// A named, versioned script.
    ScriptId;
    /// A request that is executed in the background.
    BackgroundId;
    /// A webhook subscription of a tenant.
    SubscriptionId;
    /// A notification on its way to one receiver; the `webhook-id` of its requests.
    DeliveryId;
    /// A connection to another system's API.
    ConnectionId;
    /// A partner function: what a connection does with one kind of object.
    PartnerFunctionId;
    /// An automation: when a partner function runs, and for which records.
    AutomationId;
    /// A row of the audit log.
    AuditId;
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0190b5a8-7c3e-7d10-8f00-0123456789ab";

    #[test]
    fn text_json_and_uuid_round_trip() {
        let id: CallApiId = TEXT.parse().unwrap();
        assert_eq!(id.to_string(), TEXT);
        assert_eq!(format!("{id:?}"), format!("CallApiId({TEXT})"));
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{TEXT}\""));
        assert_eq!(serde_json::from_str::<CallApiId>(&format!("\"{TEXT}\"")).unwrap(), id);
        assert_eq!(CallApiId::from(id.uuid()), id);
        assert_eq!(Uuid::from(id), id.uuid());
    }

    #[test]
    fn ids_order_as_their_uuids() {
        let low = RunId::from(Uuid::from_u128(1));
        let high = RunId::from(Uuid::from_u128(2));
        assert!(low < high);
        assert_eq!(size_of::<Option<RunId>>(), 17, "an id is no more than its UUID");
    }

    #[test]
    fn what_is_not_a_uuid_is_refused() {
        assert!("".parse::<UserId>().is_err());
        assert!("42".parse::<UserId>().is_err());
        assert!(serde_json::from_str::<UserId>("42").is_err());
    }
}

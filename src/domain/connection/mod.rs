//! Connections to other systems: which providers there are, and how a connection stands.

pub mod machine;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use profile::Profile;

pub mod profile;
pub mod read;

/// A provider, and with it the dialect that its API speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ProviderKind {
    /// Xero Accounting.
    #[serde(rename = "XERO")]
    Xero,
    /// QuickBooks Online.
    #[serde(rename = "QUICKBOOKS")]
    QuickBooks,
    /// NetSuite with SuiteTalk REST.
    #[serde(rename = "NETSUITE")]
    NetSuite,
    /// Any JSON API that the connection's `supporting_fields` describe.
    #[serde(rename = "REST")]
    Rest,
}

impl ProviderKind {
    /// Every provider.
    pub const ALL: [Self; 4] = [Self::Xero, Self::QuickBooks, Self::NetSuite, Self::Rest];

    /// The word in answers and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Xero => "XERO",
            Self::QuickBooks => "QUICKBOOKS",
            Self::NetSuite => "NETSUITE",
            Self::Rest => "REST",
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A name that is no provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be one of XERO, QUICKBOOKS, NETSUITE, REST, and is {0:?}")]
pub struct UnknownProvider(pub String);

impl FromStr for ProviderKind {
    type Err = UnknownProvider;

    /// Reads a provider's name in any case, as people write it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.as_str().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| UnknownProvider(text.to_owned()))
    }
}

/// What the connection's actor knows of the other side; kept apart from the definition, since it has another writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Health {
    /// Nothing is known against it.
    #[default]
    Ok,
    /// The provider refused the credentials for good: somebody must enter new ones.
    NeedsReauthorisation,
    /// The last requests failed in a way that does not pass by itself (the circuit is open, or the account is refused).
    Error,
}

impl Health {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Ok, Self::NeedsReauthorisation, Self::Error];

    /// The word in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NeedsReauthorisation => "needs_reauthorisation",
            Self::Error => "error",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|health| health.as_str() == word)
    }
}

/// The word in answers for how a connection stands: somebody's wish first, then its health.
#[must_use]
pub const fn status(enabled: bool, health: Health) -> &'static str {
    match (enabled, health) {
        (false, _) => "INACTIVE",
        (true, Health::Ok) => "ACTIVE",
        (true, Health::NeedsReauthorisation) => "NEEDS_REAUTHORISATION",
        (true, Health::Error) => "ERROR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_read_in_any_case() {
        for name in ["QuickBooks", "QUICKBOOKS", " quickbooks "] {
            assert_eq!(name.parse(), Ok(ProviderKind::QuickBooks));
        }
        let error = "Sage".parse::<ProviderKind>().unwrap_err().to_string();
        assert_eq!(
            error,
            "must be one of XERO, QUICKBOOKS, NETSUITE, REST, and is \"Sage\""
        );
    }

    #[test]
    fn a_disabled_connection_is_inactive_whatever_its_health() {
        for health in Health::ALL {
            assert_eq!(status(false, health), "INACTIVE");
            assert_eq!(Health::parse(health.as_str()), Some(health));
        }
        assert_eq!(status(true, Health::Error), "ERROR");
    }
}

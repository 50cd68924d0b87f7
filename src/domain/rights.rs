//! Rights: what a user, group or token may do, as a set that fits in a word.

use std::fmt;
use std::str::FromStr;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Right {
    /// Change the engine's settings.
    SettingsManage,
    /// Manage users, groups and tenants.
    UsersManage,
    /// See call APIs and their runs.
    CallsRead,
    /// Create, change, activate and delete call APIs.
    CallsManage,
    /// Run and test call APIs.
    CallsRun,
    /// See transactions.
    TransactionsRead,
    /// Create transactions; a call's run-as user needs it.
    TransactionsCreate,
    /// Edit, commit and discard transactions.
    TransactionsCommit,
    /// Manage clients (credentials for outbound requests).
    ClientsManage,
    /// Manage connections, partner functions and automations.
    ConnectionsManage,
    /// Manage integrations.
    IntegrationsManage,
    /// Use the background API and the upstreams.
    BackgroundUse,
    /// Inspect and restart actors.
    ActorsInspect,
    /// Read the audit log.
    AuditRead,
}

impl Right {
    /// Every right, in the order in which they are listed.
    pub const ALL: [Self; 14] = [
        Self::SettingsManage,
        Self::UsersManage,
        Self::CallsRead,
        Self::CallsManage,
        Self::CallsRun,
        Self::TransactionsRead,
        Self::TransactionsCreate,
        Self::TransactionsCommit,
        Self::ClientsManage,
        Self::ConnectionsManage,
        Self::IntegrationsManage,
        Self::BackgroundUse,
        Self::ActorsInspect,
        Self::AuditRead,
    ];

    /// The right's name in JSON, in the store and in error texts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SettingsManage => "settings.manage",
            Self::UsersManage => "users.manage",
            Self::CallsRead => "calls.read",
            Self::CallsManage => "calls.manage",
            Self::CallsRun => "calls.run",
            Self::TransactionsRead => "transactions.read",
            Self::TransactionsCreate => "transactions.create",
            Self::TransactionsCommit => "transactions.commit",
            Self::ClientsManage => "clients.manage",
            Self::ConnectionsManage => "connections.manage",
            Self::IntegrationsManage => "integrations.manage",
            Self::BackgroundUse => "background.use",
            Self::ActorsInspect => "actors.inspect",
            Self::AuditRead => "audit.read",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u8
    }
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A name that is no right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a right; the rights are {known}", known = Rights::all())]
pub struct UnknownRight(pub String);

impl FromStr for Right {
    type Err = UnknownRight;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|right| right.as_str() == name)
            .ok_or_else(|| UnknownRight(name.to_owned()))
    }
}

impl Serialize for Right {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Right {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

/// A set of rights. In JSON an array of names, in the order of [`Right::ALL`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rights(u32);

impl Rights {
    /// No right at all.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// Every right there is.
    #[must_use]
    pub const fn all() -> Self {
        Self((1 << Right::ALL.len()) - 1)
    }

    /// The rights with these names.
    ///
    /// # Errors
    /// The first name that is no right; the text lists those that are.
    pub fn parse<Name: AsRef<str>>(names: impl IntoIterator<Item = Name>) -> Result<Self, UnknownRight> {
        names.into_iter().map(|name| name.as_ref().parse::<Right>()).collect()
    }

    /// Whether the set holds this right.
    #[must_use]
    pub const fn contains(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// What is in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets: the rights of a token are those of its user, cut to those that it was given.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// This set and one right more.
    #[must_use]
    pub const fn with(self, right: Right) -> Self {
        Self(self.0 | right.bit())
    }

    /// The rights in `needed` that this set does not hold; empty when all are there.
    #[must_use]
    pub const fn missing(self, needed: Self) -> Self {
        Self(needed.0 & !self.0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The rights in the set, in the order of [`Right::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.contains(*right))
    }
}

impl From<Right> for Rights {
    fn from(right: Right) -> Self {
        Self(right.bit())
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<Iter: IntoIterator<Item = Right>>(rights: Iter) -> Self {
        rights.into_iter().fold(Self::none(), Self::with)
    }
}

/// The names with commas between.
impl fmt::Display for Rights {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, right) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(formatter, "{separator}{right}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Rights({self})")
    }
}

impl Serialize for Rights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Rights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Rights;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array of rights, such as [\"calls.read\"]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Rights, A::Error> {
                let mut rights = Rights::none();
                while let Some(right) = names.next_element::<Right>()? {
                    rights = rights.with(right);
                }
                Ok(rights)
            }
        }

        deserializer.deserialize_seq(Names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rights_are_those_of_the_contract() {
        let contract = "settings.manage users.manage calls.read calls.manage calls.run transactions.read \
            transactions.create transactions.commit clients.manage connections.manage integrations.manage \
            background.use actors.inspect audit.read";
        let names: Vec<&str> = contract.split_whitespace().collect();
        assert_eq!(Right::ALL.map(Right::as_str).to_vec(), names);
        assert_eq!(Rights::parse(names).unwrap(), Rights::all());
        assert_eq!(Rights::all().iter().count(), 14);
    }

    #[test]
    fn sets_unite_intersect_and_say_what_is_missing() {
        let reader = Rights::parse(["calls.read", "transactions.read"]).unwrap();
        let runner = Rights::from(Right::CallsRun).with(Right::CallsRead);
        assert!(reader.contains(Right::CallsRead));
        assert!(!reader.contains(Right::CallsRun));
        assert_eq!(
            reader.union(runner).to_string(),
            "calls.read, calls.run, transactions.read"
        );
        assert_eq!(reader.intersection(runner), Rights::from(Right::CallsRead));
        assert_eq!(reader.missing(runner), Rights::from(Right::CallsRun));
        assert!(Rights::all().missing(runner).is_empty());
        assert!(Rights::none().union(Rights::default()).is_empty());
    }

    #[test]
    fn json_is_an_array_of_names() {
        let rights: Rights = serde_json::from_str(r#"["calls.run","calls.read","calls.read"]"#).unwrap();
        assert_eq!(serde_json::to_string(&rights).unwrap(), r#"["calls.read","calls.run"]"#);
        assert_eq!(serde_json::to_string(&Rights::none()).unwrap(), "[]");
        assert!(serde_json::from_str::<Rights>(r#""calls.run""#).is_err());
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_names_that_exist() {
        let text = serde_json::from_str::<Rights>(r#"["calls.write"]"#)
            .unwrap_err()
            .to_string();
        assert!(text.contains("\"calls.write\" is not a right"), "{text}");
        assert!(text.contains("calls.manage"), "{text}");
        assert!(Rights::parse(["Calls.Read"]).is_err());
    }
}

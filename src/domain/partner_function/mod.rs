//! Partner functions: which way, which object, which mapping, which scripts.

use serde::{Deserialize, Serialize};

use crate::domain::ids::ScriptId;

pub mod read;

/// Which way records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Direction {
    /// From the provider to our records.
    Import,
    /// From our records to the provider.
    Export,
}

impl Direction {
    /// The word in answers and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Import => "IMPORT",
            Self::Export => "EXPORT",
        }
    }

    /// Reads the word in any case, as people write it.
    ///
    /// # Errors
    /// What is expected.
    pub fn read(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_uppercase().as_str() {
            "IMPORT" => Ok(Self::Import),
            "EXPORT" => Ok(Self::Export),
            _ => Err("must be IMPORT or EXPORT".to_owned()),
        }
    }
}

/// What a partner function is made of, as it is stored and answered; texts as they were given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerFunction {
    /// Unique within the connection.
    pub name: String,
    /// Which way.
    pub direction: Direction,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// The provider's object, in any of its names (`customer`, `CustomerRecord`, `Contacts`).
    pub object_name: String,
    /// Name of an object mapping of the connection; one that does not exist changes nothing.
    #[serde(default)]
    pub object_mapping: Option<String>,
    /// Free text (`updateEvent`).
    #[serde(default)]
    pub event_name: Option<String>,
    /// Free text.
    #[serde(default)]
    pub tag: Option<String>,
    /// Runs on each record before the criteria (import) or the mapping (export).
    #[serde(default)]
    pub pre_run_script_id: Option<ScriptId>,
    /// Runs on each record after the mapping (import) or after it was sent (export).
    #[serde(default)]
    pub post_run_script_id: Option<ScriptId>,
}

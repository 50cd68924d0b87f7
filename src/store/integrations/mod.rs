//! Owns the tables of integrations.

pub mod consents;
mod definitions;
mod live;
mod numbers;
mod rows;

pub use definitions::{LoadedClientIntegration, seal_action_headers};
pub use rows::{
    Sealed, Stored, StoredAction, StoredClientIntegration, StoredConsent, StoredIntegration, StoredSchedule,
    StoredSystem,
};

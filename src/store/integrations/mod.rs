//! Owns the tables of integrations.

pub(in crate::store) mod acted;
mod by_hand;
pub mod changes;
pub(in crate::store) mod claims;
mod clients;
pub mod consents;
mod definitions;
mod live;
mod logs;
mod numbers;
pub mod odata;
pub(in crate::store) mod purge;
pub(in crate::store) mod queue;
mod references;
mod rows;
pub(in crate::store) mod select;
pub(in crate::store) mod state;
pub(in crate::store) mod versions;

pub use by_hand::ByHand;
pub use claims::{EndedAttempt, Turn};
pub use definitions::LoadedClientIntegration;
pub use logs::{BeginRun, Disable, EndRun, RunEnded};
pub use purge::IntegrationsPurged;
pub use queue::QueuePage;
pub use rows::{
    Sealed, Stored, StoredAction, StoredClientIntegration, StoredConsent, StoredIntegration, StoredSchedule,
    StoredSystem,
};
pub use select::{SelectRows, SelectedPage};
pub use state::{RunsLeft, Selection, Whose};
pub use versions::TakenOver;

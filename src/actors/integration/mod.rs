//! Client integrations: one actor each, which owns its schedule and its batch of queue items; what is done to an item is a task.

mod act;
mod actor;
mod conclude;
pub mod consent;
mod desk;
mod family;
mod look;
mod permits;
mod process;
mod run;
mod selection;
mod work;

pub use act::{act, check_template};
pub use actor::{FailNextItem, IntegrationActor};
pub use family::{ClientIntegrationRows, does_not_run, execute_item, family, runs};
pub use permits::ItemPermits;
pub use work::{Acted, Work};

//! Automations: one actor each, which owns its timer and its one run; the run itself is a task.

mod actor;
mod commit;
mod export;
mod family;
pub(in crate::actors) mod halt;
mod import;
mod line;
mod look;
mod outgoing;
mod plan;
mod run;
pub(in crate::actors) mod shape;
pub(in crate::actors) mod way;

pub use actor::AutomationActor;
pub use export::Exports;
pub use family::{AutomationRows, family, run_now};

//! Automations: one actor each, which owns its timer and its one run; the run itself is a task.

mod actor;
mod commit;
mod export;
mod family;
mod halt;
mod import;
mod line;
mod look;
mod outgoing;
mod plan;
mod run;
mod shape;

pub use actor::AutomationActor;
pub use export::Exports;
pub use family::{AutomationRows, family, run_now};

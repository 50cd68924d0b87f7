//! The actor of one scheduled call: one state machine, one timer, one running task.

pub mod actor;
pub mod boot;
mod commit;
pub mod messages;
pub mod prepared;
pub mod run;
pub mod sample;
pub mod steps;

pub use actor::ApiCallActor;

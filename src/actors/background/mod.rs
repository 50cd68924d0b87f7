//! Requests that are executed in the background: what their senders hand over, the actor that executes them, and their end.
//!
//! `inbox` is the way in, `envelope` what is sealed of a request. The actor keeps the queue (`domain::background::queue`) and a
//! task for each request whose turn it is: `execute` from claim to end, `pass_on` and `ask` for upstreams, `own` for our own
//! resources, `keep` and `end` for what came of it. `recover` is the start after a crash.

mod actor;
mod ask;
mod desk;
mod end;
pub mod envelope;
mod execute;
pub mod inbox;
mod keep;
pub mod own;
mod pass_on;
mod recover;

pub use actor::BackgroundActor;
pub use inbox::{Inbox, Slot};

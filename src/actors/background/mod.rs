//! Requests that are executed in the background: what their senders hand over, and what is kept of them until their end.

pub mod envelope;
pub mod inbox;

pub use inbox::{Inbox, Slot};

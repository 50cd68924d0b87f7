//! The supervisor: one actor that starts, restarts, redefines and ends the actors of calls, and knows who lives.

pub mod actor;
pub mod handle;
pub mod messages;
mod roster;
mod supervise;

pub use handle::RegistryHandle;
pub use messages::{ActorFilter, Summary};

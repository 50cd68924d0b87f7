//! The supervisor: one actor that starts, restarts, redefines and ends the actors of calls and of families, keeps those alive
//! of which an engine has one, and knows who lives.

pub mod actor;
pub mod census;
pub mod family;
pub mod handle;
mod members;
pub mod messages;
mod roster;
pub mod singleton;
mod supervise;

pub use census::Census;
pub use handle::RegistryHandle;
pub use messages::{ActorFilter, Summary};

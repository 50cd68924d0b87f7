//! Orrery: an integration engine whose scheduled calls are actors that own their clocks and their state.
//!
//! Start with [`engine::Engine`]. The map of the code is in README.md.

pub mod actors;
pub mod clock;
pub mod domain;
pub mod engine;
pub mod error;
pub mod events;
pub mod gateway;
pub mod http;
pub mod script;
pub mod settings;
pub mod store;
pub mod telemetry;

pub use engine::{Engine, caller::Caller};
pub use error::Error;
pub use events::Event;
pub use settings::Settings;

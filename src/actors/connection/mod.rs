//! Connections: one actor for each that is enabled. It keeps the connection's token fresh, counts who sends, holds everybody back
//! while the other side is down or says "too many", and writes down how the connection fares. Whoever wants to send goes
//! through a [`Gate`].

pub mod actor;
mod gate;
mod hub;
mod outcome;
mod permit;
mod prepared;
mod rows;

pub use gate::{Gate, Refused};
pub use hub::ConnectionGates;
pub use rows::ConnectionRows;

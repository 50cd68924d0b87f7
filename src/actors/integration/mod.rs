//! Client integrations: one actor each, which owns its schedule and its batch of queue items; what is done to an item is a task.

mod act;
pub mod consent;
mod work;

pub use act::act;
pub use work::{Acted, Work};

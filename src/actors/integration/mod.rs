//! Client integrations: one actor each, which owns its schedule and its batch of queue items; what is done to an item is a task.

mod work;

pub use work::{Acted, Work};

//! The only code that knows actix actors: the registry, one actor for each scheduled call, connection, automation and client integration, one for all
//! requests that are executed in the background, and one for all notifications.

pub mod announcement;
pub mod api_call;
pub mod automation;
pub mod background;
pub mod connection;
pub mod delivery;
pub mod integration;
pub mod observed;
mod own_task;
pub mod pulse;
pub mod registry;
pub mod services;
mod stored;
pub mod system;
pub mod wakes;

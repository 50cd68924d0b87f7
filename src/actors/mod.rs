//! The only code that knows actix actors: the registry, and one actor for each scheduled call.

pub mod api_call;
pub mod observed;
pub mod registry;
pub mod services;
pub mod system;

//! The only code that knows actix actors: the registry, one actor for each scheduled call, and one for all requests that
//! are executed in the background.

pub mod api_call;
pub mod background;
pub mod observed;
pub mod registry;
pub mod services;
pub mod system;

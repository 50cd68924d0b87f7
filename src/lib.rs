//! Orrery: an integration engine whose scheduled calls are actors that own their clocks and their state.
//!
//! Start with [`Engine`]; a program that embeds it looks like this, and the map of the code is in README.md.
//!
//! ```no_run
//! use actix_web::{App, HttpServer};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Scripts run in child processes of this same program.
//!     if orrery::script::run_worker_if_asked().is_some() { return Ok(()); }
//!     actix_web::rt::System::new().block_on(async {
//!         let engine = orrery::Engine::start(orrery::Settings::load(&[])?).await?;
//!         let mounted = engine.clone();
//!         let app = move || { let engine = mounted.clone(); App::new().configure(move |config| engine.configure(config)) };
//!         HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?;
//!         engine.shutdown(std::time::Duration::from_secs(8)).await;
//!         Ok(())
//!     })
//! }
//! ```

pub mod actors;
pub mod clock;
pub mod domain;
pub mod engine;
pub mod error;
pub mod events;
pub mod gateway;
pub mod http;
pub mod providers;
pub mod script;
pub mod settings;
pub mod store;
pub mod telemetry;

pub use engine::{Engine, caller::Caller};
pub use error::Error;
pub use events::Event;
pub use settings::Settings;

//! The gateway as a server of its own.

use std::{net::TcpListener, time::Duration};

use actix_web::{App, HttpServer, dev::Server, middleware::from_fn, web};
use tracing_actix_web::TracingLogger;

use super::{configure, nothing_here, outer};
use crate::{
    engine::Engine,
    error::{Code, Error, Result},
};

/// The server's own time-out answers without a body, so ours, which explains itself, comes first.
const HEAD_SLACK: Duration = Duration::from_secs(1);

/// Opens the address of the settings (`server.host`, `server.port`).
///
/// # Errors
/// The address cannot be opened; the text says which and what to do.
pub fn listen(engine: &Engine) -> Result<TcpListener> {
    let server = &engine.settings().server;
    TcpListener::bind((server.host.as_str(), server.port)).map_err(|error| {
        Error::new(
            Code::Unavailable,
            format!(
                "The address {}:{} cannot be opened: {error}. Choose others with server.host and server.port.",
                server.host, server.port
            ),
        )
    })
}

/// Serves the gateway on a listener, whose address is from now on that of the engine. The server takes no signals: whoever
/// awaits it decides when it ends, through its handle.
///
/// # Errors
/// The listener cannot be used.
pub fn serve(engine: &Engine, listener: TcpListener) -> Result<Server> {
    let settings = engine.settings().server.clone();
    let timeout = Duration::from_millis(settings.request_timeout_ms);
    if let Ok(address) = listener.local_addr() {
        // Of several servers the first is where the engine is.
        let _ = engine.services().address.set(address);
    }
    let engine = engine.clone();
    let server = HttpServer::new(move || {
        let scope = web::scope("")
            .app_data(web::Data::new(engine.clone()))
            .default_service(web::to(nothing_here))
            .wrap(from_fn(outer::outer))
            .wrap(TracingLogger::<outer::RequestSpan>::new());
        App::new().configure(|config| configure(config, &engine)).service(scope)
    })
    .workers(settings.workers)
    .client_request_timeout(timeout + HEAD_SLACK)
    .keep_alive(Duration::from_secs(75))
    // A client that goes away is not worked for any more; what must not be left half done sees to that itself.
    .h1_allow_half_closed(false)
    .shutdown_timeout(5)
    .disable_signals();
    let served = server.listen(listener).map_err(|error| {
        Error::new(Code::Unavailable, format!("The listener cannot be used: {error}.")).with_source(error)
    })?;
    Ok(served.run())
}

//! Outbound clients for tests: allowed to reach the fake upstreams and nothing else on this machine.

use std::{net::SocketAddr, sync::Arc};

use orrery::clock::Clock;
use orrery::http::{Error, HttpSettings, MemoryVault, Method, Outbound, Request, Response, Step};

use tokio::net::TcpSocket;

use super::upstream::Upstream;

/// Settings that allow these upstreams.
pub fn settings(upstreams: &[&Upstream]) -> HttpSettings {
    HttpSettings {
        allow: upstreams.iter().map(|upstream| upstream.address()).collect(),
        // Connections are counted: one that lay idle while this machine was busy is not to be given up.
        keep_alive_ms: 600_000,
        ..HttpSettings::default()
    }
}

/// An outbound client with its own vault and the system's clock.
pub fn outbound(upstreams: &[&Upstream]) -> Outbound {
    with_settings(settings(upstreams))
}

/// An outbound client with these settings.
pub fn with_settings(settings: HttpSettings) -> Outbound {
    Outbound::new(settings, Clock::system(), Arc::new(MemoryVault::new())).unwrap()
}

/// A GET whose deadline is no matter.
pub fn get(url: impl Into<String>) -> Request {
    Request {
        url: url.into(),
        timeout_ms: 120_000,
        ..Request::default()
    }
}

/// A POST with a body, whose deadline is no matter.
pub fn post(url: impl Into<String>, body: &'static str) -> Request {
    Request {
        method: Method::Post,
        body: Some(body.into()),
        ..get(url)
    }
}

/// The step and message of a request that has to fail.
pub fn failure(result: Result<Response, Error>) -> (Step, String) {
    match result {
        Ok(response) => panic!("should have failed, but was answered with {}", response.status),
        Err(error) => (error.step, error.message),
    }
}

/// An address at which nobody listens, for as long as the socket lives: it is bound, so nobody else gets the port meanwhile.
pub fn closed_port() -> (TcpSocket, SocketAddr) {
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = nobody.local_addr().unwrap();
    (nobody, closed)
}

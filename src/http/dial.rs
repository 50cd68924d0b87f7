//! Where connections are made: resolves, checks every address, connects to a checked one, does the TLS handshake.
//!
//! awc's own connector is not used for this: it skips the resolver for literal addresses and does not tell TLS errors
//! from others.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::Uri;
use actix_rt::net::TcpStream;
use actix_tls::connect::rustls_0_23::TlsConnector;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, Host};
use actix_web::dev::Service;
use futures_util::future::LocalBoxFuture;
use rustls::ClientConfig;
use tokio::sync::Semaphore;

use super::egress::EgressPolicy;
use super::error::{Error, Step};
use super::wire::{Io, Wire};

/// Makes the connections of one awc client; `tls` is present in the client for https.
#[derive(Clone)]
pub(super) struct Dialer {
    pub policy: Arc<EgressPolicy>,
    pub tls: Option<Arc<ClientConfig>>,
    pub timeout: Duration,
    pub head_bytes_max: usize,
    pub lookups: Arc<Semaphore>,
}

/// Carries our typed error through awc.
#[derive(Debug)]
pub(super) struct DialError(pub Error);

impl Service<ConnectInfo<Uri>> for Dialer {
    type Response = Connection<Uri, Wire>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, ConnectError>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move {
            let port = info.port();
            let uri = info.request().clone();
            let host = uri
                .host()
                .unwrap_or_default()
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned();
            let step = Cell::new(Step::Dns);
            let made = tokio::time::timeout(dialer.timeout, dialer.dial(&host, port, &step)).await;
            match made.unwrap_or_else(|_| Err(dialer.too_slow(&host, port, step.get()))) {
                Ok(io) => Ok(Connection::new(uri, Wire::new(io, dialer.head_bytes_max))),
                Err(error) => Err(ConnectError::Resolver(Box::new(DialError(error)))),
            }
        })
    }
}

impl Dialer {
    async fn dial(&self, host: &str, port: u16, step: &Cell<Step>) -> Result<Io, Error> {
        let addresses = self.resolve(host, port).await?;
        step.set(Step::Connect);
        let stream = connect(&addresses, host, port).await?;
        // Requests are written whole; waiting for more only delays small ones.
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => Ok(Io::Plain(stream)),
            Some(config) => {
                step.set(Step::Tls);
                handshake(stream, host, Arc::clone(config)).await
            }
        }
    }

    /// Every address has to pass: a name with one refused address is refused, so that none of two answers is luck.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            let address = SocketAddr::new(ip, port);
            self.policy.check_address(address, None)?;
            return Ok(vec![address]);
        }
        let addresses = self
            .lookup(host.to_owned(), port)
            .await
            .map_err(|cause| Error::new(Step::Dns, format!("the name {host} cannot be resolved: {cause}")))?;
        if addresses.is_empty() {
            return Err(Error::new(Step::Dns, format!("the name {host} has no address")));
        }
        for address in &addresses {
            self.policy.check_address(*address, Some(host))?;
        }
        Ok(addresses)
    }

    /// The place goes with the work: the system's resolver cannot be stopped when a request gives up.
    async fn lookup(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        let place = Arc::clone(&self.lookups)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let work = move || {
            let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            drop(place);
            found
        };
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
    }

    fn too_slow(&self, host: &str, port: u16, step: Step) -> Error {
        let waited_ms = self.timeout.as_millis();
        let what = match step {
            Step::Dns => format!("no answer to what the address of {host} is"),
            Step::Tls => format!("no TLS handshake with {host}:{port}"),
            _ => format!("no connection to {host}:{port}"),
        };
        Error::new(step, format!("{what} within {waited_ms} ms"))
    }
}

async fn connect(addresses: &[SocketAddr], host: &str, port: u16) -> Result<TcpStream, Error> {
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(cause) => last = Some(cause),
        }
    }
    let cause = last.map_or_else(String::new, |cause| format!(": {cause}"));
    Err(Error::new(
        Step::Connect,
        format!("cannot connect to {host}:{port}{cause}"),
    ))
}

async fn handshake(stream: TcpStream, host: &str, config: Arc<ClientConfig>) -> Result<Io, Error> {
    let connection = Connection::new(ServerName(host.to_owned()), stream);
    match TlsConnector::service(config).call(connection).await {
        Ok(connection) => Ok(Io::Tls(Box::new(connection.into_parts().0))),
        Err(cause) => Err(Error::new(
            Step::Tls,
            format!("the TLS handshake with {host} failed: {cause}"),
        )),
    }
}

struct ServerName(String);

impl Host for ServerName {
    fn hostname(&self) -> &str {
        &self.0
    }

    fn port(&self) -> Option<u16> {
        None
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for DialError {}

//! Where connections are made: resolves, checks every address, connects to a checked one, does the TLS handshake.
//!
//! awc's own connector is not used for this: it skips the resolver for literal addresses, does not tell TLS errors from
//! others, and takes an answer that was cut off for a whole one. [`Wire`] turns the end of a connection into an error,
//! so that the reader of a body can tell the two apart.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::Uri;
use actix_rt::net::{ActixStream, Ready, TcpStream};
use actix_tls::connect::rustls_0_23::TlsConnector;
use actix_tls::connect::rustls_0_23::reexports::AsyncTlsStream;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, Host};
use actix_web::dev::Service;
use futures_util::future::LocalBoxFuture;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::egress::EgressPolicy;
use super::error::{Error, Step};

/// Makes the connections of one awc client; `tls` is present in the client for https.
#[derive(Clone)]
pub(super) struct Dialer {
    pub policy: Arc<EgressPolicy>,
    pub tls: Option<Arc<ClientConfig>>,
    pub timeout: Duration,
}

/// A connection, plain or TLS. Reading past the end is [`Closed`], not zero bytes.
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<AsyncTlsStream<TcpStream>>),
}

/// The upstream ended the connection in an orderly way.
#[derive(Debug)]
pub(super) struct Closed;

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
            let made = tokio::time::timeout(dialer.timeout, dialer.dial(&host, port)).await;
            match made.unwrap_or_else(|_| Err(dialer.too_slow(&host, port))) {
                Ok(wire) => Ok(Connection::new(uri, wire)),
                Err(error) => Err(ConnectError::Resolver(Box::new(DialError(error)))),
            }
        })
    }
}

impl Dialer {
    async fn dial(&self, host: &str, port: u16) -> Result<Wire, Error> {
        let addresses = self.resolve(host, port).await?;
        let stream = connect(&addresses, host, port).await?;
        // Requests are written whole; waiting for more only delays small ones.
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => Ok(Wire::Plain(stream)),
            Some(config) => handshake(stream, host, Arc::clone(config)).await,
        }
    }

    /// Every address has to pass: a name with one refused address is refused, so that none of two answers is luck.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            let address = SocketAddr::new(ip, port);
            self.policy.check_address(address, None)?;
            return Ok(vec![address]);
        }
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
            .await
            .map_err(|cause| Error::new(Step::Dns, format!("the name {host} cannot be resolved: {cause}")))?
            .collect();
        if addresses.is_empty() {
            return Err(Error::new(Step::Dns, format!("the name {host} has no address")));
        }
        for address in &addresses {
            self.policy.check_address(*address, Some(host))?;
        }
        Ok(addresses)
    }

    fn too_slow(&self, host: &str, port: u16) -> Error {
        let waited_ms = self.timeout.as_millis();
        Error::new(
            Step::Connect,
            format!("no connection to {host}:{port} within {waited_ms} ms"),
        )
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

async fn handshake(stream: TcpStream, host: &str, config: Arc<ClientConfig>) -> Result<Wire, Error> {
    let connection = Connection::new(ServerName(host.to_owned()), stream);
    match TlsConnector::service(config).call(connection).await {
        Ok(connection) => Ok(Wire::Tls(Box::new(connection.into_parts().0))),
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

impl fmt::Display for Closed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the upstream closed the connection")
    }
}

impl std::error::Error for Closed {}

impl fmt::Display for DialError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for DialError {}

impl Wire {
    fn stream(&mut self) -> Pin<&mut dyn Duplex> {
        match self {
            Wire::Plain(stream) => Pin::new(stream),
            Wire::Tls(stream) => Pin::new(stream.as_mut()),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Wire::Plain(stream) => stream,
            Wire::Tls(stream) => stream.get_ref().0,
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.stream().poll_read(context, buffer))?;
        if buffer.filled().len() == before && buffer.remaining() > 0 {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, Closed)));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}

impl ActixStream for Wire {
    fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(self.tcp(), context)
    }

    fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(self.tcp(), context)
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Wire::Plain(_) => "Wire::Plain",
            Wire::Tls(_) => "Wire::Tls",
        })
    }
}

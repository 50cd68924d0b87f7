//! A fake upstream behind TLS, with a certificate of its own that nobody trusts unless told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A running TLS upstream; answers everything with `{"secure":true}`.
pub struct TlsUpstream {
    address: SocketAddr,
    certificate: PathBuf,
    _folder: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl TlsUpstream {
    /// Starts with a self-signed certificate for these names. With `closes_rudely`, answers end with the connection and
    /// without TLS saying so.
    pub fn start(names: &[&str], closes_rudely: bool) -> TlsUpstream {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let certificate = folder.path().join("ca.pem");
        std::fs::write(&certificate, pem(made.cert.der())).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || serve(&listener, &Arc::new(config), &stopped, closes_rudely));
        TlsUpstream {
            address,
            certificate,
            _folder: folder,
            stop,
            thread: Some(thread),
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// A PEM file with the certificate.
    pub fn certificate(&self) -> PathBuf {
        self.certificate.clone()
    }
}

impl Drop for TlsUpstream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread from its accept.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, config: &Arc<ServerConfig>, stop: &AtomicBool, closes_rudely: bool) {
    while let Ok((stream, _)) = listener.accept() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let config = Arc::clone(config);
        std::thread::spawn(move || answer(stream, config, closes_rudely));
    }
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>, closes_rudely: bool) -> Option<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(config).ok()?, stream);
    let mut request = Vec::new();
    let mut piece = [0; 1_024];
    loop {
        while !request.windows(4).any(|four| four == b"\r\n\r\n") {
            match stream.read(&mut piece) {
                Ok(count) if count > 0 => request.extend_from_slice(&piece[..count]),
                _ => return None,
            }
        }
        request.clear();
        if closes_rudely {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"secure\":tr")
                .ok()?;
            return stream.flush().ok();
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"secure\":true}")
            .ok()?;
        stream.flush().ok()?;
    }
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

//! An engine with its gateway on a free port, on a database of its own, and a small HTTP client that is signed in.

use std::{net::SocketAddr, path::PathBuf, thread::JoinHandle, time::Duration};

use actix_web::dev::ServerHandle;
use orrery::{clock::Clock, engine::Engine, gateway, settings::Settings};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::PATIENCE;

/// Password of the first user.
pub const PASSWORD: &str = "correct horse battery";

/// See the module. Dropping it ends everything.
pub struct TestEngine {
    pub engine: Engine,
    /// Signed in as the first user.
    pub api: Api,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
    _directory: TempDir,
}

/// What to change before the start.
pub struct Start {
    pub settings: Settings,
    pub clock: Clock,
    directory: TempDir,
}

/// A client of one engine; cheap to copy under another token or tenant.
#[derive(Clone)]
pub struct Api {
    pub address: SocketAddr,
    headers: Vec<(String, String)>,
}

/// A request to be sent.
pub struct Ask {
    address: SocketAddr,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The body if it is JSON, else null.
    pub json: Value,
}

impl TestEngine {
    /// On SQLite.
    pub async fn start() -> Self {
        Self::prepare().start().await
    }

    /// On the database at this address.
    pub async fn on(url: &str) -> Self {
        let mut start = Self::prepare();
        url.clone_into(&mut start.settings.database.url);
        start.start().await
    }

    /// To change settings or clock first.
    pub fn prepare() -> Start {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings::base().unwrap();
        settings.database.url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
        settings.data.dir = directory.path().to_owned();
        PASSWORD.clone_into(&mut settings.admin.password);
        settings.egress.allow = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        settings.server.port = 0;
        settings.engine.arbiters = 1;
        // What a test puts behind the engine's back stays as it is.
        settings.engine.sweep_seconds = 86_400;
        settings.script.workers = 1;
        // Scripts of tests are short, and waits look often; this machine may be slow.
        settings.script.wall_ms = 10_000;
        settings.gateway.rate_per_second = 100_000;
        settings.gateway.rate_burst = 100_000;
        Start {
            settings,
            clock: Clock::system(),
            directory,
        }
    }
}

impl Start {
    pub async fn start(self) -> TestEngine {
        let engine = Engine::builder(self.settings)
            .clock(self.clock)
            .script_worker(PathBuf::from(env!("CARGO_BIN_EXE_orrery")))
            .start()
            .await
            .unwrap();
        let listener = gateway::listen(&engine).unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = tokio::sync::oneshot::channel();
        let served = engine.clone();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let server = gateway::serve(&served, listener).unwrap();
                tell.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        let server = told.await.unwrap();
        let api = Api::anonymous(address).sign_in("admin", PASSWORD).await;
        TestEngine {
            engine,
            api,
            server,
            thread: Some(thread),
            _directory: self.directory,
        }
    }
}

impl Drop for TestEngine {
    fn drop(&mut self) {
        let (server, engine, thread) = (self.server.clone(), self.engine.clone(), self.thread.take());
        // Not on this thread: it may be inside a runtime already.
        let ended = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                server.stop(false).await;
                engine.shutdown(Duration::from_secs(10)).await;
            });
            if let Some(thread) = thread {
                let _ = thread.join();
            }
        });
        let _ = ended.join();
    }
}

impl Api {
    /// Without a token.
    pub fn anonymous(address: SocketAddr) -> Self {
        Self {
            address,
            headers: Vec::new(),
        }
    }

    /// With a new token of this user.
    pub async fn sign_in(&self, username: &str, password: &str) -> Self {
        let body = serde_json::json!({ "username": username, "password": password });
        let reply = self.post("/api/authentication/gettoken", &body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        self.with_token(reply.json["accessToken"].as_str().unwrap())
    }

    /// With this token.
    pub fn with_token(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// With the same headers, to an engine that was started again elsewhere.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self {
            address,
            headers: self.headers.clone(),
        }
    }

    /// In this tenant.
    pub fn in_tenant(&self, company_id: &str) -> Self {
        self.with("ipp-company-id", company_id)
    }

    /// With this header in each request.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.retain(|(known, _)| known != name);
        headers.push((name.to_owned(), value.to_owned()));
        Self {
            address: self.address,
            headers,
        }
    }

    /// What each request carries.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path).send().await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.ask("POST", path).json(body).send().await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.ask("PUT", path).json(body).send().await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.ask("PATCH", path).json(body).send().await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.ask("DELETE", path).send().await
    }

    pub fn ask(&self, method: &str, path: &str) -> Ask {
        Ask {
            address: self.address,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: self.headers.clone(),
            body: None,
        }
    }
}

impl Ask {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.text(&body.to_string()).header("content-type", "application/json")
    }

    pub fn text(mut self, body: &str) -> Self {
        self.body = Some(body.as_bytes().to_vec());
        self
    }

    pub async fn send(self) -> Reply {
        tokio::time::timeout(PATIENCE, self.exchange())
            .await
            .expect("no answer in time")
    }

    async fn exchange(self) -> Reply {
        Reply::parse(&self.bytes().await.unwrap())
    }

    /// As [`Ask::send`], of an engine that may be killed meanwhile: none if there was no whole head of an answer.
    pub async fn attempt(self) -> Option<Reply> {
        let bytes = tokio::time::timeout(PATIENCE, self.bytes()).await.ok()?.ok()?;
        let has_head = bytes.windows(4).any(|window| window == b"\r\n\r\n");
        has_head.then(|| Reply::parse(&bytes))
    }

    async fn bytes(self) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address).await?;
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.method, self.path, self.address
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        // At once: a server that waits only so long for the rest must not have to wait for this machine.
        let mut whole = head.into_bytes();
        whole.extend_from_slice(self.body.as_deref().unwrap_or_default());
        let sent = stream.write_all(&whole).await;
        // A server that refuses by the head alone may close before it has read everything.
        if self.body.is_none() {
            sent?;
        }
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        Ok(bytes)
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The problem's code.
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or("")
    }

    /// The member `id`.
    pub fn id(&self) -> String {
        self.json["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{self:?}"))
            .to_owned()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer but {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let is_chunked = headers
            .iter()
            .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let body = match is_chunked {
            true => joined(&bytes[end + 4..]),
            false => bytes[end + 4..].to_vec(),
        };
        Self {
            status,
            headers,
            json: serde_json::from_slice(&body).unwrap_or_default(),
            body,
        }
    }
}

fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(String::from_utf8_lossy(&chunks[..end]).trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 2 + size + 2..];
    }
    body
}

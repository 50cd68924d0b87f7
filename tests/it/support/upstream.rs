//! A fake upstream on loopback that misbehaves on request: every path has a behaviour, every request is recorded.
//!
//! It speaks HTTP by hand, so that it can break it. It runs on a thread of its own and stops when dropped.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use self::bytes::{Body, count, misbehave, read_head, refuse, respond};
use super::PATIENCE;

mod bytes;
pub mod dialect;

/// What a path does with a request.
#[derive(Clone)]
pub enum Behaviour {
    /// 200 with JSON.
    Json(Value),
    /// This status, headers and body.
    Respond {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// 200 with what was sent, as JSON: method, path, headers, body.
    Echo,
    /// A redirect.
    Redirect { status: u16, location: String },
    /// Never answers.
    Hang,
    /// The head, then nothing.
    HangAfterHead,
    /// The body byte by byte, one every few milliseconds.
    Drip(Vec<u8>),
    /// Announces and sends so many zero bytes, as long as somebody reads.
    Endless { bytes: u64, announced: bool },
    /// A small gzip body that inflates to so many bytes.
    GzipBomb { inflated: usize },
    /// Closes without a byte.
    CloseAtOnce,
    /// Announces more than it sends, then closes.
    CloseMidBody,
    /// A chunked body that ends without its last chunk, then closes.
    CloseMidChunks,
    /// A body without length that ends with the connection, as HTTP/1.0 had it.
    UntilClose(Vec<u8>),
    /// A head with a header of so many bytes.
    HugeHead { bytes: usize },
    /// Something that is not HTTP.
    NotHttp,
    /// A token endpoint; see [`Issuer`].
    Token,
    /// 200 with JSON for a bearer of the newest token of the issuer, 401 for others.
    Protected(Value),
    /// Two interim answers (100 and 103), then the other.
    Interim(Box<Behaviour>),
    /// Waits for [`Upstream::open_gate`], then does the other.
    Gated(Box<Behaviour>),
    /// Waits so long, then does the other.
    Late(Duration, Box<Behaviour>),
    /// 200 with JSON that depends on the request.
    Computed(Answer),
    /// Reads the body without keeping it, then answers with its length and whether it was [`pattern`].
    Count,
    /// So many bytes of [`pattern`], in chunks.
    Pattern(u64),
    /// Answers with this status as soon as the head is there, reads none of the body and closes or stays.
    Refuse { status: u16, stays: bool },
}

/// What [`Behaviour::Computed`] answers to a request.
pub type Answer = Arc<dyn Fn(&Recorded) -> Value + Send + Sync>;

/// The token endpoint of an upstream.
#[derive(Clone)]
pub struct Issuer {
    /// Tokens issued so far; token n is `access-n`.
    pub issued: u64,
    /// The access token that counts; `None` after [`Upstream::revoke`].
    pub access_token: Option<String>,
    /// The refresh token that counts. `None`: refresh tokens are not checked.
    pub refresh_token: Option<String>,
    /// Whether each refresh issues another refresh token.
    pub rotates: bool,
    /// Put into the answer, seconds.
    pub expires_in: Option<u64>,
    /// Answered instead of a token.
    pub refuses_with: Option<(u16, Value)>,
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A running upstream.
pub struct Upstream {
    address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct State {
    /// Behaviours by path; of several, each is used once and the last for ever.
    paths: Mutex<HashMap<String, Vec<Behaviour>>>,
    requests: watch::Sender<Vec<Recorded>>,
    connections: watch::Sender<usize>,
    closed: watch::Sender<usize>,
    gate: watch::Sender<bool>,
    issuer: Mutex<Issuer>,
}

impl Upstream {
    /// Starts on a free port of 127.0.0.1. Unknown paths are answered with 404.
    pub fn start() -> Upstream {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            paths: Mutex::default(),
            requests: watch::Sender::default(),
            connections: watch::Sender::default(),
            closed: watch::Sender::default(),
            gate: watch::Sender::default(),
            issuer: Mutex::new(Issuer {
                issued: 0,
                access_token: None,
                refresh_token: None,
                rotates: false,
                expires_in: Some(3_600),
                refuses_with: None,
            }),
        });
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(serve(listener, served, stopped));
        });
        Upstream {
            address,
            state,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Absolute URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Address and port, as the egress rules take them.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sets what a path does.
    pub fn on(&self, path: &str, behaviour: Behaviour) -> &Upstream {
        self.on_each(path, vec![behaviour])
    }

    /// Sets what a path does the first time, the second and so on; the last goes on for ever.
    pub fn on_each(&self, path: &str, behaviours: Vec<Behaviour>) -> &Upstream {
        assert!(!behaviours.is_empty());
        self.state.paths.lock().unwrap().insert(path.to_owned(), behaviours);
        self
    }

    /// A path that answers with JSON items.
    pub fn items(&self, path: &str, items: Value) -> &Upstream {
        self.on(path, Behaviour::Json(items))
    }

    /// A path that answers with a status and a text.
    pub fn status(&self, path: &str, status: u16, body: &str) -> &Upstream {
        self.on(
            path,
            Behaviour::Respond {
                status,
                headers: Vec::new(),
                body: body.into(),
            },
        )
    }

    /// Changes the token endpoint.
    pub fn issuer(&self, change: impl FnOnce(&mut Issuer)) -> &Upstream {
        change(&mut self.state.issuer.lock().unwrap());
        self
    }

    /// Makes the newest access token void.
    pub fn revoke(&self) -> &Upstream {
        self.issuer(|issuer| issuer.access_token = None)
    }

    /// Tokens issued so far.
    pub fn issued(&self) -> u64 {
        self.state.issuer.lock().unwrap().issued
    }

    /// Lets gated requests pass, those that wait and those to come.
    pub fn open_gate(&self) {
        self.state.gate.send_replace(true);
    }

    /// All requests, oldest first.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.requests.borrow().clone()
    }

    /// The requests to a path, oldest first.
    pub fn requests_to(&self, path: &str) -> Vec<Recorded> {
        self.requests()
            .into_iter()
            .filter(|request| request.path() == path)
            .collect()
    }

    /// Waits until a path has had so many requests.
    pub async fn wait_for(&self, path: &str, count: usize) -> Vec<Recorded> {
        let mut requests = self.state.requests.subscribe();
        let of = |all: &Vec<Recorded>| all.iter().filter(|request| request.path() == path).count();
        let found = tokio::time::timeout(PATIENCE, requests.wait_for(|all| of(all) >= count))
            .await
            .is_ok();
        assert!(
            found,
            "{path} should have had {count} requests, but had {}",
            self.requests_to(path).len()
        );
        self.requests_to(path)
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        *self.state.connections.borrow()
    }

    /// Waits until so many connections have been closed.
    pub async fn wait_for_closed(&self, count: usize) {
        let mut closed = self.state.closed.subscribe();
        let found = tokio::time::timeout(PATIENCE, closed.wait_for(|closed| *closed >= count)).await;
        assert!(found.is_ok(), "{count} connections should have been closed");
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the fake upstream panicked");
        }
    }
}

async fn serve(listener: std::net::TcpListener, state: Arc<State>, stopped: oneshot::Receiver<()>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let accept = async {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            state.connections.send_modify(|count| *count += 1);
            let _ = stream.set_nodelay(true);
            tokio::spawn(converse(stream, Arc::clone(&state)));
        }
    };
    tokio::select! {
        () = accept => {}
        _ = stopped => {}
    }
}

/// The byte at a place of the bodies that [`Behaviour::Count`] and [`Behaviour::Pattern`] know.
pub fn pattern(at: u64) -> u8 {
    (at % 251) as u8
}

/// Requests one after the other, until one side closes.
async fn converse(mut stream: TcpStream, state: Arc<State>) {
    let mut buffer = Vec::new();
    while let Some(mut request) = read_head(&mut stream, &mut buffer).await {
        let behaviour = state.behaviour_of(request.path());
        let record = |request: &Recorded| state.requests.send_modify(|all| all.push(request.clone()));
        let goes_on = match behaviour {
            Behaviour::Count => {
                record(&request);
                count(&mut stream, &mut buffer, &request).await
            }
            Behaviour::Refuse { status, stays } => {
                record(&request);
                refuse(&mut stream, status, stays).await;
                false
            }
            behaviour => {
                let Some(body) = Body::of(&request).read(&mut stream, &mut buffer).await else {
                    break;
                };
                request.body = body;
                record(&request);
                act(&mut stream, &state, request, behaviour).await
            }
        };
        if !goes_on {
            break;
        }
    }
    drop(stream);
    state.closed.send_modify(|count| *count += 1);
}

impl State {
    fn behaviour_of(&self, path: &str) -> Behaviour {
        match self.paths.lock().unwrap().get_mut(path) {
            Some(several) if several.len() > 1 => several.remove(0),
            Some(one) => one[0].clone(),
            None => {
                let body = b"{\"error\":\"no such path\"}".to_vec();
                Behaviour::Respond {
                    status: 404,
                    headers: Vec::new(),
                    body,
                }
            }
        }
    }

    fn token_answer(&self, request: &Recorded) -> Behaviour {
        let mut issuer = self.issuer.lock().unwrap();
        let answer = |status: u16, body: Value| {
            let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            Behaviour::Respond {
                status,
                headers,
                body: body.to_string().into_bytes(),
            }
        };
        if let Some((status, body)) = &issuer.refuses_with {
            return answer(*status, body.clone());
        }
        let form: HashMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        if issuer.refresh_token.is_some() && issuer.refresh_token.as_ref() != form.get("refresh_token") {
            return answer(
                400,
                json!({"error":"invalid_grant","error_description":"unknown refresh token"}),
            );
        }
        issuer.issued += 1;
        let token = format!("access-{}", issuer.issued);
        issuer.access_token = Some(token.clone());
        let mut body = json!({"access_token":token,"accessToken":token,"token_type":"Bearer"});
        if let Some(expires_in) = issuer.expires_in {
            body["expires_in"] = expires_in.into();
        }
        if issuer.rotates {
            let next = format!("refresh-{}", issuer.issued);
            body["refresh_token"] = next.clone().into();
            issuer.refresh_token = Some(next);
        }
        answer(200, body)
    }

    fn protected_answer(&self, request: &Recorded, value: Value) -> Behaviour {
        let issuer = self.issuer.lock().unwrap();
        let wanted = issuer.access_token.as_ref().map(|token| format!("Bearer {token}"));
        if wanted.is_some() && wanted.as_deref() == request.header("authorization") {
            return Behaviour::Json(value);
        }
        Behaviour::Respond {
            status: 401,
            headers: Vec::new(),
            body: b"who are you?".to_vec(),
        }
    }
}

/// False when the connection is done.
async fn act(stream: &mut TcpStream, state: &State, request: Recorded, behaviour: Behaviour) -> bool {
    let mut behaviour = behaviour;
    loop {
        behaviour = match behaviour {
            Behaviour::Gated(inner) => {
                let mut gate = state.gate.subscribe();
                let _ = gate.wait_for(|open| *open).await;
                *inner
            }
            Behaviour::Late(wait, inner) => {
                let _ = tokio::time::timeout(wait, std::future::pending::<()>()).await;
                *inner
            }
            Behaviour::Computed(answer) => Behaviour::Json(answer(&request)),
            Behaviour::Interim(inner) => {
                let hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
                let _ = stream.write_all(hints).await;
                *inner
            }
            Behaviour::Token => state.token_answer(&request),
            Behaviour::Protected(value) => state.protected_answer(&request, value),
            Behaviour::Echo => Behaviour::Json(json!({
                "method": request.method, "target": request.target, "headers": request.headers, "body": request.text(),
            })),
            Behaviour::Json(value) => Behaviour::Respond {
                status: 200,
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                body: value.to_string().into_bytes(),
            },
            Behaviour::Redirect { status, location } => Behaviour::Respond {
                status,
                headers: vec![("location".to_owned(), location)],
                body: Vec::new(),
            },
            Behaviour::Respond { status, headers, body } => {
                let shown = request.method != "HEAD";
                return respond(stream, status, &headers, &body, shown).await;
            }
            broken => {
                misbehave(stream, broken).await;
                return false;
            }
        };
    }
}

//! A provider on loopback as connections meet it: a token endpoint with rotation and grace that can keep or lose its answers,
//! and one resource behind it. It stops when dropped.

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::JoinHandle,
    time::Duration,
};

use serde_json::json;
use url::form_urlencoded;

use crate::support::PATIENCE;

/// What the token endpoint does with a request that it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Acts and answers.
    Answers,
    /// Acts, and closes without an answer.
    Loses,
    /// Acts, and keeps the answer until the asker has gone or [`Provider::release`].
    KeepsAnswer,
    /// Acts only at [`Provider::release`]; never for one who has gone.
    Waits,
    /// Answers 500.
    Fails,
}

pub struct Provider {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    manner: Manner,
    /// Refresh tokens, and whether each was replaced.
    refresh: HashMap<String, bool>,
    /// Whether a refresh token that was replaced may be used again.
    grace: bool,
    access: HashSet<String>,
    expires_in: u64,
    issued: u64,
    token_requests: usize,
    seen_refresh_tokens: Vec<String>,
    resource_status: u16,
    retry_after: Option<u64>,
    resource_requests: usize,
    let_in: usize,
    holding: bool,
    released: u64,
    ended: bool,
}

impl Provider {
    /// With one refresh token that is good, `seed`.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                manner: Manner::Answers,
                refresh: HashMap::from([("seed".to_owned(), false)]),
                grace: true,
                access: HashSet::new(),
                expires_in: 1_800,
                issued: 0,
                token_requests: 0,
                seen_refresh_tokens: Vec::new(),
                resource_status: 200,
                retry_after: None,
                resource_requests: 0,
                let_in: 0,
                holding: false,
                released: 0,
                ended: false,
            }),
            changed: Condvar::new(),
        });
        let served = shared.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if served.state().ended {
                    return;
                }
                let served = served.clone();
                // A client that has gone is nobody's fault.
                std::thread::spawn(move || serve(&served, stream.unwrap()).ok());
            }
        });
        Self {
            shared,
            address,
            thread: Some(thread),
        }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The resource that needs a token.
    pub fn resource(&self) -> String {
        format!("http://{}/api.xro/2.0/Contacts", self.address)
    }

    pub fn behave(&self, manner: Manner) {
        self.shared.change(|state| state.manner = manner);
    }

    /// The end of the time in which a refresh token that was replaced may be used again.
    pub fn end_grace(&self) {
        self.shared.change(|state| state.grace = false);
    }

    /// Makes a refresh token good, as if somebody had signed in again.
    pub fn sign_in(&self, refresh_token: &str) {
        self.shared.change(|state| {
            state.refresh.insert(refresh_token.to_owned(), false);
        });
    }

    /// Makes an access token good that was got elsewhere.
    pub fn give(&self, access_token: &str) {
        self.shared.change(|state| {
            state.access.insert(access_token.to_owned());
        });
    }

    /// Makes all access tokens void.
    pub fn end_access(&self) {
        self.shared.change(|state| state.access.clear());
    }

    /// Makes all tokens void.
    pub fn revoke(&self) {
        self.shared.change(|state| {
            state.access.clear();
            state.refresh.clear();
        });
    }

    /// What the resource answers to those who are let in.
    pub fn answers(&self, status: u16, retry_after: Option<u64>) {
        self.shared.change(|state| {
            state.resource_status = status;
            state.retry_after = retry_after;
        });
    }

    /// Keeps requests to the resource until [`Provider::release`].
    pub fn hold(&self) {
        self.shared.change(|state| state.holding = true);
    }

    pub fn release(&self) {
        self.shared.change(|state| {
            state.holding = false;
            state.released += 1;
        });
    }

    pub fn token_requests(&self) -> usize {
        self.shared.state().token_requests
    }

    /// The refresh tokens of all token requests, oldest first.
    pub fn seen_refresh_tokens(&self) -> Vec<String> {
        self.shared.state().seen_refresh_tokens.clone()
    }

    /// Requests to the resource, with and without a good token.
    pub fn resource_requests(&self) -> usize {
        self.shared.state().resource_requests
    }

    /// Requests to the resource with a good token.
    pub fn let_in(&self) -> usize {
        self.shared.state().let_in
    }

    /// Waits until so many token requests have come and, unless they wait, have been acted on.
    pub fn wait_for_token_requests(&self, count: usize) {
        self.shared.wait(|state| state.token_requests >= count);
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.ended = true;
            state.holding = false;
            state.released += 1;
        });
        // Wakes the one who accepts.
        let _ = TcpStream::connect(self.address);
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// How often was released until then: what releases this request comes after it was counted.
    fn count_token_request(&self) -> u64 {
        let released = {
            let mut state = self.state();
            state.token_requests += 1;
            state.released
        };
        self.changed.notify_all();
        released
    }

    fn wait(&self, is_so: impl Fn(&State) -> bool) {
        let waited = self
            .changed
            .wait_timeout_while(self.state(), PATIENCE, |state| !is_so(state))
            .unwrap();
        assert!(!waited.1.timed_out(), "what should come does not");
    }

    /// Waits for a release after those that were `seen`, or the end of the asker.
    fn until_released_or_gone(&self, seen: u64, stream: &TcpStream) -> bool {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut byte = [0];
        loop {
            if self.state().released != seen {
                return true;
            }
            match (&*stream).read(&mut byte) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) => {}
                Err(_) => return false,
            }
        }
    }
}

fn serve(shared: &Shared, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut bearer) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => bearer = value.trim_start_matches("Bearer ").to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if path == "/connect/token" {
        token(shared, &stream, &body)
    } else {
        resource(shared, &stream, &bearer)
    }
}

fn resource(shared: &Shared, stream: &TcpStream, bearer: &str) -> std::io::Result<()> {
    // What releases this request comes after it was counted.
    let (status, retry_after, held) = {
        let mut state = shared.state();
        state.resource_requests += 1;
        let good = state.access.contains(bearer);
        state.let_in += usize::from(good);
        let status = if good { state.resource_status } else { 401 };
        (status, state.retry_after, state.holding.then_some(state.released))
    };
    if let Some(seen) = held {
        shared.until_released_or_gone(seen, stream);
    }
    shared.changed.notify_all();
    // As Xero tells which organisations a token reaches.
    let body = json!([{"id": "1", "tenantId": "tenant-1", "tenantType": "ORGANISATION", "tenantName": "Books"}]);
    answer(stream, status, retry_after, &body.to_string())
}

fn token(shared: &Shared, stream: &TcpStream, body: &[u8]) -> std::io::Result<()> {
    let given = form_urlencoded::parse(body).find(|(name, _)| name == "refresh_token");
    let given = given.map(|(_, value)| value.into_owned()).unwrap_or_default();
    let manner = shared.state().manner;
    shared.change(|state| state.seen_refresh_tokens.push(given.clone()));
    if manner == Manner::Waits {
        let seen = shared.count_token_request();
        if !shared.until_released_or_gone(seen, stream) {
            return Ok(());
        }
    }
    let said = if manner == Manner::Fails {
        None
    } else {
        act(shared, &given)
    };
    let seen = match manner {
        Manner::Waits => None,
        _ => Some(shared.count_token_request()),
    };
    match manner {
        Manner::Fails => return answer(stream, 500, None, "{}"),
        Manner::Loses => return stream.shutdown(Shutdown::Both),
        Manner::KeepsAnswer => {
            if let Some(seen) = seen {
                shared.until_released_or_gone(seen, stream);
            }
        }
        Manner::Answers | Manner::Waits => {}
    }
    match said {
        Some(said) => answer(stream, 200, None, &said),
        None => answer(stream, 400, None, &json!({"error": "invalid_grant"}).to_string()),
    }
}

/// The next pair for a refresh token that is good.
fn act(shared: &Shared, given: &str) -> Option<String> {
    let mut state = shared.state();
    let grace = state.grace;
    let replaced = state.refresh.get_mut(given)?;
    if *replaced && !grace {
        return None;
    }
    *replaced = true;
    state.issued += 1;
    let (access, refresh) = (format!("access-{}", state.issued), format!("refresh-{}", state.issued));
    state.access.insert(access.clone());
    state.refresh.insert(refresh.clone(), false);
    Some(json!({"access_token": access, "refresh_token": refresh, "expires_in": state.expires_in}).to_string())
}

fn answer(mut stream: &TcpStream, status: u16, retry_after: Option<u64>, body: &str) -> std::io::Result<()> {
    let retry_after = retry_after
        .map(|seconds| format!("retry-after: {seconds}\r\n"))
        .unwrap_or_default();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\n{retry_after}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

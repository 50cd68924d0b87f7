//! Another system on loopback that asks people for consents: an authorize endpoint, a token endpoint with PKCE, codes that are good once
//! and rotating refresh tokens, and a resource behind it. It checks what RFC 6749 and RFC 7636 say it must. It stops when dropped.

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::JoinHandle,
    time::Duration,
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

const PATIENCE: Duration = Duration::from_secs(30);
pub const CLIENT_ID: &str = "our id & more";
pub const CLIENT_SECRET: &str = "client-s3cret%+:";

/// What the person, or the token endpoint, does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    #[default]
    Agrees,
    /// The person says no.
    Denies,
    /// The authorize endpoint answers this error.
    Errs(&'static str),
    /// The token endpoint answers this status and body, whatever it is asked.
    Says(u16, &'static str),
    /// The token endpoint redirects.
    Redirects,
}

pub struct FakeOauth {
    shared: Arc<Shared>,
    pub address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    address: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    manner: Manner,
    /// Where people may be sent back to.
    redirect_uri: String,
    /// Clients have no secret.
    public: bool,
    /// Grants come with refresh tokens.
    offline: bool,
    expires_in: u64,
    codes: HashMap<String, Code>,
    access: HashSet<String>,
    /// Refresh tokens, and whether each was replaced.
    refresh: HashMap<String, bool>,
    issued: u64,
    complaints: Vec<String>,
    token_requests: usize,
    let_in: usize,
    seen_refresh_tokens: Vec<String>,
    holding: bool,
    ended: bool,
}

struct Code {
    redirect_uri: String,
    challenge: String,
    used: bool,
}

/// A request, read.
struct Asked {
    method: String,
    target: String,
    authorization: String,
    body: Vec<u8>,
}

impl FakeOauth {
    /// With one client, which may send people back to this address.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            address,
            state: Mutex::new(State {
                offline: true,
                expires_in: 1_800,
                ..State::default()
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

    pub fn authorize_url(&self) -> String {
        format!("http://{}/authorize?access_type=offline", self.address)
    }

    pub fn token_url(&self) -> String {
        format!("http://{}/token", self.address)
    }

    pub fn resource(&self) -> String {
        format!("http://{}/resource", self.address)
    }

    /// People may be sent back there, and nowhere else.
    pub fn register(&self, redirect_uri: &str) {
        self.shared
            .change(|state| redirect_uri.clone_into(&mut state.redirect_uri));
    }

    pub fn behave(&self, manner: Manner) {
        self.shared.change(|state| state.manner = manner);
    }

    /// The client has no secret.
    pub fn without_secret(&self) {
        self.shared.change(|state| state.public = true);
    }

    /// Grants come without refresh tokens.
    pub fn without_refresh(&self) {
        self.shared.change(|state| state.offline = false);
    }

    /// Keeps token requests until [`FakeOauth::release`].
    pub fn hold(&self) {
        self.shared.change(|state| state.holding = true);
    }

    pub fn release(&self) {
        self.shared.change(|state| state.holding = false);
    }

    /// Makes the access tokens void.
    pub fn end_access(&self) {
        self.shared.change(|state| state.access.clear());
    }

    /// Makes all tokens void: the person took the consent back there.
    pub fn revoke(&self) {
        self.shared.change(|state| {
            state.access.clear();
            state.refresh.clear();
        });
    }

    pub fn token_requests(&self) -> usize {
        self.shared.state().token_requests
    }

    /// Requests to the resource with a good token.
    pub fn let_in(&self) -> usize {
        self.shared.state().let_in
    }

    pub fn seen_refresh_tokens(&self) -> Vec<String> {
        self.shared.state().seen_refresh_tokens.clone()
    }

    /// What requests did wrong, oldest first.
    pub fn complaints(&self) -> Vec<String> {
        self.shared.state().complaints.clone()
    }
}

impl Drop for FakeOauth {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.ended = true;
            state.holding = false;
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
}

fn serve(shared: &Shared, stream: TcpStream) -> std::io::Result<()> {
    let asked = read(&stream)?;
    let path = asked.target.split('?').next().unwrap_or_default();
    match (asked.method.as_str(), path) {
        ("GET", "/authorize") => authorize(shared, &stream, &asked),
        ("POST", "/token") => token(shared, &stream, &asked),
        ("GET" | "POST", "/resource") => {
            let bearer = asked.authorization.strip_prefix("Bearer ").unwrap_or_default();
            let good = shared.state().access.contains(bearer);
            shared.change(|state| state.let_in += usize::from(good));
            answer(
                &stream,
                if good { 200 } else { 401 },
                None,
                &json!({"ok": good}).to_string(),
            )
        }
        _ => answer(&stream, 404, None, "{}"),
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Asked> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => value.clone_into(&mut authorization),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Asked {
        method,
        target,
        authorization,
        body,
    })
}

/// As a person's browser meets it, who has signed in there.
fn authorize(shared: &Shared, stream: &TcpStream, asked: &Asked) -> std::io::Result<()> {
    let url = Url::parse(&format!("http://{}{}", shared.address, asked.target)).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let get = |name: &str| {
        let mut values = pairs.iter().filter(|(known, _)| known == name);
        let first = values.next().map(|(_, value)| value.clone());
        assert!(values.next().is_none(), "{name} comes twice");
        first.unwrap_or_default()
    };
    let mut state = shared.state();
    let (redirect_uri, challenge) = (get("redirect_uri"), get("code_challenge"));
    let wrong = [
        (get("client_id") != CLIENT_ID, "another client"),
        (redirect_uri != state.redirect_uri, "another redirect_uri"),
        (get("response_type") != "code", "another response_type"),
        (
            get("code_challenge_method") != "S256" || challenge.len() != 43,
            "no PKCE",
        ),
        (get("state").len() < 43, "a weak state"),
        (get("access_type") != "offline", "the address lost its own query"),
    ];
    if let Some((_, wrong)) = wrong.into_iter().find(|(is_wrong, _)| *is_wrong) {
        state.complaints.push(wrong.to_owned());
        return answer(stream, 400, None, wrong);
    }
    let mut back = Url::parse(&redirect_uri).unwrap();
    match &state.manner {
        Manner::Denies => {
            back.query_pairs_mut()
                .append_pair("error", "access_denied")
                .append_pair("error_description", "The <b>person</b> said no");
        }
        Manner::Errs(error) => {
            back.query_pairs_mut().append_pair("error", error);
        }
        _ => {
            state.issued += 1;
            let code = format!("code-{}", state.issued);
            let known = Code {
                redirect_uri,
                challenge,
                used: false,
            };
            state.codes.insert(code.clone(), known);
            back.query_pairs_mut().append_pair("code", &code);
        }
    }
    back.query_pairs_mut().append_pair("state", &get("state"));
    answer(stream, 302, Some(back.as_str()), "")
}

fn token(shared: &Shared, stream: &TcpStream, asked: &Asked) -> std::io::Result<()> {
    shared.change(|state| state.token_requests += 1);
    let held = shared
        .changed
        .wait_timeout_while(shared.state(), PATIENCE, |state| state.holding)
        .unwrap();
    let mut state = held.0;
    match state.manner {
        Manner::Says(status, body) => return answer(stream, status, None, body),
        Manner::Redirects => return answer(stream, 307, Some("http://127.0.0.1:1/elsewhere"), ""),
        _ => {}
    }
    match granted(&mut state, asked) {
        Ok(body) => answer(stream, 200, None, &body),
        Err((status, error, complaint)) => {
            state.complaints.push(complaint.to_owned());
            // As issuers do that repeat what they were sent.
            let sent = String::from_utf8_lossy(&asked.body).into_owned();
            let body = json!({"error": error, "error_description": format!("{complaint}: {sent}")});
            answer(stream, status, None, &body.to_string())
        }
    }
}

type Refused = (u16, &'static str, &'static str);

fn granted(state: &mut State, asked: &Asked) -> Result<String, Refused> {
    let form: HashMap<String, String> = form_urlencoded::parse(&asked.body).into_owned().collect();
    let get = |name: &str| form.get(name).cloned().unwrap_or_default();
    if state.public {
        if get("client_id") != CLIENT_ID || form.contains_key("client_secret") || !asked.authorization.is_empty() {
            return Err((401, "invalid_client", "not as a public client"));
        }
    } else {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(CLIENT_ID), encode(CLIENT_SECRET));
        if asked.authorization != format!("Basic {}", STANDARD.encode(pair)) {
            return Err((401, "invalid_client", "wrong client credentials"));
        }
    }
    match get("grant_type").as_str() {
        "authorization_code" => {
            let code = state.codes.get_mut(&get("code"));
            let code = code.ok_or((400, "invalid_grant", "unknown code"))?;
            if code.used {
                return Err((400, "invalid_grant", "used code"));
            }
            code.used = true;
            if code.redirect_uri != get("redirect_uri") {
                return Err((400, "invalid_grant", "another redirect_uri"));
            }
            if URL_SAFE_NO_PAD.encode(Sha256::digest(get("code_verifier").as_bytes())) != code.challenge {
                return Err((400, "invalid_grant", "wrong verifier"));
            }
        }
        "refresh_token" => {
            let given = get("refresh_token");
            state.seen_refresh_tokens.push(given.clone());
            match state.refresh.get_mut(&given) {
                Some(replaced) if !*replaced => *replaced = true,
                _ => return Err((400, "invalid_grant", "void refresh token")),
            }
        }
        _ => return Err((400, "unsupported_grant_type", "another grant")),
    }
    state.issued += 1;
    let (access, refresh) = (format!("access-{}", state.issued), format!("refresh-{}", state.issued));
    state.access.insert(access.clone());
    let mut body = json!({"access_token": access, "token_type": "Bearer", "expires_in": state.expires_in});
    if state.offline {
        state.refresh.insert(refresh.clone(), false);
        body["refresh_token"] = json!(refresh);
    }
    Ok(body.to_string())
}

fn answer(mut stream: &TcpStream, status: u16, location: Option<&str>, body: &str) -> std::io::Result<()> {
    let location = location.map(|to| format!("location: {to}\r\n")).unwrap_or_default();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\n{location}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

//! A fake provider on loopback: a real HTTP server whose answers a [`Dialect`] computes from what it holds.
//!
//! Each fake says how its provider speaks; what all of them need is here: what was asked, throttling, held requests, lost answers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use super::Recorded;
use super::bytes::{Body, read_head, respond};
use crate::support::PATIENCE;

/// How one provider answers; called for one request at a time.
pub trait Dialect: Send + 'static {
    /// Acts and answers.
    fn answer(&mut self, request: &Recorded) -> Reply;
    /// The answer to one request too many, in the provider's own words.
    fn too_many(&self) -> Reply;
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// JSON with a status.
    pub fn json(status: u16, body: &Value) -> Reply {
        Reply {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    /// A status with one header and no body.
    pub fn header(status: u16, name: &str, value: impl Into<String>) -> Reply {
        Reply {
            status,
            headers: vec![(name.to_owned(), value.into())],
            body: Vec::new(),
        }
    }
}

/// A running fake provider. It stops when dropped.
pub struct Fake<D: Dialect> {
    address: SocketAddr,
    shared: Arc<Shared<D>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared<D> {
    dialect: Mutex<D>,
    requests: watch::Sender<Vec<Recorded>>,
    trouble: Mutex<Trouble>,
    held: watch::Sender<bool>,
}

/// What is to go wrong.
#[derive(Default)]
struct Trouble {
    /// After so many more requests one is answered with "too many".
    throttled_after: Option<u64>,
    /// The answers to so many requests, of those to this path, are lost after the fake has acted.
    lost: Option<(String, u64)>,
    /// These answers are given, in their order, instead of acting.
    instead: Vec<Reply>,
}

/// What becomes of a request.
enum Fate {
    Answered(Reply),
    Lost,
}

impl<D: Dialect> Fake<D> {
    /// Starts on a free port of 127.0.0.1; the dialect is made when its base URL is known.
    pub fn start(make: impl FnOnce(&str) -> D) -> Fake<D> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            dialect: Mutex::new(make(&format!("http://{address}"))),
            requests: watch::Sender::default(),
            trouble: Mutex::default(),
            held: watch::Sender::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(serve(listener, served, stopped));
        });
        Fake {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The base of every URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at what the fake holds, or changes it.
    pub fn with<T>(&self, work: impl FnOnce(&mut D) -> T) -> T {
        work(&mut self.shared.dialect.lock().unwrap())
    }

    /// All requests, oldest first.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.requests.borrow().clone()
    }

    /// The requests whose path ends so, oldest first.
    pub fn requests_to(&self, end: &str) -> Vec<Recorded> {
        let all = self.requests();
        all.into_iter()
            .filter(|request| request.path().ends_with(end))
            .collect()
    }

    /// Waits until so many requests have come to a path that ends so.
    pub async fn wait_for(&self, end: &str, count: usize) {
        let mut requests = self.shared.requests.subscribe();
        let of = |all: &Vec<Recorded>| all.iter().filter(|request| request.path().ends_with(end)).count();
        let found = tokio::time::timeout(PATIENCE, requests.wait_for(|all| of(all) >= count)).await;
        assert!(found.is_ok(), "{end} should have had {count} requests");
    }

    /// So many more requests are served, then one is answered with "too many".
    pub fn throttle_after(&self, requests: u64) {
        self.shared.trouble.lock().unwrap().throttled_after = Some(requests);
    }

    /// The next `count` requests to a path that ends so are acted on, but their connection closes without an answer.
    pub fn lose_answers(&self, end: &str, count: u64) {
        self.shared.trouble.lock().unwrap().lost = Some((end.to_owned(), count));
    }

    /// The next request is not acted on, but answered so.
    pub fn answer_next(&self, reply: Reply) {
        self.shared.trouble.lock().unwrap().instead.push(reply);
    }

    /// Requests wait until [`Fake::release`].
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Lets requests go on, those that wait and those to come.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }
}

impl<D: Dialect> Drop for Fake<D> {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the fake provider panicked");
        }
    }
}

async fn serve<D: Dialect>(listener: std::net::TcpListener, shared: Arc<Shared<D>>, stopped: oneshot::Receiver<()>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let accept = async {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let _ = stream.set_nodelay(true);
            tokio::spawn(converse(stream, Arc::clone(&shared)));
        }
    };
    tokio::select! {
        () = accept => {}
        _ = stopped => {}
    }
}

/// Requests one after the other, until one side closes.
async fn converse<D: Dialect>(mut stream: TcpStream, shared: Arc<Shared<D>>) {
    let mut buffer = Vec::new();
    while let Some(mut request) = read_head(&mut stream, &mut buffer).await {
        let Some(body) = Body::of(&request).read(&mut stream, &mut buffer).await else {
            return;
        };
        request.body = body;
        shared.requests.send_modify(|all| all.push(request.clone()));
        let mut held = shared.held.subscribe();
        let _ = held.wait_for(|held| !held).await;
        match shared.fate(&request) {
            Fate::Answered(reply) => {
                if !respond(&mut stream, reply.status, &reply.headers, &reply.body, true).await {
                    return;
                }
            }
            Fate::Lost => return,
        }
    }
}

impl<D: Dialect> Shared<D> {
    fn fate(&self, request: &Recorded) -> Fate {
        let mut trouble = self.trouble.lock().unwrap();
        let mut dialect = self.dialect.lock().unwrap();
        match &mut trouble.throttled_after {
            Some(0) => {
                trouble.throttled_after = None;
                return Fate::Answered(dialect.too_many());
            }
            Some(left) => *left -= 1,
            None => {}
        }
        if !trouble.instead.is_empty() {
            return Fate::Answered(trouble.instead.remove(0));
        }
        let reply = dialect.answer(request);
        if let Some((end, left)) = &mut trouble.lost
            && *left > 0
            && request.path().ends_with(end.as_str())
        {
            *left -= 1;
            return Fate::Lost;
        }
        Fate::Answered(reply)
    }
}

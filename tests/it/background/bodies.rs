//! Bodies of requests for the background: slow, cut, pipelined, too large, and large.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::HEADER;
use crate::{
    crash,
    support::{
        engine::{Api, Reply, TestEngine},
        postgres::for_each_database,
        scene::eventually,
    },
};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(300);

/// A connection on which a request is sent by hand.
pub struct Slow {
    stream: TcpStream,
}

impl Slow {
    /// Sends the head of a request whose body has this length.
    pub async fn open(api: &Api, method: &str, path: &str, length: usize) -> Self {
        let mut slow = Self {
            stream: TcpStream::connect(api.address).await.unwrap(),
        };
        let length = format!("content-length: {length}\r\nconnection: close\r\n");
        slow.write(head(api, method, path, &length).as_bytes()).await;
        slow
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Waits until the engine knows of it.
    pub async fn arrives(&self, test: &TestEngine) {
        let inbox = &test.engine.services().background;
        eventually("the request has a place", || async { inbox.taken() == 1 }).await;
    }

    pub async fn reply(mut self) -> Reply {
        let mut bytes = Vec::new();
        let read = self.stream.read_to_end(&mut bytes);
        let _ = tokio::time::timeout(PATIENCE, read).await.expect("no end in time");
        Reply::parse(&bytes)
    }
}

fn head(api: &Api, method: &str, path: &str, more: &str) -> String {
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {}\r\n{HEADER}: none\r\n",
        api.address
    );
    for (name, value) in api.headers() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + more + "\r\n"
}

/// Parts of bodies that are in the database.
async fn parts(test: &TestEngine) -> i64 {
    let database = Database::connect(&test.engine.settings().database.url).await.unwrap();
    let count = Statement::from_string(
        database.get_database_backend(),
        "SELECT count(*) AS parts FROM background_body",
    );
    let row = database.query_one_raw(count).await.unwrap().unwrap();
    database.close().await.unwrap();
    row.try_get("", "parts").unwrap()
}

/// Nothing is left of a request that was not taken.
async fn nothing_is_left(test: &TestEngine) {
    let inbox = &test.engine.services().background;
    eventually("the place is given back", || async { inbox.taken() == 0 }).await;
    eventually("the parts are dropped", || async { parts(test).await == 0 }).await;
    let list = test.api.get("/api/v1/background").await.expect(200);
    assert_eq!(list.json["items"], json!([]));
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_nothing() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let mut slow = Slow::open(&test.api, "POST", "/api/v1/groups", 1_000_000).await;
        slow.write(&[b'x'; 300_000]).await;
        eventually("four parts are there", || async { parts(&test).await == 4 }).await;
        drop(slow);
        nothing_is_left(&test).await;
    })
    .await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_a_408() {
    let mut start = TestEngine::prepare();
    start.settings.server.request_timeout_ms = 5_000;
    let test = start.start().await;
    let mut slow = Slow::open(&test.api, "POST", "/api/v1/groups", 1_000_000).await;
    slow.write(&[b'x'; 100_000]).await;
    let reply = slow.reply().await;
    assert_eq!((reply.status, reply.code()), (408, "request_timeout"));
    nothing_is_left(&test).await;
}

#[tokio::test]
async fn what_the_store_takes_is_not_the_callers_time() {
    let mut start = TestEngine::prepare();
    start.settings.server.request_timeout_ms = 5_000;
    // The store waits for the lock for longer than this test takes.
    start.settings.database.busy_timeout_ms = 60_000;
    let test = start.start().await;
    // The first use of a token is written down; later ones within a minute are not.
    test.api.get("/api/v1/me").await.expect(200);
    let database = Database::connect(&test.engine.settings().database.url).await.unwrap();
    database.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    // Its first part is not stored as long as somebody else writes.
    let mut whole = Slow::open(&test.api, "POST", "/api/v1/groups", 200_000).await;
    whole.write(&[b'x'; 200_000]).await;
    whole.arrives(&test).await;
    // Of one that begins later the time ends, and so would have that of the first.
    let stalled = Slow::open(&test.api, "POST", "/api/v1/groups", 10).await;
    assert_eq!(stalled.reply().await.status, 408);
    database.execute_unprepared("COMMIT").await.unwrap();
    let reply = whole.reply().await;
    assert_eq!(reply.status, 202, "{reply:?}");
    database.close().await.unwrap();
}

#[tokio::test]
async fn too_large_is_a_413_announced_or_not() {
    let mut start = TestEngine::prepare();
    start.settings.background.body_bytes_max = 200_000;
    let test = start.start().await;
    let slow = Slow::open(&test.api, "POST", "/api/v1/groups", 200_001).await;
    let reply = slow.reply().await;
    assert_eq!((reply.status, reply.code()), (413, "too_large"));
    assert!(
        reply.json["detail"]
            .as_str()
            .unwrap()
            .contains("background.body_bytes_max")
    );
    let mut chunked = Slow {
        stream: TcpStream::connect(test.api.address).await.unwrap(),
    };
    let more = "transfer-encoding: chunked\r\nconnection: close\r\n";
    chunked
        .write(head(&test.api, "POST", "/api/v1/groups", more).as_bytes())
        .await;
    for _ in 0..3 {
        chunked.write(b"186a0\r\n").await;
        chunked.write(&[b'x'; 100_000]).await;
        chunked.write(b"\r\n").await;
    }
    chunked.write(b"0\r\n\r\n").await;
    let reply = chunked.reply().await;
    assert_eq!((reply.status, reply.code()), (413, "too_large"));
    nothing_is_left(&test).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken() {
    let test = TestEngine::start().await;
    let mut broken = Slow {
        stream: TcpStream::connect(test.api.address).await.unwrap(),
    };
    let more = "transfer-encoding: chunked\r\nconnection: close\r\n";
    broken
        .write(head(&test.api, "POST", "/api/v1/groups", more).as_bytes())
        .await;
    broken.write(b"5\r\n{\"a\":\r\nno size\r\n").await;
    // Whoever does not speak HTTP is hung up on.
    let mut bytes = Vec::new();
    let read = broken.stream.read_to_end(&mut bytes);
    let _ = tokio::time::timeout(PATIENCE, read).await.expect("no end in time");
    assert!(!String::from_utf8_lossy(&bytes).contains("202"), "{bytes:?}");
    nothing_is_left(&test).await;
}

#[tokio::test]
async fn pipelined_requests_are_taken_in_their_order() {
    let test = TestEngine::start().await;
    let mut slow = Slow {
        stream: TcpStream::connect(test.api.address).await.unwrap(),
    };
    let body = "x".repeat(70_000);
    let long = format!("content-length: {}\r\n", body.len());
    let mut bytes = head(&test.api, "POST", "/api/v1/first", &long) + &body;
    bytes += &head(&test.api, "GET", "/api/v1/second", "");
    bytes += &(head(&test.api, "PUT", "/api/v1/third", "content-length: 2\r\n") + "{}");
    bytes += &head(&test.api, "DELETE", "/api/v1/fourth", "connection: close\r\n");
    slow.write(bytes.as_bytes()).await;
    let mut bytes = Vec::new();
    slow.stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.matches("HTTP/1.1 202 Accepted").count(), 4, "{text}");
    let list = test.api.get("/api/v1/background").await.expect(200);
    let uris: Vec<_> = list.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["originalUri"])
        .collect();
    assert_eq!(
        uris,
        ["/api/v1/fourth", "/api/v1/third", "/api/v1/second", "/api/v1/first"]
    );
    let ids: Vec<_> = text
        .match_indices("\"id\":\"")
        .map(|(at, start)| &text[at + start.len()..][..36])
        .collect();
    let listed = list.json["items"].as_array().unwrap().iter().rev();
    assert_eq!(listed.map(|item| item["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_mebibytes_take_little_memory() {
    /// How much more than at rest, bytes.
    const MORE_BYTES_MAX: u64 = 24 << 20;
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    // Sealing takes its time without optimisation, on a machine that does other things, too.
    let (orrery, address) = crash::start_with(
        &["serve"],
        &url,
        directory.path(),
        &[("ORRERY__SERVER__REQUEST_TIMEOUT_MS", "600000")],
    );
    let api = Api::anonymous(address).sign_in("admin", crash::PASSWORD).await;
    let at_rest = orrery.resident_bytes();
    let mut slow = Slow::open(&api, "POST", "/api/v1/nothing", 64 << 20).await;
    let mebibyte = vec![b'x'; 1 << 20];
    let mut most = at_rest;
    for _ in 0..64 {
        slow.write(&mebibyte).await;
        most = most.max(orrery.resident_bytes());
    }
    let reply = slow.reply().await;
    most = most.max(orrery.resident_bytes());
    assert_eq!(reply.status, 202, "{reply:?}");
    assert!(most < at_rest + MORE_BYTES_MAX, "{at_rest} at rest, at most {most}");
}

//! A lean HTTP/1.1 client that keeps its connection, and the users that send background requests.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::engine::PASSWORD;

/// One connection.
pub struct Client {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            input: Vec::with_capacity(4_096),
        })
    }

    /// Sends a request as it stands, and reads the answer: its status and its body.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<(u16, Vec<u8>)> {
        self.stream.write_all(request).await?;
        loop {
            if let Some((status, from, to)) = whole(&self.input)? {
                let body = self.input.get(from..to).unwrap_or_default().to_vec();
                self.input.drain(..to);
                return Ok((status, body));
            }
            let read = self.stream.read_buf(&mut self.input).await?;
            ensure!(read > 0, "the engine closed the connection");
        }
    }

    async fn post(&mut self, path: &str, token: &str, body: &Value) -> Result<Value> {
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, answer) = self.exchange(head.as_bytes()).await?;
        ensure!(
            (200..300).contains(&status),
            "POST {path}: {status} {}",
            String::from_utf8_lossy(&answer)
        );
        Ok(serde_json::from_slice(&answer)?)
    }

    /// A token of a user.
    async fn token(&mut self, username: &str, password: &str) -> Result<String> {
        let body = json!({ "username": username, "password": password });
        let answer = self.post("/api/authentication/gettoken", "none", &body).await?;
        Ok(text(&answer, "accessToken")?.to_owned())
    }
}

/// Status, begin and end of the body, once all of an answer is there.
fn whole(input: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let Some(end) = input.windows(4).position(|part| part == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(input.get(..end).unwrap_or_default())?;
    let status = head.get(9..12).context("no status")?.parse()?;
    let length = head
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>())
        })
        .context("an answer without Content-Length")??;
    let from = end + 4;
    Ok((input.len() >= from + length).then_some((status, from, from + length)))
}

/// The admin's token.
pub async fn admin(address: SocketAddr) -> Result<String> {
    Client::connect(address).await?.token("admin", PASSWORD).await
}

/// Tokens of as many users, made for this, who may use the background API.
pub async fn users(address: SocketAddr, count: usize) -> Result<Vec<String>> {
    let mut client = Client::connect(address).await?;
    let admin = client.token("admin", PASSWORD).await?;
    let group = json!({ "name": "bench", "rights": ["background.use"] });
    let group = client.post("/api/v1/groups", &admin, &group).await?;
    let mut tokens = Vec::with_capacity(count);
    for number in 0..count {
        let username = format!("bench-{number}");
        let user = json!({ "username": username, "password": PASSWORD, "groupIds": [text(&group, "id")?] });
        client.post("/api/v1/users", &admin, &user).await?;
        tokens.push(client.token(&username, PASSWORD).await?);
    }
    Ok(tokens)
}

/// A request without a body for the background, as bytes.
pub fn in_background(method: &str, path: &str, token: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\nerp-api-background: none\r\n\
         content-length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// A request for what is there, as bytes.
pub fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// The id in the body of a 202.
pub fn id_of(status: u16, body: &[u8]) -> Result<uuid::Uuid> {
    ensure!(status == 202, "{status} {}", String::from_utf8_lossy(body));
    let body: Value = serde_json::from_slice(body)?;
    Ok(text(&body, "id")?.parse()?)
}

/// A member that is a text.
pub fn text<'a>(value: &'a Value, name: &'static str) -> Result<&'a str> {
    value.get(name).and_then(Value::as_str).context(name)
}

/// A page of the console, for who signed in with this token, as bytes.
pub fn page(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\ncookie: orrery_session={token}\r\n\r\n").into_bytes()
}

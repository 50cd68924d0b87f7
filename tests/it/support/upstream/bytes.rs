//! What goes over the connections of the fake upstream, byte for byte.

use std::io::Write;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Behaviour, Recorded, pattern};

pub(super) async fn respond(
    stream: &mut TcpStream,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
    shown: bool,
) -> bool {
    let mut head = format!("HTTP/1.1 {status} Status\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if status != 204 && status != 304 {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut whole = head.into_bytes();
    if shown {
        whole.extend_from_slice(body);
    }
    stream.write_all(&whole).await.is_ok()
}

pub(super) async fn misbehave(stream: &mut TcpStream, behaviour: Behaviour) {
    let head = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}\r\n").into_bytes();
    match behaviour {
        Behaviour::Hang => hang(stream, true).await,
        Behaviour::HangAfterHead => {
            let _ = stream.write_all(&head("content-length: 10\r\n")).await;
            hang(stream, true).await;
        }
        Behaviour::Drip(body) => {
            let _ = stream
                .write_all(&head(&format!("content-length: {}\r\n", body.len())))
                .await;
            let mut drops = tokio::time::interval(Duration::from_millis(3));
            for byte in body {
                drops.tick().await;
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
        }
        Behaviour::Pattern(bytes) => {
            let _ = stream.write_all(&head("transfer-encoding: chunked\r\n")).await;
            let mut at = 0;
            while at < bytes {
                let count = (bytes - at).min(65_536);
                let mut chunk = format!("{count:x}\r\n").into_bytes();
                chunk.extend((at..at + count).map(pattern));
                chunk.extend_from_slice(b"\r\n");
                if stream.write_all(&chunk).await.is_err() {
                    return;
                }
                at += count;
            }
            let _ = stream.write_all(b"0\r\n\r\n").await;
        }
        Behaviour::Endless { bytes, announced } => endless(stream, bytes, announced).await,
        Behaviour::GzipBomb { inflated } => {
            let body = gzip_zeros(inflated);
            let lines = format!("content-encoding: gzip\r\ncontent-length: {}\r\n", body.len());
            let _ = stream.write_all(&head(&lines)).await;
            let _ = stream.write_all(&body).await;
        }
        Behaviour::CloseMidBody => {
            let _ = stream
                .write_all(&head("content-type: application/json\r\ncontent-length: 100\r\n"))
                .await;
            let _ = stream.write_all(b"[1,2,3]").await;
        }
        Behaviour::CloseMidChunks => {
            let _ = stream.write_all(&head("transfer-encoding: chunked\r\n")).await;
            let _ = stream.write_all(b"7\r\n[1,2,3]\r\n").await;
        }
        Behaviour::UntilClose(body) => {
            let _ = stream.write_all(&head("connection: close\r\n")).await;
            let _ = stream.write_all(&body).await;
        }
        Behaviour::HugeHead { bytes } => {
            let _ = stream
                .write_all(&head(&format!(
                    "content-length: 0\r\nx-huge: {}\r\n",
                    "h".repeat(bytes)
                )))
                .await;
            hang(stream, true).await;
        }
        Behaviour::NotHttp => {
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n\r\n").await;
        }
        _ => {}
    }
}

/// Until the other side closes; what it sends is read or stays where it is.
async fn hang(stream: &mut TcpStream, reads: bool) {
    let mut rest = [0; 1_024];
    if !reads {
        // A full window tells nothing of the other side's end; a byte that cannot be sent does.
        while stream
            .ready(tokio::io::Interest::ERROR)
            .await
            .is_ok_and(|ready| !ready.is_error())
        {}
        return;
    }
    while matches!(stream.read(&mut rest).await, Ok(count) if count > 0) {}
}

async fn endless(stream: &mut TcpStream, bytes: u64, announced: bool) {
    let length = if announced {
        format!("content-length: {bytes}\r\n")
    } else {
        "connection: close\r\n".to_owned()
    };
    let _ = stream
        .write_all(format!("HTTP/1.1 200 OK\r\n{length}\r\n").as_bytes())
        .await;
    let zeros = vec![b'0'; 65_536];
    let mut left = bytes;
    while left > 0 {
        let count = left.min(65_536);
        if stream.write_all(&zeros[..count as usize]).await.is_err() {
            return;
        }
        left -= count;
    }
}

fn gzip_zeros(inflated: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 65_536];
    let mut left = inflated;
    while left > 0 {
        let count = left.min(zeros.len());
        encoder.write_all(&zeros[..count]).unwrap();
        left -= count;
    }
    encoder.finish().unwrap()
}

/// Answers without reading; a connection that stays takes nothing more either.
pub(super) async fn refuse(stream: &mut TcpStream, status: u16, stays: bool) {
    respond(stream, status, &[], b"no more of this", true).await;
    if stays {
        hang(stream, false).await;
    }
}

/// The head of a request, its body empty.
pub(super) async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Recorded> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    buffer.drain(..head_end);
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body = Vec::new();
    Some(Recorded {
        method,
        target,
        headers,
        body,
    })
}

/// What is left of the body of a request.
pub(super) enum Body {
    Length(u64),
    /// Left of the chunk that is being read.
    Chunked(u64),
    Ended,
}

impl Body {
    pub fn of(request: &Recorded) -> Body {
        match (request.header("transfer-encoding"), request.header("content-length")) {
            (Some(_), _) => Body::Chunked(0),
            (None, Some(length)) => Body::Length(length.parse().unwrap()),
            (None, None) => Body::Ended,
        }
    }

    /// The whole body; none if it is cut off.
    pub async fn read(mut self, stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(piece) = self.next(stream, buffer).await? {
            body.extend_from_slice(&piece);
        }
        Some(body)
    }

    /// The next piece, or its end; none if it is cut off.
    async fn next(&mut self, stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Option<Vec<u8>>> {
        loop {
            let left = match self {
                Body::Ended | Body::Length(0) => return Some(None),
                Body::Length(left) => left,
                Body::Chunked(0) => {
                    let line = line(stream, buffer).await?;
                    let size = u64::from_str_radix(&line, 16).unwrap();
                    if size == 0 {
                        self::line(stream, buffer).await?;
                        *self = Body::Ended;
                    } else {
                        *self = Body::Chunked(size);
                    }
                    continue;
                }
                Body::Chunked(left) => left,
            };
            while buffer.is_empty() {
                if stream.read_buf(buffer).await.ok()? == 0 {
                    return None;
                }
            }
            let count = (*left).min(buffer.len() as u64);
            *left -= count;
            let piece = buffer.drain(..count as usize).collect();
            if matches!(self, Body::Chunked(0)) {
                line(stream, buffer).await?;
            }
            return Some(Some(piece));
        }
    }
}

async fn line(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = buffer.windows(2).position(|two| two == b"\r\n") {
            let line = String::from_utf8_lossy(&buffer[..at]).into_owned();
            buffer.drain(..at + 2);
            return Some(line);
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// Reads a body, and answers with its length and whether it was the pattern.
pub(super) async fn count(stream: &mut TcpStream, buffer: &mut Vec<u8>, request: &Recorded) -> bool {
    let (mut body, mut bytes, mut right) = (Body::of(request), 0, true);
    loop {
        let Some(piece) = body.next(stream, buffer).await else {
            return false;
        };
        let Some(piece) = piece else { break };
        right &= piece
            .iter()
            .enumerate()
            .all(|(at, byte)| pattern(bytes + at as u64) == *byte);
        bytes += piece.len() as u64;
    }
    let answer = serde_json::json!({ "bytes": bytes, "right": right }).to_string();
    respond(stream, 200, &[], answer.as_bytes(), true).await
}

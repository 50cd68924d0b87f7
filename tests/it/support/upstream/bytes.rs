//! What goes over the connections of the fake upstream, byte for byte.

use std::io::Write;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Behaviour, Recorded};

pub(super) async fn respond(stream: &mut TcpStream, status: u16, headers: &[(String, String)], body: &[u8]) -> bool {
    let mut head = format!("HTTP/1.1 {status} Status\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if status != 204 && status != 304 {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut whole = head.into_bytes();
    whole.extend_from_slice(body);
    stream.write_all(&whole).await.is_ok()
}

pub(super) async fn misbehave(stream: &mut TcpStream, behaviour: Behaviour) {
    let head = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}\r\n").into_bytes();
    match behaviour {
        Behaviour::Hang => hang(stream).await,
        Behaviour::HangAfterHead => {
            let _ = stream.write_all(&head("content-length: 10\r\n")).await;
            hang(stream).await;
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
        Behaviour::Endless { bytes, announced } => endless(stream, bytes, announced).await,
        Behaviour::GzipBomb { inflated } => {
            let body = gzip_zeros(inflated);
            let lines = format!("content-encoding: gzip\r\ncontent-length: {}\r\n", body.len());
            let _ = stream.write_all(&head(&lines)).await;
            let _ = stream.write_all(&body).await;
        }
        Behaviour::CloseMidBody => {
            let _ = stream.write_all(&head("content-length: 100\r\n")).await;
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
            hang(stream).await;
        }
        Behaviour::NotHttp => {
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n\r\n").await;
        }
        _ => {}
    }
}

/// Until the other side closes.
async fn hang(stream: &mut TcpStream) {
    let mut rest = [0; 1_024];
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

pub(super) async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Recorded> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let whole = head_end + length.map_or(0, |(_, value)| value.parse().unwrap());
    while buffer.len() < whole {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer[head_end..whole].to_vec();
    buffer.drain(..whole);
    Some(Recorded {
        method,
        target,
        headers,
        body,
    })
}

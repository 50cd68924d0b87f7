//! A client that sends bytes as it is told, and says whether an answer was whole or was cut off.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::PATIENCE;

/// One connection.
pub struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The head of an answer.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Raw {
    /// Sends the head of a request.
    pub async fn ask(address: SocketAddr, line: &str, headers: &[(String, String)]) -> Self {
        let mut raw = Self {
            stream: TcpStream::connect(address).await.unwrap(),
            buffer: Vec::new(),
        };
        let mut head = format!("{line} HTTP/1.1\r\nhost: {address}\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        raw.send(head.as_bytes()).await;
        raw
    }

    /// Sends bytes; a server that has closed already is no failure.
    pub async fn send(&mut self, bytes: &[u8]) {
        let sent = tokio::time::timeout(PATIENCE, self.stream.write_all(bytes)).await;
        let _ = sent.expect("nobody takes what is sent");
    }

    /// Sends bytes as one chunk; without any it is the last.
    pub async fn send_chunk(&mut self, bytes: &[u8]) {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.send(&chunk).await;
    }

    /// The head of the next answer.
    pub async fn head(&mut self) -> Head {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.more().await, "closed without an answer: {:?}", self.buffer);
        };
        let head = String::from_utf8(self.buffer.drain(..end).collect()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Head { status, headers }
    }

    /// Gives the body to `take` piece by piece. True: it was whole; false: the connection ended before.
    pub async fn body(&mut self, head: &Head, mut take: impl FnMut(&[u8])) -> bool {
        if head.header("transfer-encoding") == Some("chunked") {
            loop {
                let line = loop {
                    if let Some(at) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                        break self.buffer.drain(..at + 2).collect::<Vec<u8>>();
                    }
                    if !self.more().await {
                        return false;
                    }
                };
                let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).unwrap();
                if !self.take(size as u64, &mut take).await || !self.take(2, &mut |_: &[u8]| {}).await {
                    return false;
                }
                if size == 0 {
                    return true;
                }
            }
        }
        let length = head
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        self.take(length, &mut take).await
    }

    /// The text of a body, and whether it was whole.
    pub async fn text(&mut self, head: &Head) -> (String, bool) {
        let mut body = Vec::new();
        let whole = self.body(head, |piece| body.extend_from_slice(piece)).await;
        (String::from_utf8_lossy(&body).into_owned(), whole)
    }

    async fn take(&mut self, mut left: u64, take: &mut impl FnMut(&[u8])) -> bool {
        while left > 0 {
            if self.buffer.is_empty() && !self.more().await {
                return false;
            }
            let count = left.min(self.buffer.len() as u64);
            take(&self.buffer[..count as usize]);
            self.buffer.drain(..count as usize);
            left -= count;
        }
        true
    }

    /// Reads some bytes; false at the end.
    async fn more(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
        matches!(read.expect("nothing came in time"), Ok(count) if count > 0)
    }
}

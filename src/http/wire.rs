//! A connection as awc sees it, with the gaps of its HTTP/1 reader closed:
//!
//! - it takes a body that was cut off for a whole one: here the end of a connection is an error ([`Closed`]), and the
//!   reader of a body decides what it means;
//! - it takes an answer without any length for an empty one: here such a head is marked as HTTP/1.0, for which it reads
//!   until the end;
//! - it takes an interim answer (1xx) for the answer: here they are skipped;
//! - it parses a growing head from the start with every read: here it gets whole heads, up to a limit;
//! - it reads nothing before it has written all of a request: here an upstream that answers early, and takes no more of
//!   the body, is heard. The rest of the body is thrown away, and so is the connection after the answer.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_rt::net::{ActixStream, Ready, TcpStream};
use actix_tls::connect::rustls_0_23::reexports::AsyncTlsStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Heads are read in pieces of this size.
const PIECE_BYTES: usize = 8_192;

/// The connection below.
pub(super) enum Io {
    Plain(TcpStream),
    Tls(Box<AsyncTlsStream<TcpStream>>),
}

/// A connection that a request is sent on.
pub(super) struct Wire {
    io: Io,
    head_bytes_max: usize,
    phase: Phase,
    /// The upstream takes no more of the request.
    deaf: bool,
}

enum Phase {
    /// A request is being written; the next bytes read are a head.
    Head(Vec<u8>),
    /// A head, and what came with it, on its way to the reader.
    Handing { bytes: Vec<u8>, handed: usize },
    /// Bytes pass unseen.
    Body,
}

/// The upstream ended the connection in an orderly way.
#[derive(Debug)]
pub(super) struct Closed;

/// The head of an answer is over the limit, bytes.
#[derive(Debug)]
pub(super) struct HeadTooLarge(usize);

impl Wire {
    pub fn new(io: Io, head_bytes_max: usize) -> Wire {
        Wire {
            io,
            head_bytes_max,
            phase: Phase::Body,
            deaf: false,
        }
    }

    fn tcp(&self) -> &TcpStream {
        match &self.io {
            Io::Plain(stream) => stream,
            Io::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Reads until a head is complete, which becomes [`Phase::Handing`].
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Phase::Head(head) = &mut self.phase {
            let mut piece = [0; PIECE_BYTES];
            let mut buffer = ReadBuf::new(&mut piece);
            let searched = head.len().saturating_sub(3);
            ready!(self.io.poll_read_some(context, &mut buffer))?;
            head.extend_from_slice(buffer.filled());
            let mut end = head_end(head, searched);
            while let Some(at) = end.filter(|_| is_interim(head)) {
                head.drain(..at);
                end = head_end(head, 0);
            }
            if end.unwrap_or(head.len()) > self.head_bytes_max {
                return Poll::Ready(Err(io::Error::other(HeadTooLarge(self.head_bytes_max))));
            }
            if let Some(at) = end {
                mark_unmeasured(head, at);
                if self.deaf {
                    mark_last(head);
                }
            }
            let is_http = head.iter().zip(b"HTTP/").all(|(one, other)| one == other);
            if end.is_some() || !is_http {
                self.phase = Phase::Handing {
                    bytes: std::mem::take(head),
                    handed: 0,
                };
            }
        }
        Poll::Ready(Ok(()))
    }

    /// While the upstream takes nothing: whether it has answered already.
    fn answers_early(&mut self, context: &mut Context<'_>) -> bool {
        let ended = self.poll_head(context).is_ready();
        if let Phase::Handing { bytes, handed: 0 } = &mut self.phase {
            mark_last(bytes);
        }
        ended
    }
}

impl Io {
    fn stream(&mut self) -> Pin<&mut dyn Duplex> {
        match self {
            Io::Plain(stream) => Pin::new(stream),
            Io::Tls(stream) => Pin::new(stream.as_mut()),
        }
    }

    /// Reads at least one byte; the end is [`Closed`].
    fn poll_read_some(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.stream().poll_read(context, buffer))?;
        if buffer.filled().len() == before && buffer.remaining() > 0 {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, Closed)));
        }
        Poll::Ready(Ok(()))
    }
}

/// The index after the empty line, if there is one after `from`. Lines may end without a carriage return.
fn head_end(head: &[u8], from: usize) -> Option<usize> {
    let mut rest = head.get(from..)?;
    let mut passed = from;
    loop {
        let at = rest.iter().position(|byte| *byte == b'\n')?;
        passed += at + 1;
        rest = rest.get(at + 1..)?;
        match rest {
            [b'\n', ..] => return Some(passed + 1),
            [b'\r', b'\n', ..] => return Some(passed + 2),
            _ => {}
        }
    }
}

fn is_interim(head: &[u8]) -> bool {
    matches!(
        head,
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            _,
            b' ',
            b'1',
            b'0',
            b'0' | b'2'..=b'9',
            ..
        ]
    )
}

/// An answer that may have a body, but says neither its length nor that it is chunked, ends with the connection.
fn mark_unmeasured(head: &mut [u8], end: usize) {
    let text = head.get(..end).unwrap_or_default();
    let bodiless = matches!(text.get(9..12), Some(b"204" | b"304" | b"101"));
    let measured = text.split(|byte| *byte == b'\n').any(|line| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
        name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding")
    });
    if !bodiless
        && !measured
        && let Some([b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor]) = head.get_mut(..8)
    {
        *minor = b'0';
    }
}

/// After this answer the connection is of no use.
fn mark_last(head: &mut Vec<u8>) {
    if let Some(line) = head.iter().position(|byte| *byte == b'\n') {
        head.splice(line + 1..=line, *b"connection: close\r\n");
    }
}

/// An upstream that has closed may have said why before.
fn is_refusal(cause: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(cause.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
}

trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, target: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        ready!(wire.poll_head(context))?;
        if let Phase::Handing { bytes, handed } = &mut wire.phase {
            let rest = bytes.get(*handed..).unwrap_or_default();
            let count = rest.len().min(target.remaining());
            target.put_slice(rest.get(..count).unwrap_or_default());
            *handed += count;
            if *handed >= bytes.len() {
                wire.phase = Phase::Body;
            }
            return Poll::Ready(Ok(()));
        }
        wire.io.poll_read_some(context, target)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        if !matches!(wire.phase, Phase::Head(_)) && !wire.deaf {
            // awc reads nothing before it has written all of a request.
            wire.phase = Phase::Head(Vec::new());
        }
        if wire.deaf {
            return Poll::Ready(Ok(bytes.len()));
        }
        match wire.io.stream().poll_write(context, bytes) {
            Poll::Ready(Err(cause)) if is_refusal(&cause) => wire.deaf = true,
            Poll::Pending if wire.answers_early(context) => wire.deaf = true,
            other => return other,
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if wire.deaf {
            return Poll::Ready(Ok(()));
        }
        wire.io.stream().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().io.stream().poll_shutdown(context)
    }
}

impl ActixStream for Wire {
    fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(self.tcp(), context)
    }

    fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(self.tcp(), context)
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Wire")
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the upstream closed the connection")
    }
}

impl std::error::Error for Closed {}

impl fmt::Display for HeadTooLarge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the head of the answer is larger than {} bytes", self.0)
    }
}

impl std::error::Error for HeadTooLarge {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_heads() {
        assert_eq!(head_end(b"HTTP/1.1 200 OK\r\n\r\nbody", 0), Some(19));
        assert_eq!(head_end(b"HTTP/1.1 200 OK\n\nbody", 0), Some(17));
        assert_eq!(head_end(b"HTTP/1.1 200 OK\r\na: b\r\n\r", 0), None);
        assert_eq!(head_end(b"", 0), None);
        for from in 0..=16 {
            assert_eq!(head_end(b"HTTP/1.1 200 OK\r\n\r\nbody", from), Some(19), "{from}");
        }
    }

    #[test]
    fn interim_answers() {
        for (head, expected) in [
            ("HTTP/1.1 100 Continue\r\n\r\n", true),
            ("HTTP/1.1 103 Early Hints\r\n\r\n", true),
            ("HTTP/1.1 101 Switching\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\n\r\n", false),
        ] {
            assert_eq!(is_interim(head.as_bytes()), expected, "{head}");
        }
    }

    #[test]
    fn only_unmeasured_heads_are_marked() {
        for (head, marked) in [
            ("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\nTRANSFER-ENCODING : chunked\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\nx-content-length: 5\r\n\r\n", true),
            ("HTTP/1.1 204 None\r\n\r\n", false),
            ("HTTP/1.1 304 Same\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\n\r\n", true),
        ] {
            let mut bytes = head.as_bytes().to_vec();
            mark_unmeasured(&mut bytes, head.len());
            assert_eq!(bytes.starts_with(b"HTTP/1.0"), marked, "{head}");
        }
    }

    #[test]
    fn the_last_answer_says_so() {
        let mut head = b"HTTP/1.1 413 Large\r\nconnection: keep-alive\r\n\r\n".to_vec();
        mark_last(&mut head);
        assert_eq!(
            head,
            b"HTTP/1.1 413 Large\r\nconnection: close\r\nconnection: keep-alive\r\n\r\n"
        );
    }
}

//! Reading a response body under caps: bytes received, bytes after decompression, ratio of the two.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

use super::error::{Error, Step};

/// Compressed input is decoded in pieces of this size, so that one piece never keeps the thread for long.
const PIECE_BYTES: usize = 4_096;

/// Deflate is inflated through a buffer of this size.
const INFLATE_BYTES: usize = 16_384;

/// Bodies below this size are never refused for their ratio: a few repeated rows compress very well.
const RATIO_FREE_BYTES: usize = 1024 * 1024;

/// The caps of one body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caps {
    pub bytes_max: usize,
    pub ratio_max: u32,
}

/// Collects one body.
pub(super) struct Collector {
    caps: Caps,
    received: usize,
    form: Form,
}

enum Form {
    Plain(BytesMut),
    /// A single chunk is handed on without copying.
    One(Bytes),
    Gzip(Box<MultiGzDecoder<Capped>>),
    Deflate(Box<Inflate>),
    /// `deflate` means zlib, but some servers send raw deflate: the first byte tells.
    DeflateUnknown,
}

/// Grows up to its limit and not a byte further.
#[derive(Default)]
struct Capped {
    bytes: Vec<u8>,
    bytes_max: usize,
    overflowed: bool,
}

/// Inflates zlib or raw deflate and, other than flate2's writers, knows whether the stream has ended.
struct Inflate {
    state: Decompress,
    out: Capped,
    ended: bool,
}

impl Inflate {
    fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        let mut rest = piece;
        let mut buffer = [0; INFLATE_BYTES];
        while !self.ended {
            let (read, written) = (self.state.total_in(), self.state.total_out());
            let status = self
                .state
                .decompress(rest, &mut buffer, FlushDecompress::None)
                .map_err(io::Error::other)?;
            let read = usize::try_from(self.state.total_in() - read).unwrap_or(usize::MAX);
            let written = usize::try_from(self.state.total_out() - written).unwrap_or(usize::MAX);
            self.out.write_all(buffer.get(..written).unwrap_or_default())?;
            rest = rest.get(read..).unwrap_or_default();
            self.ended = status == Status::StreamEnd;
            if (rest.is_empty() && written < INFLATE_BYTES) || (read == 0 && written == 0) {
                break;
            }
        }
        Ok(())
    }
}

impl Write for Capped {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + piece.len() > self.bytes_max {
            self.overflowed = true;
            return Err(io::Error::other("over the limit"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Collector {
    /// For a body with this `Content-Encoding`; unknown encodings are refused.
    pub fn new(encoding: Option<&str>, caps: Caps) -> Result<Collector, Error> {
        let encoding = encoding
            .map(|text| text.trim().to_ascii_lowercase())
            .unwrap_or_default();
        let form = match encoding.as_str() {
            "" | "identity" => Form::One(Bytes::new()),
            "gzip" | "x-gzip" => Form::Gzip(Box::new(MultiGzDecoder::new(Capped::new(caps)))),
            "deflate" => Form::DeflateUnknown,
            other => {
                let message = format!("the answer is encoded as {other:?}; only gzip and deflate were offered");
                return Err(Error::new(Step::Protocol, message));
            }
        };
        Ok(Collector {
            caps,
            received: 0,
            form,
        })
    }

    /// True when the work on a chunk is worth a pause for others.
    pub fn is_heavy(&self) -> bool {
        !matches!(self.form, Form::Plain(_) | Form::One(_))
    }

    /// Takes one chunk.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), Error> {
        self.received += chunk.len();
        if self.received > self.caps.bytes_max {
            return Err(self.caps.too_large());
        }
        if matches!(self.form, Form::DeflateUnknown) && !chunk.is_empty() {
            let zlib = chunk.first().is_some_and(|first| first & 0x0f == 8);
            let (state, out) = (Decompress::new(zlib), Capped::new(self.caps));
            self.form = Form::Deflate(Box::new(Inflate {
                state,
                out,
                ended: false,
            }));
        }
        match &mut self.form {
            Form::One(first) if first.is_empty() => *first = chunk,
            Form::One(first) => {
                let mut whole = BytesMut::with_capacity((first.len() + chunk.len()) * 2);
                whole.extend_from_slice(first);
                whole.extend_from_slice(&chunk);
                self.form = Form::Plain(whole);
            }
            Form::Plain(whole) => whole.extend_from_slice(&chunk),
            Form::Gzip(_) | Form::Deflate(_) => return self.inflate(&chunk),
            Form::DeflateUnknown => {}
        }
        Ok(())
    }

    /// The whole body.
    pub fn finish(self) -> Result<Bytes, Error> {
        let caps = self.caps;
        let (done, capped) = match self.form {
            Form::One(bytes) => return Ok(bytes),
            Form::Plain(bytes) => return Ok(bytes.freeze()),
            Form::DeflateUnknown => return Ok(Bytes::new()),
            // An empty body is no gzip stream, but servers mark it as one (204, HEAD).
            Form::Gzip(_) if self.received == 0 => return Ok(Bytes::new()),
            Form::Gzip(mut decoder) => (decoder.try_finish(), std::mem::take(decoder.get_mut())),
            Form::Deflate(inflate) if inflate.ended => (Ok(()), inflate.out),
            Form::Deflate(inflate) => (Err(io::ErrorKind::UnexpectedEof.into()), inflate.out),
        };
        if capped.overflowed {
            return Err(caps.too_large());
        }
        if done.is_err() {
            return Err(Error::new(
                Step::Protocol,
                "the compressed answer ends early or is damaged",
            ));
        }
        caps.check_ratio(capped.bytes.len(), self.received)?;
        Ok(Bytes::from(capped.bytes))
    }

    fn inflate(&mut self, chunk: &[u8]) -> Result<(), Error> {
        for piece in chunk.chunks(PIECE_BYTES) {
            let (done, capped) = match &mut self.form {
                Form::Gzip(decoder) => (decoder.write_all(piece), decoder.get_ref()),
                Form::Deflate(inflate) => (inflate.push(piece), &inflate.out),
                Form::Plain(_) | Form::One(_) | Form::DeflateUnknown => return Ok(()),
            };
            if capped.overflowed {
                return Err(self.caps.too_large());
            }
            let inflated = capped.bytes.len();
            if let Err(cause) = done {
                return Err(Error::new(
                    Step::Protocol,
                    format!("the compressed answer is damaged: {cause}"),
                ));
            }
            self.caps.check_ratio(inflated, self.received)?;
        }
        Ok(())
    }
}

impl Capped {
    fn new(caps: Caps) -> Capped {
        Capped {
            bytes: Vec::new(),
            bytes_max: caps.bytes_max,
            overflowed: false,
        }
    }
}

impl Caps {
    /// The refusal of a body over the limit.
    pub fn too_large(self) -> Error {
        Error::new(
            Step::TooLarge,
            format!("the answer is larger than {} bytes", self.bytes_max),
        )
    }

    fn check_ratio(self, inflated: usize, received: usize) -> Result<(), Error> {
        let ratio_max = self.ratio_max as usize;
        if inflated > RATIO_FREE_BYTES && inflated / ratio_max.max(1) > received {
            let message = format!("the answer is compressed more than {ratio_max}-fold, which only bombs are");
            return Err(Error::new(Step::TooLarge, message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const CAPS: Caps = Caps {
        bytes_max: 100_000,
        ratio_max: 200,
    };

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn collect(encoding: Option<&str>, caps: Caps, body: &[u8], chunk_bytes: usize) -> Result<Bytes, Error> {
        let mut collector = Collector::new(encoding, caps)?;
        for chunk in body.chunks(chunk_bytes) {
            collector.push(Bytes::copy_from_slice(chunk))?;
        }
        collector.finish()
    }

    #[test]
    fn every_encoding_in_every_chunking() {
        let text: Vec<u8> = (0..20_000u32)
            .flat_map(|n| n.to_string().into_bytes())
            .take(50_000)
            .collect();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&text).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(&text).unwrap();
        let mut members = gzip(&text[..10]);
        members.extend(gzip(&text[10..]));
        let rows = [
            (None, text.clone()),
            (Some("identity"), text.clone()),
            (Some("GZIP"), gzip(&text)),
            (Some("gzip"), members),
            (Some("deflate"), zlib.finish().unwrap()),
            (Some("deflate"), raw.finish().unwrap()),
        ];
        for (encoding, body) in rows {
            for chunk_bytes in [1, 7, 1_000, 1_000_000] {
                assert_eq!(
                    collect(encoding, CAPS, &body, chunk_bytes).unwrap(),
                    text,
                    "{encoding:?}"
                );
            }
        }
    }

    #[test]
    fn empty_bodies() {
        for encoding in [None, Some("gzip"), Some("deflate")] {
            assert_eq!(collect(encoding, CAPS, b"", 1).unwrap(), "");
        }
    }

    #[test]
    fn caps_hold_before_and_after_decompression() {
        let step = |result: Result<Bytes, Error>| result.unwrap_err().step;
        assert_eq!(step(collect(None, CAPS, &[0; 100_001], 1_000)), Step::TooLarge);
        assert_eq!(
            step(collect(Some("gzip"), CAPS, &gzip(&[0; 100_001]), 1_000)),
            Step::TooLarge
        );
        assert_eq!(collect(None, CAPS, &[0; 100_000], 1_000).unwrap().len(), 100_000);
        let wide = Caps {
            bytes_max: 1 << 30,
            ratio_max: 200,
        };
        assert_eq!(
            step(collect(Some("gzip"), wide, &gzip(&[0; 8 << 20]), 1_000)),
            Step::TooLarge
        );
    }

    #[test]
    fn damaged_and_unknown() {
        let step = |result: Result<Bytes, Error>| result.unwrap_err().step;
        let whole = gzip(b"some text that is compressed");
        assert_eq!(
            step(collect(Some("gzip"), CAPS, &whole[..whole.len() - 4], 5)),
            Step::Protocol
        );
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(b"some text that is compressed").unwrap();
        let zlib = zlib.finish().unwrap();
        assert_eq!(
            step(collect(Some("deflate"), CAPS, &zlib[..zlib.len() - 6], 5)),
            Step::Protocol
        );
        assert_eq!(
            step(collect(Some("deflate"), CAPS, &zlib[2..zlib.len() - 8], 5)),
            Step::Protocol
        );
        assert_eq!(step(collect(Some("gzip"), CAPS, b"plain text", 5)), Step::Protocol);
        assert_eq!(step(collect(Some("br"), CAPS, b"", 5)), Step::Protocol);
    }
}

//! What is kept of a request until it is executed: its head, a small body, and where it came from; sealed, because it holds
//! the caller's credentials.
//!
//! The form is binary and of our own: a version, then texts and bytes, each preceded by its length.

use bytes::Bytes;
use uuid::Uuid;

use crate::{
    domain::ids::{BackgroundId, TenantId},
    store::{self, Place, Sealer},
};

/// Bytes of one chunk of a body that is too large for the row, before it is sealed.
pub const CHUNK_BYTES: usize = 64 * 1_024;
/// A body up to this size is kept in the row itself, bytes: in [`Envelope::body`], or as the response.
pub const SMALL_BODY_BYTES: usize = 8 * 1_024;

/// Of the form.
const VERSION: u8 = 1;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Names in lower case, values as they came; without `erp-api-background`.
    pub headers: Vec<(String, Vec<u8>)>,
    /// `scheme://host[:port]` under which the caller says to have reached us, and the path under which we are mounted: the
    /// begin of links for him alone.
    pub base_url: String,
    /// Address of the caller.
    pub client_ip: Option<String>,
    /// `http` or `https`, as the caller came.
    pub proto: String,
    /// The body, if it is small; one in chunks is in the store.
    pub body: Option<Bytes>,
}

pub use crate::store::background::BodyKind as Body;

impl Envelope {
    /// Seals it for its row (`background_request.request`).
    ///
    /// # Errors
    /// As [`Sealer::seal`].
    pub fn seal(&self, sealer: &Sealer, tenant_id: TenantId, id: BackgroundId) -> store::Result<Vec<u8>> {
        sealer.seal(place(tenant_id, id, "request"), &self.to_bytes())
    }

    /// Opens what [`Envelope::seal`] made for the same row.
    ///
    /// # Errors
    /// As [`Sealer::open`]; [`store::Error::Content`] for a form that this version does not know.
    pub fn open(sealer: &Sealer, tenant_id: TenantId, id: BackgroundId, sealed: &[u8]) -> store::Result<Self> {
        let opened = sealer.open(place(tenant_id, id, "request"), sealed)?;
        Self::of_bytes(&opened)
            .ok_or_else(|| store::Error::Content(format!("the stored request {id} is of an unknown form")))
    }

    /// The first value of a header; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_slice())
    }

    fn to_bytes(&self) -> zeroize::Zeroizing<Vec<u8>> {
        let body = self.body.as_deref();
        let heads: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 8)
            .sum();
        let mut form = Vec::with_capacity(heads + body.map_or(0, <[u8]>::len) + self.base_url.len() + 64);
        form.push(VERSION);
        put_length(&mut form, self.headers.len());
        for (name, value) in &self.headers {
            put(&mut form, name.as_bytes());
            put(&mut form, value);
        }
        put(&mut form, self.base_url.as_bytes());
        put(&mut form, self.proto.as_bytes());
        put_maybe(&mut form, self.client_ip.as_deref().map(str::as_bytes));
        put_maybe(&mut form, body);
        zeroize::Zeroizing::new(form)
    }

    fn of_bytes(form: &[u8]) -> Option<Self> {
        let mut form = Form(form);
        if form.byte()? != VERSION {
            return None;
        }
        let count = form.length()?;
        let mut headers = Vec::with_capacity(count.min(256));
        for _ in 0..count {
            headers.push((form.text()?, form.bytes()?.to_vec()));
        }
        let envelope = Self {
            headers,
            base_url: form.text()?,
            proto: form.text()?,
            client_ip: match form.byte()? {
                0 => None,
                _ => Some(form.text()?),
            },
            body: match form.byte()? {
                0 => None,
                _ => Some(Bytes::copy_from_slice(form.bytes()?)),
            },
        };
        form.0.is_empty().then_some(envelope)
    }
}

/// Seals chunk `seq` of a body; it opens only as this chunk of this body of this request.
///
/// # Errors
/// As [`Sealer::seal`].
pub fn seal_chunk(
    sealer: &Sealer,
    tenant_id: TenantId,
    id: BackgroundId,
    body: Body,
    seq: u32,
    chunk: &[u8],
) -> store::Result<Vec<u8>> {
    sealer.seal(chunk_place(tenant_id, id, body, seq), chunk)
}

/// Opens what [`seal_chunk`] made.
///
/// # Errors
/// As [`Sealer::open`].
pub fn open_chunk(
    sealer: &Sealer,
    tenant_id: TenantId,
    id: BackgroundId,
    body: Body,
    seq: u32,
    sealed: &[u8],
) -> store::Result<Bytes> {
    let opened = sealer.open(chunk_place(tenant_id, id, body, seq), sealed)?;
    Ok(Bytes::copy_from_slice(&opened))
}

/// Seals a small answer for its row (`background_request.response`).
///
/// # Errors
/// As [`Sealer::seal`].
pub fn seal_response(sealer: &Sealer, tenant_id: TenantId, id: BackgroundId, body: &[u8]) -> store::Result<Vec<u8>> {
    sealer.seal(place(tenant_id, id, "response"), body)
}

/// Opens what [`seal_response`] made.
///
/// # Errors
/// As [`Sealer::open`].
pub fn open_response(sealer: &Sealer, tenant_id: TenantId, id: BackgroundId, sealed: &[u8]) -> store::Result<Bytes> {
    let opened = sealer.open(place(tenant_id, id, "response"), sealed)?;
    Ok(Bytes::copy_from_slice(&opened))
}

/// Seals where the end of a request is asked for (`background_request.follow`): such URLs hold keys.
///
/// # Errors
/// As [`Sealer::seal`].
pub fn seal_follow(sealer: &Sealer, tenant_id: TenantId, id: BackgroundId, follow: &[u8]) -> store::Result<Vec<u8>> {
    sealer.seal(place(tenant_id, id, "follow"), follow)
}

/// Opens what [`seal_follow`] made.
///
/// # Errors
/// As [`Sealer::open`].
pub fn open_follow(sealer: &Sealer, tenant_id: TenantId, id: BackgroundId, sealed: &[u8]) -> store::Result<Bytes> {
    let opened = sealer.open(place(tenant_id, id, "follow"), sealed)?;
    Ok(Bytes::copy_from_slice(&opened))
}

fn place(tenant_id: TenantId, id: BackgroundId, column: &'static str) -> Place {
    Place {
        tenant_id,
        table: "background_request",
        row_id: id.uuid(),
        column,
    }
}

/// A place takes one UUID as the row's id; a chunk's has three parts, so one is made from them.
fn chunk_place(tenant_id: TenantId, id: BackgroundId, body: Body, seq: u32) -> Place {
    let column = match body {
        Body::Request => "request",
        Body::Response => "response",
    };
    Place {
        tenant_id,
        table: "background_body",
        row_id: Uuid::new_v5(&id.uuid(), &seq.to_le_bytes()),
        column,
    }
}

fn put_length(form: &mut Vec<u8>, length: usize) {
    // Heads are bounded by the server and bodies in here are small: a length always fits.
    form.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn put(form: &mut Vec<u8>, bytes: &[u8]) {
    put_length(form, bytes.len());
    form.extend_from_slice(bytes);
}

fn put_maybe(form: &mut Vec<u8>, bytes: Option<&[u8]>) {
    form.push(u8::from(bytes.is_some()));
    if let Some(bytes) = bytes {
        put(form, bytes);
    }
}

/// What is still to be read.
struct Form<'a>(&'a [u8]);

impl<'a> Form<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn length(&mut self) -> Option<usize> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        usize::try_from(u32::from_le_bytes(*length)).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids() -> (TenantId, BackgroundId) {
        (Uuid::from_u128(1).into(), Uuid::from_u128(2).into())
    }

    fn sealer() -> Sealer {
        Sealer::from_key(&[7; 32])
    }

    fn envelope() -> Envelope {
        Envelope {
            headers: vec![
                ("authorization".to_owned(), b"Bearer secret".to_vec()),
                ("x-odd".to_owned(), vec![0xE5, 0x20]),
            ],
            base_url: "https://orrery.example".to_owned(),
            client_ip: Some("192.0.2.1".to_owned()),
            proto: "https".to_owned(),
            body: Some(Bytes::from_static(b"{}")),
        }
    }

    #[test]
    fn what_is_sealed_opens_for_its_row_only() {
        let ((tenant, id), sealer) = (ids(), sealer());
        let sealed = envelope().seal(&sealer, tenant, id).unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        let opened = Envelope::open(&sealer, tenant, id, &sealed).unwrap();
        assert_eq!(opened, envelope());
        assert_eq!(opened.header("authorization"), Some(b"Bearer secret".as_slice()));
        let other = Uuid::from_u128(3);
        assert!(Envelope::open(&sealer, tenant, other.into(), &sealed).is_err());
        assert!(Envelope::open(&sealer, other.into(), id, &sealed).is_err());
        assert!(open_response(&sealer, tenant, id, &sealed).is_err());
    }

    #[test]
    fn a_chunk_opens_in_its_place_only() {
        let ((tenant, id), sealer) = (ids(), sealer());
        let sealed = seal_chunk(&sealer, tenant, id, Body::Request, 4, b"part").unwrap();
        let open = |body, seq| open_chunk(&sealer, tenant, id, body, seq, &sealed);
        assert_eq!(open(Body::Request, 4).unwrap(), "part");
        assert!(open(Body::Request, 5).is_err());
        assert!(open(Body::Response, 4).is_err());
        let answer = seal_response(&sealer, tenant, id, b"whole").unwrap();
        assert_eq!(open_response(&sealer, tenant, id, &answer).unwrap(), "whole");
    }

    proptest! {
        #[test]
        fn any_envelope_comes_back(
            headers in proptest::collection::vec(("[a-z-]{1,12}", proptest::collection::vec(any::<u8>(), 0..40)), 0..8),
            base_url in ".*", proto in "https?", client_ip in proptest::option::of(".*"),
            body in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200)),
        ) {
            let envelope = Envelope { headers, base_url, client_ip, proto, body: body.map(Bytes::from) };
            prop_assert_eq!(Envelope::of_bytes(&envelope.to_bytes()), Some(envelope));
        }

        #[test]
        fn damage_is_an_answer_not_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..60) {
            let _ = Envelope::of_bytes(&bytes);
            let form = envelope().to_bytes();
            if cut < form.len() {
                prop_assert_eq!(Envelope::of_bytes(&form[..cut]), None);
            }
        }
    }
}

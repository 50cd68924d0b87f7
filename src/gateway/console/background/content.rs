//! What an endpoint has answered: shown as text, its beginning only, and given out as a file that no browser shows as a page.

use std::io::Read;

use actix_web::{
    HttpResponse,
    http::header::{self, HeaderValue},
    web,
};
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt;
use maud::{Markup, html};

use crate::{
    domain::ids::BackgroundId,
    engine::{
        Engine,
        background::{Content, ContentBody, Operation},
    },
    error::{Code, Error, Result},
    gateway::{
        console::{json_field, ui, view::View},
        etag,
        json::PathId,
    },
};

/// So much of an answer is shown, bytes.
const SHOWN_BYTES_MAX: usize = 64 * 1024;
/// Without scripts, forms, frames and an origin, should a browser open the file all the same.
const POLICY: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// The body as a file.
pub(super) async fn download(view: View, engine: web::Data<Engine>, id: PathId<BackgroundId>) -> Result<HttpResponse> {
    let Some(content) = engine.background().content(view.caller(), id.0).await? else {
        return Ok(etag::no_content());
    };
    let media_type = content
        .content_type
        .and_then(|text| HeaderValue::from_str(&text).ok())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, media_type))
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}\"", id.0),
        ))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
    if let Some(encoding) = content.encoding.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.insert_header((header::CONTENT_ENCODING, encoding));
    }
    Ok(match content.body {
        ContentBody::Whole(bytes) => response.body(bytes),
        ContentBody::Parts(parts) => response.streaming(parts.map(|part| part.map_err(actix_web::Error::from))),
    })
}

/// The beginning of the body on the page, and where all of it is.
pub(super) async fn shown(view: &View, engine: &Engine, item: &Operation) -> Result<Markup> {
    let content = match engine.background().content(view.caller(), item.id).await {
        Ok(Some(content)) => content,
        Ok(None) => return Ok(html! { p .quiet { "It ended without a body." } }),
        // What an administrator of all tenants was answered is only for such.
        Err(Error {
            code: Code::Forbidden,
            message,
            ..
        }) => return Ok(html! { p .note { (message) } }),
        Err(error) => return Err(error),
    };
    let media_type = content.content_type.clone().unwrap_or_default();
    let link = view.url(&format!("/background/{}/content", item.id));
    let download = html! { a .button href=(link) download { "Download the answer" } };
    let begin = begin(content).await?;
    Ok(match begin.text() {
        Some((text, is_cut)) => html! {
            @if !media_type.is_empty() { p .quiet { (media_type) } }
            (ui::code(&if is_cut { text } else { json_field::pretty(&text) }))
            @if is_cut { p .note { "This is the beginning only." } }
            p { (download) }
        },
        None => html! {
            p { "It is no text (" @if media_type.is_empty() { "no media type" } @else { (media_type) } "), so it is not shown here." }
            p { (download) }
        },
    })
}

/// The first bytes of a body.
struct Begin {
    bytes: Vec<u8>,
    is_cut: bool,
    is_readable: bool,
}

impl Begin {
    /// The bytes as text, and whether it is cut; none where they are none.
    fn text(&self) -> Option<(String, bool)> {
        if !self.is_readable || self.bytes.contains(&0) {
            return None;
        }
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => Some((text.to_owned(), self.is_cut)),
            // The cut may go through a letter.
            Err(error) if self.is_cut && error.error_len().is_none() => {
                let whole = self.bytes.get(..error.valid_up_to())?;
                Some((String::from_utf8_lossy(whole).into_owned(), true))
            }
            Err(_) => None,
        }
    }
}

async fn begin(content: Content) -> Result<Begin> {
    let (bytes, is_cut) = match content.body {
        ContentBody::Whole(bytes) => (bytes.to_vec(), false),
        ContentBody::Parts(mut parts) => {
            let mut bytes = Vec::new();
            let mut is_cut = false;
            while let Some(part) = parts.next().await {
                bytes.extend_from_slice(&part?);
                is_cut = bytes.len() > SHOWN_BYTES_MAX;
                if is_cut {
                    break;
                }
            }
            (bytes, is_cut)
        }
    };
    let encoding = content.encoding.unwrap_or_default().trim().to_ascii_lowercase();
    Ok(match encoding.as_str() {
        "" | "identity" => limited(bytes, is_cut),
        "gzip" | "x-gzip" => unpacked(&bytes, is_cut),
        _ => Begin {
            bytes,
            is_cut,
            is_readable: false,
        },
    })
}

fn limited(mut bytes: Vec<u8>, is_cut: bool) -> Begin {
    let is_cut = is_cut || bytes.len() > SHOWN_BYTES_MAX;
    bytes.truncate(SHOWN_BYTES_MAX);
    Begin {
        bytes,
        is_cut,
        is_readable: true,
    }
}

/// No more is unpacked than is shown, whatever it would come to.
fn unpacked(packed: &[u8], is_cut: bool) -> Begin {
    let mut bytes = Vec::new();
    let limit = u64::try_from(SHOWN_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(packed).take(limit).read_to_end(&mut bytes);
    Begin {
        // Of what is cut, the end cannot be unpacked.
        is_readable: read.is_ok() || (is_cut && !bytes.is_empty()),
        ..limited(bytes, is_cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn of(body: &[u8], encoding: Option<&str>) -> Content {
        Content {
            content_type: None,
            encoding: encoding.map(str::to_owned),
            body: ContentBody::Whole(body.to_vec().into()),
        }
    }

    fn packed(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn text_is_shown_and_cut_between_letters() {
        let short = begin(of("å <b>".as_bytes(), None)).await.unwrap();
        assert_eq!(short.text(), Some(("å <b>".to_owned(), false)));
        let long = format!("x{}", "å".repeat(SHOWN_BYTES_MAX));
        let (text, is_cut) = begin(of(long.as_bytes(), None)).await.unwrap().text().unwrap();
        assert!(is_cut && text.len() == SHOWN_BYTES_MAX - 1, "{}", text.len());
        assert_eq!(begin(of(b"\xff\xfe", None)).await.unwrap().text(), None);
        assert_eq!(begin(of(b"a\0b", None)).await.unwrap().text(), None);
    }

    #[tokio::test]
    async fn what_is_packed_is_unpacked_as_far_as_it_is_shown() {
        let small = begin(of(&packed(b"{\"a\":1}"), Some("gzip"))).await.unwrap();
        assert_eq!(small.text(), Some(("{\"a\":1}".to_owned(), false)));
        let bomb = packed(&vec![b'x'; 20 * 1024 * 1024]);
        let (text, is_cut) = begin(of(&bomb, Some("gzip"))).await.unwrap().text().unwrap();
        assert!(is_cut && text.len() == SHOWN_BYTES_MAX);
        assert_eq!(begin(of(b"no gzip", Some("gzip"))).await.unwrap().text(), None);
        assert_eq!(begin(of(b"text", Some("br"))).await.unwrap().text(), None);
    }
}

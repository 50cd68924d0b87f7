//! Versions in headers: `ETag: "<version>"` on answers, `If-Match` on changes; and the answers that carry them.

use actix_web::{FromRequest, HttpRequest, HttpResponse, dev::Payload, http::header};
use serde::Serialize;

use crate::error::{Code, Error, Result};

/// A version that no thing has: what an entity tag of another kind is taken for, so that it never matches.
const NO_VERSION: i64 = -1;

/// The version that the caller has seen, from `If-Match`; none if the header is absent or `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

impl FromRequest for IfMatch {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.headers().get_all(header::IF_MATCH);
        let parsed = match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => read(value.to_str().unwrap_or_default()),
            (Some(_), Some(_)) => Err(one_only()),
        };
        std::future::ready(parsed.map(Self))
    }
}

/// 200 with the thing and its version.
pub fn ok(version: i64, thing: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ETAG, format!("\"{version}\"")))
        .json(thing)
}

/// 201 with the thing, its version and where it is.
pub fn created(location: &str, version: i64, thing: &impl Serialize) -> HttpResponse {
    HttpResponse::Created()
        .insert_header((header::ETAG, format!("\"{version}\"")))
        .insert_header((header::LOCATION, location))
        .json(thing)
}

/// 204.
#[must_use]
pub fn no_content() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

fn read(text: &str) -> Result<Option<i64>> {
    let text = text.trim();
    if text == "*" {
        return Ok(None);
    }
    if text.contains(',') {
        return Err(one_only());
    }
    let version = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .and_then(|text| text.parse().ok());
    Ok(Some(version.unwrap_or(NO_VERSION)))
}

fn one_only() -> Error {
    Error::new(
        Code::BadRequest,
        "If-Match takes one entity tag, the ETag of the last answer.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_strong_versions() {
        for (text, expected) in [
            ("\"7\"", Some(7)),
            (" \"7\" ", Some(7)),
            ("*", None),
            ("W/\"7\"", Some(NO_VERSION)),
            ("7", Some(NO_VERSION)),
            ("\"abc\"", Some(NO_VERSION)),
            ("", Some(NO_VERSION)),
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        assert!(read("\"1\", \"2\"").is_err());
    }
}

//! Headers that every answer carries, so that browsers treat it as data and nobody keeps it.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const DENY: HeaderValue = HeaderValue::from_static("DENY");
/// For data: nothing may be loaded or framed.
const DATA_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Adds what is not there yet: a page (docs, console) sets its own policy and caching.
pub(super) fn secure(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, NOSNIFF),
        (header::CACHE_CONTROL, NO_STORE),
        (header::REFERRER_POLICY, NO_REFERRER),
        (header::X_FRAME_OPTIONS, DENY),
        (header::CONTENT_SECURITY_POLICY, DATA_POLICY),
    ] {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
}

/// Sets a header whose value may hold anything; a value that no header can hold is left out.
pub(super) fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

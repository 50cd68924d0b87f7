//! Which headers a request may carry.

use actix_http::header::{HeaderName, HeaderValue};

use super::error::{Error, Step};
use super::message::{Request, is_secret_header};

/// Headers that the transport writes itself, or that concern one connection only.
const REFUSED: [&str; 11] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

/// Checks a header name that a person chose; the message completes "the header name ...".
pub fn check_name(name: &str) -> Result<(), String> {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err("must be a header name: letters, digits and hyphens".to_owned());
    }
    match REFUSED.iter().find(|refused| name.eq_ignore_ascii_case(refused)) {
        Some(refused) => Err(format!("must not be {refused}: the engine sets that header itself")),
        None => Ok(()),
    }
}

/// Checks a header value; the message never repeats it.
pub fn check_value(value: &str) -> Result<(), String> {
    match HeaderValue::from_str(value) {
        Ok(_) => Ok(()),
        Err(_) => Err("must not hold line breaks or other control characters".to_owned()),
    }
}

/// True for what the transport writes itself.
pub(super) fn is_refused(name: &HeaderName) -> bool {
    REFUSED.contains(&name.as_str())
}

/// A checked header.
#[derive(Clone)]
pub(super) struct Header {
    pub name: HeaderName,
    pub value: HeaderValue,
    /// Left behind when a redirect changes the origin.
    pub secret: bool,
}

/// Checks all headers of a request, the secret ones last.
pub(super) fn parse_all(request: &Request) -> Result<Vec<Header>, Error> {
    let plain = request
        .headers
        .iter()
        .map(|(name, value)| (name, value, is_secret_header(name)));
    let secret = request.secret_headers.iter().map(|(name, value)| (name, value, true));
    plain
        .chain(secret)
        .map(|(name, value, secret)| parse(name, value, secret))
        .collect()
}

fn parse(name: &str, value: &str, secret: bool) -> Result<Header, Error> {
    let invalid = |message: String| Error::new(Step::Request, message);
    check_name(name).map_err(|message| invalid(format!("the header name {name:?} is not accepted: it {message}")))?;
    let value = HeaderValue::from_str(value).map_err(|_| {
        invalid(format!(
            "the value of the header {name} must not hold line breaks or other control characters"
        ))
    })?;
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| invalid(format!("the header name {name:?} is not accepted")))?;
    Ok(Header { name, value, secret })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["X-Key", "accept", "content-type", "user-agent", "if-none-match"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "a b",
            "a:b",
            "a\r\nb",
            "Host",
            "CONTENT-LENGTH",
            "connection",
            "Transfer-Encoding",
            "é",
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn values() {
        for value in ["", "plain", "with spaces; q=1", "tab\tinside", "naïve"] {
            assert_eq!(check_value(value), Ok(()), "{value:?}");
        }
        for value in ["a\r\nb: c", "a\nb", "a\rb", "nul\0", "del\u{7f}"] {
            assert!(check_value(value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn messages_do_not_repeat_values() {
        let error = parse("x-key", "hush\n", true).err().unwrap();
        assert_eq!(error.step, Step::Request);
        assert!(!error.message.contains("hush"));
    }
}

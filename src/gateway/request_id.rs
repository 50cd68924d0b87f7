//! The id of a request: the caller's if it is sane, else ours.

use actix_web::{HttpMessage, HttpRequest, dev::ServiceRequest};

use crate::clock::Clock;

/// Header of the id, in requests and answers.
pub const HEADER: &str = "x-request-id";
/// Longest id that is taken over, in bytes.
const BYTES_MAX: usize = 128;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// The id that the outer layer gave the request.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Option<String> {
        request.extensions().get::<Self>().map(|id| id.0.clone())
    }

    /// Takes or makes the id and leaves it with the request.
    pub(super) fn assign(request: &ServiceRequest, clock: &Clock) -> String {
        if let Some(Self(id)) = request.extensions().get::<Self>() {
            return id.clone();
        }
        let given = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
        let id = match given {
            Some(id) if is_sane(id) => id.to_owned(),
            _ => clock.new_id().to_string(),
        };
        request.extensions_mut().insert(Self(id.clone()));
        id
    }
}

fn is_sane(id: &str) -> bool {
    (1..=BYTES_MAX).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_ids_are_taken() {
        for (id, expected) in [
            ("a", true),
            ("A.b_c-9", true),
            ("", false),
            ("a b", false),
            ("a\"b", false),
            ("å", false),
        ] {
            assert_eq!(is_sane(id), expected, "{id}");
        }
        assert!(is_sane(&"a".repeat(128)) && !is_sane(&"a".repeat(129)));
    }
}

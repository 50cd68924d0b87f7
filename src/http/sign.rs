//! Credentials on a request: the header, query parameter or signature that a kind adds.

use actix_http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use url::Url;

use super::auth::{Auth, HmacEncoding, KeyPlace};
use super::error::{Error, RetryClass, Step};
use super::secret::{Secret, hex};

/// What is added to one request.
pub(super) enum Credential {
    Nothing,
    Header(HeaderName, HeaderValue),
    Query(String, Secret),
}

impl Credential {
    /// For kinds without a token; `body` is what HMAC signs.
    pub fn fixed(auth: &Auth, body: &[u8]) -> Result<Credential, Error> {
        match auth {
            Auth::Basic { username, password } => header(AUTHORIZATION, &basic(username, password)),
            Auth::Bearer { token } => header(AUTHORIZATION, &Secret::new(format!("Bearer {}", token.expose()))),
            Auth::ApiKey {
                place: KeyPlace::Header,
                name,
                value,
            } => header(named(name)?, value),
            Auth::ApiKey {
                place: KeyPlace::Query,
                name,
                value,
            } => Ok(Credential::Query(name.clone(), value.clone())),
            Auth::Hmac {
                secret,
                header: name,
                encoding,
                prefix,
                ..
            } => {
                let signature = signature(secret, body, *encoding);
                let prefix = prefix.as_deref().unwrap_or_default();
                header(named(name)?, &Secret::new(format!("{prefix}{signature}")))
            }
            Auth::None {}
            | Auth::Oauth2ClientCredentials { .. }
            | Auth::Oauth2Password { .. }
            | Auth::Oauth2RefreshToken { .. }
            | Auth::Oauth2Jwt { .. }
            | Auth::Login { .. } => Ok(Credential::Nothing),
        }
    }

    /// For kinds with a token.
    pub fn token(auth: &Auth, token: &Secret) -> Result<Credential, Error> {
        match auth {
            Auth::Login {
                header: name, prefix, ..
            } => header(named(name)?, &Secret::new(format!("{prefix}{}", token.expose()))),
            _ => header(AUTHORIZATION, &Secret::new(format!("Bearer {}", token.expose()))),
        }
    }

    /// The URL with the key in its query, if the kind puts it there.
    pub fn on_url(&self, url: &Url) -> Option<Url> {
        let Credential::Query(name, value) = self else {
            return None;
        };
        let mut with_key = url.clone();
        with_key.query_pairs_mut().append_pair(name, value.expose());
        Some(with_key)
    }
}

/// The value of a basic `Authorization` header.
pub(super) fn basic(username: &str, password: &Secret) -> Secret {
    let pair = zeroize::Zeroizing::new(format!("{username}:{}", password.expose()));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}

fn signature(secret: &Secret, body: &[u8], encoding: HmacEncoding) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    let bytes = mac.finalize().into_bytes();
    match encoding {
        HmacEncoding::Hex => hex(&bytes),
        HmacEncoding::Base64 => STANDARD.encode(bytes),
    }
}

fn named(name: &str) -> Result<HeaderName, Error> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable(&format!("{name:?} is no header name")))
}

fn header(name: HeaderName, value: &Secret) -> Result<Credential, Error> {
    match HeaderValue::from_str(value.expose()) {
        Ok(mut value) => {
            value.set_sensitive(true);
            Ok(Credential::Header(name, value))
        }
        Err(_) => Err(unusable(
            "the credentials hold control characters and cannot be sent in a header",
        )),
    }
}

fn unusable(message: &str) -> Error {
    Error::new(Step::Token, message).retry(RetryClass::Never, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_signature() {
        // RFC 4231, test case 2.
        let secret = Secret::new("Jefe");
        let found = signature(&secret, b"what do ya want for nothing?", HmacEncoding::Hex);
        assert_eq!(
            found,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let found = signature(&secret, b"what do ya want for nothing?", HmacEncoding::Base64);
        assert_eq!(found, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    }

    #[test]
    fn known_basic() {
        // RFC 7617, section 2.
        let found = basic("Aladdin", &Secret::new("open sesame"));
        assert_eq!(found.expose(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn line_breaks_never_reach_a_header() {
        let auth = Auth::Bearer {
            token: "a\r\nx: y".into(),
        };
        assert!(Credential::fixed(&auth, b"").is_err());
    }
}

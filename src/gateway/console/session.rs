//! The cookies of the console: the sign-in, the chosen tenant, a word to say on the next page; and the tokens that tie forms to
//! a session.

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite, time},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::base_of;
use crate::{domain::ids::TenantId, engine::Engine};

/// Holds the token of the sign-in.
pub(super) const SESSION: &str = "orrery_session";
/// Holds the company id of the tenant that the person works in.
pub(super) const TENANT: &str = "orrery_tenant";
/// Holds what the next page says.
pub(super) const SAID: &str = "orrery_said";
/// Ties the form of the sign-in page to the browser that asked for it.
pub(super) const VISITOR: &str = "orrery_visitor";
/// Longest text that the next page says, characters.
const SAID_CHARACTERS_MAX: usize = 400;

/// Where the cookies of a request belong, and whether they may travel without TLS.
#[derive(Clone, Debug)]
pub(super) struct Jar {
    path: String,
    secure: bool,
}

impl Jar {
    /// People reach us over TLS where the setting `server.public_url` or the proxy in front of us says so: our own server has
    /// none. A proxy that lies makes only its own people's browsers keep the cookie to themselves.
    pub(super) fn of(engine: &Engine, request: &HttpRequest) -> Self {
        let public = &engine.settings().server.public_url;
        Self {
            path: base_of(request.path()).to_owned(),
            secure: public.starts_with("https://") || request.connection_info().scheme() == "https",
        }
    }

    /// A cookie that scripts cannot read and that other sites' forms do not send; it ends with the browser.
    pub(super) fn cookie(&self, name: &'static str, value: String) -> Cookie<'static> {
        Cookie::build(name, value)
            .path(self.path.clone())
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.secure)
            .finish()
    }

    /// The same cookie, ended.
    pub(super) fn ended(&self, name: &'static str) -> Cookie<'static> {
        let mut gone = self.cookie(name, String::new());
        gone.set_max_age(time::Duration::ZERO);
        gone
    }
}

/// The token that every form of this session carries; who does not know the session's secret cannot make it. It holds in one
/// tenant: what a page of one shows must not happen in another that was chosen meanwhile.
pub(super) fn form_token(secret: &str, tenant: Option<TenantId>) -> String {
    URL_SAFE_NO_PAD.encode(mac(secret, tenant).finalize().into_bytes())
}

/// Whether a form carries the token of this session. In constant time.
pub(super) fn is_form_token(secret: &str, tenant: Option<TenantId>, given: &str) -> bool {
    URL_SAFE_NO_PAD
        .decode(given)
        .is_ok_and(|given| mac(secret, tenant).verify_slice(&given).is_ok())
}

fn mac(secret: &str, tenant: Option<TenantId>) -> Hmac<Sha256> {
    // HMAC takes keys of any length; there is no error to be had.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.update(b"form of the console");
    if let Some(tenant) = tenant {
        mac.update(tenant.uuid().as_bytes());
    }
    mac
}

/// What the next page is to say, as a cookie can hold it.
pub(super) fn said_value(text: &str) -> String {
    let cut: String = text.chars().take(SAID_CHARACTERS_MAX).collect();
    URL_SAFE_NO_PAD.encode(cut)
}

/// What this page is to say.
pub(super) fn said(request: &HttpRequest) -> Option<String> {
    let value = request.cookie(SAID)?;
    let bytes = URL_SAFE_NO_PAD.decode(value.value()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    (!text.is_empty()).then(|| text.chars().take(SAID_CHARACTERS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_token_belongs_to_one_session() {
        let (here, there) = (
            TenantId::from(uuid::Uuid::from_u128(1)),
            TenantId::from(uuid::Uuid::from_u128(2)),
        );
        let token = form_token("orr_one", Some(here));
        assert!(is_form_token("orr_one", Some(here), &token));
        assert!(!is_form_token("orr_one", Some(there), &token));
        assert!(!is_form_token("orr_one", None, &token));
        for (secret, given) in [
            ("orr_two", token.as_str()),
            ("orr_one", ""),
            ("orr_one", "!!"),
            ("orr_one", "AAAA"),
        ] {
            assert!(!is_form_token(secret, Some(here), given), "{secret} {given}");
        }
    }

    #[test]
    fn what_is_said_is_cut_and_read_again() {
        let long = "å".repeat(1_000);
        let request = actix_web::test::TestRequest::default()
            .cookie(Cookie::new(SAID, said_value(&long)))
            .to_http_request();
        assert_eq!(said(&request).unwrap().chars().count(), SAID_CHARACTERS_MAX);
        let odd = actix_web::test::TestRequest::default()
            .cookie(Cookie::new(SAID, "<script>"))
            .to_http_request();
        assert_eq!(said(&odd), None);
    }
}

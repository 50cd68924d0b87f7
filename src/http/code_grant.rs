//! A code that a person brought back from another system becomes tokens (RFC 6749, section 4.1).

use jiff::Timestamp;

use super::auth::{Auth, OauthClient};
use super::error::{Error, RetryClass};
use super::outbound::Outbound;
use super::secret::Secret;
use super::token::ask;
use super::token_request::{self, ENTER_AGAIN};

/// A code, and all that the other system wants to see with it.
#[derive(Debug, Clone)]
pub struct CodeGrant {
    /// Where codes are redeemed, and who we are there.
    pub oauth: OauthClient,
    /// What the person brought.
    pub code: Secret,
    /// As it was in the link.
    pub redirect_uri: String,
    /// The verifier of PKCE.
    pub verifier: Secret,
}

/// What the other system gave.
#[derive(Debug, Clone)]
pub struct CodeTokens {
    /// The access token.
    pub access_token: Secret,
    /// For others after it.
    pub refresh_token: Option<Secret>,
    /// When the access token ends, where that was said.
    pub expires_at: Option<Timestamp>,
}

impl Outbound {
    /// Redeems a code. It can be redeemed once, so that a request whose answer is lost is not sent again. Must run on a thread of an
    /// actix runtime.
    ///
    /// # Errors
    /// Step `token`, `request` or `egress`; the message holds no secret.
    pub async fn redeem_code(&self, grant: &CodeGrant) -> Result<CodeTokens, Error> {
        let request = token_request::build_for_code(&grant.oauth, &grant.code, &grant.redirect_uri, &grant.verifier);
        let sent = token_request::sent_secrets(&request);
        let answer = ask(&self.shared, request).await?;
        // The answer is read as that to any other request for a token.
        let auth = Auth::Oauth2ClientCredentials {
            oauth: grant.oauth.clone(),
        };
        let read = token_request::read(&auth, &answer, &sent, self.shared.clock.now());
        match read {
            Ok(tokens) => Ok(CodeTokens {
                access_token: tokens.access_token,
                refresh_token: tokens.refresh_token.filter(|token| !token.is_empty()),
                expires_at: tokens.expires_at,
            }),
            // It is the code that is refused, which nobody has entered.
            Err(error) => Err(Error {
                message: error.message.trim_end_matches(ENTER_AGAIN).to_owned(),
                needs_reauthorisation: false,
                retry: RetryClass::Never,
                ..error
            }),
        }
    }
}

//! What of a consent is sealed: the verifier of a link, tokens, credentials.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    domain::ids::TenantId,
    http::{Auth, Secret},
    store::{Error, Place, Result, Sealer},
};

/// The secrets of a consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsentSecrets {
    /// Of a link that somebody may follow.
    Link {
        /// Of PKCE.
        verifier: Secret,
        /// As it is in the link: the request for the tokens has to name it again.
        redirect_uri: String,
    },
    /// Of a grant of the type OAuth2.
    Tokens(ConsentTokens),
    /// Of a grant of the type Credentials: how requests are authenticated.
    Credentials(Auth),
}

/// What the other system gave, and for whom: the tokens go nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentTokens {
    /// Where they came from.
    pub token_url: String,
    /// To whom they were given.
    pub client_id: String,
    /// The first access token.
    pub access_token: Secret,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// The first refresh token; later ones are in the vault.
    pub refresh_token: Option<Secret>,
}

/// As it is sealed: `T` is a text to write, and a [`Secret`] to read.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Clear<T> {
    Link {
        verifier: T,
        redirect_uri: String,
    },
    Tokens {
        token_url: String,
        client_id: String,
        access_token: T,
        expires_at: Option<Timestamp>,
        refresh_token: Option<T>,
    },
    Credentials {
        auth: T,
    },
}

impl ConsentSecrets {
    /// Seals them for their consent.
    ///
    /// # Errors
    /// [`Error::Sealed`].
    pub fn seal(&self, sealer: &Sealer, tenant_id: TenantId, consent: Uuid) -> Result<Vec<u8>> {
        let stored;
        let clear = match self {
            Self::Link { verifier, redirect_uri } => Clear::Link {
                verifier: verifier.expose(),
                redirect_uri: redirect_uri.clone(),
            },
            Self::Tokens(tokens) => Clear::Tokens {
                token_url: tokens.token_url.clone(),
                client_id: tokens.client_id.clone(),
                access_token: tokens.access_token.expose(),
                expires_at: tokens.expires_at,
                refresh_token: tokens.refresh_token.as_ref().map(Secret::expose),
            },
            Self::Credentials(auth) => {
                stored = auth.to_stored_json();
                Clear::Credentials { auth: stored.as_str() }
            }
        };
        let json = serde_json::to_vec(&clear).map_err(|error| Error::Content(error.to_string()))?;
        sealer.seal(Place::consent_secrets(tenant_id, consent), &Zeroizing::new(json))
    }

    /// Opens what [`ConsentSecrets::seal`] made for the same consent.
    ///
    /// # Errors
    /// [`Error::Sealed`].
    pub fn open(sealer: &Sealer, tenant_id: TenantId, consent: Uuid, sealed: &[u8]) -> Result<Self> {
        let opened = sealer.open(Place::consent_secrets(tenant_id, consent), sealed)?;
        // The error says where in the text, not what is there.
        let unreadable = |error: serde_json::Error| {
            Error::Content(format!(
                "the secrets of the consent {consent}, at column {}",
                error.column()
            ))
        };
        let clear: Clear<Secret> = serde_json::from_slice(&opened).map_err(unreadable)?;
        Ok(match clear {
            Clear::Link { verifier, redirect_uri } => Self::Link { verifier, redirect_uri },
            Clear::Tokens {
                token_url,
                client_id,
                access_token,
                expires_at,
                refresh_token,
            } => Self::Tokens(ConsentTokens {
                token_url,
                client_id,
                access_token,
                expires_at,
                refresh_token,
            }),
            Clear::Credentials { auth } => {
                Self::Credentials(Auth::from_stored_json(auth.expose()).map_err(unreadable)?)
            }
        })
    }
}

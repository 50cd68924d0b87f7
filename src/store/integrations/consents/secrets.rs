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
    Link(ConsentLink),
    /// Of a grant of the type OAuth2.
    Tokens(ConsentTokens),
    /// Of a grant of the type Credentials.
    Credentials {
        /// How requests are authenticated.
        auth: Auth,
        /// Scheme, host and port of the action's requests when they were entered: they go nowhere else.
        origin: Option<String>,
    },
}

/// A link, and what was true when it was made: a code that comes back goes nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentLink {
    /// Of PKCE.
    pub verifier: Secret,
    /// As it is in the link: the request for the tokens has to name it again.
    pub redirect_uri: String,
    /// Where the code is redeemed.
    pub token_url: String,
    /// Who we are there.
    pub client_id: String,
    /// Scheme, host and port of the action's requests.
    pub origin: Option<String>,
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
    /// Scheme, host and port of the action's requests when the consent was given.
    pub origin: Option<String>,
}

/// As it is sealed: `T` is a text to write, and a [`Secret`] to read.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Clear<T> {
    Link {
        verifier: T,
        redirect_uri: String,
        // Links from before say nothing of it, and are void.
        #[serde(default)]
        token_url: String,
        #[serde(default)]
        client_id: String,
        origin: Option<String>,
    },
    Tokens {
        token_url: String,
        client_id: String,
        access_token: T,
        expires_at: Option<Timestamp>,
        refresh_token: Option<T>,
        origin: Option<String>,
    },
    Credentials {
        auth: T,
        origin: Option<String>,
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
            Self::Link(link) => Clear::Link {
                verifier: link.verifier.expose(),
                redirect_uri: link.redirect_uri.clone(),
                token_url: link.token_url.clone(),
                client_id: link.client_id.clone(),
                origin: link.origin.clone(),
            },
            Self::Tokens(tokens) => Clear::Tokens {
                token_url: tokens.token_url.clone(),
                client_id: tokens.client_id.clone(),
                access_token: tokens.access_token.expose(),
                expires_at: tokens.expires_at,
                refresh_token: tokens.refresh_token.as_ref().map(Secret::expose),
                origin: tokens.origin.clone(),
            },
            Self::Credentials { auth, origin } => {
                stored = auth.to_stored_json();
                Clear::Credentials {
                    auth: stored.as_str(),
                    origin: origin.clone(),
                }
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
            Clear::Link {
                verifier,
                redirect_uri,
                token_url,
                client_id,
                origin,
            } => Self::Link(ConsentLink {
                verifier,
                redirect_uri,
                token_url,
                client_id,
                origin,
            }),
            Clear::Tokens {
                token_url,
                client_id,
                access_token,
                expires_at,
                refresh_token,
                origin,
            } => Self::Tokens(ConsentTokens {
                token_url,
                client_id,
                access_token,
                expires_at,
                refresh_token,
                origin,
            }),
            Clear::Credentials { auth, origin } => Self::Credentials {
                auth: Auth::from_stored_json(auth.expose()).map_err(unreadable)?,
                origin,
            },
        })
    }
}

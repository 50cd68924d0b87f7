//! Outbound HTTP: one client, one egress policy, credentials, budgets, limits. Everything that leaves the engine
//! passes [`Outbound::send`] or, where a body is passed on as it comes, [`Outbound::stream`]. Imports neither the store nor the actors.

mod auth;
mod auth_input;
mod body;
mod budget;
mod chain;
mod code_grant;
mod dial;
mod egress;
mod error;
mod exchange;
mod headers;
mod jwt;
mod message;
mod opened;
mod outbound;
mod pool;
mod pump;
mod redact;
mod redirect;
mod secret;
mod settings;
mod sign;
mod stream;
mod tls;
mod token;
mod token_request;
mod vault;
mod wire;

pub use auth::{
    Auth, ClientCredentials, CredentialsIn, HmacAlgorithm, HmacEncoding, JwtClient, KeyPlace, Limits, LoginMethod,
    OauthClient,
};
pub use auth_input::{LIMIT_MAX, Merge};
pub use budget::Permit;
pub use code_grant::{CodeGrant, CodeTokens};
pub use egress::EgressPolicy;
pub use error::{Error, RETRY_AFTER_MS_MAX, Refusal, RetryClass, Step, classify_status};
pub use headers::{check_name as check_header_name, check_value as check_header_value};
pub use jwt::check_key as check_private_key;
pub use message::{Method, REDACTED, Request, RequestSample, Response, SentRequest, is_secret_header};
pub use outbound::{Check, Outbound};
pub use redact::{redacted, redacted_headers, redacted_json};
pub use secret::Secret;
pub use settings::HttpSettings;
pub use stream::{StreamBody, StreamError, StreamRequest, StreamResponse};
pub use vault::{JournalEntry, MemoryVault, Stored, StoredToken, TokenVault, VaultError, VaultFuture};

//! A connection as requests need it: account, dialect, credentials; read from its row, again for each version.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    actors::services::Services,
    domain::{
        connection::Health,
        ids::{ConnectionId, TenantId},
    },
    error::Result,
    http::ClientCredentials,
    providers::{self, Account, Provider},
    store::connections::LoadedConnection,
};

/// Requests of one connection at the same time, where its provider names no number.
const PLACES_DEFAULT: usize = 8;

/// See the module.
pub(super) struct Prepared {
    pub account: Arc<Account>,
    pub provider: &'static dyn Provider,
    /// Or why there are none: members that are missing or wrong.
    pub credentials: std::result::Result<Arc<ClientCredentials>, Box<str>>,
    /// Requests at the same time.
    pub places: usize,
    pub name: Box<str>,
}

/// A connection as it was just read.
pub(super) struct Loaded {
    pub prepared: Arc<Prepared>,
    pub health: Health,
    pub detail: Option<String>,
}

/// Reads a connection, and hands the access token that came with it to the outbound client. None: it is gone or disabled.
pub(super) async fn load(services: &Services, tenant: TenantId, id: ConnectionId) -> Result<Option<Loaded>> {
    let found = services.store.load_connection(&services.sealer, tenant, id).await?;
    let Some(found) = found.filter(|found| found.enabled) else {
        return Ok(None);
    };
    let (health, detail) = (found.state.health, found.state.detail.clone());
    let updated_at = found.updated_at;
    let prepared = Arc::new(Prepared::of(found));
    adopt(services, &prepared, updated_at).await;
    Ok(Some(Loaded {
        prepared,
        health,
        detail,
    }))
}

impl Prepared {
    fn of(found: LoadedConnection) -> Self {
        let LoadedConnection { account, name, .. } = found;
        let provider = providers::of(account.provider);
        let limits = provider.limits(&account);
        let credentials = provider.auth(&account).map(|auth| {
            Arc::new(ClientCredentials {
                tenant_id: account.tenant_id.uuid(),
                client_id: account.id.uuid(),
                version: account.version,
                name: format!("of the connection {name}"),
                auth,
                limits,
            })
        });
        let credentials = credentials.map_err(|errors| {
            let members: Vec<String> = errors
                .iter()
                .map(|error| format!("{} {}", error.field, error.message))
                .collect();
            format!("the connection {name} cannot be used: {}", members.join("; ")).into()
        });
        let places = limits
            .and_then(|limits| usize::try_from(limits.concurrent?).ok())
            .unwrap_or(PLACES_DEFAULT);
        Self {
            account: Arc::new(account),
            provider,
            credentials,
            places: places.max(1),
            name: name.into(),
        }
    }
}

/// The access token that came with the connection is used until it ends.
async fn adopt(services: &Services, prepared: &Prepared, given_at: Timestamp) {
    let account = &prepared.account;
    let token = account.secrets.access_token.as_ref();
    let token = token.filter(|token| !token.expose().trim().is_empty());
    let (Ok(credentials), Some(token)) = (&prepared.credentials, token) else {
        return;
    };
    let ends = account.profile.access_token_ends_at(given_at);
    if let Err(error) = services.outbound.adopt_token(credentials, token, ends).await {
        // Not worse than without it: a token is got with the refresh token.
        tracing::warn!(connection.id = %account.id, error = %error.message, "the access token of a connection is not taken over");
    }
}

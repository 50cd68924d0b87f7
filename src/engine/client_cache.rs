//! Credentials of clients, opened and kept in memory for the runs that use them. A change of a client forgets them.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::Clock,
    domain::ids::{ClientId, TenantId},
    engine::cache::Cache,
    error::{Code, Error, Result},
    http::{Auth, ClientCredentials},
    store::{Sealer, Store},
};

/// How long an answer holds without being asked again, in case another process changed the rows.
const KEPT: Duration = Duration::from_secs(5);
const CLIENTS_MAX: usize = 10_000;

/// Credentials by client.
pub struct ClientCache {
    store: Store,
    sealer: Sealer,
    kept: Cache<ClientId, ClientCredentials>,
    names: Cache<(TenantId, String), ClientId>,
}

impl ClientCache {
    pub(crate) fn new(store: Store, sealer: Sealer, clock: Clock) -> Self {
        Self {
            store,
            sealer,
            kept: Cache::new(clock.clone(), KEPT, CLIENTS_MAX),
            names: Cache::new(clock, KEPT, CLIENTS_MAX),
        }
    }

    /// The credentials of a client.
    ///
    /// # Errors
    /// `not_found`, or the store does not answer.
    pub async fn credentials(&self, tenant_id: TenantId, id: ClientId) -> Result<Arc<ClientCredentials>> {
        let of_tenant = |kept: &Arc<ClientCredentials>| kept.tenant_id == tenant_id.uuid();
        if let Some(credentials) = self.kept.get(&id).filter(of_tenant) {
            return Ok(credentials);
        }
        let generation = self.kept.generation();
        let secrets = self.store.client_secrets(tenant_id, id, &self.sealer).await?;
        let secrets = secrets.ok_or_else(|| Error::not_found("client", id))?;
        let auth = Auth::from_stored_json(&secrets.auth).map_err(Error::internal)?;
        let limits = secrets
            .limits
            .as_deref()
            .map(serde_json::from_str)
            .transpose()
            .map_err(Error::internal)?;
        let credentials = ClientCredentials {
            tenant_id: tenant_id.uuid(),
            client_id: id.uuid(),
            version: secrets.version,
            name: secrets.name,
            auth,
            limits,
        };
        Ok(self.kept.put(id, credentials, generation))
    }

    /// The credentials of a client by its id or, if the text is none, by its name; none: there is no such client in the
    /// tenant.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn find(&self, tenant_id: TenantId, id_or_name: &str) -> Result<Option<Arc<ClientCredentials>>> {
        let id = match id_or_name.parse() {
            Ok(id) => Some(id),
            Err(_) => self.named(tenant_id, id_or_name).await?,
        };
        let Some(id) = id else { return Ok(None) };
        match self.credentials(tenant_id, id).await {
            Ok(credentials) => Ok(Some(credentials)),
            Err(error) if error.code == Code::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn named(&self, tenant_id: TenantId, name: &str) -> Result<Option<ClientId>> {
        let key = (tenant_id, name.to_owned());
        if let Some(id) = self.names.get(&key) {
            return Ok(Some(*id));
        }
        let generation = self.names.generation();
        let found = self.store.client_named(tenant_id, name).await?;
        if let Some(id) = found {
            self.names.put(key, id, generation);
        }
        Ok(found)
    }

    /// After a change of the client.
    pub fn forget(&self, id: ClientId) {
        self.kept.forget(&id);
        // The change may be one of names.
        self.names.clear();
    }
}

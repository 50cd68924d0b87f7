//! Credentials of clients, opened and kept in memory for the runs that use them. A change of a client forgets them.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lru::LruCache;

use crate::{
    clock::Clock,
    domain::ids::{ClientId, TenantId},
    error::{Code, Error, Result},
    http::{Auth, ClientCredentials},
    store::{Sealer, Store},
};

/// How long an answer holds without being asked again, in case another process changed the rows.
const KEPT: Duration = Duration::from_secs(5);
const CLIENTS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

type Kept<T> = (T, Duration);

/// Credentials by client.
pub struct ClientCache {
    store: Store,
    sealer: Sealer,
    clock: Clock,
    kept: Mutex<LruCache<ClientId, Kept<Arc<ClientCredentials>>>>,
    names: Mutex<LruCache<(TenantId, String), Kept<ClientId>>>,
}

impl ClientCache {
    pub(crate) fn new(store: Store, sealer: Sealer, clock: Clock) -> Self {
        Self {
            store,
            sealer,
            clock,
            kept: Mutex::new(LruCache::new(CLIENTS_MAX)),
            names: Mutex::new(LruCache::new(CLIENTS_MAX)),
        }
    }

    /// The credentials of a client.
    ///
    /// # Errors
    /// `not_found`, or the store does not answer.
    pub async fn credentials(&self, tenant_id: TenantId, id: ClientId) -> Result<Arc<ClientCredentials>> {
        let now = self.clock.monotonic();
        let fresh = |kept: &&Kept<Arc<ClientCredentials>>| kept.1 > now && kept.0.tenant_id == tenant_id.uuid();
        if let Some((credentials, _)) = lock(&self.kept).get(&id).filter(fresh) {
            return Ok(credentials.clone());
        }
        let secrets = self.store.client_secrets(tenant_id, id, &self.sealer).await?;
        let secrets = secrets.ok_or_else(|| Error::not_found("client", id))?;
        let auth = Auth::from_stored_json(&secrets.auth).map_err(Error::internal)?;
        let limits = secrets
            .limits
            .as_deref()
            .map(serde_json::from_str)
            .transpose()
            .map_err(Error::internal)?;
        let credentials = Arc::new(ClientCredentials {
            tenant_id: tenant_id.uuid(),
            client_id: id.uuid(),
            version: secrets.version,
            name: secrets.name,
            auth,
            limits,
        });
        lock(&self.kept).put(id, (credentials.clone(), now + KEPT));
        Ok(credentials)
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
        let now = self.clock.monotonic();
        let key = (tenant_id, name.to_owned());
        if let Some((id, _)) = lock(&self.names).get(&key).filter(|kept| kept.1 > now) {
            return Ok(Some(*id));
        }
        let found = self.store.client_named(tenant_id, name).await?;
        if let Some(id) = found {
            lock(&self.names).put(key, (id, now + KEPT));
        }
        Ok(found)
    }

    /// After a change of the client.
    pub fn forget(&self, id: ClientId) {
        lock(&self.kept).pop(&id);
        // The change may be one of names.
        lock(&self.names).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

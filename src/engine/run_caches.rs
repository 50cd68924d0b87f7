//! What each run asks, kept in memory: rights of run-as users, credentials of clients. Changes forget what they touch.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lru::LruCache;

use crate::{
    clock::Clock,
    domain::{
        ids::{ClientId, TenantId, UserId},
        rights::Rights,
    },
    error::{Error, Result},
    http::{Auth, ClientCredentials},
    store::{Sealer, Store},
};

/// How long an answer holds without being asked again, in case another process changed the rows.
const KEPT: Duration = Duration::from_secs(5);
const RIGHTS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();
const CLIENTS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

type Kept<T> = (T, Duration);

/// Rights by tenant and user.
pub struct RightsCache {
    store: Store,
    clock: Clock,
    kept: Mutex<LruCache<(TenantId, UserId), Kept<Option<Rights>>>>,
}

impl RightsCache {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            kept: Mutex::new(LruCache::new(RIGHTS_MAX)),
        }
    }

    /// What a user may do in a tenant; `None`: not active, or in no group there.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn rights_of(&self, tenant_id: TenantId, user_id: UserId) -> Result<Option<Rights>> {
        let now = self.clock.monotonic();
        let key = (tenant_id, user_id);
        if let Some((rights, until)) = lock(&self.kept).get(&key).filter(|(_, until)| *until > now) {
            let _ = until;
            return Ok(*rights);
        }
        let rights = self.store.rights_of(tenant_id, user_id).await?;
        lock(&self.kept).put(key, (rights, now + KEPT));
        Ok(rights)
    }

    /// After any change of users, groups or memberships.
    pub fn forget(&self) {
        lock(&self.kept).clear();
    }
}

/// Credentials by client.
pub struct ClientCache {
    store: Store,
    sealer: Sealer,
    clock: Clock,
    kept: Mutex<LruCache<ClientId, Kept<Arc<ClientCredentials>>>>,
}

impl ClientCache {
    pub(crate) fn new(store: Store, sealer: Sealer, clock: Clock) -> Self {
        Self {
            store,
            sealer,
            clock,
            kept: Mutex::new(LruCache::new(CLIENTS_MAX)),
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

    /// After a change of the client.
    pub fn forget(&self, id: ClientId) {
        lock(&self.kept).pop(&id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

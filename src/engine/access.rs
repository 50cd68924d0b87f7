//! What one engine keeps in memory about who asks: caches, limits, requests that are running.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use super::{caller::Caller, identity::Identity, limits::Limits, password::Passwords, sign_in::Strangers};
use crate::{
    clock::Clock,
    domain::ids::{ApiTokenId, TenantId, UserId},
    error::Result,
    settings::Settings,
    store::{Store, idempotency::Key},
};

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    inner: Arc<Inner>,
}

struct Inner {
    identity: Identity,
    passwords: Passwords,
    limits: Limits,
    strangers: Strangers,
    running: Mutex<HashSet<Key>>,
}

/// Says that a request with this key runs in this process, for as long as it lives.
pub(crate) struct Running {
    access: Access,
    key: Key,
}

impl Access {
    /// Empty caches over a store.
    #[must_use]
    pub fn new(settings: &Settings, store: &Store, clock: &Clock) -> Self {
        Self {
            inner: Arc::new(Inner {
                identity: Identity::new(store.clone(), clock.clone()),
                passwords: Passwords::new(store.handle().clone()),
                limits: Limits::new(&settings.gateway),
                strangers: Strangers::default(),
                running: Mutex::default(),
            }),
        }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// See [`Identity::caller_again`].
    pub(crate) async fn caller_again(
        &self,
        tenant_id: TenantId,
        user_id: Option<UserId>,
        token_id: Option<ApiTokenId>,
        request_id: String,
    ) -> Result<Caller> {
        self.inner
            .identity
            .caller_again(tenant_id, user_id, token_id, request_id)
            .await
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.inner.passwords
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(crate) fn strangers(&self) -> &Strangers {
        &self.inner.strangers
    }

    /// Notes that a request with this key runs; none if one does already.
    pub(crate) fn run(&self, key: Key) -> Option<Running> {
        let mut running = self.inner.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(key.clone()).then(|| Running {
            access: self.clone(),
            key,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let running = &self.access.inner.running;
        running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

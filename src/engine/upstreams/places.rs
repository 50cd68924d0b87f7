//! Places: how many requests go to an upstream at the same time, and how many of them are one tenant's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::ids::TenantId;

/// How long a request waits for a place before it is refused.
const WAIT: Duration = Duration::from_secs(1);
/// So many tenants may be remembered before those without requests are dropped.
const TENANTS_REMEMBERED_MAX: usize = 1_024;

/// The places of an upstream.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    share: usize,
    tenants: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

/// The right to have one request in progress; give it back by dropping it.
#[derive(Debug)]
pub struct Place {
    _of_tenant: OwnedSemaphorePermit,
    _of_upstream: OwnedSemaphorePermit,
}

/// What there is no place in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The share of the tenant, which is so many.
    Tenant(usize),
    /// The upstream.
    Upstream,
}

impl Places {
    /// So many, of which one tenant has at most half, so that nobody keeps all others out.
    pub fn new(at_once_max: usize) -> Self {
        let at_once_max = at_once_max.min(Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(at_once_max)),
            share: (at_once_max / 2).max(1),
            tenants: Mutex::default(),
        }
    }

    /// Waits a moment for a place. Who waits for one of its own tenant's does not stand in the way of others.
    pub async fn take(&self, tenant_id: TenantId) -> Result<Place, Full> {
        let (of_tenant, mut full) = (self.of_tenant(tenant_id), Full::Tenant(self.share));
        let taken = async {
            let of_tenant = of_tenant.acquire_owned().await.ok()?;
            full = Full::Upstream;
            let of_upstream = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(Place {
                _of_tenant: of_tenant,
                _of_upstream: of_upstream,
            })
        };
        // Never closed, so only the time can end the waiting.
        match tokio::time::timeout(WAIT, taken).await {
            Ok(Some(place)) => Ok(place),
            _ => Err(full),
        }
    }

    fn of_tenant(&self, tenant_id: TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = tenants.get(&tenant_id) {
            return Arc::clone(places);
        }
        if tenants.len() >= TENANTS_REMEMBERED_MAX {
            // Places that are taken hold theirs.
            tenants.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let places = Arc::new(Semaphore::new(self.share));
        tenants.insert(tenant_id, Arc::clone(&places));
        places
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn tenant(n: usize) -> TenantId {
        Uuid::from_u128(n as u128).into()
    }

    #[actix_rt::test]
    async fn one_tenant_has_at_most_half() {
        for (at_once_max, share) in [(1, 1), (2, 1), (3, 1), (4, 2), (100, 50)] {
            let places = Places::new(at_once_max);
            let mut taken = Vec::new();
            for _ in 0..share {
                taken.push(places.take(tenant(1)).await.unwrap());
            }
            let mut next = Box::pin(places.take(tenant(1)));
            assert!(futures_util::poll!(&mut next).is_pending(), "{at_once_max}");
            let mut others = Box::pin(places.take(tenant(2)));
            let found = futures_util::poll!(&mut others).is_ready();
            assert_eq!(found, at_once_max > 1, "{at_once_max}");
            drop((others, taken.pop()));
            assert!(next.await.is_ok());
        }
    }

    #[actix_rt::test]
    async fn who_waits_too_long_learns_for_what() {
        let places = Places::new(2);
        let _first = places.take(tenant(1)).await.unwrap();
        assert_eq!(places.take(tenant(1)).await.unwrap_err(), Full::Tenant(1));
        let _second = places.take(tenant(2)).await.unwrap();
        assert_eq!(places.take(tenant(3)).await.unwrap_err(), Full::Upstream);
    }

    #[test]
    fn tenants_without_requests_are_forgotten() {
        let places = Places::new(2);
        let used = places.of_tenant(tenant(0));
        for n in 1..TENANTS_REMEMBERED_MAX * 2 {
            places.of_tenant(tenant(n));
        }
        assert!(places.tenants.lock().unwrap().len() <= TENANTS_REMEMBERED_MAX);
        assert!(Arc::ptr_eq(&used, &places.of_tenant(tenant(0))));
    }
}

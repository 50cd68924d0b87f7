//! Who is told, and what signs: subscriptions and the tenants' own secrets, opened and kept in memory for a moment. A change
//! of them forgets what was kept.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    clock::Clock,
    domain::{
        delivery::sign::{BYTES_MADE, SigningSecret},
        ids::{SubscriptionId, TenantId},
    },
    engine::cache::Cache,
    error::{Error, Result},
    http::Secret,
    store::{
        Page, Place, Sealer, Store,
        page::LIMIT_MAX,
        webhooks::{SealedSecret, Subscription},
    },
};

/// How long an answer holds without being asked again, in case another process changed the rows.
const KEPT: Duration = Duration::from_secs(5);
/// Tenants that are kept.
const TENANTS_MAX: usize = 10_000;

/// The receivers of all tenants.
pub struct Targets {
    store: Store,
    sealer: Sealer,
    clock: Clock,
    kept: Cache<TenantId, TenantTargets>,
}

/// The receivers of one tenant.
pub struct TenantTargets {
    /// Its subscriptions.
    pub subscriptions: Vec<Target>,
    /// Its own secret, for plain URLs; none before the first need.
    pub own: Option<Secrets>,
}

/// A subscription as a receiver.
pub struct Target {
    /// Which.
    pub id: SubscriptionId,
    /// Where notifications go.
    pub url: String,
    /// Which events.
    pub events: Vec<String>,
    /// Whether notifications are sent.
    pub enabled: bool,
    /// Why the engine disabled it.
    pub disabled_reason: Option<String>,
    /// What signs.
    pub secrets: Secrets,
}

/// The secret in force, and the one before until its time is over.
#[derive(Clone)]
pub struct Secrets {
    current: SigningSecret,
    previous: Option<(SigningSecret, Timestamp)>,
}

impl Secrets {
    /// Those that sign now, newest first.
    pub fn at(&self, now: Timestamp) -> impl Iterator<Item = &SigningSecret> {
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until);
        std::iter::once(&self.current).chain(previous.map(|(secret, _)| secret))
    }
}

impl Targets {
    pub(crate) fn new(store: Store, sealer: Sealer, clock: Clock) -> Self {
        Self {
            store,
            sealer,
            kept: Cache::new(clock.clone(), KEPT, TENANTS_MAX),
            clock,
        }
    }

    /// The receivers of a tenant.
    ///
    /// # Errors
    /// The store does not answer, or a secret does not open.
    pub async fn of(&self, tenant_id: TenantId) -> Result<Arc<TenantTargets>> {
        if let Some(kept) = self.kept.get(&tenant_id) {
            return Ok(kept);
        }
        let generation = self.kept.generation();
        let page = Page::new(Some(LIMIT_MAX), None);
        let subscriptions = self.store.subscriptions(tenant_id, page).await?.items;
        let own = self.store.webhook_secret(tenant_id).await?;
        let targets = TenantTargets {
            subscriptions: subscriptions
                .into_iter()
                .map(|subscription| self.target(subscription))
                .collect::<Result<_>>()?,
            own: own
                .map(|(secret, _)| self.open(Place::webhook_secret(tenant_id), &secret))
                .transpose()?,
        };
        Ok(self.kept.put(tenant_id, targets, generation))
    }

    /// The tenant's own secrets, made if there are none.
    ///
    /// # Errors
    /// As [`Targets::of`].
    pub async fn own(&self, tenant_id: TenantId) -> Result<Secrets> {
        if let Some(own) = &self.of(tenant_id).await?.own {
            return Ok(own.clone());
        }
        let place = Place::webhook_secret(tenant_id);
        let (sealed, _) = self.seal(place, None)?;
        self.store.create_webhook_secret(tenant_id, sealed).await?;
        self.forget(tenant_id);
        // Somebody else may have been faster: what is stored counts.
        let stored = self.store.webhook_secret(tenant_id).await?;
        let (stored, _) = stored.ok_or_else(|| Error::not_found("webhook secret of tenant", tenant_id))?;
        self.open(place, &stored)
    }

    /// Seals a secret that is given, or makes one; answers with its text too, to be shown this once.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn seal(&self, place: Place, given: Option<&Secret>) -> Result<(SealedSecret, Secret)> {
        let text = match given {
            Some(given) => given.clone(),
            None => {
                let mut bytes = zeroize::Zeroizing::new([0; BYTES_MADE]);
                getrandom::fill(bytes.as_mut_slice())
                    .map_err(|error| Error::internal(std::io::Error::other(error.to_string())))?;
                Secret::new(SigningSecret::text_of(bytes.as_slice()).as_str())
            }
        };
        let sealed = SealedSecret {
            current: self.sealer.seal(place, text.expose().as_bytes())?,
            fingerprint: text.fingerprint(),
            created_at: self.clock.now(),
            previous: None,
        };
        Ok((sealed, text))
    }

    /// After a change of the tenant's subscriptions or secret.
    pub fn forget(&self, tenant_id: TenantId) {
        self.kept.forget(&tenant_id);
    }

    fn target(&self, subscription: Subscription) -> Result<Target> {
        let place = Place::subscription_secret(subscription.tenant_id, subscription.id);
        Ok(Target {
            secrets: self.open(place, &subscription.secret)?,
            id: subscription.id,
            url: subscription.url,
            events: subscription.events,
            enabled: subscription.enabled,
            disabled_reason: subscription.disabled_reason,
        })
    }

    fn open(&self, place: Place, sealed: &SealedSecret) -> Result<Secrets> {
        let secret = |sealed: &[u8]| {
            let opened = self.sealer.open(place, sealed)?;
            let text = std::str::from_utf8(&opened).map_err(Error::internal)?;
            SigningSecret::parse(text).map_err(|why| Error::internal(std::io::Error::other(why)))
        };
        let previous = sealed.previous.as_ref();
        Ok(Secrets {
            current: secret(&sealed.current)?,
            previous: previous
                .map(|(previous, until)| Ok::<_, Error>((secret(previous)?, *until)))
                .transpose()?,
        })
    }
}

//! Who is told, and what signs: subscriptions and the tenants' own secrets, kept in memory for a moment. A change of them
//! forgets what was kept. A secret is opened when something is to be signed with it, so that one that does not open stops
//! nothing but what it would sign.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use lru::LruCache;
use uuid::Uuid;

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
        Place, Sealer, Store,
        webhooks::{Receiver, SealedSecret},
    },
};

/// How long an answer holds without being asked again, in case another process changed the rows.
const KEPT: Duration = Duration::from_secs(5);
/// Tenants that are kept.
const TENANTS_MAX: usize = 10_000;
/// Damages of which it is remembered that they were logged.
const TOLD_MAX: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// The receivers of all tenants.
pub struct Targets {
    store: Store,
    sealer: Sealer,
    clock: Clock,
    kept: Cache<TenantId, TenantTargets>,
    /// Row and what is damaged of it: each is logged once.
    told: Mutex<LruCache<(Uuid, String), ()>>,
}

/// The receivers of one tenant.
pub struct TenantTargets {
    /// Its subscriptions.
    pub subscriptions: Vec<Target>,
    /// Its own secret, for plain URLs; none before the first need.
    own: Option<Signer>,
}

/// A subscription as a receiver.
pub struct Target {
    /// Which.
    pub id: SubscriptionId,
    /// Where notifications go.
    pub url: String,
    /// Which events; none if they cannot be read.
    pub events: Vec<String>,
    /// Whether notifications are sent.
    pub enabled: bool,
    /// Why the engine disabled it.
    pub disabled_reason: Option<String>,
    /// What signs.
    pub signer: Signer,
}

/// What signs, sealed until the first need.
pub struct Signer {
    place: Place,
    sealed: SealedSecret,
    opened: OnceLock<Opened>,
}

/// Secrets, or why they do not open: for the owner of the receiver.
pub type Opened = std::result::Result<Secrets, String>;

/// The secret in force, and the one before until its time is over.
#[derive(Clone)]
pub struct Secrets {
    current: SigningSecret,
    previous: Option<(SigningSecret, Timestamp)>,
}

impl Target {
    /// Whether it is told of such events.
    #[must_use]
    pub fn hears(&self, event: &str) -> bool {
        self.enabled && self.events.iter().any(|heard| heard == event)
    }
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
            told: Mutex::new(LruCache::new(TOLD_MAX)),
        }
    }

    /// The receivers of a tenant.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn of(&self, tenant_id: TenantId) -> Result<Arc<TenantTargets>> {
        if let Some(kept) = self.kept.get(&tenant_id) {
            return Ok(kept);
        }
        let generation = self.kept.generation();
        let receivers = self.store.receivers(tenant_id).await?;
        let own = self.store.webhook_secret(tenant_id).await?;
        let targets = TenantTargets {
            subscriptions: receivers
                .into_iter()
                .map(|receiver| self.target(tenant_id, receiver))
                .collect(),
            own: own.map(|(secret, _)| Signer::new(Place::webhook_secret(tenant_id), secret)),
        };
        Ok(self.kept.put(tenant_id, targets, generation))
    }

    /// The tenant's own secrets, made if there are none.
    ///
    /// # Errors
    /// The store does not answer; the system has no random numbers.
    pub async fn own(&self, tenant_id: TenantId) -> Result<Opened> {
        if let Some(own) = &self.of(tenant_id).await?.own {
            return Ok(self.open(own));
        }
        self.make_own(tenant_id).await?;
        // Somebody else may have been faster: what is stored counts.
        let targets = self.of(tenant_id).await?;
        let own = targets.own.as_ref();
        let own = own.ok_or_else(|| Error::not_found("webhook secret of tenant", tenant_id))?;
        Ok(self.open(own))
    }

    /// Makes the tenant's own secret, unless it has one.
    ///
    /// # Errors
    /// As [`Targets::own`].
    pub async fn make_own(&self, tenant_id: TenantId) -> Result<()> {
        let (sealed, _) = self.seal(Place::webhook_secret(tenant_id), None)?;
        self.store.create_webhook_secret(tenant_id, sealed).await?;
        self.forget(tenant_id);
        Ok(())
    }

    /// The secrets of a receiver. One that does not open once never will, until it is replaced.
    pub fn open(&self, signer: &Signer) -> Opened {
        signer
            .opened
            .get_or_init(|| self.opened(signer.place, &signer.sealed))
            .clone()
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

    fn target(&self, tenant_id: TenantId, receiver: Receiver) -> Target {
        let place = Place::subscription_secret(tenant_id, receiver.id);
        let events = receiver.events.unwrap_or_else(|why| {
            self.tell(
                place,
                &format!("its events cannot be read, so it is told of none: {why}"),
            );
            Vec::new()
        });
        Target {
            id: receiver.id,
            url: receiver.url,
            events,
            enabled: receiver.enabled,
            disabled_reason: receiver.disabled_reason,
            signer: Signer::new(place, receiver.secret),
        }
    }

    fn opened(&self, place: Place, sealed: &SealedSecret) -> Opened {
        let secret = |sealed: &[u8]| -> std::result::Result<SigningSecret, String> {
            let opened = self.sealer.open(place, sealed).map_err(|error| error.to_string())?;
            let text = std::str::from_utf8(&opened).map_err(|_| "it is no text".to_owned())?;
            SigningSecret::parse(text)
        };
        let current = secret(&sealed.current).map_err(|why| {
            self.tell(place, &format!("its signing secret does not open: {why}"));
            "The signing secret cannot be read, so nothing was sent. Rotate it; what waits is then sent.".to_owned()
        })?;
        let previous = sealed.previous.as_ref().and_then(|(previous, until)| {
            let opened = secret(previous).inspect_err(|why| {
                self.tell(
                    place,
                    &format!("the secret before does not open and signs no more: {why}"),
                );
            });
            Some((opened.ok()?, *until))
        });
        Ok(Secrets { current, previous })
    }

    /// Logs a damage, once.
    fn tell(&self, place: Place, damage: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.put((place.row_id, damage.to_owned()), ()).is_none() {
            tracing::error!(tenant.id = %place.tenant_id, table = place.table, row.id = %place.row_id, "a receiver of webhooks is damaged: {damage}");
        }
    }
}

impl Signer {
    fn new(place: Place, sealed: SealedSecret) -> Self {
        Self {
            place,
            sealed,
            opened: OnceLock::new(),
        }
    }
}

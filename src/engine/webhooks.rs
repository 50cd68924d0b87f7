//! Webhooks: the subscriptions of a tenant, its own signing secret, deliveries and their replay. Seeing subscriptions needs
//! `background.use` or `settings.manage`; changing them, and everything about deliveries, which tell of other people's
//! requests, needs `settings.manage`.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Engine, caller::Caller, change::again_if_stale};
use crate::{
    domain::{
        delivery::{EVENTS, State, lane_of, sign::SigningSecret},
        ids::{DeliveryId, SubscriptionId},
        rights::Right,
        validate::FieldError,
    },
    error::{Code, Error, Result},
    http::Secret,
    store::{
        self, Page, Paged, Place,
        deliveries::{Delivery, Replay},
        webhooks::{SealedSecret, Subscription},
    },
};

mod secrets;

pub use crate::store::webhooks::Subscription as WebhookSubscription;

/// Longest URL, bytes.
const URL_BYTES_MAX: usize = 2_048;
/// Longest description, characters.
const DESCRIPTION_CHARACTERS_MAX: usize = 1_000;
/// Deliveries that one request replays.
pub const REPLAYED_MAX: u64 = 1_000;

/// The webhooks of an engine.
pub struct Webhooks<'a> {
    engine: &'a Engine,
}

/// What a subscription is made of. What is absent stays, or has its default.
#[derive(Clone, Debug, Default)]
pub struct SubscriptionInput {
    /// Where notifications go.
    pub url: Option<String>,
    /// Names of events.
    pub events: Option<Vec<String>>,
    /// `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// Whether notifications are sent.
    pub enabled: Option<bool>,
    /// Another secret; the one before signs too for a while.
    pub secret: Option<Secret>,
}

/// Something with a secret that is shown this once.
#[derive(Clone, Debug)]
pub struct Shown<T> {
    /// The thing.
    pub thing: T,
    /// Its secret in clear; none if it has not changed.
    pub secret: Option<Secret>,
}

/// Which deliveries of a subscription to send once more.
#[derive(Clone, Debug, Default)]
pub struct ReplayFilter {
    /// These only.
    pub ids: Option<Vec<DeliveryId>>,
    /// Those that come after this one: [`Replayed::next`] of the request before.
    pub after: Option<DeliveryId>,
    /// Made at or after this.
    pub from: Option<Timestamp>,
    /// In this state: `failed` unless `ids` are given.
    pub state: Option<State>,
}

/// What a replay has done.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Which are sent once more.
    pub ids: Vec<DeliveryId>,
    /// There may be others: ask again for those after this one, the last that is sent once more.
    pub next: Option<DeliveryId>,
}

impl Engine {
    /// The webhooks.
    #[must_use]
    pub fn webhooks(&self) -> Webhooks<'_> {
        Webhooks { engine: self }
    }
}

impl Webhooks<'_> {
    /// Subscriptions of the tenant.
    ///
    /// # Errors
    /// Without `background.use` and `settings.manage`.
    pub async fn list(&self, caller: &Caller, page: Page) -> Result<Paged<Subscription>> {
        may_see(caller)?;
        Ok(self.engine.store().subscriptions(caller.tenant_id, page).await?)
    }

    /// One subscription of the tenant.
    ///
    /// # Errors
    /// As [`Webhooks::list`]; `not_found`.
    pub async fn get(&self, caller: &Caller, id: SubscriptionId) -> Result<Subscription> {
        may_see(caller)?;
        self.find(caller, id).await
    }

    /// Adds a subscription; its secret is in the answer, this once.
    ///
    /// # Errors
    /// Without `settings.manage`; `invalid`; `in_use` where the tenant has as many as it may have.
    pub async fn create(&self, caller: &Caller, input: SubscriptionInput) -> Result<Shown<Subscription>> {
        caller.require(Right::SettingsManage)?;
        let clock = self.engine.clock();
        let (id, now) = (SubscriptionId::from(clock.new_id()), clock.now());
        self.check(&input, true)?;
        let place = Place::subscription_secret(caller.tenant_id, id);
        let (secret, shown) = self.engine.services().targets.seal(place, input.secret.as_ref())?;
        let subscription = Subscription {
            id,
            tenant_id: caller.tenant_id,
            url: input.url.unwrap_or_default(),
            events: input.events.unwrap_or_default(),
            description: input.description.flatten(),
            enabled: input.enabled.unwrap_or(true),
            disabled_reason: None,
            secret,
            created_by: caller.user_id,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let after = Some(audited(&subscription));
        let entry = caller.audit("webhook_subscription.create", "webhook_subscription", id, None, after);
        self.engine
            .store()
            .create_subscription(subscription.clone(), entry)
            .await?;
        self.forget(caller);
        Ok(Shown {
            thing: subscription,
            secret: Some(shown),
        })
    }

    /// Changes a subscription. With `whole` the input is all of it, but an absent secret stays.
    ///
    /// # Errors
    /// As [`Webhooks::create`]; `stale_version`.
    pub async fn update(
        &self,
        caller: &Caller,
        id: SubscriptionId,
        version: Option<i64>,
        whole: bool,
        input: SubscriptionInput,
    ) -> Result<Subscription> {
        caller.require(Right::SettingsManage)?;
        self.check(&input, whole)?;
        let changed = self.change(caller, id, version, "webhook_subscription.update", |before| {
            let mut after = before.clone();
            if let Some(url) = &input.url {
                after.url.clone_from(url);
            }
            if let Some(events) = &input.events {
                after.events.clone_from(events);
            }
            match &input.description {
                Some(description) => after.description.clone_from(description),
                None if whole => after.description = None,
                None => {}
            }
            after.enabled = input.enabled.unwrap_or(if whole { true } else { before.enabled });
            if after.enabled {
                after.disabled_reason = None;
            }
            if let Some(secret) = &input.secret {
                self.replace_secret(&mut after, Some(secret))?;
            }
            Ok((after, None))
        });
        Ok(changed.await?.thing)
    }

    /// Gives a subscription another secret; the one before signs too for `webhooks.rotation_overlap_hours`.
    ///
    /// # Errors
    /// Without `settings.manage`; `invalid`; `not_found`.
    pub async fn rotate(
        &self,
        caller: &Caller,
        id: SubscriptionId,
        secret: Option<Secret>,
    ) -> Result<Shown<Subscription>> {
        caller.require(Right::SettingsManage)?;
        let input = SubscriptionInput {
            secret,
            ..SubscriptionInput::default()
        };
        self.check(&input, false)?;
        self.change(caller, id, None, "webhook_subscription.rotate_secret", |before| {
            let mut after = before.clone();
            let shown = self.replace_secret(&mut after, input.secret.as_ref())?;
            Ok((after, Some(shown)))
        })
        .await
    }

    /// Removes a subscription; what waits for its receiver is not sent any more.
    ///
    /// # Errors
    /// Without `settings.manage`; `not_found`, `stale_version`.
    pub async fn delete(&self, caller: &Caller, id: SubscriptionId, version: Option<i64>) -> Result<()> {
        caller.require(Right::SettingsManage)?;
        again_if_stale(version, || async move {
            let before = self.seen(caller, id, version).await?;
            let shown = Some(audited(&before));
            let entry = caller.audit("webhook_subscription.delete", "webhook_subscription", id, shown, None);
            let store = self.engine.store();
            Ok(store
                .delete_subscription(caller.tenant_id, id, before.version, entry)
                .await?)
        })
        .await?;
        self.forget(caller);
        Ok(())
    }

    /// The deliveries of a subscription, newest first.
    ///
    /// # Errors
    /// Without `settings.manage`; `not_found`.
    pub async fn deliveries(&self, caller: &Caller, id: SubscriptionId, page: Page) -> Result<Paged<Delivery>> {
        caller.require(Right::SettingsManage)?;
        self.find(caller, id).await?;
        Ok(self.engine.store().deliveries(caller.tenant_id, id, page).await?)
    }

    /// Sends one delivery once more, under its old id; also one to a plain URL.
    ///
    /// # Errors
    /// Without `settings.manage`; `not_found`; `wrong_state` while it is pending or its subscription is disabled or gone.
    pub async fn replay_one(&self, caller: &Caller, id: DeliveryId) -> Result<Replayed> {
        caller.require(Right::SettingsManage)?;
        let delivery = self.engine.store().delivery(caller.tenant_id, id).await?;
        let delivery = delivery.ok_or_else(|| Error::not_found("delivery", id))?;
        let subscription = match delivery.subscription_id {
            Some(subscription) => {
                let found = self.engine.store().subscription(caller.tenant_id, subscription).await?;
                Some(found.ok_or_else(|| Error::new(Code::WrongState, "Its webhook subscription was deleted."))?)
            }
            None => None,
        };
        let filter = ReplayFilter {
            ids: Some(vec![id]),
            ..ReplayFilter::default()
        };
        let replayed = self.replay_all(caller, subscription, filter).await?;
        if replayed.ids.is_empty() {
            let pending = "The delivery is pending: its next attempt is still to come.";
            return Err(Error::new(Code::WrongState, pending));
        }
        Ok(replayed)
    }

    /// Sends deliveries of a subscription once more, under their old ids; what is pending is passed over.
    ///
    /// # Errors
    /// Without `settings.manage`; `not_found`; `wrong_state` while the subscription is disabled.
    pub async fn replay(&self, caller: &Caller, id: SubscriptionId, filter: ReplayFilter) -> Result<Replayed> {
        caller.require(Right::SettingsManage)?;
        if filter.ids.as_ref().is_some_and(|ids| ids.len() as u64 > REPLAYED_MAX) {
            let message = format!("may hold up to {REPLAYED_MAX} ids");
            return Err(Error::invalid_field("deliveryIds", message));
        }
        if filter.state == Some(State::Pending) {
            let message = "must be failed, gone or delivered: what is pending is sent anyway";
            return Err(Error::invalid_field("status", message));
        }
        let subscription = self.find(caller, id).await?;
        self.replay_all(caller, Some(subscription), filter).await
    }

    async fn replay_all(
        &self,
        caller: &Caller,
        subscription: Option<Subscription>,
        filter: ReplayFilter,
    ) -> Result<Replayed> {
        if subscription.as_ref().is_some_and(|subscription| !subscription.enabled) {
            let message = "The webhook subscription is disabled. Enable it, then replay.";
            return Err(Error::new(Code::WrongState, message));
        }
        let subscription_id = subscription.as_ref().map(|subscription| subscription.id);
        let state = match (&filter.ids, filter.state) {
            (None, None) => Some(State::Failed),
            (_, given) => given,
        };
        let wanted = json!({
            "deliveryIds": filter.ids, "after": filter.after, "from": filter.from, "status": state, "subscriptionId": subscription_id,
        });
        let resource = filter.ids.as_ref().and_then(|ids| ids.first()).map(ToString::to_string);
        let resource = subscription_id
            .map(|id| id.to_string())
            .or(resource)
            .unwrap_or_default();
        let entry = caller.audit(
            "webhook_delivery.replay",
            "webhook_delivery",
            resource,
            None,
            Some(wanted),
        );
        let replay = Replay {
            tenant_id: caller.tenant_id,
            subscription_id,
            ids: filter.ids,
            after: filter.after,
            from: filter.from,
            state,
            rows_max: REPLAYED_MAX,
            to: subscription.map(|subscription| {
                let lane = lane_of(caller.tenant_id, &subscription.url);
                (subscription.url, lane)
            }),
            now: self.engine.clock().now(),
        };
        let ids = self.engine.store().replay_deliveries(replay, entry).await?;
        self.engine.services().deliveries.look();
        Ok(Replayed {
            next: ids.last().copied().filter(|_| ids.len() as u64 == REPLAYED_MAX),
            ids,
        })
    }

    async fn change(
        &self,
        caller: &Caller,
        id: SubscriptionId,
        version: Option<i64>,
        action: &'static str,
        change: impl Fn(&Subscription) -> Result<(Subscription, Option<Secret>)>,
    ) -> Result<Shown<Subscription>> {
        let changed = again_if_stale(version, || async {
            let before = self.seen(caller, id, version).await?;
            let (mut after, secret) = change(&before)?;
            after.version = before.version + 1;
            after.updated_at = self.engine.clock().now();
            let (was, is) = (Some(audited(&before)), Some(audited(&after)));
            let entry = caller.audit(action, "webhook_subscription", id, was, is);
            self.engine.store().update_subscription(after.clone(), entry).await?;
            Ok(Shown { thing: after, secret })
        });
        let changed = changed.await?;
        self.forget(caller);
        Ok(changed)
    }

    fn check(&self, input: &SubscriptionInput, whole: bool) -> Result<()> {
        let mut wrong = Vec::new();
        match &input.url {
            Some(url) if url.len() > URL_BYTES_MAX => {
                wrong.push(FieldError::new("url", format!("may have up to {URL_BYTES_MAX} bytes")));
            }
            Some(url) => {
                let refused = self.engine.outbound().check_url(url).err();
                wrong.extend(refused.map(|error| FieldError::new("url", error.message)));
            }
            None if whole => wrong.push(FieldError::new("url", "is missing")),
            None => {}
        }
        match &input.events {
            Some(events) => wrong.extend(wrong_events(events)),
            None if whole => wrong.push(FieldError::new("events", "is missing")),
            None => {}
        }
        let description = input.description.iter().flatten().next();
        if description.is_some_and(|text| text.chars().count() > DESCRIPTION_CHARACTERS_MAX) {
            let message = format!("may have up to {DESCRIPTION_CHARACTERS_MAX} characters");
            wrong.push(FieldError::new("description", message));
        }
        if let Some(Err(why)) = input
            .secret
            .as_ref()
            .map(|secret| SigningSecret::parse(secret.expose()))
        {
            wrong.push(FieldError::new("secret", why));
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid(wrong))
        }
    }

    fn replace_secret(&self, subscription: &mut Subscription, given: Option<&Secret>) -> Result<Secret> {
        let place = Place::subscription_secret(subscription.tenant_id, subscription.id);
        let (fresh, shown) = self.engine.services().targets.seal(place, given)?;
        subscription.secret = self.overlapped(fresh, &subscription.secret);
        Ok(shown)
    }

    /// The new secret, and the one before it until the overlap is over.
    fn overlapped(&self, fresh: SealedSecret, before: &SealedSecret) -> SealedSecret {
        let hours = self.engine.settings().webhooks.rotation_overlap_hours;
        let overlap = Duration::from_secs(hours.saturating_mul(3_600));
        let until = fresh.created_at.checked_add(overlap).unwrap_or(Timestamp::MAX);
        SealedSecret {
            previous: Some((before.current.clone(), until)).filter(|_| hours > 0),
            ..fresh
        }
    }

    async fn find(&self, caller: &Caller, id: SubscriptionId) -> Result<Subscription> {
        let found = self.engine.store().subscription(caller.tenant_id, id).await?;
        found.ok_or_else(|| Error::not_found("webhook subscription", id))
    }

    async fn seen(&self, caller: &Caller, id: SubscriptionId, version: Option<i64>) -> Result<Subscription> {
        let found = self.find(caller, id).await?;
        store::expect_version(version, found.version)?;
        Ok(found)
    }

    fn forget(&self, caller: &Caller) {
        self.engine.services().targets.forget(caller.tenant_id);
    }
}

fn may_see(caller: &Caller) -> Result<()> {
    caller.require_any(&[Right::BackgroundUse, Right::SettingsManage])
}

fn wrong_events(events: &[String]) -> Vec<FieldError> {
    if events.is_empty() {
        return vec![FieldError::new(
            "events",
            format!("must name one of {}", EVENTS.join(", ")),
        )];
    }
    let unknown = events
        .iter()
        .enumerate()
        .filter(|(_, event)| !EVENTS.contains(&event.as_str()));
    unknown
        .map(|(index, event)| {
            let message = format!("{event:?} is not an event; the events are {}", EVENTS.join(", "));
            FieldError::new(format!("events[{index}]"), message)
        })
        .collect()
}

/// For the audit log: of the secret only its fingerprint.
fn audited(subscription: &Subscription) -> Value {
    json!({
        "url": subscription.url, "events": subscription.events, "description": subscription.description,
        "enabled": subscription.enabled, "secret": subscription.secret.fingerprint,
    })
}

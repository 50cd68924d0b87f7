//! Owns webhook subscriptions and the tenants' own signing secrets, sealed.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, sea_query::OnConflict,
};

use super::{
    Error, Page, Paged, Result, Store,
    audit::{self, Entry},
    tenants::{timestamp, unchanged},
};
use crate::domain::ids::{SubscriptionId, TenantId, UserId};
use entity::{
    webhook_secret,
    webhook_subscription::{ActiveModel, Column, Entity, Model},
};

/// Most subscriptions of a tenant.
pub const SUBSCRIPTIONS_MAX: u64 = 100;

/// A signing secret, and the one before while both sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Sealed.
    pub current: Vec<u8>,
    /// As shown in answers.
    pub fingerprint: String,
    /// Since when it signs.
    pub created_at: Timestamp,
    /// The one before, sealed, and until when it signs too.
    pub previous: Option<(Vec<u8>, Timestamp)>,
}

/// What sending needs of a subscription. It can be read whatever else of the row is damaged, so that one that is does not
/// stop the others of its tenant.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// Id.
    pub id: SubscriptionId,
    /// Where notifications go.
    pub url: String,
    /// Names of events, or why they cannot be read.
    pub events: std::result::Result<Vec<String>, String>,
    /// Whether notifications are sent.
    pub enabled: bool,
    /// Why the engine disabled it.
    pub disabled_reason: Option<String>,
    /// What signs.
    pub secret: SealedSecret,
}

/// A webhook subscription.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Id.
    pub id: SubscriptionId,
    /// Tenant.
    pub tenant_id: TenantId,
    /// Where notifications go.
    pub url: String,
    /// Names of events; none of a row whose events cannot be read, so that its owner can see and mend it.
    pub events: Vec<String>,
    /// For people.
    pub description: Option<String>,
    /// Whether notifications are sent.
    pub enabled: bool,
    /// Why the engine disabled it.
    pub disabled_reason: Option<String>,
    /// What signs.
    pub secret: SealedSecret,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// Goes up with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Store {
    /// Subscriptions of a tenant, oldest first.
    pub async fn subscriptions(&self, tenant_id: TenantId, page: Page) -> Result<Paged<Subscription>> {
        self.read(move |db| async move {
            let rows = Entity::find()
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .apply_if(page.after_id()?, |query, id| query.filter(Column::Id.gt(id)))
                .order_by_asc(Column::Id)
                .limit(page.fetch())
                .all(&db)
                .await?;
            Paged::new(rows, &page, |row| row.id).try_map(subscription)
        })
        .await
    }

    /// All subscriptions of a tenant, as receivers.
    pub async fn receivers(&self, tenant_id: TenantId) -> Result<Vec<Receiver>> {
        self.read(move |db| async move {
            let rows = Entity::find()
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .order_by_asc(Column::Id)
                .limit(SUBSCRIPTIONS_MAX)
                .all(&db)
                .await?;
            Ok(rows.into_iter().map(receiver).collect())
        })
        .await
    }

    /// One subscription of a tenant.
    pub async fn subscription(&self, tenant_id: TenantId, id: SubscriptionId) -> Result<Option<Subscription>> {
        self.read(move |db| async move {
            let row = Entity::find().filter(is(tenant_id, id)).one(&db).await?;
            row.map(subscription).transpose()
        })
        .await
    }

    /// Adds a subscription.
    ///
    /// # Errors
    /// [`Error::InUse`]: the tenant has as many as it may have.
    pub async fn create_subscription(&self, new: Subscription, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let count = Entity::find()
                    .filter(Column::TenantId.eq(new.tenant_id.uuid()))
                    .count(transaction)
                    .await?;
                if count >= SUBSCRIPTIONS_MAX {
                    return Err(Error::InUse(format!(
                        "This tenant has {count} webhook subscriptions, the most it can have. Delete one that is not needed."
                    )));
                }
                let row = ActiveModel {
                    id: Set(new.id.uuid()),
                    tenant_id: Set(new.tenant_id.uuid()),
                    created_by: Set(new.created_by.map(UserId::uuid)),
                    created_at: Set(new.created_at.as_microsecond()),
                    ..changeable(new)?
                };
                Entity::insert(row).exec_without_returning(transaction).await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Writes a subscription over its version before.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`].
    pub async fn update_subscription(&self, changed: Subscription, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let (tenant_id, id, version) = (changed.tenant_id, changed.id, changed.version);
                let written = Entity::update_many()
                    .set(changeable(changed)?)
                    .filter(is(tenant_id, id))
                    .filter(Column::Version.eq(version - 1))
                    .exec(transaction)
                    .await?;
                if written.rows_affected == 0 {
                    return Err(unchanged(version_of(transaction, tenant_id, id).await?));
                }
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Removes a subscription. What waits for its receiver ends when its next attempt is due.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`].
    pub async fn delete_subscription(
        &self,
        tenant_id: TenantId,
        id: SubscriptionId,
        version_before: i64,
        entry: Entry,
    ) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let gone = Entity::delete_many()
                    .filter(is(tenant_id, id))
                    .filter(Column::Version.eq(version_before))
                    .exec(transaction)
                    .await?;
                if gone.rows_affected == 0 {
                    return Err(unchanged(version_of(transaction, tenant_id, id).await?));
                }
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// The tenant's own secret and its version; none before the first need.
    pub async fn webhook_secret(&self, tenant_id: TenantId) -> Result<Option<(SealedSecret, i64)>> {
        self.read(move |db| async move {
            let row = webhook_secret::Entity::find_by_id(tenant_id.uuid()).one(&db).await?;
            row.map(own_secret).transpose()
        })
        .await
    }

    /// Makes the tenant's own secret, unless it has one.
    pub async fn create_webhook_secret(&self, tenant_id: TenantId, secret: SealedSecret) -> Result<()> {
        self.write(move |transaction| {
            Box::pin(async move {
                let unless_there = OnConflict::column(webhook_secret::Column::TenantId)
                    .do_nothing()
                    .to_owned();
                webhook_secret::Entity::insert(secret_row(tenant_id, secret, 1))
                    .on_conflict(unless_there)
                    .exec_without_returning(transaction)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Replaces the tenant's own secret over its version before.
    ///
    /// # Errors
    /// [`Error::Stale`]: somebody else was faster.
    pub async fn rotate_webhook_secret(
        &self,
        tenant_id: TenantId,
        secret: SealedSecret,
        version: i64,
        entry: Entry,
    ) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let written = webhook_secret::Entity::update_many()
                    .set(secret_row(tenant_id, secret, version))
                    .filter(webhook_secret::Column::TenantId.eq(tenant_id.uuid()))
                    .filter(webhook_secret::Column::Version.eq(version - 1))
                    .exec(transaction)
                    .await?;
                if written.rows_affected == 0 {
                    return Err(Error::Stale { current: version });
                }
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }
}

/// The columns that an update may write.
fn changeable(changed: Subscription) -> Result<ActiveModel> {
    let events = serde_json::to_string(&changed.events).map_err(|error| Error::Content(error.to_string()))?;
    let (previous, until) = changed.secret.previous.unzip();
    Ok(ActiveModel {
        url: Set(changed.url),
        events: Set(events),
        description: Set(changed.description),
        enabled: Set(changed.enabled),
        disabled_reason: Set(changed.disabled_reason),
        secret: Set(changed.secret.current),
        secret_fingerprint: Set(changed.secret.fingerprint),
        secret_created_at: Set(changed.secret.created_at.as_microsecond()),
        previous_secret: Set(previous),
        previous_until: Set(until.map(Timestamp::as_microsecond)),
        version: Set(changed.version),
        updated_at: Set(changed.updated_at.as_microsecond()),
        ..Default::default()
    })
}

fn secret_row(tenant_id: TenantId, secret: SealedSecret, version: i64) -> webhook_secret::ActiveModel {
    let (previous, until) = secret.previous.unzip();
    webhook_secret::ActiveModel {
        tenant_id: Set(tenant_id.uuid()),
        secret: Set(secret.current),
        fingerprint: Set(secret.fingerprint),
        created_at: Set(secret.created_at.as_microsecond()),
        previous_secret: Set(previous),
        previous_until: Set(until.map(Timestamp::as_microsecond)),
        version: Set(version),
    }
}

fn is(tenant_id: TenantId, id: SubscriptionId) -> Condition {
    Condition::all()
        .add(Column::TenantId.eq(tenant_id.uuid()))
        .add(Column::Id.eq(id.uuid()))
}

async fn version_of(transaction: &DatabaseTransaction, tenant_id: TenantId, id: SubscriptionId) -> Result<Option<i64>> {
    let row = Entity::find().filter(is(tenant_id, id)).one(transaction).await?;
    Ok(row.map(|row| row.version))
}

fn own_secret(row: webhook_secret::Model) -> Result<(SealedSecret, i64)> {
    let until = row.previous_until.map(timestamp).transpose()?;
    let secret = SealedSecret {
        current: row.secret,
        fingerprint: row.fingerprint,
        created_at: timestamp(row.created_at)?,
        previous: row.previous_secret.zip(until),
    };
    Ok((secret, row.version))
}

fn receiver(row: Model) -> Receiver {
    let until = row.previous_until.and_then(|until| timestamp(until).ok());
    Receiver {
        id: row.id.into(),
        url: row.url,
        events: serde_json::from_str(&row.events).map_err(|error| error.to_string()),
        enabled: row.enabled,
        disabled_reason: row.disabled_reason,
        secret: SealedSecret {
            current: row.secret,
            fingerprint: row.secret_fingerprint,
            created_at: timestamp(row.secret_created_at).unwrap_or_default(),
            previous: row.previous_secret.zip(until),
        },
    }
}

fn subscription(row: Model) -> Result<Subscription> {
    let until = row.previous_until.map(timestamp).transpose()?;
    let events = serde_json::from_str(&row.events).unwrap_or_default();
    Ok(Subscription {
        id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        url: row.url,
        events,
        description: row.description,
        enabled: row.enabled,
        disabled_reason: row.disabled_reason,
        secret: SealedSecret {
            current: row.secret,
            fingerprint: row.secret_fingerprint,
            created_at: timestamp(row.secret_created_at)?,
            previous: row.previous_secret.zip(until),
        },
        created_by: row.created_by.map(Into::into),
        version: row.version,
        created_at: timestamp(row.created_at)?,
        updated_at: timestamp(row.updated_at)?,
    })
}

//! Owns consents of clients: reading them with what they are for, and every change of them; how one begins is in `start`.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::SimpleExpr,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    domain::{
        ids::{TenantId, UserId},
        integration::{
            ClientIntegrationId, Consent, ConsentId, ConsentState, ConsentType, IntegrationId, SystemId, SystemOauth,
            address::written_origin,
        },
    },
    http::Secret,
    store::{
        Error, Place, Result, Sealer, Store,
        audit::{self, Entry},
        integrations::{definitions::seen, rows},
        tenants::unchanged,
    },
};
use entity::{
    client_integration, client_token, integration, integration_action,
    integration_consent::{ActiveModel, Column, Entity, Model},
    integration_system, tenant,
};

mod secrets;
mod start;

pub use secrets::{ConsentLink, ConsentSecrets, ConsentTokens};
pub use start::LinkRules;
pub(in crate::store) use start::{forget, start};

/// A consent as it is stored, with its secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptConsent {
    /// Number.
    pub id: ConsentId,
    /// Whose.
    pub tenant_id: TenantId,
    /// What is no secret.
    pub consent: Consent,
    /// Grows by one with each change.
    pub version: i64,
    /// Sealed.
    secrets: Option<Vec<u8>>,
}

/// What a consent is for.
#[derive(Clone, Debug)]
pub struct ConsentSubject {
    /// The actor's id.
    pub client_integration: Uuid,
    /// The definition.
    pub integration_id: IntegrationId,
    /// Its name.
    pub integration_name: String,
    /// What the definition asks for.
    pub wanted: ConsentType,
    /// Name of the tenant that consents.
    pub tenant_name: String,
    /// The name of the system that is integrated.
    pub system_name: String,
    /// Scheme, host and port of the requests of the integration's action; none where it writes out none.
    pub origin: Option<String>,
    owner_id: TenantId,
    system_id: SystemId,
    oauth: Option<SystemOauth>,
    client_secret: Option<Vec<u8>>,
}

/// The other side of consents of the type OAuth2, opened.
#[derive(Clone, Debug)]
pub struct OtherSide {
    /// Where things are.
    pub oauth: SystemOauth,
    /// Ours there; empty where there is none.
    pub client_secret: Secret,
}

/// A consent that is not pending any more, or not by a link. Links and tokens from before are void.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Where it stands now.
    pub state: ConsentState,
    /// Sealed.
    pub secrets: Option<Vec<u8>>,
    /// Who granted it.
    pub granted_by: Option<UserId>,
    /// When.
    pub granted_at: Option<Timestamp>,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// For people.
    pub detail: Option<String>,
}

/// What the answer of another system meets.
#[derive(Clone, Debug)]
pub enum Claim {
    /// No link of ours, or one that was used, or is void.
    Unknown,
    /// A link that has ended.
    Late(Box<Claimed>),
    /// A link that is used up now: nobody else gets it.
    Taken(Box<Claimed>),
}

/// See [`Claim`].
#[derive(Clone, Debug)]
pub struct Claimed {
    /// As it is now, with the secrets of the link.
    pub stored: KeptConsent,
    /// What for.
    pub subject: ConsentSubject,
}

impl KeptConsent {
    /// Its secrets; none where there are none.
    ///
    /// # Errors
    /// [`Error::Sealed`].
    pub fn open(&self, sealer: &Sealer) -> Result<Option<ConsentSecrets>> {
        let sealed = self.secrets.as_deref();
        let open = |sealed| ConsentSecrets::open(sealer, self.tenant_id, self.consent.uuid, sealed);
        sealed.map(open).transpose()
    }

    /// For the audit log and for events.
    #[must_use]
    pub fn shown(&self) -> Value {
        let Consent {
            consent_type_id,
            state,
            detail,
            ..
        } = &self.consent;
        json!({ "consentType": consent_type_id.as_str(), "state": state.as_str(), "detail": detail })
    }
}

impl ConsentSubject {
    /// The other side; none where the system does not say all of it.
    ///
    /// # Errors
    /// [`Error::Sealed`].
    pub fn other_side(&self, sealer: &Sealer) -> Result<Option<OtherSide>> {
        let Some(oauth) = self.oauth.clone() else {
            return Ok(None);
        };
        let client_secret = match &self.client_secret {
            Some(sealed) => {
                let place = Place::system_secret(self.owner_id, self.system_id);
                let opened = sealer.open(place, sealed)?;
                let text = std::str::from_utf8(&opened).map_err(|error| Error::Content(error.to_string()))?;
                Secret::new(text)
            }
            None => Secret::default(),
        };
        Ok(Some(OtherSide { oauth, client_secret }))
    }
}

impl Store {
    /// One consent of a tenant with what it is for.
    pub async fn kept_consent(
        &self,
        tenant_id: TenantId,
        id: ConsentId,
    ) -> Result<Option<(KeptConsent, ConsentSubject)>> {
        self.kept(tenant_id, Column::Id.eq(id.get())).await
    }

    /// The consent of a client integration with what it is for; none: there is no such consent.
    pub async fn kept_consent_of(
        &self,
        tenant_id: TenantId,
        client_integration: ClientIntegrationId,
    ) -> Result<Option<(KeptConsent, ConsentSubject)>> {
        let of = Column::ClientIntegrationId.eq(client_integration.get());
        self.kept(tenant_id, of).await
    }

    async fn kept(&self, tenant_id: TenantId, this: SimpleExpr) -> Result<Option<(KeptConsent, ConsentSubject)>> {
        self.read(move |db| async move {
            let row = Entity::find()
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .filter(this)
                .one(&db)
                .await?;
            let Some(row) = row else { return Ok(None) };
            let subject = subject(&db, tenant_id, row.client_integration_id.into()).await?;
            Ok(Some((stored(row)?, subject)))
        })
        .await
    }

    /// Writes where a consent stands over its version before.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`].
    pub async fn settle_consent(&self, before: &KeptConsent, settled: Settled, entry: Entry) -> Result<KeptConsent> {
        let clock = self.clock().clone();
        let (tenant_id, id, uuid, version) = (before.tenant_id, before.id, before.consent.uuid, before.version);
        let row = ActiveModel {
            state: Set(settled.state.as_str().to_owned()),
            authorize_url: Set(None),
            state_hash: Set(None),
            secrets: Set(settled.secrets),
            granted_by: Set(settled.granted_by.map(UserId::uuid)),
            granted_at: Set(settled.granted_at.map(Timestamp::as_microsecond)),
            expires_at: Set(settled.expires_at.map(Timestamp::as_microsecond)),
            detail: Set(settled.detail),
            version: Set(version + 1),
            updated_at: Set(clock.now_us()),
            ..Default::default()
        };
        self.write(move |txn| {
            Box::pin(async move {
                let after = write(txn, tenant_id, id, version, row).await?;
                client_token::Entity::delete_by_id(uuid).exec(txn).await?;
                audit::record(txn, &clock, entry).await?;
                stored(after)
            })
        })
        .await
    }

    /// Makes a consent pending with a new link over its version before; `detail` is why, and gives way to what is wrong with the
    /// link.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`], [`Error::Sealed`].
    pub async fn renew_consent(
        &self,
        rules: LinkRules,
        before: &KeptConsent,
        detail: Option<String>,
        entry: Entry,
    ) -> Result<KeptConsent> {
        let clock = self.clock().clone();
        let before = before.clone();
        self.write(move |txn| {
            Box::pin(async move {
                let client_integration = before.consent.client_integration_id;
                let subject = subject(txn, before.tenant_id, client_integration).await?;
                let row = start::renewed(&rules, &before, &subject, detail, clock.now())?;
                let after = write(txn, before.tenant_id, before.id, before.version, row).await?;
                client_token::Entity::delete_by_id(before.consent.uuid)
                    .exec(txn)
                    .await?;
                audit::record(txn, &clock, entry).await?;
                stored(after)
            })
        })
        .await
    }

    /// What the link is for that an answer of another system belongs to, without taking it, and whether it has ended; none: no link
    /// of ours, or one that was used or is void. Of all tenants, as [`Store::claim_consent`].
    pub async fn asked_by_link(&self, state_hash: String) -> Result<Option<(ConsentSubject, bool)>> {
        let now = self.clock().now_us();
        self.read(move |db| async move {
            let of_link = Entity::find().filter(Column::StateHash.eq(state_hash));
            let Some(row) = of_link.one(&db).await? else {
                return Ok(None);
            };
            let subject = subject(&db, row.tenant_id.into(), row.client_integration_id.into()).await?;
            Ok(Some((subject, row.expires_at.is_none_or(|ends| ends <= now))))
        })
        .await
    }

    /// Takes the link that the answer of another system belongs to. Of all tenants: the `state` alone says whose it is.
    pub async fn claim_consent(&self, state_hash: String) -> Result<Claim> {
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                let of_link = Entity::find().filter(Column::StateHash.eq(state_hash)).lock_exclusive();
                let Some(row) = of_link.one(txn).await? else {
                    return Ok(Claim::Unknown);
                };
                let mut claimed = Claimed {
                    subject: subject(txn, row.tenant_id.into(), row.client_integration_id.into()).await?,
                    stored: stored(row.clone())?,
                };
                if row.expires_at.is_none_or(|ends| ends <= clock.now_us()) {
                    return Ok(Claim::Late(Box::new(claimed)));
                }
                let used = ActiveModel {
                    authorize_url: Set(None),
                    state_hash: Set(None),
                    secrets: Set(None),
                    expires_at: Set(None),
                    detail: Set(Some("The answer of the other system is being looked at.".to_owned())),
                    version: Set(row.version + 1),
                    updated_at: Set(clock.now_us()),
                    ..Default::default()
                };
                let after = write(txn, row.tenant_id.into(), row.id.into(), row.version, used).await?;
                claimed.stored = KeptConsent {
                    secrets: row.secrets,
                    ..stored(after)?
                };
                Ok(Claim::Taken(Box::new(claimed)))
            })
        })
        .await
    }
}

/// Writes a row over its version before.
async fn write<C: ConnectionTrait>(
    db: &C,
    tenant_id: TenantId,
    id: ConsentId,
    version: i64,
    row: ActiveModel,
) -> Result<Model> {
    let written = Entity::update_many()
        .set(row)
        .filter(is(tenant_id, id))
        .filter(Column::Version.eq(version))
        .exec(db)
        .await?;
    let found = Entity::find().filter(is(tenant_id, id)).one(db).await?;
    match found {
        Some(found) if written.rows_affected == 1 => Ok(found),
        found => Err(unchanged(found.map(|row| row.version))),
    }
}

fn is(tenant_id: TenantId, id: ConsentId) -> Condition {
    Condition::all()
        .add(Column::TenantId.eq(tenant_id.uuid()))
        .add(Column::Id.eq(id.get()))
}

async fn subject<C: ConnectionTrait>(
    db: &C,
    tenant_id: TenantId,
    client_integration: ClientIntegrationId,
) -> Result<ConsentSubject> {
    let client = client_integration::Entity::find_by_id(client_integration.get())
        .filter(client_integration::Column::TenantId.eq(tenant_id.uuid()))
        .one(db)
        .await?;
    let client = client.ok_or(Error::NotFound)?;
    // The definition may be the operator's; that the client integration names it says that the tenant may see it.
    let definition = integration::Entity::find_by_id(client.integration_id)
        .filter(seen::integration(tenant_id))
        .one(db)
        .await?;
    let definition = rows::integration(definition.ok_or(Error::NotFound)?)?;
    let owner_id = definition.stamp.tenant_id;
    let system = integration_system::Entity::find_by_id(definition.value.integration_system_id.get())
        .filter(integration_system::Column::TenantId.eq(owner_id.uuid()))
        .one(db)
        .await?;
    let system = system.ok_or(Error::NotFound)?;
    let action = match definition.value.action_id {
        Some(id) => {
            integration_action::Entity::find_by_id(id.get())
                .filter(integration_action::Column::TenantId.eq(owner_id.uuid()))
                .one(db)
                .await?
        }
        None => None,
    };
    let origin = action.and_then(|action| written_origin(&action.url?));
    let client_secret = system.oauth_client_secret.clone();
    let system = rows::system(system)?;
    let tenant = tenant::Entity::find_by_id(tenant_id.uuid()).one(db).await?;
    Ok(ConsentSubject {
        client_integration: client.uuid,
        integration_id: definition.id,
        integration_name: definition.value.integration_name,
        wanted: definition.value.consent_type_id,
        tenant_name: tenant.map(|tenant| tenant.name).unwrap_or_default(),
        system_name: system.value.name,
        origin: origin.map(|origin| origin.ascii_serialization()),
        owner_id,
        system_id: system.id,
        oauth: system.value.oauth,
        client_secret,
    })
}

fn stored(row: Model) -> Result<KeptConsent> {
    let secrets = row.secrets.clone();
    let rows::StoredConsent { id, stamp, value } = rows::consent(row)?;
    Ok(KeptConsent {
        id,
        tenant_id: stamp.tenant_id,
        consent: value,
        version: stamp.version,
        secrets,
    })
}

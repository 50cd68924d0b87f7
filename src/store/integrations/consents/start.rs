//! How consents begin and end with their client integrations, in the transactions of those; and the links of the type OAuth2.

use std::time::Duration;

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{ConsentLink, ConsentSecrets, ConsentSubject, KeptConsent, stored, subject, write};
use crate::{
    clock::Clock,
    domain::{
        ids::TenantId,
        integration::{
            ClientIntegrationId, Consent, ConsentId, ConsentState, ConsentType,
            consent::{self, ConsentEvent, Link},
        },
    },
    http::Secret,
    store::{
        Error, Result, Sealer,
        audit::{self, Entry},
        integrations::numbers::{Series, next_numbers},
    },
};
use entity::{
    client_integration, client_token,
    integration_consent::{ActiveModel, Column, Entity, Model},
};

/// How links are made.
#[derive(Clone, Debug)]
pub struct LinkRules {
    /// Seals the verifiers.
    pub sealer: Sealer,
    /// Where the other system sends people back to; none: nobody knows how this server is reached.
    pub redirect_uri: Option<String>,
    /// How long a link is good.
    pub life: Duration,
}

/// A link, or why there is none.
#[derive(Default)]
struct Fresh {
    authorize_url: Option<String>,
    state_hash: Option<String>,
    secrets: Option<Vec<u8>>,
    expires_at: Option<i64>,
    wrong: Option<String>,
}

/// Begins the consent that a client integration needs: to be called in the transaction that enables it, and in the one that changes
/// the consent type of its integration, once for each enabled client integration. Writes `client_integration.consent_id` and
/// answers it: none where no consent is needed, and one that was there goes.
///
/// A consent of the same type that is granted stays as it is, and so does one that somebody can still give; a link that has ended is
/// made anew, and what was refused or revoked is asked for again. Who does it is told by `by`, the audit entry of the change.
///
/// # Errors
/// [`Error::NotFound`]: there is no such client integration. [`Error::Sealed`].
pub(in crate::store) async fn start(
    txn: &DatabaseTransaction,
    clock: &Clock,
    rules: &LinkRules,
    tenant_id: TenantId,
    id: ClientIntegrationId,
    by: &Entry,
) -> Result<Option<ConsentId>> {
    let subject = subject(txn, tenant_id, id).await?;
    if subject.wanted == ConsentType::None {
        forget(txn, tenant_id, &[id]).await?;
        return Ok(None);
    }
    let before = Entity::find()
        .filter(Column::TenantId.eq(tenant_id.uuid()))
        .filter(Column::ClientIntegrationId.eq(id.get()))
        .lock_exclusive()
        .one(txn)
        .await?;
    let before = before.map(stored).transpose()?;
    let begun = match before {
        Some(before) if stays(&before, subject.wanted, clock.now()) => return Ok(Some(before.id)),
        Some(before) => {
            let row = renewed(rules, &before, &subject, None, clock.now())?;
            client_token::Entity::delete_by_id(before.consent.uuid)
                .exec(txn)
                .await?;
            (
                write(txn, tenant_id, before.id, before.version, row).await?,
                Some(before.shown()),
            )
        }
        None => (insert(txn, clock, rules, tenant_id, id, &subject, by).await?, None),
    };
    let (row, was) = begun;
    let after = stored(row)?;
    link_to(txn, tenant_id, id, Some(after.id)).await?;
    let entry = Entry {
        tenant_id,
        action: "consent.begin",
        resource_kind: "consent",
        resource_id: Some(after.id.to_string()),
        before: was,
        after: Some(after.shown()),
        ..by.clone()
    };
    audit::record(txn, clock, entry).await?;
    Ok(Some(after.id))
}

/// Removes the consents of client integrations with their tokens: to be called in the transaction that deletes these. Answers the
/// consents that went, for `Outbound::forget_client` after the commit.
pub(in crate::store) async fn forget(
    txn: &DatabaseTransaction,
    tenant_id: TenantId,
    ids: &[ClientIntegrationId],
) -> Result<Vec<Uuid>> {
    let of_them = Entity::find()
        .filter(Column::TenantId.eq(tenant_id.uuid()))
        .filter(Column::ClientIntegrationId.is_in(ids.iter().map(|id| id.get())));
    let gone: Vec<Model> = of_them.lock_exclusive().all(txn).await?;
    for row in &gone {
        client_token::Entity::delete_by_id(row.uuid).exec(txn).await?;
        Entity::delete_by_id(row.id).exec(txn).await?;
        link_to(txn, tenant_id, row.client_integration_id.into(), None).await?;
    }
    Ok(gone.into_iter().map(|row| row.uuid).collect())
}

/// The row of a consent that is pending, with a new link where its type has one.
pub(super) fn renewed(
    rules: &LinkRules,
    before: &KeptConsent,
    subject: &ConsentSubject,
    detail: Option<String>,
    now: Timestamp,
) -> Result<ActiveModel> {
    let fresh = fresh(rules, before.tenant_id, before.consent.uuid, subject, now)?;
    Ok(ActiveModel {
        consent_type_id: Set(subject.wanted.as_str().to_owned()),
        state: Set(ConsentState::Pending.as_str().to_owned()),
        authorize_url: Set(fresh.authorize_url),
        state_hash: Set(fresh.state_hash),
        secrets: Set(fresh.secrets),
        granted_by: Set(None),
        granted_at: Set(None),
        expires_at: Set(fresh.expires_at),
        detail: Set(match (detail, fresh.wrong) {
            (Some(detail), Some(wrong)) => Some(format!("{detail} {wrong}")),
            (detail, wrong) => detail.or(wrong),
        }),
        version: Set(before.version + 1),
        updated_at: Set(now.as_microsecond()),
        ..Default::default()
    })
}

/// Whether whoever begins again finds all that is needed.
fn stays(before: &KeptConsent, wanted: ConsentType, now: Timestamp) -> bool {
    let Consent {
        consent_type_id, state, ..
    } = before.consent;
    if consent_type_id != wanted {
        return false;
    }
    // Begins are fit in each state of each type that has consents.
    match consent::after(wanted, state, ConsentEvent::Begun) {
        Ok(ConsentState::Granted) => true,
        Ok(_) if state != ConsentState::Pending => false,
        _ => {
            let has_link =
                before.consent.authorize_url.is_some() && before.consent.expires_at.is_some_and(|ends| now < ends);
            wanted != ConsentType::OAuth2 || has_link
        }
    }
}

async fn insert(
    txn: &DatabaseTransaction,
    clock: &Clock,
    rules: &LinkRules,
    tenant_id: TenantId,
    id: ClientIntegrationId,
    subject: &ConsentSubject,
    by: &Entry,
) -> Result<Model> {
    let (number, uuid, now) = (
        next_numbers(txn, Series::Consent, 1).await?,
        clock.new_id(),
        clock.now(),
    );
    let fresh = fresh(rules, tenant_id, uuid, subject, now)?;
    let row = Model {
        id: number,
        uuid,
        tenant_id: tenant_id.uuid(),
        client_integration_id: id.get(),
        consent_type_id: subject.wanted.as_str().to_owned(),
        state: ConsentState::Pending.as_str().to_owned(),
        authorize_url: fresh.authorize_url,
        state_hash: fresh.state_hash,
        secrets: fresh.secrets,
        granted_by: None,
        granted_at: None,
        expires_at: fresh.expires_at,
        detail: fresh.wrong,
        created_by: by.user_id.map(Uuid::from),
        version: 1,
        created_at: now.as_microsecond(),
        updated_at: now.as_microsecond(),
    };
    Entity::insert(ActiveModel::from(row.clone()))
        .exec_without_returning(txn)
        .await?;
    Ok(row)
}

async fn link_to(
    txn: &DatabaseTransaction,
    tenant_id: TenantId,
    id: ClientIntegrationId,
    consent: Option<ConsentId>,
) -> Result<()> {
    client_integration::Entity::update_many()
        .col_expr(
            client_integration::Column::ConsentId,
            Expr::value(consent.map(ConsentId::get)),
        )
        .filter(client_integration::Column::TenantId.eq(tenant_id.uuid()))
        .filter(client_integration::Column::Id.eq(id.get()))
        .exec(txn)
        .await?;
    Ok(())
}

fn fresh(
    rules: &LinkRules,
    tenant_id: TenantId,
    consent: Uuid,
    subject: &ConsentSubject,
    now: Timestamp,
) -> Result<Fresh> {
    if subject.wanted != ConsentType::OAuth2 {
        return Ok(Fresh::default());
    }
    let without = |wrong: String| Fresh {
        wrong: Some(wrong),
        ..Fresh::default()
    };
    let Some(oauth) = &subject.oauth else {
        return Ok(without(format!(
            "There is no link: the system {} needs AuthorizeUrl, TokenUrl and OAuthClientId. Enter them, then Begin the consent again.",
            subject.system_name
        )));
    };
    let Some(redirect_uri) = &rules.redirect_uri else {
        return Ok(without(
            "There is no link: nobody knows under which address this server is reached. Set server.public_url, then Begin the \
             consent again."
                .to_owned(),
        ));
    };
    let (state, verifier) = (random()?, random()?);
    let link = Link {
        authorize_url: &oauth.authorize_url,
        client_id: &oauth.client_id,
        redirect_uri,
        scope: oauth.scope.as_deref(),
        state: &state,
        challenge: &consent::challenge(&verifier),
    };
    let url = match link.url() {
        Ok(url) => url,
        Err(why) => {
            let name = &subject.system_name;
            return Ok(without(format!(
                "There is no link: the system {name} cannot be asked, {why}."
            )));
        }
    };
    let secrets = ConsentSecrets::Link(ConsentLink {
        verifier: Secret::new(verifier.as_str()),
        redirect_uri: redirect_uri.clone(),
        token_url: oauth.token_url.clone(),
        client_id: oauth.client_id.clone(),
        origin: subject.origin.clone(),
    });
    let ends = now
        .checked_add(rules.life)
        .map_err(|error| Error::Content(error.to_string()))?;
    Ok(Fresh {
        authorize_url: Some(url),
        state_hash: Some(consent::state_hash(&state)),
        secrets: Some(secrets.seal(&rules.sealer, tenant_id, consent)?),
        expires_at: Some(ends.as_microsecond()),
        wrong: None,
    })
}

fn random() -> Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|_| Error::Sealed("the system has no random numbers".to_owned()))?;
    Ok(Zeroizing::new(consent::secret_text(&bytes)))
}

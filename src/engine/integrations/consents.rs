//! Consents as a service: what people do to them. What another system answers is in `callback`.

use serde_json::Value;

use super::ActionAnswer;
use crate::{
    actors::{
        integration::consent::{link_rules, publish},
        observed::KIND_CLIENT_INTEGRATION,
    },
    domain::{
        integration::{
            ConsentId, ConsentState, ConsentType,
            consent::{self, ConsentEvent, Unfit},
        },
        rights::Right,
    },
    engine::{Engine, caller::Caller, change::again_if_stale, refusal::tell},
    error::{Code, Error, Result},
    http::Auth,
    store::integrations::consents::{ConsentSecrets, ConsentSubject, KeptConsent, Settled},
};

mod callback;
mod read;

pub use callback::{ConsentAnswer, Met, Told, ToldOutcome, ToldSubject};
use read::Act;

/// A bound action of a consent: `Begin`, `Submit`, `Approve`, `Refuse` or `Revoke`.
///
/// # Errors
/// Without `integrations.manage`; `not_found`: the consent, or the action; `bad_request`, `invalid`; `wrong_state`. `forbidden`: an
/// API token approves or refuses.
pub(super) async fn act(
    engine: &Engine,
    caller: &Caller,
    key: i64,
    action: &str,
    body: &Value,
) -> Result<ActionAnswer> {
    caller.require(Right::IntegrationsManage)?;
    let act = read::read(action, body)?;
    let changed = again_if_stale(None, || change(engine, caller, key.into(), &act)).await?;
    let Some((after, subject)) = changed else {
        return Ok(ActionAnswer::Entity);
    };
    let services = engine.services();
    let (tenant, uuid) = (after.tenant_id.uuid(), after.consent.uuid);
    services.outbound.forget_client(tenant, uuid);
    tell(engine, caller, KIND_CLIENT_INTEGRATION, subject.client_integration).await;
    publish(services, event_of(after.consent.state), &after, &subject);
    Ok(ActionAnswer::Entity)
}

/// None: there is nothing to change.
async fn change(
    engine: &Engine,
    caller: &Caller,
    id: ConsentId,
    act: &Act,
) -> Result<Option<(KeptConsent, ConsentSubject)>> {
    let (store, now) = (engine.store(), engine.clock().now());
    let found = store.kept_consent(caller.tenant_id, id).await?;
    let (before, subject) = found.ok_or_else(|| Error::not_found("consent", id))?;
    let (kind, state) = (before.consent.consent_type_id, before.consent.state);
    let after = consent::after(kind, state, act.event()).map_err(|unfit| unfit_error(&unfit))?;
    let mut settled = Settled {
        state: after,
        secrets: None,
        granted_by: None,
        granted_at: None,
        expires_at: None,
        detail: None,
    };
    match act {
        Act::Begin if after == ConsentState::Granted => return Ok(None),
        Act::Begin => {
            if subject.wanted == ConsentType::None {
                let message = format!(
                    "The integration {} needs no consent any more.",
                    subject.integration_name
                );
                return Err(Error::new(Code::WrongState, message));
            }
            let entry = caller.audit(act.word(), "consent", id, Some(before.shown()), Some(shown(after)));
            let renewed = store.renew_consent(link_rules(engine.services()), &before, None, entry);
            return Ok(Some((renewed.await?, subject)));
        }
        Act::Submit(auth) => {
            settled.secrets = Some(sealed(engine, &before, &subject, auth)?);
            settled.granted_by = caller.user_id;
            settled.granted_at = Some(now);
        }
        Act::Approve => {
            by_person(caller)?;
            settled.granted_by = caller.user_id;
            settled.granted_at = Some(now);
        }
        Act::Refuse { detail } => {
            by_person(caller)?;
            settled.detail.clone_from(detail);
        }
        Act::Revoke => {}
    }
    let entry = caller.audit(act.word(), "consent", id, Some(before.shown()), Some(shown(after)));
    let written = store.settle_consent(&before, settled, entry).await?;
    Ok(Some((written, subject)))
}

/// An approval is a person's word: a token that was made for programs does not give it. A host app answers for its own people.
fn by_person(caller: &Caller) -> Result<()> {
    if caller.is_part {
        return Err(Error::new(
            Code::Forbidden,
            "Consents are approved and refused by a person who signed in, not with an API token.",
        ));
    }
    Ok(())
}

fn sealed(engine: &Engine, kept: &KeptConsent, subject: &ConsentSubject, auth: &Auth) -> Result<Vec<u8>> {
    let secrets = ConsentSecrets::Credentials {
        auth: auth.clone(),
        origin: subject.origin.clone(),
    };
    Ok(secrets.seal(engine.sealer(), kept.tenant_id, kept.consent.uuid)?)
}

fn shown(state: ConsentState) -> Value {
    serde_json::json!({ "state": state.as_str() })
}

fn unfit_error(unfit: &Unfit) -> Error {
    Error::new(Code::WrongState, unfit.to_string())
}

fn event_of(state: ConsentState) -> &'static str {
    match state {
        ConsentState::Pending => "consent.needed",
        ConsentState::Granted => "consent.granted",
        ConsentState::Refused => "consent.refused",
        ConsentState::Revoked => "consent.revoked",
    }
}

impl Act {
    fn event(&self) -> ConsentEvent {
        match self {
            Self::Begin => ConsentEvent::Begun,
            Self::Submit(_) => ConsentEvent::Submitted,
            Self::Approve => ConsentEvent::Approved,
            Self::Refuse { .. } => ConsentEvent::Refused,
            Self::Revoke => ConsentEvent::Revoked,
        }
    }

    /// For the audit log.
    fn word(&self) -> &'static str {
        match self {
            Self::Begin => "consent.begin",
            Self::Submit(_) => "consent.submit",
            Self::Approve => "consent.approve",
            Self::Refuse { .. } => "consent.refuse",
            Self::Revoke => "consent.revoke",
        }
    }
}

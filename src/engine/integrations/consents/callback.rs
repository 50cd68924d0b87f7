//! What another system answers to a link of ours: a code that becomes tokens, or a no.

use serde_json::json;

use super::{event_of, shown};
use crate::{
    actors::{
        integration::consent::{adopt, credentials, link_rules, oauth_client, publish, usable},
        observed::KIND_CLIENT_INTEGRATION,
    },
    domain::integration::{
        ConsentState,
        consent::{self, ConsentEvent},
    },
    engine::integrations::Integrations,
    error::Result,
    http::{CodeGrant, Secret},
    store::{
        self,
        audit::Entry,
        integrations::consents::{
            Claim, Claimed, ConsentLink, ConsentSecrets, ConsentSubject, ConsentTokens, KeptConsent, OtherSide, Settled,
        },
    },
};

/// Bytes of our `state`.
const STATE_BYTES: usize = 43;
/// Longest code that is taken, bytes.
const CODE_BYTES_MAX: usize = 8_192;
/// What the other system says when a person did not agree (RFC 6749, section 4.1.2.1).
const ACCESS_DENIED: &str = "access_denied";

/// What came back with the person.
#[derive(Debug, Clone, Default)]
pub struct ConsentAnswer {
    /// Ours, from the link.
    pub state: Option<Secret>,
    /// Becomes tokens.
    pub code: Option<Secret>,
    /// Why there is no code, in a word.
    pub error: Option<String>,
    /// And in more words.
    pub error_description: Option<String>,
}

/// What is told to the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What became of the consent.
    pub outcome: ToldOutcome,
    /// What for; none where the link is not known.
    pub subject: Option<ToldSubject>,
}

/// What a consent is for, as people know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldSubject {
    /// Who consents.
    pub tenant: String,
    /// To what.
    pub integration: String,
    /// With which system.
    pub system: String,
    /// To which scheme, host and port requests go; none where that is not written out.
    pub origin: Option<String>,
}

/// What an answer meets that is not taken yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Met {
    /// A link of ours: who brought the answer is to be asked whether it is theirs.
    Link(ToldSubject),
    /// Nothing that could be taken.
    Nothing(Told),
}

/// See [`Told`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToldOutcome {
    /// The consent is given.
    Granted,
    /// The person did not agree.
    Refused,
    /// Something went wrong; another link can be followed. The text says what.
    Failed(String),
    /// The link has ended.
    Late,
    /// The link is none of ours, or was used.
    Unknown,
    /// Somebody changed the consent meanwhile.
    Overtaken,
}

impl ConsentAnswer {
    /// What of its `state` is stored; none where it cannot be one of ours.
    fn state_hash(&self) -> Option<String> {
        let state = self.state.as_ref().map(Secret::expose);
        let state = state.filter(|state| state.len() == STATE_BYTES);
        state.map(consent::state_hash)
    }
}

impl Told {
    fn unknown() -> Self {
        Self {
            outcome: ToldOutcome::Unknown,
            subject: None,
        }
    }
}

impl ToldSubject {
    fn of(subject: &ConsentSubject) -> Self {
        Self {
            tenant: subject.tenant_name.clone(),
            integration: subject.integration_name.clone(),
            system: subject.system_name.clone(),
            origin: subject.origin.clone(),
        }
    }
}

impl Integrations<'_> {
    /// What the answer of another system to a link of ours is about. Changes nothing: whoever can make a browser come here has not
    /// agreed to anything.
    ///
    /// Needs no caller: who knows the `state` was sent by us.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn consent_met(&self, answer: &ConsentAnswer) -> Result<Met> {
        let Some(hash) = answer.state_hash() else {
            return Ok(Met::Nothing(Told::unknown()));
        };
        let found = self.engine.store().asked_by_link(hash).await?;
        Ok(match found {
            None => Met::Nothing(Told::unknown()),
            Some((subject, true)) => Met::Nothing(Told {
                outcome: ToldOutcome::Late,
                subject: Some(ToldSubject::of(&subject)),
            }),
            Some((subject, false)) => Met::Link(ToldSubject::of(&subject)),
        })
    }

    /// Takes the answer of another system to a link of ours. The link is used up whatever becomes of it.
    ///
    /// Needs no caller: who knows the `state` was sent by us. Goes on to its end, so its caller must not drop it.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn consent_answered(&self, answer: ConsentAnswer, request_id: Option<String>) -> Result<Told> {
        let Some(hash) = answer.state_hash() else {
            return Ok(Told::unknown());
        };
        let claim = self.engine.store().claim_consent(hash).await?;
        let (claimed, is_late) = match claim {
            Claim::Unknown => return Ok(Told::unknown()),
            Claim::Late(claimed) => (claimed, true),
            Claim::Taken(claimed) => (claimed, false),
        };
        let subject = ToldSubject::of(&claimed.subject);
        let outcome = if is_late {
            ToldOutcome::Late
        } else {
            self.settle(*claimed, answer, request_id).await?
        };
        Ok(Told {
            outcome,
            subject: Some(subject),
        })
    }

    async fn settle(&self, claimed: Claimed, answer: ConsentAnswer, request_id: Option<String>) -> Result<ToldOutcome> {
        let (event, tokens, why) = match self.answered(&claimed, answer).await? {
            Answered::Agreed(tokens) => (ConsentEvent::Agreed, Some(tokens), None),
            Answered::Denied(why) => (ConsentEvent::Denied, None, Some(why)),
            Answered::Failed(why) => (ConsentEvent::LinkFailed, None, Some(why)),
        };
        let Claimed {
            stored: before,
            subject,
        } = claimed;
        let Ok(state) = consent::after(before.consent.consent_type_id, before.consent.state, event) else {
            return Ok(ToldOutcome::Overtaken);
        };
        let action = match event {
            ConsentEvent::Agreed => "consent.grant",
            ConsentEvent::Denied => "consent.deny",
            _ => "consent.fail",
        };
        let after = match &why {
            Some(why) => json!({ "state": state.as_str(), "detail": why }),
            None => shown(state),
        };
        let entry = entry(&before, action, after, request_id);
        let services = self.engine.services();
        let written = if state == ConsentState::Pending {
            let rules = link_rules(services);
            services.store.renew_consent(rules, &before, why.clone(), entry).await
        } else {
            let sealed = tokens.as_ref().map(|tokens| {
                let secrets = ConsentSecrets::Tokens(tokens.clone());
                secrets.seal(&services.sealer, before.tenant_id, before.consent.uuid)
            });
            let is_granted = state == ConsentState::Granted;
            let lasts = tokens.as_ref().is_some_and(|tokens| tokens.refresh_token.is_some());
            let settled = Settled {
                state,
                secrets: sealed.transpose()?,
                granted_by: None,
                granted_at: is_granted.then(|| services.clock.now()),
                expires_at: tokens.as_ref().and_then(|tokens| tokens.expires_at.filter(|_| !lasts)),
                detail: why.clone(),
            };
            services.store.settle_consent(&before, settled, entry).await
        };
        let now = match written {
            Ok(now) => now,
            Err(store::Error::Stale { .. } | store::Error::NotFound) => return Ok(ToldOutcome::Overtaken),
            Err(error) => return Err(error.into()),
        };
        services.outbound.forget_client(now.tenant_id.uuid(), now.consent.uuid);
        if let Some(tokens) = &tokens
            && let Ok(auth) = usable(services, tokens, subject.other_side(&services.sealer)?)
        {
            adopt(services, &credentials(&now, &subject, auth), tokens).await;
        }
        let told = self.engine.registry();
        let told = told.refresh_member(KIND_CLIENT_INTEGRATION, now.tenant_id, subject.client_integration);
        if let Err(error) = told.await {
            tracing::warn!(consent.id = %now.consent.uuid, error = %error, "an actor hears of a consent later");
        }
        publish(services, event_of(state), &now, &subject);
        Ok(match (state, why) {
            (ConsentState::Granted, _) => ToldOutcome::Granted,
            (ConsentState::Pending, why) => ToldOutcome::Failed(why.unwrap_or_default()),
            _ => ToldOutcome::Refused,
        })
    }

    async fn answered(&self, claimed: &Claimed, answer: ConsentAnswer) -> Result<Answered> {
        let name = &claimed.subject.system_name;
        if let Some(error) = &answer.error {
            let description = answer.error_description.unwrap_or_default();
            let said = consent::words(&format!("{error} {description}"));
            return Ok(if error == ACCESS_DENIED {
                Answered::Denied(format!("Not agreed at {name}: {said}."))
            } else {
                Answered::Failed(format!("{name} could not ask: {said}."))
            });
        }
        let code = answer
            .code
            .filter(|code| !code.is_empty() && code.expose().len() <= CODE_BYTES_MAX);
        let Some(code) = code else {
            return Ok(Answered::Failed(format!(
                "{name} sent neither a code that can be used nor an error."
            )));
        };
        let sealer = &self.engine.services().sealer;
        let (Some(ConsentSecrets::Link(link)), Some(other_side)) =
            (claimed.stored.open(sealer)?, claimed.subject.other_side(sealer)?)
        else {
            return Ok(Answered::Failed(format!("{name} was changed since the link was made.")));
        };
        if let Some(what) = moved(&link, &other_side, &claimed.subject) {
            return Ok(Answered::Failed(format!(
                "{what} was changed since the link was made, so that nothing was sent to {name}."
            )));
        }
        let oauth = oauth_client(other_side);
        let (token_url, client_id) = (oauth.token_url.clone(), oauth.client_id.clone());
        let grant = CodeGrant {
            oauth,
            code,
            redirect_uri: link.redirect_uri,
            verifier: link.verifier,
        };
        match self.engine.outbound().redeem_code(&grant).await {
            Ok(got) => Ok(Answered::Agreed(ConsentTokens {
                token_url,
                client_id,
                access_token: got.access_token,
                expires_at: got.expires_at,
                refresh_token: got.refresh_token,
                origin: link.origin,
            })),
            Err(error) => {
                let said = consent::words(&error.message);
                Ok(Answered::Failed(format!("{name} did not give its tokens: {said}.")))
            }
        }
    }
}

/// What is not as it was when the link was made: a code goes only to the server that its person was asked about, and its tokens
/// only with the requests that were meant then.
fn moved(link: &ConsentLink, now: &OtherSide, subject: &ConsentSubject) -> Option<&'static str> {
    if link.token_url != now.oauth.token_url {
        Some("The TokenUrl of the system")
    } else if link.client_id != now.oauth.client_id {
        Some("The OAuthClientId of the system")
    } else if link.origin != subject.origin {
        Some("The host in the Url of the integration's action")
    } else {
        None
    }
}

enum Answered {
    Agreed(ConsentTokens),
    Denied(String),
    Failed(String),
}

/// Nobody who signed in does this: the person is known to the other system only.
fn entry(before: &KeptConsent, action: &'static str, after: serde_json::Value, request_id: Option<String>) -> Entry {
    Entry {
        tenant_id: before.tenant_id,
        user_id: None,
        token_id: None,
        action,
        resource_kind: "consent",
        resource_id: Some(before.id.to_string()),
        before: Some(before.shown()),
        after: Some(after),
        request_id,
    }
}

//! Consents as those who act on items need them: how links are made, with which credentials requests are sent, and what to do when
//! the other system takes these no more.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use crate::{
    actors::{delivery::notify::links_begin, integration::work::Work, services::Services},
    domain::integration::{
        ConsentState, ConsentType,
        consent::{self, ConsentEvent},
    },
    error::{Code, Error, Result},
    http::{self, Auth, ClientCredentials, CredentialsIn, OauthClient},
    store::{
        self, audit,
        integrations::consents::{ConsentSecrets, ConsentSubject, ConsentTokens, KeptConsent, LinkRules, OtherSide},
    },
};

/// Where other systems send people back to, below the place where the gateway is mounted.
pub const CALLBACK_PATH: &str = "/OData/Consents/callback";

/// How links to other systems are made. The address to come back to is the one in the settings, never what a request names.
#[must_use]
pub fn link_rules(services: &Services) -> LinkRules {
    let settings = &services.settings;
    let begin = links_begin(&settings.server.public_url, services.address.get(), "");
    LinkRules {
        sealer: services.sealer.clone(),
        redirect_uri: (!begin.is_empty()).then(|| format!("{begin}{CALLBACK_PATH}")),
        life: Duration::from_secs(settings.integrations.consent_link_seconds),
    }
}

/// What a client consented to.
#[derive(Clone, Debug)]
pub struct Consented {
    /// How requests of its items are authenticated.
    pub credentials: Arc<ClientCredentials>,
    /// Scheme, host and port of the action's requests when the consent was given: the credentials go nowhere else, whoever changes
    /// the action.
    pub origin: Option<String>,
}

/// The credentials that a client's consent gives for requests of its items; none where the type of the consent gives none. Read for
/// each item, so that a consent that was taken back is not used any more.
///
/// # Errors
/// `wrong_state`: there is no consent now, or none that can still be used; the item has to wait for it ([`Acted::Later`]). Otherwise
/// the store does not answer.
///
/// [`Acted::Later`]: super::Acted::Later
pub async fn consent_credentials(services: &Services, work: &Work) -> Result<Option<Consented>> {
    if work.integration.consent_type_id == ConsentType::None {
        return Ok(None);
    }
    let found = services.store.kept_consent_of(work.tenant_id, work.id).await?;
    let granted = found.filter(|(kept, subject)| {
        kept.consent.state == ConsentState::Granted && kept.consent.consent_type_id == subject.wanted
    });
    let Some((kept, subject)) = granted else {
        let name = &work.integration.integration_name;
        return Err(needed(&format!(
            "The integration {name} waits for the consent of this client."
        )));
    };
    match kept.open(&services.sealer)? {
        None | Some(ConsentSecrets::Link(_)) => Ok(None),
        Some(ConsentSecrets::Credentials { auth, origin }) => Ok(Some(Consented {
            credentials: Arc::new(credentials(&kept, &subject, auth)),
            origin,
        })),
        Some(ConsentSecrets::Tokens(tokens)) => {
            let other_side = subject.other_side(&services.sealer)?;
            match usable(services, &tokens, other_side) {
                Ok(auth) => {
                    let credentials = credentials(&kept, &subject, auth);
                    adopt(services, &credentials, &tokens).await;
                    Ok(Some(Consented {
                        credentials: Arc::new(credentials),
                        origin: tokens.origin,
                    }))
                }
                Err(why) => {
                    lose(services, &kept, &subject, &why).await?;
                    Err(needed(&why))
                }
            }
        }
    }
}

/// To be called when a request failed with [`http::Error::needs_reauthorisation`]: the consent that gave these credentials is pending
/// again, with a new link, and `consent.needed` is published. The client integration has no live row then. What was granted anew
/// meanwhile stays.
///
/// # Errors
/// The store does not answer.
pub async fn consent_refused(
    services: &Services,
    work: &Work,
    refused: &ClientCredentials,
    error: &http::Error,
) -> Result<()> {
    let found = services.store.kept_consent_of(work.tenant_id, work.id).await?;
    let Some((kept, subject)) = found else { return Ok(()) };
    if kept.version != refused.version || kept.consent.uuid != refused.client_id {
        return Ok(());
    }
    let why = format!(
        "{} does not take the consent any more: {}.",
        subject.system_name,
        consent::words(&error.message)
    );
    lose(services, &kept, &subject, &why).await
}

/// The credentials of a consent at its version.
pub(crate) fn credentials(kept: &KeptConsent, subject: &ConsentSubject, auth: Auth) -> ClientCredentials {
    ClientCredentials {
        tenant_id: kept.tenant_id.uuid(),
        client_id: kept.consent.uuid,
        version: kept.version,
        name: format!("of the consent to {}", subject.integration_name),
        auth,
        limits: None,
    }
}

/// Who we are at the other system.
pub(crate) fn oauth_client(other_side: OtherSide) -> OauthClient {
    OauthClient {
        token_url: other_side.oauth.token_url,
        client_id: other_side.oauth.client_id,
        // Without a secret there is nothing to authenticate with: the id goes into the form (RFC 6749, section 3.2.1).
        credentials_in: if other_side.client_secret.is_empty() {
            CredentialsIn::Body
        } else {
            CredentialsIn::Header
        },
        client_secret: other_side.client_secret,
        // Tokens are asked for the scope that was granted, which is what leaving it out means.
        scope: None,
        audience: None,
    }
}

/// How requests are authenticated with tokens.
///
/// # Errors
/// Why they cannot be used any more, for people.
pub(crate) fn usable(
    services: &Services,
    tokens: &ConsentTokens,
    other_side: Option<OtherSide>,
) -> std::result::Result<Auth, String> {
    let same = |side: &OtherSide| side.oauth.token_url == tokens.token_url && side.oauth.client_id == tokens.client_id;
    let Some(side) = other_side.filter(same) else {
        // Tokens and secrets go only to where they came from.
        return Err("The system was given another TokenUrl or OAuthClientId since the consent.".to_owned());
    };
    if let Some(refresh_token) = tokens.refresh_token.clone() {
        return Ok(Auth::Oauth2RefreshToken {
            oauth: oauth_client(side),
            refresh_token,
        });
    }
    if tokens.expires_at.is_some_and(|ends| ends <= services.clock.now()) {
        return Err("The consent has ended: the other system gave a token that cannot be renewed.".to_owned());
    }
    Ok(Auth::Bearer {
        token: tokens.access_token.clone(),
    })
}

/// The access token that came with the grant is used until it ends; after a restart it is handed over again.
pub(crate) async fn adopt(services: &Services, credentials: &ClientCredentials, tokens: &ConsentTokens) {
    if services.outbound.token_renew_at(credentials).is_some() {
        return;
    }
    let adopted = services
        .outbound
        .adopt_token(credentials, &tokens.access_token, tokens.expires_at)
        .await;
    if let Err(error) = adopted {
        // Not worse than without it: a token is got with the refresh token.
        tracing::warn!(consent.id = %credentials.client_id, error = %error.message, "the access token of a consent is not taken over");
    }
}

/// Says to all who listen where a consent stands; after the commit.
pub(crate) fn publish(services: &Services, kind: &'static str, kept: &KeptConsent, subject: &ConsentSubject) {
    let consent = &kept.consent;
    let data = json!({
        "consentId": kept.id,
        "clientIntegrationId": consent.client_integration_id,
        "integrationId": subject.integration_id,
        "integrationName": subject.integration_name,
        "consentTypeId": consent.consent_type_id.as_str(),
        "state": consent.state.as_str(),
        "detail": consent.detail,
    });
    let now = services.clock.now();
    services.events.publish(kept.tenant_id, now, kind, consent.uuid, data);
}

async fn lose(services: &Services, kept: &KeptConsent, subject: &ConsentSubject, why: &str) -> Result<()> {
    if consent::after(kept.consent.consent_type_id, kept.consent.state, ConsentEvent::Lost).is_err() {
        return Ok(());
    }
    let entry = audit::Entry {
        tenant_id: kept.tenant_id,
        user_id: None,
        token_id: None,
        action: "consent.lose",
        resource_kind: "consent",
        resource_id: Some(kept.id.to_string()),
        before: Some(kept.shown()),
        after: Some(json!({ "state": ConsentState::Pending.as_str(), "detail": why })),
        request_id: None,
    };
    let renewed = services
        .store
        .renew_consent(link_rules(services), kept, Some(why.to_owned()), entry)
        .await;
    match renewed {
        Ok(now) => {
            services
                .outbound
                .forget_client(kept.tenant_id.uuid(), kept.consent.uuid);
            publish(services, "consent.needed", &now, subject);
            Ok(())
        }
        // Somebody else saw it, or changed it.
        Err(store::Error::Stale { .. } | store::Error::NotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn needed(why: &str) -> Error {
    Error::new(Code::WrongState, why.to_owned())
}

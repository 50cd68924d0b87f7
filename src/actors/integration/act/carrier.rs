//! Whose credentials go with a request, and where they may go: the client of the action, the client's consent, or its connection.

use std::sync::Arc;

use url::{Origin, Url};

use super::{Attempt, ended, request::Built};
use crate::{
    actors::{
        connection::Gate,
        integration::{consent, work::Acted},
    },
    domain::integration::{Action, ConsentType, address::written_origin},
    http::{ClientCredentials, Response},
};

/// See the module.
pub(super) enum Carrier {
    /// Nobody's.
    Plain,
    /// Those of the action's client.
    Client(Arc<ClientCredentials>),
    /// Those that the client of the engine consented to.
    Consent(Arc<ClientCredentials>),
    /// Those of the connection, sent through its gate.
    Connection(Gate),
}

/// Finds them: the action's client, else the consent's, else the connection's.
pub(super) async fn carrier(attempt: Attempt<'_>, action: &Action) -> Result<Carrier, Acted> {
    let Attempt { services, work, .. } = attempt;
    let is_own = work.owner_id == work.tenant_id;
    if let Some(id) = action.client_id.filter(|_| is_own) {
        let found = services.clients.credentials(work.tenant_id, id).await;
        return found.map(Carrier::Client).map_err(|error| {
            let message = format!("The client of the action cannot be used: {error}");
            match ended::of_error(services, &error) {
                Acted::Failed { .. } => ended::failed(message, false),
                other => other,
            }
        });
    }
    let consented = consent::consent_credentials(services, work).await;
    if let Some(consented) = consented.map_err(|error| ended::of_error(services, &error))? {
        return match consented_elsewhere(action, consented.origin.as_deref(), work.integration.consent_type_id) {
            // It waits: the consent is given anew, or the address is put right.
            Some(why) => Err(ended::blocked(services, why)),
            None => Ok(Carrier::Consent(consented.credentials)),
        };
    }
    match work.client.connection_id {
        Some(id) => match services.gates.gate(work.tenant_id, id).await {
            Ok(gate) => Ok(Carrier::Connection(gate)),
            Err(refused) => Err(ended::of_refusal(services, refused)),
        },
        // The operator's credentials do not go with what clients send.
        None if action.client_id.is_some() => Err(ended::failed(
            "The action names a client of another tenant. Give the client integration a connection, or ask for a consent.",
            true,
        )),
        None => Ok(Carrier::Plain),
    }
}

/// Why what was consented to does not go where the action sends now: whoever changes an action does not choose where the secrets of
/// clients go. That the address says where it leads is seen to by [`Carrier::check`].
fn consented_elsewhere(action: &Action, origin: Option<&str>, kind: ConsentType) -> Option<String> {
    let to = written_origin(action.url.as_deref()?)?.ascii_serialization();
    if origin == Some(to.as_str()) {
        return None;
    }
    let how = match kind {
        ConsentType::Credentials => "Submit the credentials again",
        _ => "Revoke it, then Begin it again",
    };
    Some(match origin {
        Some(origin) => format!(
            "The consent was given for requests to {origin}, and the action sends to {to} now. If that is right, the consent has to \
             be given again: {how}."
        ),
        None => format!(
            "The consent was given before the action said where it sends, which is {to} now. If that is right, the consent has to be \
             given again: {how}."
        ),
    })
}

impl Carrier {
    /// Where a path goes that the action names without a host.
    pub fn base(&self) -> Option<Url> {
        match self {
            Self::Connection(gate) => {
                let (provider, account) = (gate.provider(), gate.account());
                Url::parse(&provider.check(&account).url).ok()
            }
            _ => None,
        }
    }

    /// Checks that what is secret goes where the action says, whatever the values in its address are.
    pub fn check(&self, built: &Built) -> Result<(), Acted> {
        let aim = Url::parse(&built.request.url).ok().map(|url| url.origin());
        // They are the action's, and may be another tenant's: a client's connection does not choose where they go.
        if !built.request.secret_headers.is_empty() && (built.origin.is_none() || built.origin != aim) {
            let message = "The Url must name its scheme and host before the first value that is put in, because the action has \
                           secret headers.";
            return Err(ended::failed(message, true));
        }
        let may_go = match self {
            Self::Plain if built.request.secret_headers.is_empty() => return Ok(()),
            Self::Connection(_) => self.base().map(|url| url.origin()),
            _ => built.origin.clone(),
        };
        let shown = |origin: &Option<Origin>| origin.as_ref().map_or_else(String::new, Origin::ascii_serialization);
        let message = match (self, &may_go) {
            (_, Some(_)) if aim == may_go => return Ok(()),
            (Self::Connection(_), _) => format!(
                "The Url leads to {}, but the credentials of the connection go to {} only.",
                shown(&aim),
                shown(&may_go)
            ),
            (_, None) => {
                "The Url must name its scheme and host before the first value that is put in, because credentials go \
                          with the request."
                    .to_owned()
            }
            (_, Some(_)) => format!("The Url leads to {}, not to {}.", shown(&aim), shown(&may_go)),
        };
        Err(ended::failed(message, true))
    }

    /// Sends a request that was checked.
    pub async fn send(&self, attempt: Attempt<'_>, built: Built) -> Result<Response, Acted> {
        let Attempt { services, work, .. } = attempt;
        let mut request = built.request;
        match self {
            Self::Connection(gate) => {
                let account = gate.account();
                // What the provider wants with every request, such as whose books they are.
                for (name, value) in gate.provider().headers(&account) {
                    let is_there = |(known, _): &(String, String)| known.eq_ignore_ascii_case(&name);
                    if !request.headers.iter().any(is_there) {
                        request.headers.push((name, value));
                    }
                }
                let sent = gate.send(account.version, request).await;
                sent.map_err(|refused| ended::of_refusal(services, refused))
            }
            Self::Plain => {
                let sent = services.outbound.send(request).await;
                sent.map_err(|error| ended::of_http(services, error))
            }
            Self::Client(credentials) => {
                request.client = Some(credentials.clone());
                let sent = services.outbound.send(request).await;
                sent.map_err(|error| ended::of_http(services, error))
            }
            Self::Consent(credentials) => {
                request.client = Some(credentials.clone());
                let error = match services.outbound.send(request).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                if error.needs_reauthorisation {
                    if let Err(error) = consent::consent_refused(services, work, credentials, &error).await {
                        return Err(ended::of_error(services, &error));
                    }
                    return Err(ended::blocked(services, error.message));
                }
                Err(ended::of_http(services, error))
            }
        }
    }
}

//! Consents as those who act on items need them: how links are made, and with which credentials requests are sent.

use std::time::Duration;

use crate::{
    actors::{delivery::notify::links_begin, services::Services},
    store::integrations::consents::LinkRules,
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

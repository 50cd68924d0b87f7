//! The members of a connection that are no secrets, and when the access token that came with it ends.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// The members of a connection that are no secrets, as they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// The account at the provider: Xero's tenant, QuickBooks' realm, NetSuite's account.
    pub remote_instance_id: Option<String>,
    /// For people.
    pub remote_instance_code: Option<String>,
    /// For people.
    pub remote_instance_name: Option<String>,
    /// For people.
    pub remote_instance_display: Option<String>,
    /// Issued by the provider.
    pub client_id: Option<String>,
    /// `Bearer`.
    pub token_type: Option<String>,
    /// When the access token ends: a date, a time, or seconds from when it was given.
    pub expires_in: Option<String>,
    /// Base of the token endpoint, in place of the provider's own.
    pub account_server: Option<String>,
    /// Base of the API, in place of the provider's own.
    pub api_domain: Option<String>,
    /// A JSON object as text: what else the provider needs; for REST the description of the API.
    pub supporting_fields: Option<String>,
    /// For providers that sign in with a password.
    pub user_name: Option<String>,
    /// Whether requests carry credentials; absent: yes.
    pub require_authentication: Option<bool>,
    /// Free text; `inactive` and `disabled` make a connection that is disabled.
    pub state: Option<String>,
    /// Some systems keep companies in files.
    pub company_file: Option<String>,
    /// For people.
    pub company_name: Option<String>,
}

impl Profile {
    /// When the access token ends that came with the connection at `given_at`: a date means its first moment in UTC. None: nothing
    /// is known of it.
    #[must_use]
    pub fn access_token_ends_at(&self, given_at: Timestamp) -> Option<Timestamp> {
        token_end(self.expires_in.as_deref()?, given_at)
    }

    /// Whether requests carry credentials.
    #[must_use]
    pub fn authenticates(&self) -> bool {
        self.require_authentication.unwrap_or(true)
    }
}

/// Reads `expires_in`: seconds from `given_at`, a time or a date.
pub(super) fn token_end(text: &str, given_at: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return given_at.checked_add(SignedDuration::from_secs(seconds.into())).ok();
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    // Longer than a date: jiff would also read a time without a zone as its date.
    let date: Date = Some(text).filter(|text| text.len() == 10)?.parse().ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_at_a_date_a_time_or_after_seconds() {
        let now: Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-12-31", Some("2026-12-31T00:00:00Z")),
            ("2026-12-31T10:00:00+02:00", Some("2026-12-31T08:00:00Z")),
            ("1800", Some("2026-11-22T08:30:00Z")),
            ("0", Some("2026-11-22T08:00:00Z")),
            ("soon", None),
            ("2026-13-01", None),
            ("2026-12-31T10:00:00", None),
            ("", None),
            ("-5", None),
        ] {
            let profile = Profile {
                expires_in: Some(text.to_owned()),
                ..Profile::default()
            };
            let found = profile.access_token_ends_at(now);
            assert_eq!(found, expected.map(|text| text.parse().unwrap()), "{text:?}");
        }
        assert_eq!(Profile::default().access_token_ends_at(now), None);
    }
}

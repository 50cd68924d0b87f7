//! Reading a connection from a request: the documented flat body, its members under the names of requests or of answers.

use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::{Profile, ProviderKind, profile::token_end};
use crate::domain::{
    lenient::{Given, Reader, folded, unwrapped},
    validate::FieldError,
};

/// Longest text of one member, characters.
pub const TEXT_CHARACTERS_MAX: usize = 500;
/// Longest `supporting_fields`, bytes of JSON.
pub const SUPPORTING_FIELDS_BYTES_MAX: usize = 64 * 1024;
/// What may stand around the members.
const WRAPPERS: [&str; 2] = ["integration", "integration_connection"];
/// Members that answers show and that only the engine sets; a change may send them back.
const SHOWN_ONLY: [&str; 6] = ["uuid", "status_detail", "created", "updated", "version", "warnings"];

/// The secrets of a new connection, in clear: seal them at once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretTexts {
    /// `integration_client_secret`; for NetSuite the private key in PEM.
    pub client_secret: Option<Zeroizing<String>>,
    /// `integration_access_token`.
    pub access_token: Option<Zeroizing<String>>,
    /// `integration_refresh_token`.
    pub refresh_token: Option<Zeroizing<String>>,
    /// `user_password`.
    pub user_password: Option<Zeroizing<String>>,
}

/// What a change does to one secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum SecretChange {
    /// Nothing: it was not given, or was given empty or masked as answers show it.
    #[default]
    Keep,
    /// null was given.
    Remove,
    /// A new one, in clear.
    Set(Zeroizing<String>),
}

/// What a change does to the secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretChanges {
    /// `integration_client_secret`.
    pub client_secret: SecretChange,
    /// `integration_access_token`.
    pub access_token: SecretChange,
    /// `integration_refresh_token`.
    pub refresh_token: SecretChange,
    /// `user_password`.
    pub user_password: SecretChange,
}

/// A connection as it comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConnection {
    /// Which provider.
    pub provider: ProviderKind,
    /// What is no secret.
    pub profile: Profile,
    /// What is.
    pub secrets: SecretTexts,
    /// False where `state` is `inactive` or `disabled`.
    pub enabled: bool,
}

/// A changed connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedConnection {
    /// What is no secret, whole.
    pub profile: Profile,
    /// What happens to the secrets.
    pub secrets: SecretChanges,
    /// Whether it shall be enabled, where `state` was given.
    pub enabled: Option<bool>,
}

impl std::fmt::Debug for SecretTexts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SecretTexts(..)")
    }
}

impl std::fmt::Debug for SecretChange {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Keep => "Keep",
            Self::Remove => "Remove",
            Self::Set(_) => "Set(..)",
        })
    }
}

impl SecretChange {
    fn of(given: Given<Zeroizing<String>>) -> Self {
        match given {
            Given::Absent => Self::Keep,
            Given::Empty => Self::Remove,
            Given::Set(text) => Self::Set(text),
        }
    }

    fn new_value(self) -> Option<Zeroizing<String>> {
        match self {
            Self::Set(text) => Some(text),
            Self::Keep | Self::Remove => None,
        }
    }
}

/// Reads a new connection. The body is flat; `{"integration": {..}}` around it is accepted. What the provider needs is checked by
/// the provider.
///
/// # Errors
/// Everything that is wrong, by the paths of the members as they were given.
pub fn read_new(body: &Value) -> Result<NewConnection, Vec<FieldError>> {
    let mut reader = reader(body)?;
    let provider = provider(&mut reader);
    reader.require(
        reader.given_name(&PROVIDER),
        matches!(provider, Given::Set(_)),
        "must be one of XERO, QUICKBOOKS, NETSUITE, REST",
    );
    let mut profile = Profile::default();
    let enabled = read_profile(&mut reader, &mut profile);
    let secrets = read_secrets(&mut reader);
    match (provider, reader.finish()) {
        (Given::Set(provider), errors) if errors.is_empty() => Ok(NewConnection {
            provider,
            profile,
            secrets: SecretTexts {
                client_secret: secrets.client_secret.new_value(),
                access_token: secrets.access_token.new_value(),
                refresh_token: secrets.refresh_token.new_value(),
                user_password: secrets.user_password.new_value(),
            },
            enabled: enabled.unwrap_or(true),
        }),
        (_, errors) => Err(errors),
    }
}

/// Reads a change of a connection, member by member: what is absent stays, null or "" leaves a member without a value (a secret
/// stays with ""). The provider may be repeated, not changed.
///
/// # Errors
/// As [`read_new`].
pub fn patch(
    current_provider: ProviderKind,
    current: &Profile,
    body: &Value,
) -> Result<ChangedConnection, Vec<FieldError>> {
    let mut reader = reader(body)?;
    reader.skip(&SHOWN_ONLY);
    if let Given::Set(provider) = provider(&mut reader)
        && provider != current_provider
    {
        reader.refuse(
            reader.given_name(&PROVIDER),
            format!("cannot be changed from {current_provider} to {provider}: create another connection"),
        );
    }
    let mut profile = current.clone();
    let enabled = read_profile(&mut reader, &mut profile);
    let secrets = read_secrets(&mut reader);
    match reader.finish() {
        errors if errors.is_empty() => Ok(ChangedConnection {
            profile,
            secrets,
            enabled,
        }),
        errors => Err(errors),
    }
}

const PROVIDER: [&str; 2] = ["provider", "integration_partner"];

fn reader(body: &Value) -> Result<Reader<'_>, Vec<FieldError>> {
    let (path, value) = unwrapped(body, &WRAPPERS);
    let mut reader = Reader::new(&path, value).map_err(|error| vec![error])?;
    reader.forbid(
        &["status", "enabled"],
        "cannot be set here: POST /integration-connections/{uuid}/enable or /disable changes it",
    );
    Ok(reader)
}

fn provider(reader: &mut Reader<'_>) -> Given<ProviderKind> {
    reader.word(&PROVIDER, |text| {
        text.parse()
            .map_err(|_| "must be one of XERO, QUICKBOOKS, NETSUITE, REST".to_owned())
    })
}

/// Takes what is given over into the profile. Answers whether the connection shall be enabled, where `state` was given.
fn read_profile(reader: &mut Reader<'_>, profile: &mut Profile) -> Option<bool> {
    let text = |reader: &mut Reader<'_>, names: &[&'static str], place: &mut Option<String>| {
        reader.text(names, TEXT_CHARACTERS_MAX).put(place);
    };
    text(reader, &["remote_instance_id"], &mut profile.remote_instance_id);
    text(reader, &["remote_instance_code"], &mut profile.remote_instance_code);
    text(reader, &["remote_instance_name"], &mut profile.remote_instance_name);
    text(
        reader,
        &["remote_instance_display"],
        &mut profile.remote_instance_display,
    );
    text(reader, &["integration_client_id", "client_id"], &mut profile.client_id);
    text(reader, &["token_type"], &mut profile.token_type);
    text(reader, &["user_name"], &mut profile.user_name);
    text(reader, &["company_file"], &mut profile.company_file);
    text(reader, &["company_name"], &mut profile.company_name);
    reader.word(&["expires_in"], expires_in).put(&mut profile.expires_in);
    base_url(reader, "account_server").put(&mut profile.account_server);
    base_url(reader, "api_domain").put(&mut profile.api_domain);
    reader
        .boolean(&["require_authentication"])
        .put(&mut profile.require_authentication);
    supporting_fields(reader).put(&mut profile.supporting_fields);
    let state = reader.text(&["state"], TEXT_CHARACTERS_MAX);
    let enabled = match &state {
        Given::Absent => None,
        Given::Empty => Some(true),
        Given::Set(state) => Some(!matches!(folded(state).as_str(), "inactive" | "disabled")),
    };
    state.put(&mut profile.state);
    enabled
}

fn read_secrets(reader: &mut Reader<'_>) -> SecretChanges {
    SecretChanges {
        client_secret: SecretChange::of(reader.secret(&["integration_client_secret", "client_secret"])),
        access_token: SecretChange::of(reader.secret(&["integration_access_token", "access_token"])),
        refresh_token: SecretChange::of(reader.secret(&["integration_refresh_token", "refresh_token"])),
        user_password: SecretChange::of(reader.secret(&["user_password"])),
    }
}

fn expires_in(text: &str) -> Result<String, String> {
    // Any time will do: only the form matters.
    match token_end(text, jiff::Timestamp::UNIX_EPOCH) {
        Some(_) => Ok(text.to_owned()),
        None => {
            Err("must be a date like 2026-12-31, a time like 2026-12-31T10:00:00Z, or a number of seconds".to_owned())
        }
    }
}

/// What is no base is not repeated: a password may be in it.
fn base_url(reader: &mut Reader<'_>, name: &'static str) -> Given<String> {
    let fits = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    match reader.text(&[name], TEXT_CHARACTERS_MAX) {
        Given::Set(text) if !Url::parse(&text).is_ok_and(|url| fits(&url)) => {
            reader.refuse(
                name,
                "must be the beginning of addresses, like https://api.example.com, without user, query and fragment",
            );
            Given::Absent
        }
        given => given,
    }
}

/// A JSON object, as it is or as the text of one; kept as text.
fn supporting_fields(reader: &mut Reader<'_>) -> Given<String> {
    const NAME: &str = "supporting_fields";
    let text = match reader.raw(&[NAME]) {
        None => return Given::Absent,
        Some((_, Value::Null)) => return Given::Empty,
        Some((_, Value::String(text))) if text.trim().is_empty() => return Given::Empty,
        Some((_, Value::String(text))) => match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(_)) => text.trim().to_owned(),
            Ok(_) => {
                reader.refuse(NAME, "must be a JSON object, or the text of one");
                return Given::Absent;
            }
            Err(error) => {
                reader.refuse(NAME, format!("must be a JSON object, or the text of one: {error}"));
                return Given::Absent;
            }
        },
        Some((_, value @ Value::Object(_))) => value.to_string(),
        Some(_) => {
            reader.refuse(NAME, "must be a JSON object, or the text of one");
            return Given::Absent;
        }
    };
    if text.len() > SUPPORTING_FIELDS_BYTES_MAX {
        reader.refuse(
            NAME,
            format!(
                "must be at most {SUPPORTING_FIELDS_BYTES_MAX} bytes of JSON, and has {}",
                text.len()
            ),
        );
        return Given::Absent;
    }
    Given::Set(text)
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;

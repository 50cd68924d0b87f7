//! The definition of a scheduled API call: its JSON form, its defaults, and what makes one acceptable.

use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::ids::{ClientId, UserId};
use crate::domain::schedule::{Misfire, Overlap};

pub use checks::{
    FREQUENCY_SECONDS_ADVISED, HEADER_VALUE_BYTES_MAX, HEADERS_MAX, SCRIPT_MS_MAX, check_header_name, check_script,
    schedule_of,
};
pub use headers::{Header, HeaderValue, MaskedSecret, SecretHeader};

mod checks;
mod headers;

/// Failures in a row after which a call is deactivated, where the definition does not say.
pub const FAILURES_BEFORE_DEACTIVATION_DEFAULT: u32 = 20;
/// Total time of one request where the definition does not say, in milliseconds.
pub const TIMEOUT_MS_DEFAULT: u32 = 30_000;
/// Time of one script where the definition does not say, in milliseconds.
pub const SCRIPT_MS_DEFAULT: u32 = 1_000;
/// Largest response body where the definition does not say, in bytes.
pub const RESPONSE_BYTES_DEFAULT: u64 = 10 * 1024 * 1024;

/// Everything that a user says about a call API, except whether it is active.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallApiDefinition {
    /// Unique within the tenant.
    pub name: String,
    /// Transactions are created in preparation, to be looked at by a person.
    #[serde(default)]
    pub preparation: bool,
    /// The user in whose name transactions are created.
    pub run_as_user_id: UserId,
    /// Interval in seconds; may be absent only where `schedule` is given, which has precedence.
    #[serde(default)]
    pub frequency_seconds: Option<u32>,
    /// The client whose credentials are added; none sends none.
    #[serde(default)]
    pub client_id: Option<ClientId>,
    /// The HTTP method.
    pub method: Method,
    /// The address, as text or as a script that returns it.
    pub url: UrlSource,
    /// Additional headers, in the order in which they are sent.
    #[serde(default, deserialize_with = "null_as_default")]
    pub headers: Vec<Header>,
    /// Script that returns the request's body; none sends no body.
    #[serde(default)]
    pub body_script: Option<String>,
    /// Script that turns the response into transactions.
    pub response_script: String,
    /// JSON pointers to the values that identify a transaction; empty means the member `identifier`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub identifier: Vec<String>,
    /// Calendar rule instead of an interval.
    #[serde(default)]
    pub schedule: Option<CronDefinition>,
    /// What to do about due times missed while the engine was down.
    #[serde(default)]
    pub misfire: Misfire,
    /// What to do when a run is due while one is going.
    #[serde(default)]
    pub overlap: Overlap,
    /// What an error in a script does to the call.
    #[serde(default)]
    pub on_script_error: OnScriptError,
    /// What an answer that is not a success does to the call.
    #[serde(default)]
    pub on_http_error: OnHttpError,
    /// Failures in a row that deactivate the call: 20 where absent, never where null.
    #[serde(default = "failures_before_deactivation_default")]
    pub failures_before_deactivation: Option<u32>,
    /// Whether a request that may or may not have been sent is sent again after a crash.
    #[serde(default)]
    pub on_interrupted: OnInterrupted,
    /// Total time of one request, from name resolution to the last byte, in milliseconds.
    #[serde(default = "timeout_ms_default")]
    pub timeout_ms: u32,
    /// Limits of scripts and responses.
    #[serde(default, deserialize_with = "null_as_default")]
    pub limits: CallLimits,
}

/// HTTP methods that a call can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET
    Get,
    /// DELETE
    Delete,
    /// PATCH
    Patch,
    /// POST
    Post,
    /// PUT
    Put,
}

impl Method {
    /// The method as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Delete => "DELETE",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }

    /// Whether repeating the request is harmless, so that no row need be written before it is sent.
    #[must_use]
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get)
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Where the address comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UrlSource {
    /// How to read `value`.
    pub kind: UrlKind,
    /// The address, or the script that returns it.
    pub value: String,
}

/// How the value of [`UrlSource`] is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UrlKind {
    /// The address itself.
    Text,
    /// A script that returns it.
    Script,
}

/// A calendar rule as users write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CronDefinition {
    /// Cron expression: minute, hour, day of month, month, day of week; optionally seconds in front.
    pub cron: String,
    /// IANA time zone, like `Europe/Oslo`; UTC where absent.
    #[serde(default = "utc")]
    pub time_zone: String,
}

/// What an error in a script does to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnScriptError {
    /// It is deactivated, with the error as the reason.
    #[default]
    Deactivate,
    /// It goes on at its next due time.
    Continue,
}

/// What an answer that is not a success does to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnHttpError {
    /// It is tried again, and deactivated after too many failures in a row.
    #[default]
    Retry,
    /// It is deactivated.
    Deactivate,
    /// The response script sees the answer and decides.
    Script,
}

/// Whether a request that may or may not have been sent is sent again after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnInterrupted {
    /// No: the run ends as interrupted.
    #[default]
    Skip,
    /// Yes: sending it twice does no harm.
    Resend,
}

/// Limits of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CallLimits {
    /// Time of each script, in milliseconds.
    pub script_ms: u32,
    /// Largest response body after decompression, in bytes.
    pub response_bytes: u64,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            script_ms: SCRIPT_MS_DEFAULT,
            response_bytes: RESPONSE_BYTES_DEFAULT,
        }
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "serde takes the default as the field's own type"
)]
const fn failures_before_deactivation_default() -> Option<u32> {
    Some(FAILURES_BEFORE_DEACTIVATION_DEFAULT)
}

const fn timeout_ms_default() -> u32 {
    TIMEOUT_MS_DEFAULT
}

fn utc() -> String {
    "UTC".to_owned()
}

fn null_as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
#[path = "call_api_tests.rs"]
mod tests;

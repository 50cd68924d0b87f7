//! What makes the definition of a call API acceptable, and what is acceptable but unwise.

use jiff::Timestamp;
use url::Url;

use super::{CallApiDefinition, CronDefinition, Header, Method, UrlKind};
use crate::domain::cron::CronError;
use crate::domain::identifier::{POINTERS_MAX, Pointer};
use crate::domain::schedule::{Schedule, ScheduleError};
use crate::domain::validate::{FieldError, check_name};

/// Longest script, in bytes.
pub const SCRIPT_BYTES_MAX: usize = 256 * 1024;
/// Longest address given as text, in bytes.
pub const URL_BYTES_MAX: usize = 8 * 1024;
/// Most additional headers.
pub const HEADERS_MAX: usize = 50;
/// Longest header name, in bytes.
pub const HEADER_NAME_BYTES_MAX: usize = 128;
/// Longest header value, in bytes.
pub const HEADER_VALUE_BYTES_MAX: usize = 8 * 1024;
/// Longest time of one request, in milliseconds.
pub const TIMEOUT_MS_MAX: u32 = 600_000;
/// Longest time of one script, in milliseconds.
pub const SCRIPT_MS_MAX: u32 = 30_000;
/// Largest response body, in bytes.
pub const RESPONSE_BYTES_MAX: u64 = 100 * 1024 * 1024;
/// Most failures in a row that can be asked for before deactivation.
pub const FAILURES_BEFORE_DEACTIVATION_MAX: u32 = 100_000;
/// Intervals below this carry a warning, in seconds.
pub const FREQUENCY_SECONDS_ADVISED: u32 = 5;

/// Headers that the HTTP client sets by itself: another value would make the message ambiguous or send it elsewhere.
const HEADERS_OF_THE_CLIENT: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl CallApiDefinition {
    /// Everything that is wrong with the definition by itself; empty if nothing is. Secret headers are expected to be
    /// filled in (see [`Self::merge_secret_headers`]). A body script is allowed with every method.
    #[must_use]
    pub fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        errors.extend(check_name("name", &self.name).err());
        errors.extend(self.schedule(Timestamp::UNIX_EPOCH).err());
        if self.schedule.is_some()
            && let Some(seconds) = self.frequency_seconds
        {
            errors.extend(schedule_of(Some(seconds), None, Timestamp::UNIX_EPOCH).err());
        }
        errors.extend(self.check_url().err());
        if self.headers.len() > HEADERS_MAX {
            errors.push(FieldError::new(
                "headers",
                format!("must be at most {HEADERS_MAX}, and are {}", self.headers.len()),
            ));
        }
        for (index, header) in self.headers.iter().take(HEADERS_MAX).enumerate() {
            errors.extend(check_header(index, header).err());
        }
        if let Some(script) = &self.body_script {
            errors.extend(check_script("bodyScript", script).err());
        }
        errors.extend(check_script("responseScript", &self.response_script).err());
        errors.extend(self.pointers().err().unwrap_or_default());
        self.check_numbers(&mut errors);
        errors
    }

    /// What is acceptable but unwise, in words.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let (None, Some(seconds)) = (&self.schedule, self.frequency_seconds)
            && seconds < FREQUENCY_SECONDS_ADVISED
        {
            warnings.push(format!(
                "A frequency of {seconds} s is very low: intervals below {FREQUENCY_SECONDS_ADVISED} s may cause \
                 unnecessary load and excessive requests to the external API."
            ));
        }
        if self.method == Method::Get && self.body_script.is_some() {
            warnings.push("The call sends a body with GET, which many servers ignore or refuse.".to_owned());
        }
        warnings
    }

    /// When the call is due, from `anchor` on if it has an interval.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn schedule(&self, anchor: Timestamp) -> Result<Schedule, FieldError> {
        schedule_of(self.frequency_seconds, self.schedule.as_ref(), anchor)
    }

    /// The identifier's pointers, read.
    ///
    /// # Errors
    /// Those that are not JSON pointers, or that there are too many.
    pub fn pointers(&self) -> Result<Vec<Pointer>, Vec<FieldError>> {
        if self.identifier.len() > POINTERS_MAX {
            return Err(vec![FieldError::new(
                "identifier",
                format!("must be at most {POINTERS_MAX} pointers"),
            )]);
        }
        let mut pointers = Vec::with_capacity(self.identifier.len());
        let mut errors = Vec::new();
        for (index, text) in self.identifier.iter().enumerate() {
            match text.parse() {
                Ok(pointer) => pointers.push(pointer),
                Err(error) => errors.push(FieldError::new(format!("identifier[{index}]"), format!("{error}"))),
            }
        }
        if errors.is_empty() { Ok(pointers) } else { Err(errors) }
    }

    fn check_url(&self) -> Result<(), FieldError> {
        let value = &self.url.value;
        if self.url.kind == UrlKind::Script {
            return check_script("url.value", value);
        }
        let refused = |message: String| Err(FieldError::new("url.value", message));
        if value.len() > URL_BYTES_MAX {
            return refused(format!(
                "must be at most {URL_BYTES_MAX} bytes long, and has {}",
                value.len()
            ));
        }
        match Url::parse(value) {
            Err(error) => refused(format!(
                "must be an address like https://example.com/api/orders: {error}"
            )),
            Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                refused(format!("must begin with https:// or http://, not {}:", url.scheme()))
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                refused("must not hold a username or password: use a client".to_owned())
            }
            Ok(_) => Ok(()),
        }
    }

    fn check_numbers(&self, errors: &mut Vec<FieldError>) {
        let bounds: [(&str, u64, u64); 3] = [
            ("timeoutMs", self.timeout_ms.into(), TIMEOUT_MS_MAX.into()),
            ("limits.scriptMs", self.limits.script_ms.into(), SCRIPT_MS_MAX.into()),
            ("limits.responseBytes", self.limits.response_bytes, RESPONSE_BYTES_MAX),
        ];
        for (field, value, max) in bounds {
            if value == 0 || value > max {
                errors.push(FieldError::new(
                    field,
                    format!("must be from 1 to {max}, and is {value}"),
                ));
            }
        }
        if let Some(failures) = self.failures_before_deactivation
            && (failures == 0 || failures > FAILURES_BEFORE_DEACTIVATION_MAX)
        {
            let message = format!(
                "must be from 1 to {FAILURES_BEFORE_DEACTIVATION_MAX}, or null to never deactivate, and is {failures}"
            );
            errors.push(FieldError::new("failuresBeforeDeactivation", message));
        }
    }
}

/// The schedule of an interval or a calendar rule, which has precedence.
///
/// # Errors
/// The field that is wrong: `frequencySeconds`, `schedule.cron` or `schedule.timeZone`.
pub fn schedule_of(
    frequency_seconds: Option<u32>,
    schedule: Option<&CronDefinition>,
    anchor: Timestamp,
) -> Result<Schedule, FieldError> {
    let refused = |error: ScheduleError| {
        let field = match &error {
            ScheduleError::Interval(_) => "frequencySeconds",
            ScheduleError::Cron(CronError::Zone { .. }) => "schedule.timeZone",
            ScheduleError::Cron(_) => "schedule.cron",
        };
        FieldError::new(field, error.to_string())
    };
    match (schedule, frequency_seconds) {
        (Some(rule), _) => Schedule::cron(&rule.cron, &rule.time_zone).map_err(refused),
        (None, Some(seconds)) => Schedule::every(seconds, anchor).map_err(refused),
        (None, None) => Err(FieldError::new(
            "frequencySeconds",
            "is missing: it is needed where there is no schedule",
        )),
    }
}

/// Checks the length of a script; whether it compiles only a script worker can say.
///
/// # Errors
/// What is wrong with it.
pub fn check_script(field: &str, script: &str) -> Result<(), FieldError> {
    if script.trim().is_empty() {
        return Err(FieldError::new(
            field,
            "must not be empty: a script has to return something",
        ));
    }
    if script.len() > SCRIPT_BYTES_MAX {
        let message = format!(
            "must be at most {SCRIPT_BYTES_MAX} bytes long, and has {}",
            script.len()
        );
        return Err(FieldError::new(field, message));
    }
    Ok(())
}

/// Checks the name of an additional header.
///
/// # Errors
/// What is wrong with it.
pub fn check_header_name(field: &str, name: &str) -> Result<(), FieldError> {
    let refused = |message: String| Err(FieldError::new(field, message));
    if name.is_empty() || name.len() > HEADER_NAME_BYTES_MAX {
        return refused(format!("must be from 1 to {HEADER_NAME_BYTES_MAX} characters long"));
    }
    if let Some(bad) = name.chars().find(|c| !is_header_name_character(*c)) {
        return refused(format!("must not hold {bad:?}"));
    }
    if HEADERS_OF_THE_CLIENT.contains(&name.to_ascii_lowercase().as_str()) {
        return refused(format!("{name} is set by the engine and cannot be given"));
    }
    Ok(())
}

fn check_header(index: usize, header: &Header) -> Result<(), FieldError> {
    let value_refused = |message: String| Err(FieldError::new(format!("headers[{index}].value"), message));
    check_header_name(&format!("headers[{index}].name"), &header.name)?;
    let Some(value) = header.value.text() else {
        return value_refused("is missing".to_owned());
    };
    if value.len() > HEADER_VALUE_BYTES_MAX {
        return value_refused(format!("must be at most {HEADER_VALUE_BYTES_MAX} bytes long"));
    }
    if !value.chars().all(|c| matches!(c, '\t' | ' '..='~')) {
        // The value may be a secret, so the character is not shown.
        return value_refused("may hold printable ASCII characters only, and no line ends".to_owned());
    }
    if value.trim() != value {
        return value_refused("must not begin or end with a blank".to_owned());
    }
    Ok(())
}

/// The characters of a token (RFC 9110, 5.6.2).
const fn is_header_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(
            character,
            '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '.' | '^' | '_' | '`' | '|' | '~'
        )
}

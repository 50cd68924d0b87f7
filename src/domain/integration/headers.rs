//! The headers of actions: a JSON object of names and templates; which of them are secret, and how those are masked and kept.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::domain::{
    call_api::{HEADER_VALUE_BYTES_MAX, HEADERS_MAX, MaskedSecret, check_header_name},
    lenient::in_words,
    validate::FieldError,
};

/// Header that the engine sets for each item.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Names, and parts of names, of headers whose values are secret.
const SECRET_NAMES: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];
const SECRET_PARTS: [&str; 4] = ["key", "token", "secret", "password"];

/// Values of secret headers by their names.
pub type SecretValues = BTreeMap<String, Zeroizing<String>>;

/// Headers that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// JSON text with secret values masked; none where there are no headers.
    pub public: Option<String>,
    /// The values that are masked.
    pub secrets: SecretValues,
    /// Some of them are kept from before.
    pub keeps: bool,
}

/// Whether the value of a header is secret, by its name alone.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.contains(&name.as_str()) || SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// Reads headers: an object of texts, or a text that holds one. A secret value in its masked form stays as it was in `kept`.
///
/// # Errors
/// Everything that is wrong; values are not repeated.
pub fn read(field: &str, given: &Value, kept: &SecretValues) -> Result<Headers, Vec<FieldError>> {
    let parsed;
    let members = match given {
        Value::Object(members) => members,
        Value::String(text) => {
            parsed = serde_json::from_str(text).map_err(|error| {
                // The error says where in the text, not what is there.
                let place = format!("line {}, column {}", error.line(), error.column());
                vec![FieldError::new(
                    field,
                    format!(
                        "must be the JSON text of an object, like {{\"X-Name\": \"value\"}}; it is none at {place}"
                    ),
                )]
            })?;
            match &parsed {
                Value::Object(members) => members,
                other => return Err(no_object(field, other)),
            }
        }
        other => return Err(no_object(field, other)),
    };
    if members.len() > HEADERS_MAX {
        let message = format!("must be at most {HEADERS_MAX}, and are {}", members.len());
        return Err(vec![FieldError::new(field, message)]);
    }
    let mut read = Headers {
        public: None,
        secrets: BTreeMap::new(),
        keeps: false,
    };
    let mut public = Map::new();
    let mut errors = Vec::new();
    for (name, value) in members {
        let path = format!("{field}.{name}");
        if public.keys().any(|other| other.eq_ignore_ascii_case(name)) {
            errors.push(FieldError::new(path, "is given twice: case does not count"));
            continue;
        }
        match one(&path, name, value, kept, &mut read) {
            Ok(shown) => {
                public.insert(name.clone(), shown);
            }
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    if !public.is_empty() {
        read.public = Some(Value::Object(public).to_string());
    }
    Ok(read)
}

/// One header as it is shown; a secret value goes to `read`.
fn one(path: &str, name: &str, value: &Value, kept: &SecretValues, read: &mut Headers) -> Result<Value, FieldError> {
    check_header_name(path, name)?;
    if name.eq_ignore_ascii_case(IDEMPOTENCY_KEY) {
        return Err(FieldError::new(
            path,
            "is set by the engine for each item and cannot be given",
        ));
    }
    let is_secret = is_secret(name);
    match value {
        Value::String(text) => {
            check_value(path, text)?;
            if !is_secret {
                return Ok(value.clone());
            }
            read.secrets.insert(name.to_owned(), Zeroizing::new(text.clone()));
            masked(text)
        }
        Value::Object(mask) if is_secret && mask.contains_key("set") => {
            let before = kept.iter().find(|(kept, _)| kept.eq_ignore_ascii_case(name));
            let Some((_, secret)) = before else {
                return Err(FieldError::new(
                    path,
                    "is masked, and there is no value from before to keep: give it",
                ));
            };
            read.keeps = true;
            read.secrets.insert(name.to_owned(), secret.clone());
            masked(secret)
        }
        other => Err(FieldError::new(
            path,
            format!("must be a text, and is {}", in_words(other)),
        )),
    }
}

/// Values are templates: what they become is checked when they are sent.
fn check_value(path: &str, value: &str) -> Result<(), FieldError> {
    if value.len() > HEADER_VALUE_BYTES_MAX {
        let message = format!("must be at most {HEADER_VALUE_BYTES_MAX} bytes long");
        return Err(FieldError::new(path, message));
    }
    if value.chars().any(char::is_control) {
        return Err(FieldError::new(
            path,
            "must not hold control characters, such as line ends",
        ));
    }
    Ok(())
}

fn masked(secret: &str) -> Result<Value, FieldError> {
    serde_json::to_value(MaskedSecret::of(secret)).map_err(|error| FieldError::new("Headers", error.to_string()))
}

fn no_object(field: &str, value: &Value) -> Vec<FieldError> {
    vec![FieldError::new(
        field,
        format!("must be an object of names and values, and is {}", in_words(value)),
    )]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secrets(pairs: &[(&str, &str)]) -> SecretValues {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), Zeroizing::new((*value).to_owned())))
            .collect()
    }

    #[test]
    fn names_say_what_is_secret() {
        for name in [
            "Authorization",
            "COOKIE",
            "X-Api-Key",
            "x-auth-token",
            "Client-Secret",
            "My-Password-2",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["Accept", "Content-Type", "X-Tenant"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn secret_values_are_masked_kept_and_put_back() {
        let given = json!({"Accept": "text/plain", "X-Api-Key": "hushhush"});
        let read = read("Headers", &Value::String(given.to_string()), &SecretValues::new()).unwrap();
        let public = read.public.clone().unwrap();
        assert!(!public.contains("hushhush") && public.contains("sha256:"), "{public}");
        assert_eq!(
            (&read.secrets, read.keeps),
            (&secrets(&[("X-Api-Key", "hushhush")]), false)
        );
        // What was shown can be sent back.
        let again = super::read("Headers", &Value::String(public.clone()), &read.secrets).unwrap();
        assert_eq!((again.public.as_ref(), &again.secrets), (Some(&public), &read.secrets));
        assert!(again.keeps);
    }

    #[test]
    fn what_cannot_be_sent_is_refused_and_not_repeated() {
        for (given, field, part) in [
            (json!("[]"), "Headers", "a list"),
            (json!("{"), "Headers", "column"),
            (json!({"X-Key": {"set": true}}), "Headers.X-Key", "to keep"),
            (json!({"X-Name": 1}), "Headers.X-Name", "a number"),
            (json!({"X-Name": {"set": true}}), "Headers.X-Name", "an object"),
            (json!({"Host": "x"}), "Headers.Host", "set by the engine"),
            (
                json!({"idempotency-key": "x"}),
                "Headers.idempotency-key",
                "set by the engine",
            ),
            (json!({"X Y": "x"}), "Headers.X Y", "must not hold"),
            (json!({"X-Token": "hush\nhush"}), "Headers.X-Token", "line ends"),
        ] {
            let errors = read("Headers", &given, &SecretValues::new()).unwrap_err();
            let [error] = errors.as_slice() else {
                panic!("{errors:?}")
            };
            assert_eq!(error.field, field);
            assert!(
                error.message.contains(part) && !error.message.contains("hush"),
                "{error}"
            );
        }
        let twice = Value::String(r#"{"X-A": "1", "x-a": "2"}"#.to_owned());
        assert!(
            read("Headers", &twice, &SecretValues::new()).unwrap_err()[0]
                .message
                .contains("twice")
        );
    }
}

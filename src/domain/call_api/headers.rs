//! Headers of a call and the secrets among them: how they are read, masked, split off and put back.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::domain::call_api::CallApiDefinition;
use crate::domain::validate::FieldError;

/// One additional header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Its name; case is kept, and does not count.
    pub name: String,
    /// Its value. In a secret header it may be left out, to keep the stored one.
    #[serde(default)]
    pub value: HeaderValue,
    /// The value is encrypted in the store and never shown again.
    #[serde(default)]
    pub secret: bool,
}

/// The value of a header. `Debug` does not show it, because it may be a secret.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum HeaderValue {
    /// The value itself.
    Text(String),
    /// A stored value as answers show it.
    Masked(MaskedSecret),
    /// Not given.
    #[default]
    Absent,
}

/// How answers show a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskedSecret {
    /// Always true: there is a stored value.
    pub set: bool,
    /// First four bytes of the value's SHA-256, so that people can see whether it is the one they mean.
    #[serde(default)]
    pub fingerprint: String,
}

impl MaskedSecret {
    /// The mask of a secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        let digest = Sha256::digest(secret.as_bytes());
        let fingerprint = digest
            .iter()
            .take(4)
            .fold(String::from("sha256:"), |text, byte| text + &format!("{byte:02x}"));
        Self { set: true, fingerprint }
    }
}

/// The secret value of a header, split off its definition to be encrypted. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHeader {
    /// The header's name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl HeaderValue {
    /// The value, where it is known.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Masked(_) | Self::Absent => None,
        }
    }
}

impl CallApiDefinition {
    /// The headers as answers may show them: secret values masked.
    #[must_use]
    pub fn public_headers(&self) -> Vec<Header> {
        let mut headers = self.headers.clone();
        for header in headers.iter_mut().filter(|header| header.secret) {
            if let HeaderValue::Text(secret) = &header.value {
                header.value = HeaderValue::Masked(MaskedSecret::of(secret));
            }
        }
        headers
    }

    /// Takes the secret values out, leaving masks: what remains may be stored in the clear.
    pub fn split_secret_headers(&mut self) -> Vec<SecretHeader> {
        let public = self.public_headers();
        let headers = std::mem::replace(&mut self.headers, public);
        headers
            .into_iter()
            .filter(|header| header.secret)
            .filter_map(|header| match header.value {
                HeaderValue::Text(value) => Some(SecretHeader {
                    name: header.name,
                    value,
                }),
                HeaderValue::Masked(_) | HeaderValue::Absent => None,
            })
            .collect()
    }

    /// Fills the secret headers that came without a value (absent, null or in masked form) from the stored ones with
    /// the same name; where a name occurs more than once, in order. Undoes [`Self::split_secret_headers`] too.
    ///
    /// # Errors
    /// The headers for which there is nothing stored.
    pub fn merge_secret_headers(&mut self, existing: &[SecretHeader]) -> Result<(), Vec<FieldError>> {
        let mut seen: Vec<String> = Vec::new();
        let mut errors = Vec::new();
        for (index, header) in self.headers.iter_mut().enumerate().filter(|(_, header)| header.secret) {
            let name = header.name.to_ascii_lowercase();
            let earlier = seen.iter().filter(|other| **other == name).count();
            if header.value.text().is_none() {
                let stored = existing
                    .iter()
                    .filter(|stored| stored.name.eq_ignore_ascii_case(&name))
                    .nth(earlier);
                match stored {
                    Some(stored) => header.value = HeaderValue::Text(stored.value.clone()),
                    None => errors.push(FieldError::new(
                        format!("headers[{index}].value"),
                        "is missing: no stored value of this secret header could be kept",
                    )),
                }
            }
            seen.push(name);
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => formatter.write_str("Text(..)"),
            Self::Masked(mask) => formatter.debug_tuple("Masked").field(mask).finish(),
            Self::Absent => formatter.write_str("Absent"),
        }
    }
}

impl fmt::Debug for SecretHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SecretHeader")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Serialize for HeaderValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Masked(mask) => mask.serialize(serializer),
            Self::Absent => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for HeaderValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "a header's value is a string, or for a secret header its masked form"
        )]
        enum Form {
            Text(String),
            Masked(MaskedSecret),
        }
        Ok(match Option::<Form>::deserialize(deserializer)? {
            Some(Form::Text(text)) => Self::Text(text),
            Some(Form::Masked(mask)) => Self::Masked(mask),
            None => Self::Absent,
        })
    }
}

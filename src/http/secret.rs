//! `Secret`: a text that is wiped from memory when dropped and never shown: not by `Debug`, not by `Serialize`.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How many hexadecimal digits of the hash a fingerprint shows: enough to see a change, too few to search for.
const FINGERPRINT_DIGITS: usize = 8;

/// A secret text. Deserialises from a string; serialises as `{"set":true,"fingerprint":"sha256:ab12cd34"}`.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(Zeroizing::new(text.into()))
    }

    /// The text in clear: for encryption before storing and for the wire, for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True when the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first eight hexadecimal digits of the SHA-256, e.g. `sha256:ab12cd34`.
    pub fn fingerprint(&self) -> String {
        let mut text = hex(&Sha256::digest(self.0.as_bytes()));
        text.truncate(FINGERPRINT_DIGITS);
        format!("sha256:{text}")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(redacted)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serializer.serialize_struct("Secret", 2)?;
        shown.serialize_field("set", &!self.is_empty())?;
        shown.serialize_field("fingerprint", &self.fingerprint())?;
        shown.end()
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

/// Lower-case hexadecimal digits of some bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_shown() {
        let secret = Secret::new("hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
        let shown = serde_json::to_string(&secret).unwrap();
        assert_eq!(shown, r#"{"set":true,"fingerprint":"sha256:f52fbd32"}"#);
    }

    #[test]
    fn equal_by_content() {
        assert_eq!(Secret::new("a"), Secret::new("a"));
        assert_ne!(Secret::new("a"), Secret::new("b"));
    }
}

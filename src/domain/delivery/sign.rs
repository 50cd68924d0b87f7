//! Signatures of notifications after the Standard Webhooks specification, and the secrets that make them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::super::ids::DeliveryId;

/// What a secret's text begins with.
pub const PREFIX: &str = "whsec_";
/// Fewest bytes of a secret.
pub const BYTES_MIN: usize = 24;
/// Most bytes of a secret.
pub const BYTES_MAX: usize = 64;
/// Bytes of a secret that the engine makes.
pub const BYTES_MADE: usize = 32;

/// A secret that signs. Wiped from memory when dropped, never shown.
#[derive(Clone)]
pub struct SigningSecret(Zeroizing<Vec<u8>>);

impl SigningSecret {
    /// Reads a secret: `whsec_` and base64 of 24 to 64 bytes.
    ///
    /// # Errors
    /// What is wrong with the text, without the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = format!("must be {PREFIX} and base64 of {BYTES_MIN} to {BYTES_MAX} bytes");
        let encoded = text.strip_prefix(PREFIX).ok_or_else(|| expected.clone())?;
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| expected.clone())?);
        if (BYTES_MIN..=BYTES_MAX).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(format!("{expected}; this has {}", bytes.len()))
        }
    }

    /// The text of a secret made of random bytes.
    #[must_use]
    pub fn text_of(bytes: &[u8]) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(bytes)))
    }

    /// `v1,` and the signature of one attempt in base64; `timestamp_s` are seconds since 1970.
    #[must_use]
    pub fn sign(&self, id: DeliveryId, timestamp_s: i64, body: &str) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return String::new();
        };
        mac.update(format!("{id}.{timestamp_s}.").as_bytes());
        mac.update(body.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SigningSecret(redacted)")
    }
}

/// The value of `webhook-signature`: the signature of each secret in force, newest first.
#[must_use]
pub fn signatures<'a>(
    secrets: impl IntoIterator<Item = &'a SigningSecret>,
    id: DeliveryId,
    timestamp_s: i64,
    body: &str,
) -> String {
    let all: Vec<String> = secrets
        .into_iter()
        .map(|secret| secret.sign(id, timestamp_s, body))
        .collect();
    all.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use standardwebhooks::Webhook;
    use uuid::Uuid;

    fn id() -> DeliveryId {
        Uuid::from_u128(0x0190_b5a8_7c3e_7d10_8f00_0123_4567_89ab).into()
    }

    /// Whether one of the signatures is what the specification's own library makes.
    fn verifies(secret: &str, timestamp_s: i64, body: &str, signatures: &str) -> bool {
        let other = Webhook::new(secret).unwrap();
        let expected = other.sign(&id().to_string(), timestamp_s, body.as_bytes()).unwrap();
        signatures.split(' ').any(|signature| signature == expected)
    }

    #[test]
    fn another_implementation_verifies_what_is_signed() {
        for length in [24_u8, 32, 64] {
            let bytes: Vec<u8> = (0..length).collect();
            let text = SigningSecret::text_of(&bytes);
            let secret = SigningSecret::parse(&text).unwrap();
            let body = r#"{"id":"ø","statusCode":200}"#;
            let signature = secret.sign(id(), 1_800_000_000, body);
            assert!(verifies(&text, 1_800_000_000, body, &signature));
            assert!(!verifies(&text, 1_800_000_001, body, &signature));
            assert!(!verifies(&text, 1_800_000_000, "{}", &signature));
        }
    }

    #[test]
    fn while_secrets_overlap_each_of_them_verifies() {
        let (new, old) = (SigningSecret::text_of(&[1; 32]), SigningSecret::text_of(&[2; 32]));
        let secrets = [SigningSecret::parse(&new).unwrap(), SigningSecret::parse(&old).unwrap()];
        let signature = signatures(&secrets, id(), 1_800_000_000, "{}");
        assert_eq!(signature.split(' ').count(), 2);
        for text in [new, old] {
            assert!(verifies(&text, 1_800_000_000, "{}", &signature));
        }
        let other = SigningSecret::text_of(&[3; 32]);
        assert!(!verifies(&other, 1_800_000_000, "{}", &signature));
    }

    #[test]
    fn only_good_secrets_are_taken_and_none_is_shown() {
        for bad in ["", "sesame", "whsec_", "whsec_!!", "WHSEC_AAAA"] {
            let refused = SigningSecret::parse(bad).unwrap_err();
            assert!(refused.contains("24 to 64 bytes"), "{refused}");
        }
        for length in [23, 65] {
            let text = SigningSecret::text_of(&vec![9; length]);
            assert!(SigningSecret::parse(&text).is_err(), "{length}");
        }
        let secret = SigningSecret::parse(&SigningSecret::text_of(&[9; 24])).unwrap();
        assert_eq!(format!("{secret:?}"), "SigningSecret(redacted)");
    }
}

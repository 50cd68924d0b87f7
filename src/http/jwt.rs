//! The signed assertion by which a client proves itself to a token endpoint without a shared secret (RFC 7523). Pure but for
//! the random numbers of the signature.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, RSA_PSS_SHA256, RsaKeyPair,
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use serde_json::json;

use super::auth::JwtClient;
use super::error::{Error, RetryClass, Step};
use super::secret::Secret;

/// How long an assertion is good. It is used at once; NetSuite takes at most 60 minutes.
const LIFE: Duration = Duration::from_secs(300);

enum Key {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair, &'static str),
}

/// Whether the private key can sign; checked where a person enters it.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check_key(private_key: &Secret) -> Result<(), String> {
    key_of(private_key).map(drop)
}

/// The assertion of a client, made at `now`.
pub(super) fn assertion(client: &JwtClient, now: Timestamp) -> Result<Secret, Error> {
    let key = key_of(&client.private_key).map_err(|cause| unusable(&cause))?;
    let algorithm = match &key {
        Key::Rsa(_) => "PS256",
        Key::Ec(_, algorithm) => algorithm,
    };
    let header = json!({"alg": algorithm, "typ": "JWT", "kid": client.certificate_id});
    let issued_at = now.as_second();
    let claims = json!({
        "iss": client.client_id,
        "scope": client.scope,
        "aud": client.token_url,
        "iat": issued_at,
        "exp": issued_at.saturating_add_unsigned(LIFE.as_secs()),
    });
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let signature = sign(&key, signed.as_bytes()).ok_or_else(|| unusable("it does not sign"))?;
    Ok(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

fn sign(key: &Key, text: &[u8]) -> Option<Vec<u8>> {
    let random = SystemRandom::new();
    match key {
        Key::Rsa(pair) => {
            let mut signature = vec![0; pair.public().modulus_len()];
            pair.sign(&RSA_PSS_SHA256, &random, text, &mut signature).ok()?;
            Some(signature)
        }
        Key::Ec(pair, _) => Some(pair.sign(&random, text).ok()?.as_ref().to_vec()),
    }
}

fn key_of(private_key: &Secret) -> Result<Key, String> {
    let der = PrivateKeyDer::from_pem_slice(private_key.expose().as_bytes())
        .map_err(|_| "it is no private key in PEM (-----BEGIN PRIVATE KEY-----)".to_owned())?;
    let rsa = match &der {
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).ok(),
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()).ok(),
        _ => None,
    };
    if let Some(pair) = rsa {
        return Ok(Key::Rsa(pair));
    }
    if let PrivateKeyDer::Pkcs8(key) = &der {
        let random = SystemRandom::new();
        for (algorithm, name) in [
            (&ECDSA_P256_SHA256_FIXED_SIGNING, "ES256"),
            (&ECDSA_P384_SHA384_FIXED_SIGNING, "ES384"),
        ] {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(algorithm, key.secret_pkcs8_der(), &random) {
                return Ok(Key::Ec(pair, name));
            }
        }
    }
    Err("it must be an RSA key of 2048 to 4096 bits or an EC key on P-256 or P-384 in PKCS #8".to_owned())
}

fn unusable(cause: &str) -> Error {
    Error::new(Step::Token, format!("the private key cannot be used: {cause}")).retry(RetryClass::Never, None)
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    fn client(private_key: &str) -> JwtClient {
        JwtClient {
            token_url: "https://id.example/token".to_owned(),
            client_id: "issuer".to_owned(),
            certificate_id: "certificate".to_owned(),
            private_key: private_key.into(),
            scope: "rest_webservices".to_owned(),
        }
    }

    #[test]
    fn an_assertion_says_who_asks_and_is_signed() {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let der = base64::engine::general_purpose::STANDARD.encode(pair.serialize_der());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let made = assertion(&client(&pem), now).unwrap();
        let parts: Vec<&str> = made.expose().split('.').collect();
        let read = |part: &str| -> serde_json::Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        assert_eq!(
            read(parts[0]),
            json!({"alg": "ES256", "typ": "JWT", "kid": "certificate"})
        );
        let claims = json!({"iss": "issuer", "scope": "rest_webservices", "aud": "https://id.example/token",
            "iat": 1_767_225_600, "exp": 1_767_225_900});
        assert_eq!(read(parts[1]), claims);
        let key = key_of(&pem.as_str().into());
        let Ok(Key::Ec(own, _)) = key else { panic!("an EC key") };
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, own.public_key().as_ref());
        let signed = format!("{}.{}", parts[0], parts[1]);
        let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
        assert!(public.verify(signed.as_bytes(), &signature).is_ok());
        assert!(public.verify(b"something else", &signature).is_err());
    }

    #[test]
    fn an_rsa_key_signs_with_ps256() {
        // Made for this test; nothing trusts it.
        let pem = include_str!("jwt_test_key.pem");
        let made = assertion(&client(pem), Timestamp::UNIX_EPOCH).unwrap();
        let (signed, signature) = made.expose().rsplit_once('.').unwrap();
        let header = URL_SAFE_NO_PAD.decode(signed.split('.').next().unwrap()).unwrap();
        assert!(String::from_utf8(header).unwrap().contains("\"PS256\""));
        let Ok(Key::Rsa(own)) = key_of(&pem.into()) else {
            panic!("an RSA key")
        };
        let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, own.public_key().as_ref());
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(public.verify(signed.as_bytes(), &signature).is_ok());
    }

    #[test]
    fn what_is_no_key_is_refused_without_repeating_it() {
        for broken in [
            "",
            "hunter2",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        ] {
            assert!(check_key(&broken.into()).is_err(), "{broken}");
            let error = assertion(&client(broken), Timestamp::UNIX_EPOCH).unwrap_err();
            assert_eq!((error.step, error.retry), (Step::Token, RetryClass::Never));
            assert!(!error.message.contains("hunter2"), "{}", error.message);
        }
    }
}

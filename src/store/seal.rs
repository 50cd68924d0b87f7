//! Owns encryption at rest: XChaCha20-Poly1305, with the place of a value bound to it, so that a sealed value that is
//! moved to another row, column or tenant does not open.
//!
//! A sealed value is: format (1 byte), key id (4 bytes), nonce (24 bytes), ciphertext with tag.

use std::{collections::HashMap, fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sea_orm::{ActiveValue::Set, EntityTrait};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Error, Result, Store};
use crate::{
    domain::{
        ids::{CallApiId, ClientId, ConnectionId, SubscriptionId, TenantId},
        integration::{ActionId, SystemId},
    },
    settings::Settings,
};

mod key_file;

/// Length of a key, bytes.
pub const KEY_BYTES: usize = 32;

const FORMAT: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
const HEADER_BYTES: usize = 1 + KEY_ID_BYTES;
/// What is sealed under each key into the table secret_key, to tell a wrong key at start.
const CHECK_TEXT: &[u8] = b"orrery secret key check";

/// Where a sealed value is kept; it opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Tenant of the row.
    pub tenant_id: TenantId,
    /// Name of the table.
    pub table: &'static str,
    /// Id of the row.
    pub row_id: Uuid,
    /// Name of the column.
    pub column: &'static str,
}

impl Place {
    /// The secret header values of a call API (`call_api.secret_headers`).
    #[must_use]
    pub fn call_api_headers(tenant_id: TenantId, id: CallApiId) -> Self {
        Self {
            tenant_id,
            table: "call_api",
            row_id: id.uuid(),
            column: "secret_headers",
        }
    }

    /// The credentials of a client (`client.auth_sealed`).
    #[must_use]
    pub fn client_auth(tenant_id: TenantId, id: ClientId) -> Self {
        Self {
            tenant_id,
            table: "client",
            row_id: id.uuid(),
            column: "auth_sealed",
        }
    }

    /// The secrets of a connection (`connection.secrets`).
    #[must_use]
    pub fn connection_secrets(tenant_id: TenantId, id: ConnectionId) -> Self {
        Self {
            tenant_id,
            table: "connection",
            row_id: id.uuid(),
            column: "secrets",
        }
    }

    /// The secret headers of an action of integrations (`integration_action.headers_secret`).
    #[must_use]
    pub fn action_headers(tenant_id: TenantId, id: ActionId) -> Self {
        Self {
            tenant_id,
            table: "integration_action",
            row_id: numbered(id.get()),
            column: "headers_secret",
        }
    }

    /// The client secret of a system of integrations (`integration_system.oauth_client_secret`).
    #[must_use]
    pub fn system_secret(tenant_id: TenantId, id: SystemId) -> Self {
        Self {
            tenant_id,
            table: "integration_system",
            row_id: numbered(id.get()),
            column: "oauth_client_secret",
        }
    }

    /// The token of a client (`client_token.sealed`).
    #[must_use]
    pub fn client_token(tenant_id: TenantId, id: ClientId) -> Self {
        Self {
            tenant_id,
            table: "client_token",
            row_id: id.uuid(),
            column: "sealed",
        }
    }

    /// The signing secrets of a webhook subscription, the one in force and the one before (`webhook_subscription.secret`).
    #[must_use]
    pub fn subscription_secret(tenant_id: TenantId, id: SubscriptionId) -> Self {
        Self {
            tenant_id,
            table: "webhook_subscription",
            row_id: id.uuid(),
            column: "secret",
        }
    }

    /// The tenant's own signing secrets, the one in force and the one before (`webhook_secret.secret`).
    #[must_use]
    pub fn webhook_secret(tenant_id: TenantId) -> Self {
        Self {
            tenant_id,
            table: "webhook_secret",
            row_id: tenant_id.uuid(),
            column: "secret",
        }
    }

    /// The secrets of a consent (`integration_consent.secrets`).
    #[must_use]
    pub fn consent_secrets(tenant_id: TenantId, consent: Uuid) -> Self {
        Self {
            tenant_id,
            table: "integration_consent",
            row_id: consent,
            column: "secrets",
        }
    }

    /// Unambiguous bytes: the names are preceded by their lengths.
    fn associated_data(&self, header: &[u8]) -> Vec<u8> {
        let mut bytes = header.to_vec();
        bytes.extend_from_slice(self.tenant_id.uuid().as_bytes());
        bytes.extend_from_slice(self.row_id.as_bytes());
        for name in [self.table, self.column] {
            bytes.extend_from_slice(&(name.len() as u64).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }
}

/// The id of a row that has a number.
fn numbered(number: i64) -> Uuid {
    Uuid::from_u128(u128::from(number.unsigned_abs()))
}

type KeyId = [u8; KEY_ID_BYTES];

/// Seals secrets and opens them. Cheap to clone.
#[derive(Clone)]
pub struct Sealer {
    inner: Arc<Keys>,
}

struct Keys {
    current: KeyId,
    // Also older keys, once a rotation exists: each ciphertext names its own.
    ciphers: HashMap<KeyId, XChaCha20Poly1305>,
    /// Where the key came from, in words.
    source: String,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("source", &self.inner.source)
            .finish_non_exhaustive()
    }
}

impl Sealer {
    /// Takes the key from `secrets.key`, or else from the key file, which is made where there is none.
    ///
    /// # Errors
    /// [`Error::Open`]: the key cannot be read, or others can read it; the text says what to do.
    pub fn load(settings: &Settings) -> Result<Self> {
        if settings.secrets.key.is_empty() {
            return key_file::load(&settings.key_file());
        }
        let key = decode_key(&settings.secrets.key).ok_or_else(|| {
            Error::Open(
                "The setting secrets.key must be 32 bytes in base64 (44 characters), for example from `openssl rand -base64 32`."
                    .to_owned(),
            )
        })?;
        Ok(Self::with_key(&key, "the setting secrets.key".to_owned()))
    }

    /// A sealer with a key of its own.
    #[must_use]
    pub fn from_key(key: &[u8; KEY_BYTES]) -> Self {
        Self::with_key(key, "a key that was given".to_owned())
    }

    /// Encrypts `plaintext` for its place.
    ///
    /// # Errors
    /// [`Error::Sealed`]: the system has no random numbers, or the text is longer than the cipher can take (256 GiB).
    pub fn seal(&self, place: Place, plaintext: &[u8]) -> Result<Vec<u8>> {
        let cannot = || Error::Sealed("a secret could not be encrypted".to_owned());
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| cannot())?;
        let mut sealed = vec![FORMAT];
        sealed.extend_from_slice(&self.inner.current);
        let aad = place.associated_data(&sealed);
        let cipher = self.inner.ciphers.get(&self.inner.current).ok_or_else(cannot)?;
        let payload = Payload {
            msg: plaintext,
            aad: &aad,
        };
        let ciphertext = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| cannot())?;
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// Decrypts what [`Sealer::seal`] made for the same place.
    ///
    /// # Errors
    /// [`Error::Sealed`]: another key, another place, or damaged.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let damaged = |why: &str| {
            Error::Sealed(format!(
                "the secret in {}.{} of row {} {why}",
                place.table, place.column, place.row_id
            ))
        };
        let split = sealed
            .split_at_checked(HEADER_BYTES)
            .and_then(|(header, rest)| Some((header, rest.split_at_checked(NONCE_BYTES)?)));
        let Some((header @ [FORMAT, key_id @ ..], (nonce, ciphertext))) = split else {
            return Err(damaged("is damaged"));
        };
        let key_id = KeyId::try_from(key_id).map_err(|_| damaged("is damaged"))?;
        let Some(cipher) = self.inner.ciphers.get(&key_id) else {
            return Err(damaged(&format!("needs the key {}, which is not loaded", hex(key_id))));
        };
        let nonce = XNonce::try_from(nonce).map_err(|_| damaged("is damaged"))?;
        let payload = Payload {
            msg: ciphertext,
            aad: &place.associated_data(header),
        };
        let plaintext = cipher
            .decrypt(&nonce, payload)
            .map_err(|_| damaged("does not open: it is damaged or was moved there from another row"))?;
        Ok(Zeroizing::new(plaintext))
    }

    /// The id of the key that seals, eight hexadecimal digits.
    #[must_use]
    pub fn key_id(&self) -> String {
        hex(self.inner.current)
    }

    /// Where the key came from, in words.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    fn with_key(key: &[u8; KEY_BYTES], source: String) -> Self {
        let id = Sha256::digest(key);
        let mut current = KeyId::default();
        current.iter_mut().zip(id).for_each(|(to, from)| *to = from);
        Self {
            inner: Arc::new(Keys {
                current,
                ciphers: HashMap::from([(current, XChaCha20Poly1305::new(key.into()))]),
                source,
            }),
        }
    }
}

impl Store {
    /// Makes sure that this key is the one that sealed the secrets in this database; on the first start, notes it.
    ///
    /// # Errors
    /// [`Error::Open`]: it is another key; the text names where it came from.
    pub async fn check_key(&self, sealer: &Sealer) -> Result<()> {
        let sealer = sealer.clone();
        let now = self.clock().now_us();
        self.write(move |transaction| {
            Box::pin(async move {
                let known = entity::secret_key::Entity::find().all(transaction).await?;
                if known.is_empty() {
                    let row = entity::secret_key::ActiveModel {
                        id: Set(sealer.key_id()),
                        sealed_check: Set(sealer.seal(check_place(), CHECK_TEXT)?),
                        created_at: Set(now),
                    };
                    entity::secret_key::Entity::insert(row)
                        .exec_without_returning(transaction)
                        .await?;
                    return Ok(());
                }
                let opens = known
                    .iter()
                    .filter(|row| row.id == sealer.key_id())
                    .filter_map(|row| sealer.open(check_place(), &row.sealed_check).ok())
                    .any(|text| *text == CHECK_TEXT);
                if opens {
                    return Ok(());
                }
                let ids: Vec<_> = known.iter().map(|row| row.id.as_str()).collect();
                Err(Error::Open(format!(
                    "The secrets in this database were sealed with another key than that of {}: the database knows key {}, \
                     this one is {}. Put the right key there, or start with another database.",
                    sealer.source(),
                    ids.join(", "),
                    sealer.key_id()
                )))
            })
        })
        .await
    }
}

fn check_place() -> Place {
    Place {
        tenant_id: Uuid::nil().into(),
        table: "secret_key",
        row_id: Uuid::nil(),
        column: "sealed_check",
    }
}

fn decode_key(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
    <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
}

fn hex(id: KeyId) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(row: u128) -> Place {
        Place::client_token(Uuid::from_u128(1).into(), Uuid::from_u128(row).into())
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let sealer = Sealer::from_key(&[7; 32]);
        let sealed = sealer.seal(place(1), b"sesame").unwrap();
        assert_eq!(sealer.open(place(1), &sealed).unwrap().as_slice(), b"sesame");
        assert!(sealer.open(place(2), &sealed).is_err());
        let elsewhere = Place {
            column: "detail",
            ..place(1)
        };
        assert!(sealer.open(elsewhere, &sealed).is_err());
        assert_ne!(
            sealed,
            sealer.seal(place(1), b"sesame").unwrap(),
            "each has its own nonce"
        );
    }

    #[test]
    fn damage_and_another_key_are_told_apart() {
        let sealer = Sealer::from_key(&[7; 32]);
        let mut sealed = sealer.seal(place(1), b"sesame").unwrap();
        let other = Sealer::from_key(&[8; 32]).open(place(1), &sealed).unwrap_err();
        assert!(other.to_string().contains("which is not loaded"), "{other}");
        for cut in [0, 1, 5, 20, sealed.len() - 1] {
            assert!(sealer.open(place(1), &sealed[..cut]).is_err(), "{cut}");
        }
        for index in 0..sealed.len() {
            sealed[index] ^= 1;
            assert!(sealer.open(place(1), &sealed).is_err(), "{index}");
            sealed[index] ^= 1;
        }
        assert!(sealer.open(place(1), &sealed).is_ok());
    }

    #[test]
    fn a_key_is_not_shown() {
        let sealer = Sealer::from_key(&[7; 32]);
        assert_eq!(format!("{sealer:?}"), "Sealer { source: \"a key that was given\", .. }");
    }
}

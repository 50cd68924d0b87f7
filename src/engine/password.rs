//! Passwords: argon2id, on threads of its own kind, a few at a time.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::{runtime::Handle, sync::Semaphore};
use zeroize::Zeroizing;

use crate::{
    domain::validate::FieldError,
    error::{Code, Error, Result},
};

/// Shortest password, in characters.
pub const CHARACTERS_MIN: usize = 8;
/// Longest password, in bytes: a bound for the work of hashing.
pub const BYTES_MAX: usize = 1_024;
/// Hashes at the same time; each takes 19 MiB and a core.
const AT_ONCE_MAX: usize = 2;
/// Hashes that may wait; more are answered with 503.
const WAITING_MAX: usize = 200;
/// A hash of no password, with the parameters of all others: unknown users cost the same time.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$b3JyZXJ5LW5vLXVzZXIhIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and checks passwords. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Passwords {
    threads: Handle,
    at_once: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

/// The turn to hash. A sign-in keeps it until a wrong password is counted: those who wait for theirs then see the count.
#[derive(Clone)]
pub(crate) struct Turn {
    _permits: Arc<Permits>,
}

struct Permits {
    _admitted: tokio::sync::OwnedSemaphorePermit,
    _at_once: tokio::sync::OwnedSemaphorePermit,
}

impl Passwords {
    pub(crate) fn new(threads: Handle) -> Self {
        Self {
            threads,
            at_once: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            admitted: Arc::new(Semaphore::new(AT_ONCE_MAX + WAITING_MAX)),
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when too many wait already.
    pub(crate) async fn turn(&self) -> Result<Turn> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| {
            Error::new(Code::Unavailable, "Too many sign-ins at once; try again in a moment.")
                .with_retry_after_ms(2_000)
        })?;
        let at_once = Arc::clone(&self.at_once)
            .acquire_owned()
            .await
            .map_err(Error::internal)?;
        Ok(Turn {
            _permits: Arc::new(Permits {
                _admitted: admitted,
                _at_once: at_once,
            }),
        })
    }

    /// The hash to store.
    pub(crate) async fn hash(&self, password: &str) -> Result<String> {
        let turn = self.turn().await?;
        let password = Zeroizing::new(password.to_owned());
        self.threads
            .spawn_blocking(move || {
                // The turn lasts as long as the work, even when nobody waits for it any more.
                let _turn = turn;
                let hash: argon2::password_hash::phc::PasswordHash = Argon2::default()
                    .hash_password(password.as_bytes())
                    .map_err(|error| Error::internal(error.to_string()))?;
                Ok(hash.to_string())
            })
            .await
            .map_err(Error::internal)?
    }

    /// Whether this is the password; without a hash (no such user) no, after the same time.
    pub(crate) async fn verify(&self, turn: &Turn, password: &str, hash: Option<&str>) -> Result<bool> {
        let password = Zeroizing::new(password.to_owned());
        let known = hash.is_some();
        let hash = hash.unwrap_or(NOBODY).to_owned();
        let turn = turn.clone();
        self.threads
            .spawn_blocking(move || {
                let _turn = turn;
                let right = Argon2::default()
                    .verify_password(password.as_bytes(), hash.as_str())
                    .is_ok();
                known && right
            })
            .await
            .map_err(Error::internal)
    }
}

/// Checks a new password.
///
/// # Errors
/// What is wrong with it.
pub fn check(field: &str, password: &str) -> Result<(), FieldError> {
    if password.chars().count() < CHARACTERS_MIN {
        return Err(FieldError::new(
            field,
            format!("must be at least {CHARACTERS_MIN} characters long"),
        ));
    }
    if password.len() > BYTES_MAX {
        return Err(FieldError::new(
            field,
            format!("must be at most {BYTES_MAX} bytes long"),
        ));
    }
    Ok(())
}

/// Random text of 32 bytes, for tokens and first passwords.
///
/// # Errors
/// The system gives no random numbers.
pub(crate) fn random_text() -> Result<String> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| Error::internal(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_passes() {
        let passwords = Passwords::new(Handle::current());
        let hash = passwords.hash("correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        for (password, hash, expected) in [
            ("correct horse", Some(hash.as_str()), true),
            ("correct horsE", Some(hash.as_str()), false),
            ("", Some(hash.as_str()), false),
            ("correct horse", None, false),
            ("x", Some("not a hash"), false),
        ] {
            let turn = passwords.turn().await.unwrap();
            assert_eq!(passwords.verify(&turn, password, hash).await.unwrap(), expected);
        }
    }

    #[test]
    fn the_hash_of_nobody_has_the_parameters_of_all_others() {
        assert!(argon2::password_hash::phc::PasswordHash::new(NOBODY).is_ok());
        assert!(check("password", "1234567").is_err());
        check("password", "12345678").unwrap();
        assert!(check("password", &"x".repeat(BYTES_MAX + 1)).is_err());
    }
}

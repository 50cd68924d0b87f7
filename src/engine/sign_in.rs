//! Signing in with a password: same time and same answer for users that exist and that do not, and a lock after too many
//! wrong passwords.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use lru::LruCache;
use zeroize::Zeroizing;

use super::{Engine, identity, password};
use crate::{
    domain::{ids::TenantId, validate::USERNAME_CHARACTERS_MAX},
    error::{Code, Error, Result},
    settings,
    store::{
        api_tokens::{SignIn, Token, TokenKind},
        audit,
    },
};

/// What tokens begin with, so that scanners for leaked secrets find them.
pub const TOKEN_PREFIX: &str = "orr_";
/// Longest lock, seconds.
const LOCK_SECONDS_MAX: u64 = 3_600;
/// Names of users that do not exist whose wrong passwords are counted.
const STRANGERS_MAX: std::num::NonZeroUsize = match std::num::NonZeroUsize::new(10_000) {
    Some(most) => most,
    None => std::num::NonZeroUsize::MIN,
};

/// A sign-in that worked.
#[derive(Debug)]
pub struct SignedIn {
    /// For the header `Authorization: Bearer`.
    pub access_token: Zeroizing<String>,
    /// Seconds until it ends.
    pub expires_in: u64,
}

/// Wrong passwords for names that no user has: they lock like all others, so that a lock does not tell who exists.
pub(crate) struct Strangers {
    counts: Mutex<LruCache<String, (u32, Option<Timestamp>)>>,
}

impl Default for Strangers {
    fn default() -> Self {
        Self {
            counts: Mutex::new(LruCache::new(STRANGERS_MAX)),
        }
    }
}

impl Engine {
    /// Checks a password and makes a token for the session.
    ///
    /// # Errors
    /// [`Code::Unauthorized`], [`Code::UserLocked`], [`Code::Unavailable`].
    pub async fn sign_in(&self, username: &str, password: &str, request_id: Option<String>) -> Result<SignedIn> {
        if username.chars().count() > USERNAME_CHARACTERS_MAX || password.len() > password::BYTES_MAX {
            return Err(wrong());
        }
        let access = self.access();
        // The user is looked at when it is our turn: whoever waits here does not get more tries than the lock allows.
        let turn = access.passwords().turn().await?;
        let found = self.store().sign_in(username).await?;
        let now = self.clock().now();
        let locked_until = match &found {
            Some(user) => user.locked_until,
            None => access.strangers().locked_until(username),
        };
        if let Some(until) = locked_until.filter(|until| *until > now) {
            return Err(locked(until.duration_since(now)));
        }
        let hash = found.as_ref().map(|user| user.password_hash.as_str());
        let right = access.passwords().verify(&turn, password, hash).await?;
        let answer = match found {
            Some(user) if right && user.active => self.open_session(&user, request_id).await,
            // A deactivated user's right password is answered like a wrong one, but does not count.
            Some(_) if right => Err(wrong()),
            found => {
                let settings = self.settings().gateway.clone();
                let lock = move |failed| lock_until(&settings, failed, now);
                match found {
                    Some(user) => {
                        let until = self.store().sign_in_failed(user.user_id, lock).await?;
                        tracing::warn!(user.id = %user.user_id, locked = until.is_some(), "wrong password");
                    }
                    None => access.strangers().failed(username, lock),
                }
                Err(wrong())
            }
        };
        drop(turn);
        answer
    }

    async fn open_session(&self, user: &SignIn, request_id: Option<String>) -> Result<SignedIn> {
        let expires_in = self.settings().gateway.token_hours.saturating_mul(3_600);
        let now = self.clock().now();
        let access_token = Zeroizing::new(format!("{TOKEN_PREFIX}{}", password::random_text()?));
        let token = Token {
            id: self.clock().new_id().into(),
            tenant_id: None,
            user_id: user.user_id,
            name: "sign-in".to_owned(),
            kind: TokenKind::Session,
            rights: None,
            expires_at: Some(now + SignedDuration::from_secs(i64::try_from(expires_in).unwrap_or(i64::MAX / 2))),
            last_used_at: None,
            created_at: now,
        };
        let entry = session_entry(user.tenant_id, &token, request_id);
        self.store()
            .create_token(token, identity::hash_of(&access_token), entry)
            .await?;
        Ok(SignedIn {
            access_token,
            expires_in,
        })
    }
}

impl Strangers {
    fn locked_until(&self, username: &str) -> Option<Timestamp> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&username.to_lowercase()).and_then(|(_, until)| *until)
    }

    fn failed(&self, username: &str, lock: impl FnOnce(u32) -> Option<Timestamp>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (failed, until) = counts.get_or_insert_mut(username.to_lowercase(), Default::default);
        *failed = failed.saturating_add(1);
        *until = lock(*failed);
    }
}

fn session_entry(tenant_id: TenantId, token: &Token, request_id: Option<String>) -> audit::Entry {
    audit::Entry {
        tenant_id,
        user_id: Some(token.user_id),
        token_id: Some(token.id),
        action: "session.create",
        resource_kind: "session",
        resource_id: Some(token.id.to_string()),
        before: None,
        after: None,
        request_id,
    }
}

/// When the lock after the `failed`th wrong password in a row ends: it doubles with each further one.
fn lock_until(settings: &settings::Gateway, failed: u32, now: Timestamp) -> Option<Timestamp> {
    let beyond = failed.checked_sub(settings.sign_in_attempts_max)?;
    let factor = 1_u64.checked_shl(beyond).unwrap_or(u64::MAX);
    let seconds = settings
        .sign_in_lock_seconds
        .saturating_mul(factor)
        .min(LOCK_SECONDS_MAX);
    now.checked_add(SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)))
        .ok()
}

fn locked(left: SignedDuration) -> Error {
    let left_ms = u64::try_from(left.as_millis()).unwrap_or(0).max(1);
    Error::new(
        Code::UserLocked,
        format!(
            "Too many wrong passwords: this user cannot sign in for {} more seconds.",
            left_ms.div_ceil(1_000)
        ),
    )
    .with_retry_after_ms(left_ms)
}

fn wrong() -> Error {
    Error::new(Code::Unauthorized, "The username or the password is wrong.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_double_up_to_an_hour() {
        let settings = settings::Settings::base().unwrap().gateway;
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (failed, seconds) in [
            (1, None),
            (4, None),
            (5, Some(60)),
            (6, Some(120)),
            (9, Some(960)),
            (11, Some(3_600)),
            (200, Some(3_600)),
        ] {
            let until = lock_until(&settings, failed, now);
            assert_eq!(
                until.map(|until| until.duration_since(now).as_secs()),
                seconds,
                "{failed}"
            );
        }
    }
}

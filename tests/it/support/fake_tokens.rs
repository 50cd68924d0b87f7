//! The tokens of a fake provider: access tokens that end, refresh tokens that are replaced and may be used again for a while.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use orrery::clock::Clock;

use super::upstream::Recorded;

/// Tokens issued by one fake.
pub struct Tokens {
    clock: Clock,
    /// How long an access token lives.
    pub life: Duration,
    /// How long a refresh token may be used again after it was replaced.
    pub grace: Duration,
    /// Whether each refresh issues another refresh token.
    pub rotates: bool,
    /// Access tokens with their ends.
    access: HashMap<String, Timestamp>,
    /// Refresh tokens with the time they were replaced at.
    refresh: HashMap<String, Option<Timestamp>>,
    /// Access tokens issued so far.
    pub issued: u64,
}

/// A pair that was issued.
pub struct Issued {
    pub access_token: String,
    pub refresh_token: Option<String>,
    pub expires_in: u64,
}

impl Tokens {
    pub fn new(clock: Clock, life: Duration) -> Tokens {
        Tokens {
            clock,
            life,
            grace: Duration::from_secs(24 * 3_600),
            rotates: true,
            access: HashMap::new(),
            refresh: HashMap::new(),
            issued: 0,
        }
    }

    /// Makes a refresh token good, as if somebody had signed in.
    pub fn sign_in(&mut self, refresh_token: &str) {
        self.refresh.insert(refresh_token.to_owned(), None);
    }

    /// Makes a given access token good, as if somebody had got it elsewhere.
    pub fn give(&mut self, access_token: &str) {
        let ends = self.clock.now() + self.life;
        self.access.insert(access_token.to_owned(), ends);
    }

    /// Makes every token void.
    pub fn revoke_all(&mut self) {
        self.access.clear();
        self.refresh.clear();
    }

    /// Makes the access tokens void; refresh tokens stay good.
    pub fn end_access(&mut self) {
        self.access.clear();
    }

    /// A new access token.
    pub fn issue(&mut self) -> Issued {
        self.issued += 1;
        let access_token = format!("access-{}", self.issued);
        self.access.insert(access_token.clone(), self.clock.now() + self.life);
        Issued {
            access_token,
            refresh_token: None,
            expires_in: self.life.as_secs(),
        }
    }

    /// The next pair for a refresh token; none if it is not good, or no more.
    pub fn refresh(&mut self, refresh_token: &str) -> Option<Issued> {
        let now = self.clock.now();
        let grace = self.grace;
        let replaced = self.refresh.get_mut(refresh_token)?;
        if replaced.is_some_and(|at| now > at + grace) {
            return None;
        }
        if self.rotates {
            *replaced = replaced.or(Some(now));
        }
        let next = if self.rotates {
            format!("refresh-{}", self.issued + 1)
        } else {
            refresh_token.to_owned()
        };
        self.refresh.insert(next.clone(), None);
        let mut issued = self.issue();
        issued.refresh_token = Some(next);
        Some(issued)
    }

    /// True for a request with an access token that is good now.
    pub fn lets_in(&self, request: &Recorded) -> bool {
        let token = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        let ends = token.and_then(|token| self.access.get(token));
        ends.is_some_and(|ends| self.clock.now() < *ends)
    }
}

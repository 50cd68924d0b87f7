//! A request with the redirects that follow from it.

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;
use url::Url;

use super::auth::Auth;
use super::error::{Error, Step};
use super::exchange::{Answer, Hop, HopBody, Stage, exchange};
use super::headers::Header;
use super::message::Method;
use super::outbound::Shared;
use super::redirect::{self, Next};
use super::secret::Secret;
use super::sign::Credential;

/// What to send, before any redirect.
pub(super) struct Plan<'a> {
    pub method: Method,
    pub url: Url,
    pub headers: Vec<Header>,
    pub body: Option<Bytes>,
    pub auth: Option<&'a Auth>,
    pub response_bytes_max: usize,
    pub redirects_max: u32,
}

/// The state of a chain; secrets only ever leave it.
struct Position {
    method: Method,
    url: Url,
    headers: Vec<Header>,
    body: Option<Bytes>,
    trusted: bool,
}

/// Sends, follows, and answers with the last answer and the URL it came from.
pub(super) async fn follow(
    shared: &Arc<Shared>,
    plan: &Plan<'_>,
    token: Option<&Secret>,
    stage: &Cell<Stage>,
) -> Result<(Answer, Url), Error> {
    let mut at = Position {
        method: plan.method,
        url: plan.url.clone(),
        headers: plan.headers.clone(),
        body: plan.body.clone(),
        trusted: true,
    };
    let mut seen: Vec<(Method, Url)> = Vec::new();
    loop {
        shared.policy.check_url(&at.url)?;
        let credential = at.credential(plan.auth, token)?;
        let with_key = credential.on_url(&at.url);
        let hop = Hop {
            method: at.method.into(),
            url: with_key.as_ref().unwrap_or(&at.url),
            headers: &at.headers,
            credential: &credential,
            body: at.body.clone().map_or(HopBody::None, HopBody::Bytes),
            own: true,
        };
        let answer = exchange(shared, hop, plan.response_bytes_max, stage).await?;
        let Some(next) = redirect::next(answer.status, answer.header("location"), &at.url, at.method) else {
            return Ok((answer, at.url));
        };
        let next = next?;
        check_length(&seen, plan.redirects_max, &next)?;
        seen.push((at.method, at.url.clone()));
        if seen
            .iter()
            .any(|(method, url)| *method == next.method && *url == next.url)
        {
            let message = format!("the redirects lead in a circle: {} again", shown(&next.url));
            return Err(Error::new(Step::Redirect, message));
        }
        at.advance(next);
    }
}

impl Position {
    fn credential(&self, auth: Option<&Auth>, token: Option<&Secret>) -> Result<Credential, Error> {
        match (auth.filter(|_| self.trusted), token) {
            (None, _) => Ok(Credential::Nothing),
            (Some(auth), Some(token)) => Credential::token(auth, token),
            (Some(auth), None) => Credential::fixed(auth, self.body.as_deref().unwrap_or_default()),
        }
    }

    fn advance(&mut self, next: Next) {
        if !next.keeps_body {
            self.body = None;
            self.headers
                .retain(|header| !header.name.as_str().starts_with("content-"));
        }
        if !next.same_origin {
            self.trusted = false;
            self.headers.retain(|header| !header.secret);
        }
        (self.method, self.url) = (next.method, next.url);
    }
}

fn check_length(seen: &[(Method, Url)], redirects_max: u32, next: &Next) -> Result<(), Error> {
    if seen.len() < usize::try_from(redirects_max).unwrap_or(usize::MAX) {
        return Ok(());
    }
    let message = match redirects_max {
        0 => format!(
            "the address redirects to {}; enter that address instead",
            shown(&next.url)
        ),
        most => format!("more than {most} redirects, the next to {}", shown(&next.url)),
    };
    Err(Error::new(Step::Redirect, message))
}

/// Queries may hold secrets, so messages show URLs without.
fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

//! Trying a connection: what its provider answers to the cheapest request there is.

use serde_json::{Value, json};

use super::Connections;
use crate::{
    actors::connection::Refused,
    domain::{connection::status, ids::ConnectionId},
    engine::caller::Caller,
    error::{Code, Error, Result},
    http::{self, Response, Secret, redacted},
    providers::{Account, Trouble},
};

/// Longest part of a provider's answer that is shown, bytes.
const SHOWN_BYTES_MAX: usize = 20_000;
/// Shorter secrets are not looked for: they would blacken half of the text.
const SECRET_BYTES_MIN: usize = 6;

/// A connection that works.
#[derive(Clone, Debug)]
pub struct CheckedConnection {
    /// What the provider says, in a sentence.
    pub message: String,
    /// How the connection stands.
    pub status: &'static str,
}

impl Connections<'_> {
    /// Tries a connection, also one whose credentials were refused before. Must run on a thread of an actix runtime.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`; `wrong_state`: it is disabled; `test_failed` with the step that failed and, where
    /// the provider refused, its own answer in `backend`.
    pub async fn check(&self, caller: &Caller, id: ConnectionId) -> Result<CheckedConnection> {
        let connection = self.get(caller, id).await?;
        // The actor of one that was disabled just now may not have heard of it.
        let tried = if connection.enabled {
            self.tried(caller, id, connection.version).await
        } else {
            let disabled = format!("The connection {id} is disabled; enable it, then try again.");
            Err(Error::new(Code::WrongState, disabled))
        };
        let error = tried.as_ref().err().map(|error| error.message.as_ref());
        let after = json!({ "ok": tried.is_ok(), "error": error });
        let entry = caller.audit("connection.check", "connection", id, None, Some(after));
        self.engine.store().record_audit(entry).await?;
        let message = tried?;
        let now = self.get(caller, id).await?;
        Ok(CheckedConnection {
            message,
            status: status(now.enabled, now.state.health),
        })
    }

    async fn tried(&self, caller: &Caller, id: ConnectionId, version: i64) -> Result<String> {
        let gates = &self.engine.services().gates;
        let gate = gates.gate_of(caller.tenant_id, id, version).await.map_err(refused)?;
        let (account, provider) = (gate.account(), gate.provider());
        let answer = Box::pin(gate.send_by_hand(account.version, provider.check(&account)))
            .await
            .map_err(refused)?;
        let read = provider.read_check(&account, &answer);
        read.map_err(|trouble| unusable(&account, trouble, &answer))
    }
}

fn refused(refused: Refused) -> Error {
    match refused {
        Refused::NeedsReauthorisation(message) => Error::new(Code::TestFailed, message).with_step("token"),
        Refused::Disabled(message) => Error::new(Code::WrongState, message),
        Refused::Unavailable {
            message,
            retry_after_ms,
        } => {
            let error = Error::new(Code::Unavailable, message);
            match retry_after_ms {
                Some(wait) => error.with_retry_after_ms(wait),
                None => error,
            }
        }
        Refused::Failed(http::Error { step, message, .. }) => {
            Error::new(Code::TestFailed, message).with_step(step.as_str())
        }
    }
}

/// The provider answered, and it is no yes.
fn unusable(account: &Account, trouble: Trouble, answer: &Response) -> Error {
    let backend = json!({ "status": answer.status, "body": body_of(account, answer) });
    Error::new(Code::TestFailed, trouble.message)
        .with_step("provider")
        .with_details(json!({ "backend": backend }))
}

/// In the forms in which a server may repeat them; those that were got for the request among them.
fn secrets_of(account: &Account, answer: &Response) -> Vec<String> {
    let secrets = &account.secrets;
    let all = [
        &secrets.client_secret,
        &secrets.access_token,
        &secrets.refresh_token,
        &secrets.user_password,
    ];
    let known = all.into_iter().flatten().map(Secret::expose);
    let known = known.filter(|secret| secret.len() >= SECRET_BYTES_MIN);
    known
        .flat_map(|secret| {
            let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            [secret.to_owned(), encoded]
        })
        .chain(answer.sent.known_secrets())
        .collect()
}

fn body_of(account: &Account, answer: &Response) -> Value {
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let mut text = redacted(text, &secrets_of(account, answer));
    let end = (0..=SHOWN_BYTES_MAX.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    Value::String(text)
}

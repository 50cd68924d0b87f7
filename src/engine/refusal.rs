//! What the services of the integration API have in common: how a body is refused, and that actors hear of a change.

use uuid::Uuid;

use super::{Engine, caller::Caller};
use crate::{
    domain::validate::FieldError,
    error::{Code, Error},
};

/// A member that does not exist is a bad request like everywhere; a value that cannot work is not.
pub(super) fn body_refused(wrong: Vec<FieldError>) -> Error {
    let is_unknown = wrong.iter().any(|error| error.message.starts_with("is not known here"));
    let mut error = Error::invalid(wrong);
    if is_unknown {
        error.code = Code::BadRequest;
    }
    error
}

/// After a commit: the actor of a row looks at it. Where it cannot be told now, the registry's sweep finds the change: the
/// caller's request was done all the same.
pub(super) async fn tell(engine: &Engine, caller: &Caller, kind: &'static str, id: Uuid) {
    if let Err(error) = engine.registry().refresh_member(kind, caller.tenant_id, id).await {
        tracing::warn!(actor.kind = kind, actor.id = %id, error = %error, "an actor hears of a change later");
    }
}

//! A call API as it comes in: the definition and whether it is to be active.

use serde_json::{Map, Value};

use crate::{
    domain::{call_api::CallApiDefinition, json_patch::merge_patch, validate::FieldError},
    error::{Code, Error, Result},
};

/// Members that answers show and requests may send back; they are not taken over.
const READ_ONLY: [&str; 10] = [
    "id",
    "status",
    "statusReason",
    "lastRun",
    "nextDueAt",
    "createdBy",
    "createdAt",
    "updatedAt",
    "version",
    "warnings",
];

/// See the module.
#[derive(Clone, Debug)]
pub struct CallApiInput {
    /// The definition.
    pub definition: CallApiDefinition,
    /// Whether it is to be activated.
    pub active: bool,
}

impl CallApiInput {
    /// Reads a new call; unknown members are refused with their path.
    ///
    /// # Errors
    /// [`Code::BadRequest`].
    pub fn from_json(body: Value) -> Result<Self> {
        let mut members = object(body)?;
        let active = match members.remove("active") {
            None => false,
            Some(Value::Bool(active)) => active,
            Some(_) => return Err(unreadable("active", "must be true or false")),
        };
        let definition = serde_path_to_error::deserialize(Value::Object(members)).map_err(|error| {
            let path = error.path().to_string();
            unreadable(&path, &error.into_inner().to_string())
        })?;
        Ok(Self { definition, active })
    }

    /// Reads the replacement of a call: as it was shown, with or without the members that only the engine sets.
    ///
    /// # Errors
    /// [`Code::BadRequest`].
    pub fn from_shown_json(body: Value) -> Result<Self> {
        let mut members = object(body)?;
        for name in READ_ONLY {
            members.remove(name);
        }
        Self::from_json(Value::Object(members))
    }

    /// Applies a merge patch to a stored definition.
    ///
    /// # Errors
    /// [`Code::BadRequest`].
    pub(super) fn patched(stored: &CallApiDefinition, patch: Value) -> Result<Self> {
        let patch = object(patch)?;
        let never = patch.get("failuresBeforeDeactivation").is_some_and(Value::is_null);
        let mut target = serde_json::to_value(stored).map_err(Error::internal)?;
        merge_patch(&mut target, &Value::Object(patch));
        if let (true, Some(members)) = (never, target.as_object_mut()) {
            // A merge patch takes null for "remove"; here null is a value of its own: never.
            members.insert("failuresBeforeDeactivation".to_owned(), Value::Null);
        }
        Self::from_json(target)
    }
}

fn object(body: Value) -> Result<Map<String, Value>> {
    match body {
        Value::Object(members) => Ok(members),
        _ => Err(unreadable("", "must be a JSON object")),
    }
}

fn unreadable(path: &str, message: &str) -> Error {
    let path = if path == "." { "" } else { path };
    let text = if path.is_empty() {
        format!("The body cannot be used: {message}.")
    } else {
        format!("{path}: {message}")
    };
    Error::new(Code::BadRequest, text).with_fields(vec![FieldError::new(path, message)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body() -> Value {
        json!({
            "name": "RFQ import", "runAsUserId": "0190b5a8-7c3e-7d10-8f00-0123456789ab", "frequencySeconds": 60,
            "method": "GET", "url": {"kind": "text", "value": "https://example.com/"}, "responseScript": "return []",
        })
    }

    #[test]
    fn unknown_members_are_refused_with_their_path() {
        let table = [
            (json!({"bogus": 1}), "bogus"),
            (json!({"url": {"kind": "text", "value": "x", "bogus": 1}}), "url"),
            (json!({"active": "yes"}), "active"),
            (json!({"status": "idle"}), "status"),
        ];
        for (patch, path) in table {
            let mut body = body();
            merge_patch(&mut body, &patch);
            let error = CallApiInput::from_json(body).unwrap_err();
            assert_eq!(error.code, Code::BadRequest);
            assert!(error.message.contains(path), "{error}");
        }
    }

    #[test]
    fn what_was_shown_can_be_sent_back() {
        let mut body = body();
        merge_patch(
            &mut body,
            &json!({"status": "idle", "version": 3, "warnings": [], "active": true}),
        );
        assert!(CallApiInput::from_shown_json(body).unwrap().active);
    }

    #[test]
    fn a_patch_can_say_never() {
        let stored = CallApiInput::from_json(body()).unwrap().definition;
        let patched = |patch| CallApiInput::patched(&stored, patch).unwrap();
        let never = patched(json!({"failuresBeforeDeactivation": null, "clientId": null}));
        assert_eq!(never.definition.failures_before_deactivation, None);
        assert_eq!(patched(json!({})).definition, stored);
        assert!(patched(json!({"active": true})).active);
    }
}

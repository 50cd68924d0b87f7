//! Runs the scripts of an action.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Attempt, ended, scope::Scope};
use crate::{
    actors::integration::work::Acted,
    http::Response,
    script::{Context, ItemInfo, Job, Kind, RequestInfo, ResponseInfo, Value},
};

/// Runs a script that makes a body, or reads an answer.
pub(super) async fn run(
    attempt: Attempt<'_>,
    kind: Kind,
    source: &str,
    scope: &Scope,
    about: Option<(RequestInfo, &Response)>,
) -> Result<Value, Acted> {
    let services = attempt.services;
    let (request, response) = match about {
        Some((request, response)) => (Some(request), Some(response)),
        None => (None, None),
    };
    let job = Job {
        kind,
        name: Arc::from(kind.script_name()),
        source: Arc::from(source),
        context: Context {
            now: scope.now.clone(),
            request,
            response: response.map(|response| ResponseInfo {
                status_code: response.status,
                headers: response.headers.clone(),
                body: response.body.clone(),
            }),
            item: Some(ItemInfo {
                scope: scope.text.clone(),
            }),
            ..Context::default()
        },
        wall_ms: None,
    };
    let started = services.clock.monotonic();
    let ended = services.scripts.run(job).await;
    let seconds = (services.clock.monotonic() - started).as_secs_f64();
    services
        .metrics
        .script_seconds
        .with_label_values(&[kind.script_name()])
        .observe(seconds);
    match ended {
        Ok(output) => Ok(output.value),
        Err(error) => Err(ended::of_script(services, error)),
    }
}

/// What a result script says of the answer for an item.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    /// For people.
    pub result: Option<String>,
    /// A merge patch for the item's record.
    pub record: Option<Json>,
    /// It failed, for this reason.
    pub failed: Option<String>,
    /// It fails for good.
    pub is_final: bool,
}

/// Members that the object of a result script may have.
const MEMBERS: [&str; 5] = ["result", "record", "failed", "message", "final"];

/// Reads what a result script returned.
///
/// # Errors
/// What it must not return, in words.
pub(super) fn said(value: Value) -> Result<Said, String> {
    let text = match value {
        Value::Text(text) => {
            return Ok(Said {
                result: Some(text),
                ..Said::default()
            });
        }
        Value::Json(text) => text,
        _ => return Ok(Said::default()),
    };
    let Ok(Json::Object(mut members)) = serde_json::from_str(&text) else {
        return Err(
            "The result script returned an array. For an item that is sent, return nothing, a text, or an object."
                .to_owned(),
        );
    };
    if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(format!(
            "The result script returned an object with the member {unknown:?}. It may have {}.",
            MEMBERS.join(", ")
        ));
    }
    let words = |value: Option<Json>| match value {
        None | Some(Json::Null) => None,
        Some(Json::String(text)) => Some(text),
        Some(other) => Some(other.to_string()),
    };
    let is = |name: &str| members.get(name).is_some_and(|value| *value == Json::Bool(true));
    let (has_failed, is_final) = (is("failed"), is("final"));
    let (result, message) = (words(members.remove("result")), words(members.remove("message")));
    let record = match members.remove("record") {
        None | Some(Json::Null) => None,
        Some(record @ Json::Object(_)) => Some(record),
        Some(_) => {
            return Err("The result script returned a record that is no object. It is a merge patch.".to_owned());
        }
    };
    let reason = || {
        let message = message.clone().or_else(|| result.clone());
        message.unwrap_or_else(|| "The result script says that it failed.".to_owned())
    };
    Ok(Said {
        failed: has_failed.then(reason),
        is_final: has_failed && is_final,
        result: result.or(message),
        record,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_result_scripts_return_is_read() {
        let json_of = |value: Json| said(Value::Json(value.to_string()));
        assert_eq!(said(Value::Unchanged), Ok(Said::default()));
        assert_eq!(
            said(Value::Text("ok".to_owned())).unwrap().result.as_deref(),
            Some("ok")
        );
        let all = json_of(json!({"result": 5, "record": {"a": null}})).unwrap();
        assert_eq!(
            (all.result.as_deref(), all.record),
            (Some("5"), Some(json!({"a": null})))
        );
        let failed = json_of(json!({"failed": true, "message": "no", "final": true})).unwrap();
        assert_eq!((failed.failed.as_deref(), failed.is_final), (Some("no"), true));
        let unsaid = json_of(json!({"failed": true})).unwrap();
        assert!(unsaid.failed.unwrap().contains("says that it failed") && !unsaid.is_final);
        assert_eq!(json_of(json!({"failed": false, "final": true})).unwrap().failed, None);
        for (wrong, what) in [
            (json!([1]), "an array"),
            (json!({"record": 1}), "no object"),
            (json!({"reslt": 1}), "\"reslt\""),
        ] {
            assert!(json_of(wrong).unwrap_err().contains(what));
        }
    }
}

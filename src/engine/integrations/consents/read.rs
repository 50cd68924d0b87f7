//! The bodies of what people do to consents.

use serde_json::{Map, Value, json};

use crate::{
    domain::validate::FieldError,
    error::{Code, Error, Result},
    http::{Auth, Merge},
};

/// Longest user name, password, token or key, bytes; keys in PEM and signed tokens are long.
const SECRET_BYTES_MAX: usize = 16_384;
/// Longest reason, characters.
const DETAIL_CHARACTERS_MAX: usize = 500;
/// Header of an API key, where none is named.
const KEY_HEADER: &str = "X-API-Key";

/// What a person does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    /// Asks for another link, or asks again what was refused or revoked.
    Begin,
    /// Enters credentials.
    Submit(Auth),
    /// Says yes.
    Approve,
    /// Says no.
    Refuse {
        /// Why.
        detail: Option<String>,
    },
    /// Takes a yes back.
    Revoke,
}

/// Reads an action.
///
/// # Errors
/// `not_found`: there is no such action. `bad_request`: an unknown member. `invalid`.
pub(super) fn read(action: &str, body: &Value) -> Result<Act> {
    let empty = Map::new();
    let members = match body {
        Value::Object(members) => members,
        Value::Null => &empty,
        _ => return Err(Error::new(Code::BadRequest, "The body must be a JSON object.")),
    };
    match action {
        "Begin" => only(members, &[]).map(|()| Act::Begin),
        "Approve" => only(members, &[]).map(|()| Act::Approve),
        "Revoke" => only(members, &[]).map(|()| Act::Revoke),
        "Refuse" => {
            only(members, &["Detail"])?;
            let detail = text(members, "Detail", DETAIL_CHARACTERS_MAX)?.map(str::trim);
            let detail = detail.filter(|detail| !detail.is_empty()).map(str::to_owned);
            Ok(Act::Refuse { detail })
        }
        "Submit" => submitted(members).map(Act::Submit),
        other => Err(Error::new(
            Code::NotFound,
            format!("Consents have no action {other:?}; there are Begin, Submit, Approve, Refuse and Revoke."),
        )),
    }
}

/// Credentials: `Username` and `Password`, or `Token`, or `ApiKey`.
fn submitted(members: &Map<String, Value>) -> Result<Auth> {
    only(
        members,
        &["Username", "Password", "Token", "ApiKey", "ApiKeyName", "ApiKeyIn"],
    )?;
    let get = |name| text(members, name, SECRET_BYTES_MAX).map(|text| text.filter(|text| !text.is_empty()));
    let (username, password) = (get("Username")?, get("Password")?);
    let (token, key) = (get("Token")?, get("ApiKey")?);
    let (name, place) = (get("ApiKeyName")?, get("ApiKeyIn")?);
    let given = match (username, password, token, key) {
        (Some(username), Some(password), None, None) => {
            json!({ "kind": "basic", "username": username, "password": password })
        }
        (None, None, Some(token), None) => json!({ "kind": "bearer", "token": token }),
        (None, None, None, Some(key)) => {
            let place = match place {
                None => "header",
                Some(place) if place.eq_ignore_ascii_case("header") => "header",
                Some(place) if place.eq_ignore_ascii_case("query") => "query",
                Some(_) => return Err(Error::invalid_field("ApiKeyIn", "must be Header or Query")),
            };
            json!({ "kind": "apiKey", "in": place, "name": name.unwrap_or(KEY_HEADER), "value": key })
        }
        _ => {
            return Err(Error::invalid_field(
                "Username",
                "Username and Password, or Token, or ApiKey are needed, and nothing of the others",
            ));
        }
    };
    if key.is_none() && (name.is_some() || place.is_some()) {
        return Err(Error::invalid_field("ApiKey", "is needed with ApiKeyName and ApiKeyIn"));
    }
    Auth::from_input(&given, None, Merge::Replace).map_err(|wrong| Error::invalid(named(wrong)))
}

/// The members as they are called here.
fn named(wrong: Vec<FieldError>) -> Vec<FieldError> {
    let name = |field: &str| match field {
        "auth.username" => "Username",
        "auth.password" => "Password",
        "auth.token" => "Token",
        "auth.name" => "ApiKeyName",
        "auth.in" => "ApiKeyIn",
        _ => "ApiKey",
    };
    wrong
        .into_iter()
        .map(|error| FieldError::new(name(&error.field), error.message))
        .collect()
}

fn only(members: &Map<String, Value>, known: &[&str]) -> Result<()> {
    let Some(unknown) = members.keys().find(|name| !known.contains(&name.as_str())) else {
        return Ok(());
    };
    let message = if known.is_empty() {
        "is not known here; this action has no members".to_owned()
    } else {
        format!("is not known here; there are {}", known.join(", "))
    };
    let mut error = Error::invalid_field(unknown.as_str(), message);
    error.code = Code::BadRequest;
    Err(error)
}

fn text<'a>(members: &'a Map<String, Value>, name: &'static str, most: usize) -> Result<Option<&'a str>> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() > most => {
            let message = format!("must be at most {most} bytes long, and has {}", text.len());
            Err(Error::invalid_field(name, message))
        }
        Some(Value::String(text)) if text.chars().any(char::is_control) => Err(Error::invalid_field(
            name,
            "must not hold control characters, such as line ends",
        )),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::invalid_field(name, "must be a text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_of_one_kind() {
        for (body, expected) in [
            (json!({"Username": "u", "Password": "p"}), "basic"),
            (json!({"Token": "t", "ApiKey": null}), "bearer"),
            (json!({"ApiKey": "k"}), "apiKey"),
            (
                json!({"ApiKey": "k", "ApiKeyName": "key", "ApiKeyIn": "Query"}),
                "apiKey",
            ),
        ] {
            let Act::Submit(auth) = read("Submit", &body).unwrap() else {
                panic!("{body}");
            };
            assert_eq!(auth.kind(), expected, "{body}");
        }
        for (body, field) in [
            (json!({}), "Username"),
            (json!(null), "Username"),
            (json!({"Username": "u"}), "Username"),
            (json!({"Username": "u", "Password": "p", "Token": "t"}), "Username"),
            (json!({"Token": "t", "ApiKeyName": "x"}), "ApiKey"),
            (json!({"Token": 7}), "Token"),
            (json!({"Token": "a\nb"}), "Token"),
            (json!({"Token": "x".repeat(SECRET_BYTES_MAX + 1)}), "Token"),
            (json!({"ApiKey": "k", "ApiKeyIn": "cookie"}), "ApiKeyIn"),
            (json!({"Secret": "k"}), "Secret"),
        ] {
            let error = read("Submit", &body).unwrap_err();
            assert_eq!(error.fields[0].field, field, "{body}: {error}");
            assert!(!error.message.contains("hunter2"));
        }
    }

    #[test]
    fn other_actions_take_next_to_nothing() {
        assert_eq!(read("Revoke", &json!({})).unwrap(), Act::Revoke);
        let refused = |detail: Option<&str>| Act::Refuse {
            detail: detail.map(str::to_owned),
        };
        assert_eq!(read("Refuse", &Value::Null).unwrap(), refused(None));
        assert_eq!(
            read("Refuse", &json!({"Detail": " too much "})).unwrap(),
            refused(Some("too much"))
        );
        assert_eq!(
            read("Approve", &json!({"Detail": "x"})).unwrap_err().code,
            Code::BadRequest
        );
        assert_eq!(read("Approve", &json!([])).unwrap_err().code, Code::BadRequest);
        assert_eq!(read("approve", &json!({})).unwrap_err().code, Code::NotFound);
    }
}

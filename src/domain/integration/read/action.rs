//! Reading an action.

use serde_json::Value;

use super::{begin, name, uuid, whole, word};
use crate::domain::{
    call_api::check_script,
    ids::{ClientId, PartnerFunctionId},
    integration::{
        Action, ActionKind,
        headers::{self, SecretValues},
    },
    lenient::{Given, Reader},
    validate::FieldError,
};

/// Longest template of an address, characters.
const URL_CHARACTERS_MAX: usize = 8_192;
/// Longest template of a body, characters.
const BODY_CHARACTERS_MAX: usize = 65_536;
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// An action as a request wants it.
#[derive(Debug, Clone)]
pub struct ActionChange {
    /// Secret headers are masked.
    pub action: Action,
    /// The secret headers, all of them, those that are kept too.
    pub secrets: SecretValues,
    /// Some of them are kept from before.
    pub keeps_secrets: bool,
}

/// Reads a new action, or a change of `current`, whose number is `key` and whose secret headers are `kept`. `Kind` says which members
/// count: `Url` for Http, `PartnerFunctionUuid` for PartnerFunction; what the kind has no use for is refused.
///
/// # Errors
/// Everything that is wrong, by the names of the members.
pub fn action(
    current: Option<&Action>,
    key: Option<i64>,
    kept: &SecretValues,
    body: &Value,
) -> Result<ActionChange, Vec<FieldError>> {
    let mut reader = begin(body, "ActionId", key)?;
    let mut action_name = current.map(|now| now.name.clone());
    let mut kind = current.map(|now| now.kind);
    let mut method = current.and_then(|now| now.method.clone());
    let mut url = current.and_then(|now| now.url.clone());
    let mut body_text = current.and_then(|now| now.body.clone());
    let mut body_script = current.and_then(|now| now.body_script.clone());
    let mut result_script = current.and_then(|now| now.result_script.clone());
    let mut client_id: Option<ClientId> = current.and_then(|now| now.client_id);
    let mut function_id: Option<PartnerFunctionId> = current.and_then(|now| now.partner_function_id);
    name(&mut reader, "ActionName", &mut action_name);
    word(&mut reader, "Kind", &mut kind);
    reader.require("Kind", kind.is_some(), "must be Http or PartnerFunction");
    reader.word(&["Method"], read_method).put(&mut method);
    reader.text(&["Url"], URL_CHARACTERS_MAX).put(&mut url);
    let headers = read_headers(&mut reader, current.and_then(|now| now.headers.clone()), kept);
    raw_text(&mut reader, "Body", BODY_CHARACTERS_MAX).put(&mut body_text);
    script(&mut reader, "BodyScript", &mut body_script);
    script(&mut reader, "ResultScript", &mut result_script);
    uuid(&mut reader, "ClientUuid", &mut client_id);
    uuid(&mut reader, "PartnerFunctionUuid", &mut function_id);
    let read = match (action_name, kind) {
        (Some(name), Some(kind)) => Some(Action {
            name,
            kind,
            method,
            url,
            headers: headers.public,
            body: body_text,
            body_script,
            result_script,
            client_id,
            partner_function_id: function_id,
        }),
        _ => None,
    };
    if let Some(read) = &read {
        check_kind(&mut reader, read);
    }
    let change = read.map(|action| ActionChange {
        action,
        secrets: headers.secrets,
        keeps_secrets: headers.keeps,
    });
    whole(reader, change)
}

#[derive(Default)]
struct ReadHeaders {
    public: Option<String>,
    secrets: SecretValues,
    keeps: bool,
}

fn read_headers(reader: &mut Reader<'_>, before: Option<String>, kept: &SecretValues) -> ReadHeaders {
    const MEMBER: &str = "Headers";
    let given = match reader.raw(&[MEMBER]) {
        None => {
            return ReadHeaders {
                public: before,
                secrets: kept.clone(),
                keeps: !kept.is_empty(),
            };
        }
        Some((_, Value::Null)) => return ReadHeaders::default(),
        Some((_, Value::String(text))) if text.trim().is_empty() => return ReadHeaders::default(),
        Some((_, given)) => given,
    };
    match headers::read(MEMBER, given, kept) {
        Ok(read) => ReadHeaders {
            public: read.public,
            secrets: read.secrets,
            keeps: read.keeps,
        },
        Err(errors) => {
            reader.add_errors(errors);
            ReadHeaders::default()
        }
    }
}

fn read_method(text: &str) -> Result<String, String> {
    let method = text.to_ascii_uppercase();
    if METHODS.contains(&method.as_str()) {
        Ok(method)
    } else {
        Err(format!("must be one of {}", METHODS.join(", ")))
    }
}

/// A text as it is, blanks at its ends too.
fn raw_text(reader: &mut Reader<'_>, member: &'static str, characters_max: usize) -> Given<String> {
    match reader.raw(&[member]) {
        None => Given::Absent,
        Some((_, Value::Null)) => Given::Empty,
        Some((_, Value::String(text))) if text.trim().is_empty() => Given::Empty,
        Some((_, Value::String(text))) if text.chars().count() <= characters_max => Given::Set(text.clone()),
        Some((name, Value::String(_))) => {
            reader.refuse(name, format!("must be at most {characters_max} characters long"));
            Given::Absent
        }
        Some((name, _)) => {
            reader.refuse(name, "must be a text");
            Given::Absent
        }
    }
}

fn script(reader: &mut Reader<'_>, member: &'static str, place: &mut Option<String>) {
    let given = raw_text(reader, member, usize::MAX);
    if let Given::Set(source) = &given
        && let Err(error) = check_script(member, source)
    {
        reader.add_errors([error]);
    }
    given.put(place);
}

fn check_kind(reader: &mut Reader<'_>, action: &Action) {
    match action.kind {
        ActionKind::Http => {
            reader.require("Url", action.url.is_some(), "must be given with the kind Http");
            if action.partner_function_id.is_some() {
                reader.refuse("PartnerFunctionUuid", "has no use with the kind Http");
            }
        }
        ActionKind::PartnerFunction => {
            let function = action.partner_function_id;
            reader.require(
                "PartnerFunctionUuid",
                function.is_some(),
                "must be given with the kind PartnerFunction",
            );
            let unused = [
                ("Method", action.method.is_some()),
                ("Url", action.url.is_some()),
                ("Headers", action.headers.is_some()),
                ("Body", action.body.is_some()),
                ("ClientUuid", action.client_id.is_some()),
            ];
            for (member, is_given) in unused {
                if is_given {
                    reader.refuse(member, "has no use with the kind PartnerFunction");
                }
            }
        }
    }
}

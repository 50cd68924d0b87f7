//! What a form sends: pairs of names and values. A name is the path of a JSON member (`headers.0.name`), so that a form becomes
//! the same JSON as an API client would send, and what is wrong with it is shown where it was entered.

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::{
    error::{Code, Error, Result},
    gateway::json,
};

/// Name of the field with the session's form token.
pub(super) const TOKEN_FIELD: &str = "_token";
/// Name of the field with the version that the form shows.
pub(super) const VERSION_FIELD: &str = "_version";
/// Most fields of a form.
const FIELDS_MAX: usize = 5_000;
/// Deepest path of a field.
const DEPTH_MAX: usize = 12;
/// Media type of forms.
const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// The fields of a form, in the order in which they stand in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// `bad_request` for too many fields.
    pub(super) fn parse(body: &[u8]) -> Result<Self> {
        let mut pairs = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if pairs.len() >= FIELDS_MAX {
                return Err(Error::new(
                    Code::BadRequest,
                    format!("The form has more than {FIELDS_MAX} fields."),
                ));
            }
            // Browsers send line ends as CR LF; scripts and texts are kept with LF.
            pairs.push((name.into_owned(), value.replace("\r\n", "\n")));
        }
        Ok(Self { pairs })
    }

    /// Whether the request's body is a form.
    pub(super) fn is_sent(request: &HttpRequest) -> bool {
        let given = request.headers().get(header::CONTENT_TYPE);
        given.is_some_and(|value| value.as_bytes().starts_with(MEDIA_TYPE.as_bytes()))
    }

    /// The field's value as it was entered; empty where it is absent.
    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.pairs.iter().rev().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// All values of a field that may be chosen several times.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = self.pairs.iter().filter(move |(known, _)| known == name);
        of_name.map(|(_, value)| value.as_str())
    }

    /// Whether a box is ticked, or the button of this name was pressed.
    pub(super) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(known, _)| known == name)
    }

    /// The version that the person has seen, from [`super::ui::version`].
    pub(super) fn version(&self) -> Option<i64> {
        self.text(VERSION_FIELD).parse().ok()
    }

    /// Everything as JSON: paths become objects, and lists where each part is a number (in order; gaps are closed). All values
    /// are texts. Names that begin with `_` are the console's own.
    pub(super) fn tree(&self) -> Value {
        let mut root = Value::Object(Map::new());
        for (name, value) in &self.pairs {
            let parts: Vec<&str> = name.split('.').collect();
            if name.starts_with('_') || parts.len() > DEPTH_MAX {
                continue;
            }
            put(&mut root, &parts, value);
        }
        lists(root)
    }
}

fn put(place: &mut Value, parts: &[&str], value: &str) {
    let Value::Object(members) = place else { return };
    match parts {
        [] => {}
        [last] => {
            members.insert((*last).to_owned(), Value::String(value.to_owned()));
        }
        [first, rest @ ..] => {
            let next = members
                .entry((*first).to_owned())
                .or_insert_with(|| Value::Object(Map::new()));
            put(next, rest, value);
        }
    }
}

/// Objects whose members are all numbered become lists.
fn lists(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let numbered: Option<Vec<(u32, Value)>> = members
        .iter()
        .map(|(name, member)| Some((name.parse().ok()?, member.clone())))
        .collect();
    match numbered {
        Some(mut items) if !items.is_empty() => {
            items.sort_by_key(|(number, _)| *number);
            Value::Array(items.into_iter().map(|(_, item)| lists(item)).collect())
        }
        _ => Value::Object(
            members
                .into_iter()
                .map(|(name, member)| (name, lists(member)))
                .collect(),
        ),
    }
}

/// Reads what was entered as the body that an API client would send; refusals name the same members.
///
/// # Errors
/// `bad_request` with the member.
pub(super) fn body<T: DeserializeOwned>(entered: &Value) -> Result<T> {
    json::parse(entered.to_string().as_bytes())
}

/// A number where the text is one, else the text, so that whoever reads it says what is wrong; null where it is empty.
pub(super) fn number(text: &str) -> Value {
    let text = text.trim();
    if text.is_empty() {
        return Value::Null;
    }
    text.parse::<i64>()
        .map_or_else(|_| Value::String(text.to_owned()), Value::from)
}

/// The text; null where it is blank.
pub(super) fn optional(text: &str) -> Value {
    if text.trim().is_empty() {
        Value::Null
    } else {
        Value::String(text.to_owned())
    }
}

impl FromRequest for Form {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    /// The form that `admit` has read and whose token it has checked.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let form = request.extensions().get::<Self>().cloned();
        std::future::ready(form.ok_or_else(|| Error::new(Code::BadRequest, "The request needs a form as its body.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_become_members_and_numbered_ones_lists() {
        let form =
            Form::parse(b"name=A+b&headers.7.name=X&headers.2.name=Y&headers.7.value=1%0D%0A2&_token=t&on=1").unwrap();
        assert_eq!(
            form.tree(),
            json!({"name": "A b", "headers": [{"name": "Y"}, {"name": "X", "value": "1\n2"}], "on": "1"})
        );
        assert!(form.has("on") && !form.has("off"));
        assert_eq!(form.text("name"), "A b");
        assert_eq!(form.text("none"), "");
    }

    #[test]
    fn odd_names_lose_nothing_else() {
        let deep = vec!["a"; 40].join(".");
        let body = format!("{deep}=1&a=2&a.b=3&.=4&b.=5");
        let tree = Form::parse(body.as_bytes()).unwrap().tree();
        assert_eq!(tree["a"], "2");
        assert_eq!(tree["b"][""], "5");
    }

    #[test]
    fn numbers_that_are_none_stay_as_they_were_entered() {
        assert_eq!(number(" 60 "), json!(60));
        assert_eq!(number("6x"), json!("6x"));
        assert_eq!(number(" "), Value::Null);
        assert_eq!(optional("  "), Value::Null);
        assert_eq!(optional(" a"), json!(" a"));
    }

    #[test]
    fn there_is_a_most() {
        let body = "a=1&".repeat(FIELDS_MAX + 1);
        assert_eq!(Form::parse(body.as_bytes()).unwrap_err().code, Code::BadRequest);
    }
}

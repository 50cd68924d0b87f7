//! Explains what a filter makes of a row that somebody gives, without reading any row of the store.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    domain::{
        expression::{Item, Schema, explain, linq},
        validate::FieldError,
    },
    error::{Code, Error, Result},
};

/// The item of a body `{"item": {…}}`.
///
/// # Errors
/// `bad_request`: something else.
pub(super) fn item_of(body: &Value) -> Result<&Value> {
    let item = body.as_object().and_then(|members| members.get("item"));
    match (item, body.as_object().map(Map::len)) {
        (Some(item @ Value::Object(_)), Some(1)) => Ok(item),
        _ => Err(Error::new(
            Code::BadRequest,
            "The body must be {\"item\": {…}} with the members of a row, and nothing else.",
        )),
    }
}

/// Whether an item meets a filter, and what each of its parts is worth: `{"matches", "parts": [{"expression", "value"}]}`. Every
/// item meets no filter.
///
/// # Errors
/// `invalid`: members of the item that no row can have; a filter that is none (any more); an item too large for it.
pub(super) fn explain_filter(filter: Option<&str>, schema: &Schema, item: &Value, now: Timestamp) -> Result<Value> {
    let item = Item::read("item", item, schema).map_err(Error::invalid)?;
    let Some(text) = filter.filter(|text| !text.trim().is_empty()) else {
        return Ok(serde_json::json!({ "matches": true, "parts": [] }));
    };
    let expr = linq::compile(text, schema).map_err(|problems| {
        let told = problems
            .iter()
            .map(|problem| FieldError::new("Filter", problem.told(text)));
        Error::invalid(told.collect())
    })?;
    let explained = explain::explain(text, &expr, &item.row(), now)
        .map_err(|too_much| Error::invalid_field("item", too_much.to_string()))?;
    serde_json::to_value(explained).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-06-15T12:30:00Z".parse().unwrap()
    }

    #[test]
    fn an_item_is_explained() {
        let body = json!({ "item": { "Status": "ready", "Amount": 900, "CreatedAt": "2026-06-01" } });
        let item = item_of(&body).unwrap();
        let schema = Schema::transactions();
        let filter = "Status == \"ready\" and Amount > 1000 and CreatedAt < DateTime.UtcNow";
        let answer = explain_filter(Some(filter), &schema, item, now()).unwrap();
        assert_eq!(answer["matches"], false);
        assert_eq!(
            answer["parts"][3],
            json!({ "expression": "Amount > 1000", "value": false })
        );
        assert_eq!(answer["parts"][4], json!({ "expression": "Amount", "value": 900 }));
        assert_eq!(answer["parts"][5]["value"], true);
        for none in [None, Some(" ")] {
            let answer = explain_filter(none, &schema, item, now()).unwrap();
            assert_eq!(answer, json!({ "matches": true, "parts": [] }));
        }
    }

    #[test]
    fn what_cannot_be_explained_is_refused_by_name() {
        for body in [
            json!([]),
            json!({}),
            json!({ "item": 1 }),
            json!({ "item": {}, "more": 1 }),
        ] {
            assert_eq!(item_of(&body).unwrap_err().code, Code::BadRequest, "{body}");
        }
        for (filter, item, field, part) in [
            ("Status >", json!({}), "Filter", "character 9: a value is expected"),
            ("Status > 1", json!({}), "Filter", "character 1: a text never compares"),
            ("true", json!({ "CreatedAt": 5 }), "item.CreatedAt", "must be a time"),
        ] {
            let error = explain_filter(Some(filter), &Schema::transactions(), &item, now()).unwrap_err();
            assert_eq!(error.code, Code::Invalid);
            let [problem] = error.fields.as_slice() else {
                panic!("{error:?}");
            };
            assert_eq!(problem.field, field);
            assert!(problem.message.contains(part), "{problem}");
        }
    }
}

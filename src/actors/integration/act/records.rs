//! Records in what another system answers, or a result script returns: where they are, what their keys are, where the list goes on.

use serde_json::{Map, Value};

/// Members that hold the list, where the answer is an object.
const LISTS: [&str; 5] = ["value", "records", "items", "data", "results"];
/// Members that say where the list goes on.
const NEXT: [&str; 4] = ["next", "nextLink", "@odata.nextLink", "nextUrl"];
/// Members that are a key, in any case, the first of them first; then the name of the entity with `Id`.
const KEYS: [&str; 3] = ["key", "id", "identifier"];

/// A page of records.
#[derive(Debug, PartialEq)]
pub(super) struct Page {
    /// As they came.
    pub records: Vec<Value>,
    /// Where the list goes on.
    pub next: Option<String>,
}

/// Finds the records: a list, or an object with one and perhaps with the address of the next page.
///
/// # Errors
/// There is no list, in words.
pub(super) fn page(value: Value) -> Result<Page, String> {
    let mut members = match value {
        Value::Array(records) => return Ok(Page { records, next: None }),
        Value::Object(members) => members,
        other => return Err(format!("it is {}, not a list of records", kind(&other))),
    };
    let next = NEXT.iter().find_map(|name| members.get(*name)?.as_str());
    let next = next.map(str::trim).filter(|next| !next.is_empty()).map(str::to_owned);
    let name = LISTS
        .iter()
        .find(|name| members.get(**name).is_some_and(Value::is_array));
    match name.and_then(|name| members.remove(*name)) {
        Some(Value::Array(records)) => Ok(Page { records, next }),
        _ => Err(format!(
            "it is an object without a list of records; a list is expected, or an object that has one as {}",
            LISTS.join(", ")
        )),
    }
}

/// The key and the data of a record: `{"key": ..., "data": {...}}`, or an object that has its key among its members.
///
/// # Errors
/// It is none, in words.
pub(super) fn keyed(record: Value, entity: &str) -> Result<(String, Value), String> {
    let Value::Object(mut members) = record else {
        return Err(format!("it is {}, not an object", kind(&record)));
    };
    let is_pair =
        members.len() == 2 && members.contains_key("key") && members.get("data").is_some_and(Value::is_object);
    if is_pair {
        let key = members
            .get("key")
            .and_then(text)
            .ok_or("its key is neither a text nor a number")?;
        return Ok((key, members.remove("data").unwrap_or_default()));
    }
    let own = format!("{entity}id");
    let names = KEYS.iter().copied().chain([own.as_str()]);
    let key = names.into_iter().find_map(|name| any_case(&members, name));
    match key {
        Some(key) => Ok((key, Value::Object(members))),
        None => Err(format!("it has no key: none of its members is a {}", KEYS.join(", "))),
    }
}

fn any_case(members: &Map<String, Value>, name: &str) -> Option<String> {
    let mut found = members.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.find_map(|(_, value)| text(value))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_are_found() {
        let list = || vec![json!({"Id": 1})];
        for (value, next) in [
            (json!([{"Id": 1}]), None),
            (
                json!({"value": [{"Id": 1}], "@odata.nextLink": "https://a.example/?p=2"}),
                Some("https://a.example/?p=2"),
            ),
            (
                json!({"records": [{"Id": 1}], "next": " /p2 ", "count": 9}),
                Some("/p2"),
            ),
            (json!({"items": [{"Id": 1}], "next": null}), None),
            (json!({"data": [{"Id": 1}], "next": ""}), None),
        ] {
            let found = page(value).unwrap();
            assert_eq!((found.records, found.next.as_deref()), (list(), next));
        }
        for (wrong, said) in [
            (json!({"rows": []}), "without a list"),
            (json!("x"), "a text"),
            (json!(null), "null"),
        ] {
            assert!(page(wrong).unwrap_err().contains(said));
        }
    }

    #[test]
    fn keys_are_found() {
        for (record, key, data) in [
            (json!({"key": "a", "data": {"x": 1}}), "a", json!({"x": 1})),
            (json!({"key": 5, "data": {"x": 1}}), "5", json!({"x": 1})),
            (json!({"ID": 7, "Name": "n"}), "7", json!({"ID": 7, "Name": "n"})),
            (
                json!({"SupplierId": "s", "x": 1}),
                "s",
                json!({"SupplierId": "s", "x": 1}),
            ),
            (json!({"Id": "i", "Key": "k"}), "k", json!({"Id": "i", "Key": "k"})),
            (
                json!({"key": "a", "data": "text"}),
                "a",
                json!({"key": "a", "data": "text"}),
            ),
        ] {
            assert_eq!(keyed(record, "supplier"), Ok((key.to_owned(), data)));
        }
        for wrong in [
            json!({}),
            json!({"id": ""}),
            json!({"id": {}}),
            json!([1]),
            json!({"key": null, "data": {}}),
        ] {
            assert!(keyed(wrong.clone(), "supplier").is_err(), "{wrong}");
        }
    }
}

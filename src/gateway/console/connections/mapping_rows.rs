//! The pairs of an object mapping as rows of a form, and back: what rows cannot show stands in them as JSON, so that nothing is lost.

use serde_json::{Map, Value, json};

use crate::{domain::validate::FieldError, error::Error};

/// Where the rows are in the form.
pub(super) const PAIRS: &str = "pairs";
/// A transform that is written as JSON.
pub(super) const OTHER: &str = "other";
/// A transform by pairs of its own.
pub(super) const EACH: &str = "each";
/// Transforms that need no options.
const PLAIN: [&str; 7] = ["upper", "lower", "trim", "text", "boolean", "number", "date"];

/// The rows for stored pairs.
pub(super) fn rows(pairs: &Value) -> Value {
    let pairs = pairs.as_array().into_iter().flatten();
    pairs.map(|pair| row(pair, false)).collect()
}

fn row(pair: &Value, nested: bool) -> Value {
    let text = |name: &str| pair.get(name).and_then(Value::as_str).unwrap_or_default();
    let transform = pair.get("transform").or_else(|| pair.get("transforms"));
    let (kind, options, each) = transform_shown(transform.unwrap_or(&Value::Null), nested);
    json!({
        "source": text("source"), "target": text("target"), "transform": kind, "options": options,
        "default": pair.get("default").map(written).unwrap_or_default(), "each": each,
    })
}

/// Its word, its options as they are entered, and the rows of its own pairs.
fn transform_shown(transform: &Value, nested: bool) -> (String, String, Value) {
    let none = || Value::Array(Vec::new());
    let single = transform.as_object().filter(|members| members.len() == 1);
    match (transform, single.and_then(|members| members.iter().next())) {
        (Value::Null, _) => (String::new(), String::new(), none()),
        (Value::String(word), _) if PLAIN.contains(&word.to_lowercase().as_str()) => {
            (word.to_lowercase(), String::new(), none())
        }
        (_, Some((word, options))) => match (word.to_lowercase().as_str(), options) {
            ("constant", value) => ("constant".to_owned(), written(value), none()),
            (word @ ("number" | "date" | "lookup"), Value::Object(_)) => (word.to_owned(), options.to_string(), none()),
            (EACH, Value::Array(pairs)) if !nested => {
                let each = pairs.iter().map(|pair| row(pair, true)).collect();
                (EACH.to_owned(), String::new(), each)
            }
            _ => (OTHER.to_owned(), transform.to_string(), none()),
        },
        _ => (OTHER.to_owned(), transform.to_string(), none()),
    }
}

/// The pairs that rows stand for.
///
/// # Errors
/// Options that are no JSON, by their fields.
pub(super) fn pairs(rows: Option<&Value>) -> Result<Value, Vec<FieldError>> {
    let mut errors = Vec::new();
    let pairs = pairs_at(PAIRS, rows, &mut errors);
    if errors.is_empty() { Ok(pairs) } else { Err(errors) }
}

fn pairs_at(path: &str, rows: Option<&Value>, errors: &mut Vec<FieldError>) -> Value {
    let rows = rows.and_then(Value::as_array).into_iter().flatten().enumerate();
    rows.map(|(index, row)| pair(&format!("{path}[{index}]"), row, errors))
        .collect()
}

fn pair(path: &str, row: &Value, errors: &mut Vec<FieldError>) -> Value {
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut pair = Map::new();
    pair.insert("source".to_owned(), json!(text("source")));
    pair.insert("target".to_owned(), json!(text("target")));
    let options = text("options");
    let mut as_json = || match serde_json::from_str::<Value>(options) {
        Ok(value) => value,
        Err(error) => {
            errors.push(FieldError::new(
                format!("{path}.options"),
                format!("must be JSON: {error}"),
            ));
            Value::Null
        }
    };
    let transform = match text("transform") {
        "" => None,
        "constant" => Some(json!({ "constant": read(options) })),
        EACH => Some(json!({ "each": pairs_at(&format!("{path}.each"), row.get("each"), errors) })),
        OTHER => Some(as_json()),
        word @ ("number" | "date" | "lookup") if !options.trim().is_empty() => Some(json!({ word: as_json() })),
        // Without a table it is refused by whoever reads it.
        "lookup" => Some(json!({ "lookup": {} })),
        word => Some(json!(word)),
    };
    pair.extend(transform.map(|transform| ("transform".to_owned(), transform)));
    let default = text("default");
    if !default.trim().is_empty() {
        pair.insert("default".to_owned(), read(default));
    }
    Value::Object(pair)
}

/// A value as it is entered: texts as they are, unless they would be read as something else.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) if !text.trim().is_empty() && serde_json::from_str::<Value>(text).is_err() => text.clone(),
        other => other.to_string(),
    }
}

/// What was entered: JSON, else the text.
fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// The refusal of a list of pairs, by the fields of its rows.
pub(super) fn at_rows(mut error: Error, rows: Option<&Value>) -> Error {
    for wrong in &mut error.fields {
        let (field, message) = place(PAIRS, rows, wrong);
        *wrong = FieldError::new(field, message);
    }
    error
}

/// The field for a path below the list at `list`, and what is said there.
fn place(list: &str, rows: Option<&Value>, wrong: &FieldError) -> (String, String) {
    let as_it_is = || wrong.message.clone();
    let found = wrong.field.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let Some((index, rest)) = found else {
        return (String::new(), as_it_is());
    };
    let row = index.parse::<usize>().ok().and_then(|index| rows?.get(index));
    let kind = row.and_then(|row| row.get("transform")).and_then(Value::as_str);
    let path = format!("{list}[{index}]");
    let Some(inner) = rest.strip_prefix(".transform") else {
        return (format!("{path}{rest}"), as_it_is());
    };
    match (kind, inner, inner.strip_prefix(".each")) {
        (Some(EACH), _, Some(below)) if below.starts_with('[') => {
            let below = FieldError::new(below, as_it_is());
            place(&format!("{path}.each"), row.and_then(|row| row.get("each")), &below)
        }
        (Some(OTHER), "", _) => (format!("{path}.options"), as_it_is()),
        (_, "", _) => (format!("{path}.transform"), as_it_is()),
        _ => (
            format!("{path}.options"),
            format!("{} {}", inner.trim_start_matches('.'), wrong.message),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mapping_survives_the_form() {
        let definition = json!([
            { "source": "Name", "target": "name", "transform": "upper" },
            { "source": "a", "target": "b" },
            { "source": "a", "target": "c", "default": "" },
            { "source": "a", "target": "d", "default": "5" },
            { "source": "a", "target": "e", "default": 5 },
            { "source": "a", "target": "e2", "default": "plain text" },
            { "source": "a", "target": "f", "transform": { "number": { "decimals": 2, "separator": "," } } },
            { "source": "a", "target": "g", "transform": "number" },
            { "source": "a", "target": "h", "transform": { "date": { "from": "DD.MM.YYYY" } } },
            { "source": "a", "target": "i", "transform": { "lookup": { "table": { "1": "one" }, "default": null } } },
            { "source": "", "target": "j", "transform": { "constant": "NO" } },
            { "source": "", "target": "k", "transform": { "constant": { "value": "7" } } },
            { "source": "a", "target": "l", "transform": ["trim", { "number": { "decimals": 1 } }] },
            { "source": "Lines", "target": "lines", "transform": { "each": [
                { "source": "Qty", "target": "quantity", "transform": "number" },
                { "source": "Tax", "target": "tax", "transform": { "each": [{ "source": "Rate", "target": "rate" }] } },
            ] } },
        ]);
        let shown = rows(&definition);
        assert_eq!(shown[13]["each"][1]["transform"], OTHER);
        assert_eq!(shown[4]["default"], "5");
        assert_eq!(shown[3]["default"], "\"5\"");
        assert_eq!(pairs(Some(&shown)).unwrap(), definition);
    }

    #[test]
    fn options_that_are_no_json_are_refused_at_their_field() {
        let rows = json!([
            { "source": "a", "target": "b", "transform": "number", "options": "{2" },
            { "source": "a", "target": "c", "transform": "each", "each": [{ "transform": "other", "options": "x" }] },
        ]);
        let wrong = pairs(Some(&rows)).unwrap_err();
        let fields: Vec<&str> = wrong.iter().map(|wrong| wrong.field.as_str()).collect();
        assert_eq!(fields, ["pairs[0].options", "pairs[1].each[0].options"]);
    }

    #[test]
    fn refusals_find_their_rows() {
        let rows = json!([
            { "transform": "number" },
            { "transform": "each", "each": [{ "transform": "upper" }, { "transform": "date" }] },
            { "transform": "other" },
        ]);
        for (field, place, message) in [
            ("[0].target", "pairs[0].target", "m"),
            ("[0].transform", "pairs[0].transform", "m"),
            ("[0].transform.number.decimals", "pairs[0].options", "number.decimals m"),
            ("[1].transform.each[1].source", "pairs[1].each[1].source", "m"),
            (
                "[1].transform.each[1].transform.date.from",
                "pairs[1].each[1].options",
                "date.from m",
            ),
            ("[2].transform", "pairs[2].options", "m"),
            ("[2].transform[1]", "pairs[2].options", "[1] m"),
            ("body", "", "m"),
        ] {
            let error = at_rows(Error::invalid_field(field, "m"), Some(&rows));
            assert_eq!(error.fields, [FieldError::new(place, message)], "{field}");
        }
    }
}

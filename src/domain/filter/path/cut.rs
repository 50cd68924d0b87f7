//! What there is at a path, cut to what people look at: neither long nor a copy of something long.

use serde_json::{Map, Value};

use super::Segment;

/// Most bytes of one value, about.
const VALUE_BYTES_MAX: usize = 2_000;
/// Most characters of a text or a name.
const TEXT_CHARACTERS_MAX: usize = 200;
/// Most items of a list, and members of an object.
const ITEMS_MAX: usize = 20;
/// Stands for what is not shown.
const DOTS: &str = "...";

/// See [`super::Path::shown`].
pub(super) fn shown(segments: &[Segment], value: &Value, left: &mut usize) -> Option<Value> {
    let mut own = VALUE_BYTES_MAX.min(*left);
    let all = own;
    let found = below(segments, value, &mut own);
    *left -= all - own;
    found
}

fn below(segments: &[Segment], value: &Value, left: &mut usize) -> Option<Value> {
    match (segments.split_first(), value) {
        (None, value) => Some(cut(value, left)),
        (Some((segment, rest)), Value::Object(members)) => below(rest, segment.find(members)?, left),
        (Some((segment, rest)), Value::Array(items)) => match segment.index {
            Some(index) => below(rest, items.get(index)?, left),
            None => {
                *left = left.saturating_sub(2);
                let mut shown: Vec<Value> = Vec::new();
                for item in items {
                    if shown.len() == ITEMS_MAX || *left == 0 {
                        shown.push(DOTS.into());
                        break;
                    }
                    shown.extend(below(segments, item, left));
                }
                Some(Value::Array(shown))
            }
        },
        (Some(_), _) => None,
    }
}

/// Where nothing is left, dots.
fn cut(value: &Value, left: &mut usize) -> Value {
    if *left == 0 {
        return DOTS.into();
    }
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            *left = left.saturating_sub(8);
            value.clone()
        }
        Value::String(text) => text_cut(text, left).into(),
        Value::Array(items) => {
            *left = left.saturating_sub(2);
            let mut shown: Vec<Value> = Vec::new();
            for item in items {
                if shown.len() == ITEMS_MAX || *left == 0 {
                    shown.push(DOTS.into());
                    break;
                }
                shown.push(cut(item, left));
            }
            Value::Array(shown)
        }
        Value::Object(members) => {
            *left = left.saturating_sub(2);
            let mut shown = Map::new();
            for (name, member) in members {
                if shown.len() == ITEMS_MAX || *left == 0 {
                    shown.insert(DOTS.to_owned(), DOTS.into());
                    break;
                }
                let name = text_cut(name, left);
                shown.insert(name, cut(member, left));
            }
            Value::Object(shown)
        }
    }
}

fn text_cut(text: &str, left: &mut usize) -> String {
    let shown = match text.char_indices().nth(TEXT_CHARACTERS_MAX) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + DOTS,
        None => text.to_owned(),
    };
    *left = left.saturating_sub(shown.len() + 2);
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::Path, *};

    fn of(path: &str, record: &Value) -> Value {
        Path::parse(path).unwrap().shown(record, &mut 10_000).unwrap()
    }

    #[test]
    fn long_values_are_cut() {
        let record = json!({
            "text": "ä".repeat(1_000_000),
            "list": vec![1; 1_000],
            "lines": vec![json!({"a": "x", "b": 1}); 1_000],
            "short": {"a": [1, "b", null]},
        });
        assert_eq!(of("text", &record), json!("ä".repeat(200) + DOTS));
        assert_eq!(of("list", &record).as_array().unwrap().len(), ITEMS_MAX + 1);
        assert_eq!(of("lines.a", &record).as_array().unwrap().len(), ITEMS_MAX + 1);
        assert_eq!(of("short", &record), record["short"]);
    }

    #[test]
    fn all_of_it_is_small() {
        let mut value = json!("x".repeat(1_000));
        for _ in 0..5 {
            value = json!(vec![value; 8]);
        }
        let record = json!({ "a": value });
        assert!(of("a", &record).to_string().len() < 2 * VALUE_BYTES_MAX);
        let (path, mut left) = (Path::parse("a").unwrap(), 3_000);
        for _ in 0..5 {
            path.shown(&record, &mut left);
        }
        assert_eq!(left, 0);
        assert_eq!(path.shown(&record, &mut left), Some(json!(DOTS)));
    }
}

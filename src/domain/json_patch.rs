//! JSON merge patch (RFC 7396): on parsed values, and on texts for data that must keep its digits and the order of its
//! members.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

mod between;
mod differences;

pub use between::patch_between;
pub use differences::{Difference, Differences, differences};

/// Deepest nesting of a patch.
pub const PATCH_DEPTH_MAX: usize = 64;

/// Why a patch could not be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch or what it is applied to is not JSON.
    #[error("the {what} is not valid JSON: {reason}")]
    NotJson {
        /// Which of the two.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// The patch is nested too deeply.
    #[error("the patch is nested more than {PATCH_DEPTH_MAX} levels deep")]
    TooDeep,
    /// A patch was asked for that no merge patch can be.
    #[error(
        "{path} is to become null, which a merge patch cannot say: it takes such members away. Leave it out instead"
    )]
    Null {
        /// The member.
        path: String,
    },
}

/// Applies a merge patch: members of the patch replace those of the target, null removes, objects merge, anything else
/// (arrays too) replaces the whole.
pub fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge_patch(target.entry(name.as_str()).or_insert(Value::Null), value);
        }
    }
}

/// Lays what came over what is there: members of objects one by one, anything else as a whole. Members that did not come
/// stay. Unlike in a merge patch null is a value.
pub fn overlay(target: &mut Value, from: &Value) {
    match (target, from) {
        (Value::Object(target), Value::Object(from)) => {
            for (name, value) in from {
                match target.get_mut(name) {
                    Some(there) => overlay(there, value),
                    None => {
                        target.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (target, from) => target.clone_from(from),
    }
}

/// Applies a merge patch to a JSON text. What the patch does not name is copied as it is written: numbers keep all
/// their digits, and members their order; new members come last.
///
/// # Errors
/// One of the texts is not JSON, or the patch is nested too deeply.
pub fn merge_patch_text(target: &str, patch: &str) -> Result<String, PatchError> {
    let target = raw(target, "data")?;
    let patch = raw(patch, "patch")?;
    let mut text = String::with_capacity(target.get().len() + patch.get().len());
    write_merged(&mut text, Some(target), patch, 0)?;
    Ok(text)
}

fn raw<'a>(text: &'a str, what: &'static str) -> Result<&'a RawValue, PatchError> {
    serde_json::from_str(text).map_err(|error| PatchError::NotJson {
        what,
        reason: error.to_string(),
    })
}

fn write_merged(
    text: &mut String,
    target: Option<&RawValue>,
    patch: &RawValue,
    depth: usize,
) -> Result<(), PatchError> {
    if depth > PATCH_DEPTH_MAX {
        return Err(PatchError::TooDeep);
    }
    let Some(patch) = members(patch, "patch")? else {
        text.push_str(patch.get());
        return Ok(());
    };
    let target = target
        .map(|target| members(target, "data"))
        .transpose()?
        .flatten()
        .unwrap_or_default();
    let patched: HashMap<&str, &RawValue> = patch.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let known: HashSet<&str> = target.iter().map(|(name, _)| name.as_str()).collect();
    text.push('{');
    let mut is_first = true;
    for (name, value) in &target {
        match patched.get(name.as_str()) {
            None => {
                write_name(text, name, &mut is_first);
                text.push_str(value.get());
            }
            Some(change) if change.get() == "null" => {}
            Some(change) => {
                write_name(text, name, &mut is_first);
                write_merged(text, Some(value), change, depth + 1)?;
            }
        }
    }
    for (name, value) in patch
        .iter()
        .filter(|(name, value)| value.get() != "null" && !known.contains(name.as_str()))
    {
        write_name(text, name, &mut is_first);
        write_merged(text, None, value, depth + 1)?;
    }
    text.push('}');
    Ok(())
}

fn write_name(text: &mut String, name: &str, is_first: &mut bool) {
    if !std::mem::take(is_first) {
        text.push(',');
    }
    text.push_str(&Value::from(name).to_string());
    text.push(':');
}

/// The members of an object in their order, each name once with its last value; none if this is not an object.
fn members<'a>(value: &'a RawValue, what: &'static str) -> Result<Option<Vec<(String, &'a RawValue)>>, PatchError> {
    if !value.get().starts_with('{') {
        return Ok(None);
    }
    let Members(members) = serde_json::from_str(value.get()).map_err(|error| PatchError::NotJson {
        what,
        reason: error.to_string(),
    })?;
    Ok(Some(members))
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members<'de>, A::Error> {
                let mut members: Vec<(String, &'de RawValue)> = Vec::new();
                let mut places: HashMap<String, usize> = HashMap::new();
                while let Some((name, value)) = access.next_entry::<String, &'de RawValue>()? {
                    match places.get(&name).and_then(|place| members.get_mut(*place)) {
                        Some(earlier) => earlier.1 = value,
                        None => {
                            places.insert(name.clone(), members.len());
                            members.push((name, value));
                        }
                    }
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_came_lies_over_what_is_there() {
        let mut there = json!({"name": "A", "bank": {"iban": "NO1", "swift": "X"}, "tags": [1, 2], "own": true});
        overlay(
            &mut there,
            &json!({"name": null, "bank": {"swift": "Y"}, "tags": [3], "new": {"a": 1}}),
        );
        let expected = json!({
            "name": null, "bank": {"iban": "NO1", "swift": "Y"}, "tags": [3], "own": true, "new": {"a": 1},
        });
        assert_eq!(there, expected);
    }

    #[test]
    fn the_examples_of_rfc_7396() {
        let table = [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (
                json!({"a":{"b":"c"}}),
                json!({"a":{"b":"d","c":null}}),
                json!({"a":{"b":"d"}}),
            ),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a":"b"}), json!(["c"]), json!(["c"])),
            (json!({"a":"foo"}), json!(null), json!(null)),
            (json!({"a":"foo"}), json!("bar"), json!("bar")),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ];
        for (target, patch, expected) in table {
            let mut patched = target.clone();
            merge_patch(&mut patched, &patch);
            assert_eq!(patched, expected, "{target} {patch}");
            let text = merge_patch_text(&target.to_string(), &patch.to_string()).unwrap();
            assert_eq!(
                serde_json::from_str::<Value>(&text).unwrap(),
                expected,
                "{target} {patch}"
            );
        }
    }

    #[test]
    fn texts_keep_digits_and_order() {
        let target = r#"{"z":12345678901234567890123,"a":1.50,"n":{"y":9007199254740993.1,"x":0},"\u00e5":[1,  2]}"#;
        let patch = r#"{"a":2.00,"n":{"x":null,"w":1e400},"new":"q\"","gone":null}"#;
        let expected =
            r#"{"z":12345678901234567890123,"a":2.00,"n":{"y":9007199254740993.1,"w":1e400},"å":[1,  2],"new":"q\""}"#;
        assert_eq!(merge_patch_text(target, patch).as_deref(), Ok(expected));
    }

    #[test]
    fn of_members_given_twice_the_last_counts() {
        assert_eq!(
            merge_patch_text(r#"{"a":1,"b":2,"a":3}"#, r#"{"b":4,"b":5}"#).as_deref(),
            Ok(r#"{"a":3,"b":5}"#)
        );
    }

    #[test]
    fn what_is_not_json_or_too_deep_is_refused() {
        let text = |target: &str, patch: &str| merge_patch_text(target, patch).unwrap_err().to_string();
        assert!(text("{}", "{").contains("the patch is not valid JSON"));
        assert!(text("nonsense", "{}").contains("the data is not valid JSON"));
        let deep = format!("{}1{}", r#"{"a":"#.repeat(20_000), "}".repeat(20_000));
        assert_eq!(merge_patch_text("{}", &deep), Err(PatchError::TooDeep));
        assert!(merge_patch_text(&deep, r#"{"a":{"b":1}}"#).is_ok());
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<u8>().prop_map(Value::from),
            "[a\"]{0,2}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 16, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[abc]", inner, 0..3)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn both_forms_agree_and_patching_twice_changes_nothing(target in value(), patch in value()) {
            let mut patched = target.clone();
            merge_patch(&mut patched, &patch);
            let text = merge_patch_text(&target.to_string(), &patch.to_string()).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &patched);
            let once = patched.clone();
            merge_patch(&mut patched, &patch);
            prop_assert_eq!(patched, once);
        }
    }
}

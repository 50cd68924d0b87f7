//! The merge patch (RFC 7396) that leads from one JSON text to another.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, value::RawValue};

use super::{PATCH_DEPTH_MAX, PatchError, members, raw};
use crate::domain::json_text::compact;

/// The patch after which `before` means what `after` means: members that are gone become null in it. None where both mean the
/// same; the order of members means nothing. Values are written without blanks, their digits as they came.
///
/// # Errors
/// One of the texts is not JSON, they differ too deep inside, or a member is to become null, which no merge patch can say.
pub fn patch_between(before: &str, after: &str) -> Result<Option<String>, PatchError> {
    let (before, after) = (raw(before, "data")?, raw(after, "new data")?);
    let mut path = Vec::new();
    changed(before, after, &mut path)
}

fn changed<'a>(
    before: &'a RawValue,
    after: &'a RawValue,
    path: &mut Vec<String>,
) -> Result<Option<String>, PatchError> {
    if path.len() > PATCH_DEPTH_MAX {
        return Err(PatchError::TooDeep);
    }
    let (Some(old), Some(new)) = (members(before, "data")?, members(after, "new data")?) else {
        if compact(before.get()) == compact(after.get()) {
            return Ok(None);
        }
        return whole(after, path).map(Some);
    };
    let there: HashMap<&str, &RawValue> = old.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let kept: HashSet<&str> = new.iter().map(|(name, _)| name.as_str()).collect();
    let mut parts = Vec::new();
    for (name, value) in &new {
        path.push(name.clone());
        let patch = match there.get(name.as_str()) {
            Some(there) => changed(there, value, path)?,
            None => Some(whole(value, path)?),
        };
        path.pop();
        parts.extend(patch.map(|patch| format!("{}:{patch}", Value::from(name.as_str()))));
    }
    let gone = old.iter().filter(|(name, _)| !kept.contains(name.as_str()));
    parts.extend(gone.map(|(name, _)| format!("{}:null", Value::from(name.as_str()))));
    Ok((!parts.is_empty()).then(|| format!("{{{}}}", parts.join(","))))
}

/// The value as it stands in a patch; within lists null is a value like others.
fn whole(value: &RawValue, path: &mut Vec<String>) -> Result<String, PatchError> {
    refuse_null(value, path)?;
    compact(value.get()).ok_or(PatchError::NotJson {
        what: "new data",
        reason: "it cannot be read".to_owned(),
    })
}

fn refuse_null(value: &RawValue, path: &mut Vec<String>) -> Result<(), PatchError> {
    if path.len() > PATCH_DEPTH_MAX {
        return Err(PatchError::TooDeep);
    }
    if value.get() == "null" {
        return Err(PatchError::Null { path: path.join(".") });
    }
    for (name, member) in members(value, "new data")?.unwrap_or_default() {
        path.push(name);
        refuse_null(member, path)?;
        path.pop();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json_patch::merge_patch_text;
    use proptest::prelude::*;

    #[test]
    fn patches() {
        let big = r#"{"n":12345678901234567890123,"o":{"a":1,"b":2},"l":[1, 2],"s":"x","e":{"x":null}}"#;
        for (after, patch) in [
            (big, None),
            (
                r#"{ "s":"x", "e":{"x":null}, "l":[1,2],"o":{"b":2,"a":1},"n":12345678901234567890123 }"#,
                None,
            ),
            (
                r#"{"n":12345678901234567890124,"o":{"a":1,"b":2},"l":[1,2],"s":"x","e":{"x":null}}"#,
                Some(r#"{"n":12345678901234567890124}"#),
            ),
            (
                r#"{"n":12345678901234567890123,"o":{"b":3,"c":[ null ]},"l":[1],"e":{"x":null}}"#,
                Some(r#"{"o":{"b":3,"c":[null],"a":null},"l":[1],"s":null}"#),
            ),
            (
                r#"{"n":12345678901234567890123,"o":1}"#,
                Some(r#"{"o":1,"l":null,"s":null,"e":null}"#),
            ),
        ] {
            assert_eq!(patch_between(big, after).unwrap().as_deref(), patch, "{after}");
        }
    }

    #[test]
    fn what_no_patch_can_say_is_refused() {
        let refused = |before: &str, after: &str| patch_between(before, after).unwrap_err();
        assert_eq!(
            refused(r#"{"a":1}"#, r#"{"a":null}"#),
            PatchError::Null { path: "a".to_owned() }
        );
        assert_eq!(
            refused("{}", r#"{"a":{"b":{"c":null}}}"#).to_string(),
            "a.b.c is to become null, which a merge patch cannot say: it takes such members away. Leave it out instead"
        );
        assert!(matches!(refused("{}", "{"), PatchError::NotJson { .. }));
        let deep = |inner: &str| format!("{}{inner}{}", r#"{"a":"#.repeat(100), "}".repeat(100));
        assert_eq!(refused(&deep("1"), &deep("2")), PatchError::TooDeep);
    }

    fn value(within_list: bool) -> BoxedStrategy<Value> {
        let leaf = prop_oneof![any::<u8>().prop_map(Value::from), "[a\"]{0,2}".prop_map(Value::from)];
        let leaf = if within_list {
            prop_oneof![Just(Value::Null), leaf].boxed()
        } else {
            leaf.boxed()
        };
        leaf.prop_recursive(3, 16, 3, |inner| {
            prop_oneof![
                prop::collection::vec(prop_oneof![Just(Value::Null), inner.clone()], 0..3).prop_map(Value::from),
                prop::collection::btree_map("[abc]", inner, 0..3)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
        .boxed()
    }

    proptest! {
        #[test]
        fn the_patch_leads_there(before in value(true), after in value(false)) {
            let (before, after) = (serde_json::json!({ "r": before }), serde_json::json!({ "r": after }));
            match patch_between(&before.to_string(), &after.to_string()).unwrap() {
                None => prop_assert_eq!(before, after),
                Some(patch) => {
                    let patched = merge_patch_text(&before.to_string(), &patch).unwrap();
                    prop_assert_eq!(serde_json::from_str::<Value>(&patched).unwrap(), after);
                }
            }
        }
    }
}

//! Says which members of a record a change touched, so that an automation that watches one of them can tell.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Paths that are told; a change of more counts as a change of anything.
pub const CHANGED_PATHS_MAX: usize = 256;
/// Levels of nested members that are told apart.
const DEPTH_MAX: usize = 8;

/// The members that differ, with dots into nested objects (`Address`, `Address.City`: both the member and what holds it).
/// A record that is not there has no members. None: more than [`CHANGED_PATHS_MAX`].
#[must_use]
pub fn changed_members(before: Option<&Value>, after: Option<&Value>) -> Option<Vec<String>> {
    let mut paths = Vec::new();
    let (before, after) = (members(before), members(after));
    compare(&mut paths, "", before, after, 0);
    (paths.len() <= CHANGED_PATHS_MAX).then_some(paths)
}

/// What two changes one after the other touched.
#[must_use]
pub fn both_changed(first: Option<Vec<String>>, second: Option<Vec<String>>) -> Option<Vec<String>> {
    let together: BTreeSet<String> = first?.into_iter().chain(second?).collect();
    (together.len() <= CHANGED_PATHS_MAX).then(|| together.into_iter().collect())
}

/// Whether a change touched this member, whose name is matched without case and blanks. What changed as a whole, such as a list, may
/// have changed in anything that it holds.
#[must_use]
pub fn touches(changed: Option<&[String]>, member: &str) -> bool {
    let Some(changed) = changed else { return true };
    let wanted = plain(member);
    let changed: Vec<String> = changed.iter().map(|path| plain(path)).collect();
    let holds = |path: &str, other: &str| other.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    changed
        .iter()
        .any(|path| *path == wanted || holds(path, &wanted) && !changed.iter().any(|other| holds(path, other)))
}

fn plain(path: &str) -> String {
    path.chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

fn members(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

fn compare(
    paths: &mut Vec<String>,
    parent: &str,
    before: Option<&Map<String, Value>>,
    after: Option<&Map<String, Value>>,
    depth: usize,
) {
    let keys = |members: Option<&Map<String, Value>>| -> BTreeSet<String> {
        members.into_iter().flat_map(Map::keys).cloned().collect()
    };
    for name in &keys(before) | &keys(after) {
        if paths.len() > CHANGED_PATHS_MAX {
            return;
        }
        let was = before.and_then(|members| members.get(&name));
        let is = after.and_then(|members| members.get(&name));
        if was == is {
            continue;
        }
        let path = match parent {
            "" => name,
            parent => format!("{parent}.{name}"),
        };
        paths.push(path.clone());
        if depth < DEPTH_MAX {
            compare(paths, &path, members(was), members(is), depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_that_differ_are_told_with_what_holds_them() {
        let before = json!({"Name": "A", "Address": {"City": "Oslo", "Zip": "1"}, "Lines": [1], "Gone": null});
        let after = json!({"Name": "A", "Address": {"City": "Bergen", "Zip": "1"}, "Lines": [2], "New": {"x": 1}});
        let changed = changed_members(Some(&before), Some(&after)).unwrap();
        assert_eq!(changed, ["Address", "Address.City", "Gone", "Lines", "New", "New.x"]);
        assert!(touches(Some(&changed), "address. CITY") && touches(Some(&changed), "Address"));
        assert!(!touches(Some(&changed), "Address.Zip") && !touches(Some(&changed), "City"));
        assert!(touches(Some(&changed), "Lines.Amount") && touches(Some(&changed), "lines.0.Amount"));
        assert!(!touches(Some(&changed), "LinesTotal.Amount") && !touches(Some(&changed), "New.y"));
        assert_eq!(changed_members(Some(&before), Some(&before)), Some(Vec::new()));
        assert_eq!(changed_members(None, Some(&json!({"a": 1}))).unwrap(), ["a"]);
        assert_eq!(changed_members(Some(&json!({"a": 1})), None).unwrap(), ["a"]);
    }

    #[test]
    fn a_change_of_too_much_is_a_change_of_anything() {
        let many: Map<String, Value> = (0..=CHANGED_PATHS_MAX).map(|n| (n.to_string(), json!(n))).collect();
        let changed = changed_members(None, Some(&Value::Object(many)));
        assert_eq!(changed, None);
        assert!(touches(changed.as_deref(), "whatever"));
        let texts = |text: &str| Some(text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(both_changed(texts("a b"), texts("b c")), texts("a b c"));
        assert_eq!(both_changed(None, texts("a")), None);
    }
}

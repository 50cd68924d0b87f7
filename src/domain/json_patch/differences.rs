//! In which members two JSON texts differ, for people to read.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use super::{PATCH_DEPTH_MAX, members};
use crate::domain::json_text::compact;

/// A member that differs; the texts are JSON without blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: `customer.lines[2].price`; empty for the whole.
    pub path: String,
    /// As it was; none: it was not there.
    pub before: Option<String>,
    /// As it is; none: it is gone.
    pub after: Option<String>,
}

/// The differences, in the order in which they stand in the texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// The first of them.
    pub shown: Vec<Difference>,
    /// How many there are besides.
    pub more: usize,
}

/// The members in which two texts differ, up to `shown_max` of them. What is no JSON differs as a whole.
#[must_use]
pub fn differences(before: &str, after: &str, shown_max: usize) -> Differences {
    let mut found = Found {
        differences: Differences::default(),
        shown_max,
    };
    match (serde_json::from_str(before), serde_json::from_str(after)) {
        (Ok(before), Ok(after)) => found.compare(before, after, "", 0),
        _ if before == after => {}
        _ => found.add("", Some(before), Some(after)),
    }
    found.differences
}

struct Found {
    differences: Differences,
    shown_max: usize,
}

impl Found {
    fn add(&mut self, path: &str, before: Option<&str>, after: Option<&str>) {
        if self.differences.shown.len() >= self.shown_max {
            self.differences.more += 1;
            return;
        }
        let text = |text: &str| compact(text).unwrap_or_else(|| text.to_owned());
        self.differences.shown.push(Difference {
            path: path.to_owned(),
            before: before.map(text),
            after: after.map(text),
        });
    }

    fn compare(&mut self, before: &RawValue, after: &RawValue, path: &str, depth: usize) {
        if before.get() == after.get() {
            return;
        }
        if depth < PATCH_DEPTH_MAX {
            if let (Ok(Some(old)), Ok(Some(new))) = (members(before, "data"), members(after, "data")) {
                return self.members(&old, &new, path, depth);
            }
            if let (Ok(old), Ok(new)) = (list(before), list(after)) {
                return self.items(&old, &new, path, depth);
            }
        }
        if compact(before.get()) != compact(after.get()) {
            self.add(path, Some(before.get()), Some(after.get()));
        }
    }

    fn members(&mut self, old: &[(String, &RawValue)], new: &[(String, &RawValue)], path: &str, depth: usize) {
        let there: HashMap<&str, &RawValue> = new.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let known: HashSet<&str> = old.iter().map(|(name, _)| name.as_str()).collect();
        for (name, was) in old {
            let path = below(path, name);
            match there.get(name.as_str()) {
                Some(is) => self.compare(was, is, &path, depth + 1),
                None => self.add(&path, Some(was.get()), None),
            }
        }
        for (name, is) in new.iter().filter(|(name, _)| !known.contains(name.as_str())) {
            self.add(&below(path, name), None, Some(is.get()));
        }
    }

    /// What begins and ends alike is left out, so that an item that was put in or taken out does not make all others differ.
    fn items(&mut self, old: &[&RawValue], new: &[&RawValue], path: &str, depth: usize) {
        let same = |(was, is): &(&&RawValue, &&RawValue)| compact(was.get()) == compact(is.get());
        let ahead = old.iter().zip(new).take_while(same).count();
        let (old, new) = (
            old.get(ahead..).unwrap_or_default(),
            new.get(ahead..).unwrap_or_default(),
        );
        let behind = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
        let (old_count, new_count) = (old.len() - behind, new.len() - behind);
        for index in 0..old_count.max(new_count) {
            let path = format!("{path}[{}]", ahead + index);
            let was = old.get(index).filter(|_| index < old_count);
            let is = new.get(index).filter(|_| index < new_count);
            match (was, is) {
                (Some(was), Some(is)) => self.compare(was, is, &path, depth + 1),
                (was, is) => self.add(&path, was.map(|was| was.get()), is.map(|is| is.get())),
            }
        }
    }
}

fn list(value: &RawValue) -> serde_json::Result<Vec<&RawValue>> {
    serde_json::from_str(value.get())
}

fn below(path: &str, name: &str) -> String {
    let is_plain =
        !name.is_empty() && !name.contains(|letter: char| ".[]\"".contains(letter) || letter.is_whitespace());
    match (is_plain, path.is_empty()) {
        (true, true) => name.to_owned(),
        (true, false) => format!("{path}.{name}"),
        (false, _) => format!("{path}[{name:?}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(before: &str, after: &str) -> Vec<String> {
        let Differences { shown, more } = differences(before, after, 5);
        let side = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let mut told: Vec<String> = shown
            .into_iter()
            .map(|one| format!("{}: {} > {}", one.path, side(one.before), side(one.after)))
            .collect();
        if more > 0 {
            told.push(format!("{more} more"));
        }
        told
    }

    #[test]
    fn members_and_items() {
        assert_eq!(told(r#"{"a":1, "b":[1,2]}"#, r#"{"b":[1, 2],"a":1}"#), [""; 0]);
        assert_eq!(
            told(
                r#"{"a":1.50,"o":{"x":1,"y.z":2},"gone":{"b": 1}}"#,
                r#"{"a":1.5,"o":{"x":1,"y.z":3},"new":"å"}"#
            ),
            [
                "a: 1.50 > 1.5",
                r#"o["y.z"]: 2 > 3"#,
                r#"gone: {"b":1} > -"#,
                r#"new: - > "å""#
            ]
        );
        assert_eq!(told("[1,2,3,4]", "[1,3,4]"), ["[1]: 2 > -"]);
        assert_eq!(
            told("[1,2]", "[0,1,2,3]"),
            ["[0]: 1 > 0", "[1]: 2 > 1", "[2]: - > 2", "[3]: - > 3"]
        );
        assert_eq!(
            told(r#"{"l":[{"q":1},{"q":2}]}"#, r#"{"l":[{"q":1},{"q":5}]}"#),
            ["l[1].q: 2 > 5"]
        );
        assert_eq!(told(r#"{"a":{}}"#, r#"{"a":[]}"#), ["a: {} > []"]);
    }

    #[test]
    fn there_is_a_most_and_no_deepest() {
        assert_eq!(told("[1,2,3,4,5,6,7]", "[7,6,5,0,3,2,1]").last().unwrap(), "2 more");
        assert_eq!(told("{", "}"), [": { > }"]);
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(50_000), "]".repeat(50_000));
        assert_eq!(told(&deep("1"), &deep("2")).len(), 1);
    }
}

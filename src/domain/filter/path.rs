//! Paths to members of a record: without regard to case and blanks, with dots into nested members and through lists.

use std::{cmp::Ordering, fmt};

use serde_json::{Map, Value};

mod cut;

/// Most segments of a path.
pub const SEGMENTS_MAX: usize = 32;

/// A path like `Account Number`, `Address.City`, `Lines.0.Amount` or `Lines.Amount` (of any line).
#[derive(Clone, PartialEq, Eq)]
pub struct Path {
    text: Box<str>,
    segments: Box<[Segment]>,
}

/// One name of a path.
#[derive(Clone, PartialEq, Eq)]
struct Segment {
    /// As it was written.
    name: Box<str>,
    /// Lower case without blanks.
    folded: Box<str>,
    /// The place in a list that it can also mean.
    index: Option<usize>,
}

/// Why a path was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// There is nothing before, between or after dots.
    #[error("must be the name of a member, with dots between the names of nested members, like Address.City")]
    Empty,
    /// It is too deep.
    #[error("must have at most {SEGMENTS_MAX} names between its dots")]
    TooDeep,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// A name is empty, or there are too many.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let segments: Box<[Segment]> = text.split('.').map(Segment::new).collect();
        if segments.iter().any(|segment| segment.folded.is_empty()) {
            return Err(PathError::Empty);
        }
        if segments.len() > SEGMENTS_MAX {
            return Err(PathError::TooDeep);
        }
        Ok(Self {
            text: text.trim().into(),
            segments,
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names, as they were written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().map(|segment| &*segment.name)
    }

    /// Whether `test` holds for a value at this path. Lists on the way and at the end stand for their items; what is missing is
    /// not tested.
    pub fn any(&self, record: &Value, test: &mut dyn FnMut(&Value) -> bool) -> bool {
        any(&self.segments, record, test)
    }

    /// What there is at this path, for people: nothing, the value, or the list of values where the path leads through a list.
    #[must_use]
    pub fn seen(&self, record: &Value) -> Option<Value> {
        seen(&self.segments, record)
    }

    /// As [`Path::seen`], cut to something short; takes what that needs of the bytes that are left.
    pub(super) fn shown(&self, record: &Value, left: &mut usize) -> Option<Value> {
        cut::shown(&self.segments, record, left)
    }

    /// The value at this path, where no list without a place is on the way.
    #[must_use]
    pub fn get<'a>(&self, record: &'a Value) -> Option<&'a Value> {
        self.segments.iter().try_fold(record, |value, segment| match value {
            Value::Object(members) => segment.find(members),
            Value::Array(items) => items.get(segment.index?),
            _ => None,
        })
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Path({:?})", self.text)
    }
}

/// For people: `AccountNumber` is `Account Number`, and names of nested members follow each other.
impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                formatter.write_str(" ")?;
            }
            formatter.write_str(&spaced(name))?;
        }
        Ok(())
    }
}

impl Segment {
    fn new(name: &str) -> Self {
        let name = name.trim();
        Self {
            name: name.into(),
            folded: fold(name).collect::<String>().into(),
            index: name.parse().ok(),
        }
    }

    /// The member that is called so exactly, else the first that is called so but for case and blanks.
    fn find<'a>(&self, members: &'a Map<String, Value>) -> Option<&'a Value> {
        members.get(&*self.name).or_else(|| {
            let found = members.iter().find(|(name, _)| self.is(name));
            found.map(|(_, value)| value)
        })
    }

    fn is(&self, name: &str) -> bool {
        if name.is_ascii() {
            // Called for each member of each record: most are over after their length.
            let (name, folded) = (name.as_bytes(), self.folded.as_bytes());
            return match name.len().cmp(&folded.len()) {
                Ordering::Less => false,
                Ordering::Equal => name.eq_ignore_ascii_case(folded),
                Ordering::Greater => {
                    let letters = name.iter().filter(|byte| !byte.is_ascii_whitespace());
                    name.iter().any(u8::is_ascii_whitespace)
                        && letters.map(u8::to_ascii_lowercase).eq(folded.iter().copied())
                }
            };
        }
        fold(name).eq(self.folded.chars())
    }
}

fn fold(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase)
}

fn any(segments: &[Segment], value: &Value, test: &mut dyn FnMut(&Value) -> bool) -> bool {
    match (segments.split_first(), value) {
        (None, Value::Array(items)) => items.iter().any(|item| any(segments, item, test)),
        (None, value) => test(value),
        (Some((segment, rest)), Value::Object(members)) => {
            segment.find(members).is_some_and(|value| any(rest, value, test))
        }
        (Some((segment, rest)), Value::Array(items)) => match segment.index {
            Some(index) => items.get(index).is_some_and(|item| any(rest, item, test)),
            None => items.iter().any(|item| any(segments, item, test)),
        },
        (Some(_), _) => false,
    }
}

fn seen(segments: &[Segment], value: &Value) -> Option<Value> {
    match (segments.split_first(), value) {
        (None, value) => Some(value.clone()),
        (Some((segment, rest)), Value::Object(members)) => seen(rest, segment.find(members)?),
        (Some((segment, rest)), Value::Array(items)) => match segment.index {
            Some(index) => seen(rest, items.get(index)?),
            None => Some(Value::Array(
                items.iter().filter_map(|item| seen(segments, item)).collect(),
            )),
        },
        (Some(_), _) => None,
    }
}

/// Puts blanks between the words of a name: before a capital letter that begins a word, and for underscores.
fn spaced(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut words = String::with_capacity(name.len() + 4);
    for (index, &letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| letters.get(index));
        let after = letters.get(index + 1);
        // `ContactID` is `Contact ID`, and `IDNumber` is `ID Number`.
        let begins = letter.is_uppercase()
            && (before.is_some_and(|c| c.is_lowercase() || c.is_ascii_digit())
                || before.is_some_and(|c| c.is_uppercase()) && after.is_some_and(|c| c.is_lowercase()));
        if begins {
            words.push(' ');
        }
        words.push(if letter == '_' { ' ' } else { letter });
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_found_without_case_and_blanks() {
        let record =
            json!({"Account Number": 1, "accountNUMBER": 2, "Ærlig Navn": 3, "a": {"B c": {"d": 4}}, "x": null});
        for (path, expected) in [
            ("Account Number", Some(json!(1))),
            ("accountNUMBER", Some(json!(2))),
            ("AccountNumber", Some(json!(1))),
            (" account  number ", Some(json!(1))),
            ("ærlignavn", Some(json!(3))),
            ("A.bC.D", Some(json!(4))),
            ("a . b c . d", Some(json!(4))),
            ("x", Some(Value::Null)),
            ("x.y", None),
            ("account", None),
            ("accountnumbers", None),
            ("a.b", None),
        ] {
            let path = Path::parse(path).unwrap();
            assert_eq!(path.get(&record).cloned(), expected, "{path:?}");
            assert_eq!(path.seen(&record), expected, "{path:?}");
        }
    }

    #[test]
    fn lists_stand_for_their_items() {
        let record = json!({"Lines": [{"Amount": 1}, {"Amount": [2, 3]}, {}, 7], "Tags": ["a", "b"]});
        let found = |path: &str| {
            let mut values = Vec::new();
            Path::parse(path).unwrap().any(&record, &mut |value| {
                values.push(value.clone());
                false
            });
            Value::Array(values)
        };
        assert_eq!(found("lines.amount"), json!([1, 2, 3]));
        assert_eq!(found("lines.1.amount"), json!([2, 3]));
        assert_eq!(found("lines.9.amount"), json!([]));
        assert_eq!(found("tags"), json!(["a", "b"]));
        let seen = |path: &str| Path::parse(path).unwrap().seen(&record);
        assert_eq!(seen("Lines.Amount"), Some(json!([1, [2, 3]])));
        assert_eq!(seen("tags"), Some(json!(["a", "b"])));
        assert_eq!(seen("tags.1"), Some(json!("b")));
        assert_eq!(seen("tags.2"), None);
    }

    #[test]
    fn names_that_are_empty_or_too_many_are_refused() {
        for text in ["", " ", ".", "a.", ".a", "a..b", "a. .b"] {
            assert_eq!(Path::parse(text), Err(PathError::Empty), "{text:?}");
        }
        assert_eq!(Path::parse(&["a"; 33].join(".")), Err(PathError::TooDeep));
        assert!(Path::parse(&["a"; 32].join(".")).is_ok());
    }

    #[test]
    fn people_read_words() {
        for (path, expected) in [
            ("AccountNumber", "Account Number"),
            ("ContactID", "Contact ID"),
            ("IDNumber", "ID Number"),
            ("Account Number", "Account Number"),
            ("email_address", "email address"),
            ("name", "name"),
            ("Address1City", "Address1 City"),
            ("Addresses.PostalCode", "Addresses Postal Code"),
        ] {
            assert_eq!(Path::parse(path).unwrap().to_string(), expected);
        }
    }
}

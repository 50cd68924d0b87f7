//! Reading request bodies of the integration paths leniently: booleans and numbers as JSON or as text, in any case; "" is nothing.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::domain::validate::FieldError;

/// Most characters of a refused word that a message repeats.
const SHOWN_CHARACTERS_MAX: usize = 60;
/// Longest secret, bytes: a private key with its certificate chain fits.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;

/// What a request says about one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given<T> {
    /// Nothing: a change leaves it as it is.
    Absent,
    /// null or an empty text: it shall have no value.
    Empty,
    /// This.
    Set(T),
}

impl<T> Given<T> {
    /// Puts what was given into its place; what was not given leaves the place alone.
    pub fn put(self, place: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Empty => *place = None,
            Self::Set(value) => *place = Some(value),
        }
    }
}

/// One JSON object of a request that is being read. Remembers which members were asked for, so that it can refuse the others, and
/// gathers everything that is wrong.
#[derive(Debug)]
pub struct Reader<'a> {
    path: String,
    members: &'a Map<String, Value>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl<'a> Reader<'a> {
    /// Begins with the object at `path` ("" for the whole body).
    ///
    /// # Errors
    /// It is no object.
    pub fn new(path: &str, value: &'a Value) -> Result<Self, FieldError> {
        let Value::Object(members) = value else {
            let field = if path.is_empty() { "body" } else { path };
            return Err(FieldError::new(
                field,
                format!("must be a JSON object, and is {}", in_words(value)),
            ));
        };
        Ok(Self {
            path: path.to_owned(),
            members,
            known: Vec::new(),
            errors: Vec::new(),
        })
    }

    /// The path of a member, for messages.
    #[must_use]
    pub fn path_of(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }

    /// Records that a member is wrong.
    pub fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(FieldError::new(self.path_of(name), message));
    }

    /// Refuses the member with `message` unless `present`; says nothing where it was already refused.
    pub fn require(&mut self, name: &str, present: bool, message: &str) {
        let path = self.path_of(name);
        if !present && !self.errors.iter().any(|error| error.field == path) {
            self.errors.push(FieldError::new(path, message));
        }
    }

    /// Whether the member was given at all, null and "" too.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Adds errors that already carry their path.
    pub fn add_errors(&mut self, errors: impl IntoIterator<Item = FieldError>) {
        self.errors.extend(errors);
    }

    /// Knows these members without reading them.
    pub fn skip(&mut self, names: &[&'static str]) {
        self.known.extend(names);
    }

    /// Refuses these members with a message of their own, where they are given.
    pub fn forbid(&mut self, names: &[&'static str], message: &str) {
        for name in names {
            self.known.push(name);
            if self.members.contains_key(*name) {
                self.refuse(name, message);
            }
        }
    }

    /// The value of a member that may have several names, of which only one can be given.
    pub fn raw(&mut self, names: &[&'static str]) -> Option<(&'static str, &'a Value)> {
        self.known.extend(names);
        let mut given = names.iter().filter_map(|name| Some((*name, self.members.get(*name)?)));
        let first = given.next()?;
        if let Some((other, _)) = given.next() {
            self.refuse(other, format!("says the same as {}: give one of them", first.0));
        }
        Some(first)
    }

    /// A text on one line, without blanks at its ends; a number or a boolean is taken as the text that it is written as.
    pub fn text(&mut self, names: &[&'static str], characters_max: usize) -> Given<String> {
        self.any_text(names, characters_max, false)
    }

    /// As [`Self::text`], with line ends.
    pub fn long_text(&mut self, names: &[&'static str], characters_max: usize) -> Given<String> {
        self.any_text(names, characters_max, true)
    }

    fn any_text(&mut self, names: &[&'static str], characters_max: usize, lines: bool) -> Given<String> {
        let Some((name, value)) = self.raw(names) else {
            return Given::Absent;
        };
        let text = match plain_text(value) {
            Ok(text) => text,
            Err(found) => {
                self.refuse(name, format!("must be a text, and is {found}"));
                return Given::Absent;
            }
        };
        let characters = text.chars().count();
        let is_bad = |c: char| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'));
        if characters > characters_max {
            self.refuse(
                name,
                format!("must be at most {characters_max} characters long, and has {characters}"),
            );
        } else if text.chars().any(is_bad) {
            self.refuse(name, "must not hold control characters, such as line ends");
        } else if text.is_empty() {
            return Given::Empty;
        } else {
            return Given::Set(text);
        }
        Given::Absent
    }

    /// A text that is read into something; `read` says what is expected where it cannot.
    pub fn word<T>(&mut self, names: &[&'static str], read: impl Fn(&str) -> Result<T, String>) -> Given<T> {
        match self.text(names, 500) {
            Given::Absent => Given::Absent,
            Given::Empty => Given::Empty,
            Given::Set(text) => match read(&text) {
                Ok(value) => Given::Set(value),
                Err(expected) => {
                    let name = self.given_name(names);
                    self.refuse(name, format!("{expected}, and is {}", shown(&text)));
                    Given::Absent
                }
            },
        }
    }

    /// A text that must not be seen; one that is shown masked (`{"set":..}`) says nothing new.
    pub fn secret(&mut self, names: &[&'static str]) -> Given<Zeroizing<String>> {
        let Some((name, value)) = self.raw(names) else {
            return Given::Absent;
        };
        match value {
            Value::Null => Given::Empty,
            Value::String(text) if text.trim().is_empty() => Given::Absent,
            Value::String(text) if text.len() <= SECRET_BYTES_MAX => Given::Set(Zeroizing::new(text.trim().to_owned())),
            Value::Object(masked) if masked.contains_key("set") => Given::Absent,
            Value::String(_) => {
                self.refuse(name, format!("must be at most {SECRET_BYTES_MAX} bytes long"));
                Given::Absent
            }
            other => {
                self.refuse(name, format!("must be a text, and is {}", in_words(other)));
                Given::Absent
            }
        }
    }

    /// true or false, also as a text.
    pub fn boolean(&mut self, names: &[&'static str]) -> Given<bool> {
        self.word(names, |text| {
            boolean(text).ok_or_else(|| "must be true or false".to_owned())
        })
    }

    /// A whole number from 0 to `max`, also as a text.
    pub fn number(&mut self, names: &[&'static str], max: u32) -> Given<u32> {
        self.word(names, |text| {
            let number = text.parse().ok().filter(|number| *number <= max);
            number.ok_or_else(|| format!("must be a whole number from 0 to {max}"))
        })
    }

    /// Under which of its names a member was given; the first where it was not.
    #[must_use]
    pub fn given_name(&self, names: &[&'static str]) -> &'static str {
        let given = names.iter().find(|name| self.members.contains_key(**name));
        given.or(names.first()).copied().unwrap_or_default()
    }

    /// Everything that is wrong, unknown members too.
    #[must_use]
    pub fn finish(mut self) -> Vec<FieldError> {
        for name in self.members.keys() {
            if !self.known.contains(&name.as_str()) {
                let mut message = "is not known here".to_owned();
                if let Some(near) = nearest(name, &self.known) {
                    let _ = write!(message, "; did you mean {near}?");
                }
                self.errors.push(FieldError::new(
                    self.path_of(&name.chars().take(SHOWN_CHARACTERS_MAX).collect::<String>()),
                    message,
                ));
            }
        }
        self.errors
    }
}

/// Steps into wrappers: as long as the object has one member alone and that is one of `wrappers`. Answers the path and the value.
#[must_use]
pub fn unwrapped<'a>(body: &'a Value, wrappers: &[&str]) -> (String, &'a Value) {
    let mut path = String::new();
    let mut value = body;
    for _ in wrappers {
        let only = value.as_object().filter(|members| members.len() == 1);
        let Some((name, inner)) = only.and_then(|members| members.iter().next()) else {
            break;
        };
        if !wrappers.contains(&name.as_str()) || !inner.is_object() {
            break;
        }
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        value = inner;
    }
    (path, value)
}

/// true or false as people and programs write it, in any case.
#[must_use]
pub fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// A word without regard to case, blanks, hyphens and underscores: `NEW_AND_UPDATE`, `newAndUpdate` and `new and update` are one.
#[must_use]
pub fn folded(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// What was given, for a message.
#[must_use]
pub fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
    let dots = if cut.len() < text.len() { "..." } else { "" };
    format!("{:?}", cut + dots)
}

/// What a value is, in words.
#[must_use]
pub const fn in_words(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The text of a single value without blanks at its ends, or what it is instead.
fn plain_text(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Bool(boolean) => Ok(boolean.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Array(_) | Value::Object(_) => Err(in_words(value)),
    }
}

/// The known name that somebody who wrote `name` probably meant.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    const EDITS_MAX: usize = 2;
    if name.len() > SHOWN_CHARACTERS_MAX {
        return None;
    }
    let wanted = folded(name);
    let distances = known
        .iter()
        .map(|candidate| (edits(&wanted, &folded(candidate)), *candidate));
    let (distance, candidate) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= EDITS_MAX && distance < wanted.chars().count()).then_some(candidate)
}

/// How many letters must be added, left out or changed to get from one word to the other (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut left = line + 1;
        next.push(left);
        for ((above_left, above), other) in row.iter().zip(row.iter().skip(1)).zip(&to) {
            left = (above_left + usize::from(letter != *other))
                .min(above + 1)
                .min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn booleans_in_every_form() {
        for (text, expected) in [
            ("true", Some(true)),
            ("True", Some(true)),
            (" TRUE ", Some(true)),
            ("1", Some(true)),
            ("yes", Some(true)),
            ("false", Some(false)),
            ("False", Some(false)),
            ("0", Some(false)),
            ("off", Some(false)),
            ("", None),
            ("2", None),
            ("tru", None),
        ] {
            assert_eq!(boolean(text), expected, "{text:?}");
        }
    }

    #[test]
    fn members_are_read_as_json_or_as_text() {
        let body = json!({"a": "True", "b": false, "c": " 7 ", "d": 7, "e": "", "f": null, "g": " x ", "h": 12});
        let mut reader = Reader::new("", &body).unwrap();
        assert_eq!(reader.boolean(&["a"]), Given::Set(true));
        assert_eq!(reader.boolean(&["b"]), Given::Set(false));
        assert_eq!(reader.number(&["c"], 10), Given::Set(7));
        assert_eq!(reader.number(&["d"], 10), Given::Set(7));
        assert_eq!(reader.boolean(&["e"]), Given::Empty);
        assert_eq!(reader.number(&["f"], 10), Given::Empty);
        assert_eq!(reader.text(&["g"], 10), Given::Set("x".to_owned()));
        assert_eq!(reader.text(&["other", "h"], 10), Given::Set("12".to_owned()));
        assert_eq!(reader.text(&["absent"], 10), Given::Absent);
        assert_eq!(reader.finish(), []);
    }

    #[test]
    fn everything_that_is_wrong_is_said_with_its_path() {
        let body = json!({
            "flag": "maybe", "count": 1.5, "text": ["x"], "long": "abcdef", "line": "a\nb", "one": "1", "two": "2", "nmae": "x", "zzz": 1
        });
        let mut reader = Reader::new("outer", &body).unwrap();
        let _ = reader.boolean(&["flag"]);
        let _ = reader.number(&["count"], 10);
        let _ = reader.text(&["text"], 10);
        let _ = reader.text(&["long"], 5);
        let _ = reader.text(&["line"], 5);
        let _ = reader.text(&["one", "two"], 5);
        let _ = reader.text(&["name"], 5);
        let found: Vec<String> = reader.finish().iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "outer.flag: must be true or false, and is \"maybe\"",
                "outer.count: must be a whole number from 0 to 10, and is \"1.5\"",
                "outer.text: must be a text, and is a list",
                "outer.long: must be at most 5 characters long, and has 6",
                "outer.line: must not hold control characters, such as line ends",
                "outer.two: says the same as one: give one of them",
                "outer.nmae: is not known here; did you mean name?",
                "outer.zzz: is not known here",
            ]
        );
        let error = Reader::new("", &json!([])).unwrap_err().to_string();
        assert_eq!(error, "body: must be a JSON object, and is a list");
    }

    #[test]
    fn secrets_are_never_repeated() {
        let body = json!({
            "a": " s3cret ", "b": {"set": true, "fingerprint": "sha256:00"}, "c": null, "d": "", "e": ["s3cret"],
            "f": "s".repeat(SECRET_BYTES_MAX + 1)
        });
        let mut reader = Reader::new("", &body).unwrap();
        assert_eq!(reader.secret(&["a"]), Given::Set(Zeroizing::new("s3cret".to_owned())));
        for masked in ["b", "d", "e", "f"] {
            assert_eq!(reader.secret(&[masked]), Given::Absent, "{masked}");
        }
        assert_eq!(reader.secret(&["c"]), Given::Empty);
        let errors = reader.finish();
        assert_eq!(errors.len(), 2);
        assert!(errors.iter().all(|error| !error.to_string().contains("s3cret")));
    }

    #[test]
    fn edits_are_counted() {
        for (from, to, expected) in [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("nmae", "name", 2)] {
            assert_eq!(edits(from, to), expected, "{from} {to}");
        }
    }
}

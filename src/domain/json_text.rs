//! JSON as text, with indents for people or without blanks for the store: every digit, escape and place of a member as it came.

use serde_json::value::RawValue;

/// Deepest level that begins lines of its own; what is nested deeper stays within its line.
const INDENTED_LEVELS_MAX: usize = 32;
/// Blanks of a level.
const INDENT: &str = "  ";

/// The text without the blanks that mean nothing; none where it is no JSON.
#[must_use]
pub fn compact(text: &str) -> Option<String> {
    let text = serde_json::from_str::<&RawValue>(text).ok()?.get();
    let mut written = String::with_capacity(text.len());
    let mut place = Place::default();
    for letter in text.chars() {
        if place.within_text(letter) || !letter.is_ascii_whitespace() {
            written.push(letter);
        }
    }
    Some(written)
}

/// The text with an indent for each level; none where it is no JSON, or would be longer than `bytes_max`.
#[must_use]
pub fn pretty(text: &str, bytes_max: usize) -> Option<String> {
    let text = compact(text)?;
    let mut written = String::with_capacity(text.len() * 2);
    let mut place = Place::default();
    let mut level = 0_usize;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if written.len() > bytes_max {
            return None;
        }
        if place.within_text(letter) {
            written.push(letter);
            continue;
        }
        match letter {
            '{' | '[' if matches!(letters.peek(), Some('}' | ']')) => {
                written.push(letter);
                written.extend(letters.next());
            }
            '{' | '[' => {
                written.push(letter);
                level += 1;
                begin_line(&mut written, level, level);
            }
            '}' | ']' => {
                begin_line(&mut written, level.saturating_sub(1), level);
                level = level.saturating_sub(1);
                written.push(letter);
            }
            ',' => {
                written.push(letter);
                begin_line(&mut written, level, level);
            }
            ':' => written.push_str(": "),
            _ => written.push(letter),
        }
    }
    (written.len() <= bytes_max).then_some(written)
}

fn begin_line(written: &mut String, indent: usize, level: usize) {
    if level <= INDENTED_LEVELS_MAX {
        written.push('\n');
        written.push_str(&INDENT.repeat(indent));
    }
}

/// Whether we are within a string of the text.
#[derive(Default)]
struct Place {
    within: bool,
    escaped: bool,
}

impl Place {
    /// Goes on by a letter; true if it belongs to a string, its quotes included.
    fn within_text(&mut self, letter: char) -> bool {
        if !self.within {
            self.within = letter == '"';
            return self.within;
        }
        match letter {
            _ if self.escaped => self.escaped = false,
            '\\' => self.escaped = true,
            '"' => self.within = false,
            _ => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn digits_escapes_and_order_stay() {
        let text = r#" {"z":12345678901234567890123, "a" : 1.50,"\u00e5 \"{":[ ],"o":{},"l":[1,{"b":null}]}"#;
        let pretty = pretty(text, 1_000).unwrap();
        let expected = r#"{
  "z": 12345678901234567890123,
  "a": 1.50,
  "\u00e5 \"{": [],
  "o": {},
  "l": [
    1,
    {
      "b": null
    }
  ]
}"#;
        assert_eq!(pretty, expected);
        assert_eq!(
            compact(&pretty).unwrap(),
            r#"{"z":12345678901234567890123,"a":1.50,"\u00e5 \"{":[],"o":{},"l":[1,{"b":null}]}"#
        );
    }

    #[test]
    fn what_is_no_json_or_too_long_is_none() {
        for text in ["", "{", "{'a':1}", "1 2"] {
            assert_eq!(pretty(text, 1_000), None, "{text}");
            assert_eq!(compact(text), None, "{text}");
        }
        assert_eq!(pretty("[1,2,3]", 5), None);
        // Nothing grows with the square of the depth.
        let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
        assert!(pretty(&deep, usize::MAX).unwrap().len() < 200_000);
    }

    proptest! {
        #[test]
        fn both_mean_the_same(text in "[\\{\"a\\\\, ]{0,8}", number in any::<f64>(), flag in any::<bool>()) {
            let value = json!({ "t": text, "list": [number, [], {}, [{ "x": flag }]], "": { "n": null } });
            let written = value.to_string();
            let pretty = pretty(&written, 10_000).unwrap();
            // Both texts are read: reading rounds the last digit of some numbers.
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            prop_assert_eq!(read(&pretty), read(&written));
            prop_assert_eq!(compact(&pretty).unwrap(), written);
        }
    }
}

//! Identifiers: what makes a transaction unique within its call, read from its JSON text in one pass.
//!
//! The text is not parsed into a tree: what no pointer names is skipped, and numbers are taken as they are written, so
//! that they keep all their digits.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, Visitor};

mod search;

/// Longest identifier, in bytes.
pub const IDENTIFIER_BYTES_MAX: usize = 512;
/// Most pointers of one call.
pub const POINTERS_MAX: usize = 10;
/// Longest JSON pointer, in bytes.
pub const POINTER_BYTES_MAX: usize = 256;

/// Stands between the values of several pointers; inside of a value it is escaped.
const SEPARATOR: char = '|';
const ESCAPE: char = '\\';

/// A JSON pointer (RFC 6901) to a value inside of a transaction object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    text: Box<str>,
    tokens: Box<[Box<str>]>,
}

/// Why a pointer was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It does not begin with a slash.
    #[error("must be a JSON pointer, which begins with a slash, like /rfqId or /customer/id")]
    NoSlash,
    /// A tilde is not followed by 0 or 1.
    #[error("has a ~ that is not followed by 0 or 1: write ~0 for ~ and ~1 for / in a name")]
    BadEscape,
    /// It is too long.
    #[error("must be at most {POINTER_BYTES_MAX} bytes long")]
    TooLong,
}

/// Why a transaction object has no usable identifier. The texts are for the author of the response script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// The item is not an object.
    #[error("a transaction must be an object, and this is {found}")]
    NotAnObject {
        /// What it is, in words.
        found: &'static str,
    },
    /// There is nothing where the pointer points.
    #[error("the transaction has no identifier: it has nothing at {pointer}")]
    Missing {
        /// Which pointer.
        pointer: String,
    },
    /// The value is empty or blank.
    #[error("the transaction has no identifier: the text at {pointer} is empty")]
    Empty {
        /// Which pointer.
        pointer: String,
    },
    /// The value is neither a string nor a number.
    #[error("the identifier at {pointer} must be a string or a number, and is {found}")]
    WrongType {
        /// Which pointer.
        pointer: String,
        /// What was found, in words.
        found: &'static str,
    },
    /// The value holds a character that no store can keep in a key.
    #[error("the identifier at {pointer} holds the character U+0000")]
    ForbiddenCharacter {
        /// Which pointer.
        pointer: String,
    },
    /// The identifier is too long.
    #[error("the identifier is {bytes} bytes long; at most {IDENTIFIER_BYTES_MAX} are possible")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// More pointers than are possible.
    #[error("there are more than {POINTERS_MAX} identifier pointers")]
    TooManyPointers,
    /// The item is not JSON. Does not happen to what scripts return.
    #[error("the transaction is not valid JSON: {0}")]
    NotJson(String),
}

impl Pointer {
    /// The pointer to a member of the object itself.
    #[must_use]
    pub fn member(name: &str) -> Self {
        Self {
            text: format!("/{}", name.replace('~', "~0").replace('/', "~1")).into(),
            tokens: Box::new([name.into()]),
        }
    }

    /// The pointer as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        if text.len() > POINTER_BYTES_MAX {
            return Err(PointerError::TooLong);
        }
        let rest = text.strip_prefix('/').ok_or(PointerError::NoSlash)?;
        let tokens = rest.split('/').map(unescaped_token).collect::<Result<_, _>>()?;
        Ok(Self {
            text: text.into(),
            tokens,
        })
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The identifier of a transaction object: the values at the pointers joined by `|`, or the member `identifier` where
/// there are no pointers. With several pointers, `|` and `\` inside of a value are escaped by `\`, so that no two lists
/// of values look alike.
///
/// # Errors
/// Which pointer led to nothing usable, and what was found there.
pub fn identifier_of(item_json_text: &str, pointers: &[Pointer]) -> Result<String, IdentifierError> {
    if pointers.is_empty() {
        return identifier_of(item_json_text, &[Pointer::member("identifier")]);
    }
    if pointers.len() > POINTERS_MAX {
        return Err(IdentifierError::TooManyPointers);
    }
    let item_json_text = item_json_text.trim_ascii();
    if !item_json_text.starts_with('{') && !item_json_text.is_empty() {
        return Err(IdentifierError::NotAnObject {
            found: kind_of(item_json_text),
        });
    }
    let found =
        search::values_at(item_json_text, pointers).map_err(|error| IdentifierError::NotJson(error.to_string()))?;
    let mut identifier = String::new();
    for (index, (pointer, raw)) in pointers.iter().zip(found).enumerate() {
        let value = scalar(pointer, raw)?;
        if index > 0 {
            identifier.push(SEPARATOR);
        }
        push_value(&mut identifier, &value, pointers.len() > 1);
        if identifier.len() > IDENTIFIER_BYTES_MAX {
            return Err(IdentifierError::TooLong {
                bytes: identifier.len(),
            });
        }
    }
    Ok(identifier)
}

fn unescaped_token(token: &str) -> Result<Box<str>, PointerError> {
    let mut name = String::with_capacity(token.len());
    let mut characters = token.chars();
    while let Some(character) = characters.next() {
        name.push(match character {
            '~' => match characters.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return Err(PointerError::BadEscape),
            },
            other => other,
        });
    }
    Ok(name.into())
}

fn push_value(identifier: &mut String, value: &str, escape: bool) {
    if !escape || !value.contains([SEPARATOR, ESCAPE]) {
        return identifier.push_str(value);
    }
    for character in value.chars() {
        if matches!(character, SEPARATOR | ESCAPE) {
            identifier.push(ESCAPE);
        }
        identifier.push(character);
    }
}

/// The text of a string, or of a number as it is written.
fn scalar<'a>(pointer: &Pointer, raw: Option<&'a str>) -> Result<Cow<'a, str>, IdentifierError> {
    let named = || pointer.as_str().to_owned();
    let raw = raw.ok_or_else(|| IdentifierError::Missing { pointer: named() })?;
    match raw.as_bytes().first() {
        Some(b'"') => {
            let mut deserializer = serde_json::Deserializer::from_str(raw);
            let text = deserializer
                .deserialize_str(TextVisitor)
                .map_err(|error| IdentifierError::NotJson(error.to_string()))?;
            if text.trim().is_empty() {
                return Err(IdentifierError::Empty { pointer: named() });
            }
            if text.contains('\0') {
                return Err(IdentifierError::ForbiddenCharacter { pointer: named() });
            }
            Ok(text)
        }
        Some(b'-' | b'0'..=b'9') => Ok(Cow::Borrowed(raw)),
        _ => Err(IdentifierError::WrongType {
            pointer: named(),
            found: kind_of(raw),
        }),
    }
}

/// What a JSON text is, in words, by its first byte.
fn kind_of(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(b'-' | b'0'..=b'9') => "a number",
        _ => "not JSON",
    }
}

/// Reads a string, borrowed where it has no escapes.
struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

#[cfg(test)]
#[path = "identifier_tests.rs"]
mod tests;

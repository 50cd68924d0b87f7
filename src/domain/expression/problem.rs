//! What is wrong with the text of an expression, and where.

use std::fmt;

use super::Span;

/// Something wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which part of the text, in bytes.
    pub span: Span,
    /// What is wrong with it, and what to write instead.
    pub message: String,
}

impl Problem {
    /// A problem with a part of the text.
    #[must_use]
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
        }
    }

    /// With its place, for the person who wrote the text: `character 12: …`, or `line 2, column 5: …` where it has lines.
    #[must_use]
    pub fn told(&self, text: &str) -> String {
        format!("{}: {}", Place::of(text, self.span.start), self.message)
    }
}

/// Where something is in a text; all counted from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// In the whole text.
    pub character: usize,
    /// Which line.
    pub line: usize,
    /// In its line.
    pub column: usize,
    /// How many lines there are.
    lines: usize,
}

impl Place {
    /// The place of a byte; of the end of the text, where the byte is beyond it.
    #[must_use]
    pub fn of(text: &str, byte: usize) -> Self {
        let mut place = Self {
            character: 1,
            line: 1,
            column: 1,
            lines: text.lines().count(),
        };
        for (_, character) in text.char_indices().take_while(|(at, _)| *at < byte) {
            place.character += 1;
            place.column += 1;
            if character == '\n' {
                place.line += 1;
                place.column = 1;
            }
        }
        place
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines > 1 {
            write!(formatter, "line {}, column {}", self.line, self.column)
        } else {
            write!(formatter, "character {}", self.character)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters() {
        for (text, byte, expected) in [
            ("abc", 0, "character 1"),
            ("äbc", 2, "character 2"),
            ("abc", 99, "character 4"),
            ("", 0, "character 1"),
            ("a\nbä c", 5, "line 2, column 3"),
            ("a\r\nb", 0, "line 1, column 1"),
        ] {
            assert_eq!(Place::of(text, byte).to_string(), expected, "{text:?} {byte}");
        }
        let problem = Problem::new(Span { start: 2, end: 3 }, "a value is expected");
        assert_eq!(problem.told("äb"), "character 2: a value is expected");
    }
}

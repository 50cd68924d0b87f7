//! How a value is written where it stands: in an address, in JSON, in XML, in a form, in plain text.

use std::fmt::{self, Write};

/// Where a template's values go; what is written so cannot end what it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// In an address, and in forms: all but letters, digits and `-._~` is percent-encoded.
    Url,
    /// In a JSON text: texts as they stand between quotes, all else as JSON.
    Json,
    /// In XML and HTML.
    Xml,
    /// Values as they are.
    Plain,
}

impl Escape {
    /// Of a body: as its content type says, else as it begins.
    pub fn of_body(content_type: Option<&str>, body: &str) -> Self {
        if let Some(kind) = content_type.map(str::to_ascii_lowercase) {
            return match kind.as_str() {
                kind if kind.contains("json") => Self::Json,
                kind if kind.contains("xml") || kind.contains("html") => Self::Xml,
                kind if kind.contains("form-urlencoded") => Self::Url,
                _ => Self::Plain,
            };
        }
        match body.trim_ascii_start().as_bytes().first() {
            // A tag of the template says nothing of the body.
            Some(b'{') if !body.trim_ascii_start().starts_with("{%") => Self::Json,
            Some(b'[') => Self::Json,
            Some(b'<') => Self::Xml,
            _ => Self::Plain,
        }
    }

    /// The word by which the template engine knows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Plain => "plain",
        }
    }

    /// The one with this word.
    pub fn named(name: &str) -> Self {
        [Self::Url, Self::Json, Self::Xml]
            .into_iter()
            .find(|escape| escape.name() == name)
            .unwrap_or(Self::Plain)
    }
}

/// Writes text escaped to what is behind it.
pub(super) struct Escaping<W> {
    pub out: W,
    pub escape: Escape,
}

impl<W: Write> Write for Escaping<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match self.escape {
            Escape::Plain => self.out.write_str(text),
            Escape::Url => text.bytes().try_for_each(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    self.out.write_char(char::from(byte))
                }
                _ => write!(self.out, "%{byte:02X}"),
            }),
            Escape::Xml => text.chars().try_for_each(|c| match c {
                '<' => self.out.write_str("&lt;"),
                '>' => self.out.write_str("&gt;"),
                '&' => self.out.write_str("&amp;"),
                '"' => self.out.write_str("&quot;"),
                '\'' => self.out.write_str("&#39;"),
                // XML has no way to write them.
                c if c.is_control() && !matches!(c, '\n' | '\r' | '\t') => self.out.write_char('\u{FFFD}'),
                c => self.out.write_char(c),
            }),
            Escape::Json => text.chars().try_for_each(|c| match c {
                '"' => self.out.write_str("\\\""),
                '\\' => self.out.write_str("\\\\"),
                '\n' => self.out.write_str("\\n"),
                '\r' => self.out.write_str("\\r"),
                '\t' => self.out.write_str("\\t"),
                c if u32::from(c) < 0x20 => write!(self.out, "\\u{:04x}", u32::from(c)),
                c => self.out.write_char(c),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(escape: Escape, text: &str) -> String {
        let mut out = Escaping {
            out: String::new(),
            escape,
        };
        out.write_str(text).unwrap();
        out.out
    }

    #[test]
    fn values_cannot_end_what_they_stand_in() {
        assert_eq!(escaped(Escape::Url, "a/b?c=d&é~"), "a%2Fb%3Fc%3Dd%26%C3%A9~");
        assert_eq!(escaped(Escape::Json, "\"a\\\n\u{1}"), "\\\"a\\\\\\n\\u0001");
        assert_eq!(
            escaped(Escape::Xml, "<a b='\"&\0'>"),
            "&lt;a b=&#39;&quot;&amp;\u{FFFD}&#39;&gt;"
        );
        assert_eq!(escaped(Escape::Plain, "<\"\n"), "<\"\n");
    }

    #[test]
    fn a_body_is_what_its_type_says_or_how_it_begins() {
        for (kind, body, expected) in [
            (None, " {\"a\": 1}", Escape::Json),
            (None, "[1]", Escape::Json),
            (None, "<a/>", Escape::Xml),
            (None, "a={{ item.a }}", Escape::Plain),
            (None, "{% if x %}", Escape::Plain),
            (Some("application/vnd.api+json"), "x", Escape::Json),
            (Some("Text/XML; charset=utf-8"), "{", Escape::Xml),
            (Some("application/x-www-form-urlencoded"), "a={{ item.a }}", Escape::Url),
            (Some("text/plain"), "{", Escape::Plain),
        ] {
            assert_eq!(Escape::of_body(kind, body), expected, "{kind:?} {body}");
            assert_eq!(Escape::named(expected.name()), expected);
        }
    }
}

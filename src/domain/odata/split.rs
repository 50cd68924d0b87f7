//! Texts of URLs: splitting outside of quotes and parentheses, percent-encoding both ways, cutting for messages.

use std::fmt::Write;

/// Most characters of a caller's text in a message.
const SHOWN_MAX: usize = 80;

/// The parts between separators that stand neither in quotes nor in parentheses; none where those do not match.
pub(super) fn at(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut depth, mut quoted, mut start) = (0_i32, false, 0);
    let mut parts = Vec::new();
    for (index, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                if depth < 0 {
                    return None;
                }
            }
            _ if c == separator && depth == 0 => {
                parts.push(text.get(start..index)?);
                start = index + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (depth == 0 && !quoted).then_some(parts)
}

/// The text that was percent-encoded.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// The text as the value of an option in a link.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'$'
            | b','
            | b'('
            | b')'
            | b'\''
            | b'/'
            | b':'
            | b'*' => encoded.push(char::from(byte)),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

/// The begin of a caller's text, for a message.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_count_outside_of_quotes_and_parentheses_only() {
        assert_eq!(at("a,b(c,d),'e,''f',g", ','), Some(vec!["a", "b(c,d)", "'e,''f'", "g"]));
        assert_eq!(at("", ','), Some(vec![""]));
        for unmatched in ["(", ")", "'", "a(b'),c"] {
            assert_eq!(at(unmatched, ','), None, "{unmatched}");
        }
    }

    #[test]
    fn texts_come_back_from_their_encoding() {
        for text in ["", "a b", "Amount gt 1 and Name eq 'Ø & +%'", "\u{1F600}"] {
            assert_eq!(percent_decoded(&percent_encoded(text)).as_deref(), Some(text));
        }
        assert_eq!(percent_decoded("%2"), None);
        assert_eq!(percent_decoded("%FF"), None);
        assert_eq!(percent_decoded("%zz"), None);
    }
}

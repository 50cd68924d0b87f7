//! Numbers keep all their digits: integers that a JavaScript number cannot hold exactly become strings before `JSON.parse`.

/// Integers up to 2^53 have at most 16 digits: a text without so long a run of digits needs no change.
const DIGITS_SUSPECT: usize = 16;
const LARGEST_EXACT: u64 = 1 << 53;

/// The JSON text with every integer beyond 2^53 in quotes; `None` when there is none. Fractions and exponents are left alone.
pub(super) fn quote_large_integers(json: &str) -> Option<String> {
    let bytes = json.as_bytes();
    if !may_have_long_run(bytes) {
        return None;
    }
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = after_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let end = after_number(bytes, at);
                if let Some(number) = json.get(at..end).filter(|number| is_large_integer(number)) {
                    out.push_str(json.get(copied..at)?);
                    out.push('"');
                    out.push_str(number);
                    out.push('"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(json.get(copied..)?);
    Some(out)
}

/// Any run of 16 digits covers a position that 16 divides: only those are looked at first.
fn may_have_long_run(bytes: &[u8]) -> bool {
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    bytes.iter().enumerate().step_by(DIGITS_SUSPECT).any(|(at, byte)| {
        byte.is_ascii_digit() && {
            let before = bytes
                .get(..at)
                .unwrap_or_default()
                .iter()
                .rev()
                .take(DIGITS_SUSPECT)
                .take_while(is_digit)
                .count();
            let after = bytes
                .get(at..)
                .unwrap_or_default()
                .iter()
                .take(DIGITS_SUSPECT)
                .take_while(is_digit)
                .count();
            before + after >= DIGITS_SUSPECT
        }
    })
}

fn after_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn after_number(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest
        .iter()
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
        .count();
    start + length
}

fn is_large_integer(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    // A leading zero is not JSON: JSON.parse is to say so.
    digits.len() >= DIGITS_SUSPECT
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && digits.parse::<u64>().map_or(true, |value| value > LARGEST_EXACT)
}

#[cfg(test)]
mod tests {
    use super::quote_large_integers;

    #[test]
    fn only_integers_beyond_exactness_are_quoted() {
        let cases = [
            (r#"{"id":9223372036854775807}"#, Some(r#"{"id":"9223372036854775807"}"#)),
            (
                r#"{"id":-9223372036854775808,"x":[1,12345678901234567890]}"#,
                Some(r#"{"id":"-9223372036854775808","x":[1,"12345678901234567890"]}"#),
            ),
            ("9007199254740992", None),
            ("9007199254740993", Some(r#""9007199254740993""#)),
            (r#"{"id":"9223372036854775807"}"#, None),
            (r#"{"a\"9223372036854775807":1}"#, None),
            (
                "[1.9223372036854775807, 9223372036854775807e2, 9223372036854775807.5]",
                None,
            ),
            ("[00000000000000000001]", None),
            (r#"{"short":123456789012345}"#, None),
            ("", None),
        ];
        for (json, expected) in cases {
            assert_eq!(quote_large_integers(json).as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn a_long_number_is_found_at_any_position() {
        for padding in 0..40 {
            let json = format!("[{}9007199254740993]", " ".repeat(padding));
            assert!(
                quote_large_integers(&json).is_some_and(|out| out.ends_with("\"9007199254740993\"]")),
                "{padding}"
            );
        }
    }
}

//! Reading JSON without losing digits: numbers that no `i64`, `u64` or `f64` holds exactly become texts with the same digits.

use std::borrow::Cow;

use serde_json::Value;

/// So many significant digits survive in every `f64`.
const DIGITS_SAFE: usize = 15;

/// Parses a body.
///
/// # Errors
/// It is no JSON.
pub fn parse(body: &[u8]) -> Result<Value, serde_json::Error> {
    // Some servers begin with a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(&quoted(body))
}

/// The same JSON with quotes around the numbers that would change. Invalid JSON stays invalid.
fn quoted(body: &[u8]) -> Cow<'_, [u8]> {
    let mut whole: Option<Vec<u8>> = None;
    let (mut copied, mut at) = (0, 0);
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => at = string_end(body, at),
            b'-' | b'0'..=b'9' => {
                let end = number_end(body, at);
                let number = body.get(at..end).unwrap_or_default();
                if !survives(number) {
                    let text = whole.get_or_insert_with(|| Vec::with_capacity(body.len() + 16));
                    text.extend_from_slice(body.get(copied..at).unwrap_or_default());
                    text.push(b'"');
                    text.extend_from_slice(number);
                    text.push(b'"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    match whole {
        None => Cow::Borrowed(body),
        Some(mut text) => {
            text.extend_from_slice(body.get(copied..).unwrap_or_default());
            Cow::Owned(text)
        }
    }
}

/// The place after the string that begins at `start`.
fn string_end(body: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    body.len()
}

fn number_end(body: &[u8], start: usize) -> usize {
    let rest = body.get(start..).unwrap_or_default();
    let length = rest
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'))
        .count();
    start + length
}

/// Does a JSON number keep its value? Something that is no number is left to the parser.
fn survives(number: &[u8]) -> bool {
    if number.len() <= DIGITS_SAFE {
        return true;
    }
    // Only well-formed numbers may get quotes: what is broken must stay broken.
    let Ok(text) = std::str::from_utf8(number) else {
        return true;
    };
    if serde_json::from_str::<&serde_json::value::RawValue>(text).is_err() {
        return true;
    }
    let (digits, exponent) = decimal(text);
    if digits.len() <= DIGITS_SAFE && exponent.is_some_and(|exponent| exponent.abs() < 300) {
        return true;
    }
    if text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() {
        return true;
    }
    let Ok(float) = text.parse::<f64>() else { return true };
    float.is_finite() && decimal(&format!("{float:e}")) == (digits, exponent)
}

/// Significant digits with their sign, and the power of ten of the last one; no power where it is beyond all reason.
fn decimal(text: &str) -> (String, Option<i64>) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let without_front = all.trim_start_matches('0');
    let digits = without_front.trim_end_matches('0');
    if digits.is_empty() {
        return (String::new(), Some(0));
    }
    let length = |text: &str| i64::try_from(text.len()).ok();
    let power = exponent.parse::<i64>().ok().and_then(|exponent| {
        let behind = length(without_front)?.checked_sub(length(digits)?)?;
        exponent.checked_sub(length(fraction)?)?.checked_add(behind)
    });
    let sign = if negative { "-" } else { "" };
    (format!("{sign}{digits}"), power)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn digits_survive() {
        let body = br#"{"a":9007199254740993,"b":9223372036854775807,"c":-9223372036854775808,"d":18446744073709551615,
            "e":1234567890123456789,"f":9999999999999999999,"g":0.1,"h":1234567.89,"i":1e5,"j":100000000000000000000}"#;
        let value = parse(body).unwrap();
        for (name, text) in [
            ("a", "9007199254740993"),
            ("b", "9223372036854775807"),
            ("c", "-9223372036854775808"),
            ("d", "18446744073709551615"),
            ("e", "1234567890123456789"),
            ("f", "9999999999999999999"),
            ("g", "0.1"),
            ("h", "1234567.89"),
        ] {
            assert!(value[name].is_number(), "{name}");
            assert_eq!(value[name].to_string(), text);
        }
        assert_eq!(value["i"], json!(1e5));
        assert_eq!(value["j"], json!(1e20));
    }

    #[test]
    fn numbers_that_do_not_fit_become_texts() {
        for number in [
            "12345678901234567.89",
            "99999999999999999999",
            "0.12345678901234567891",
            "-123456789012345678.5",
            "1.0000000000000000001e400",
        ] {
            let body = format!("[{number}, {{\"a\": {number}}}, 7]");
            assert_eq!(parse(body.as_bytes()).unwrap(), json!([number, { "a": number }, 7]));
        }
    }

    #[test]
    fn texts_are_left_alone_and_what_is_broken_stays_broken() {
        let text = r#"{"a":"99999999999999999999","b\"99999999999999999999":"\\"}"#;
        assert_eq!(
            parse(text.as_bytes()).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
        assert_eq!(parse(b"\xef\xbb\xbf[1]").unwrap(), json!([1]));
        for broken in [
            "[99999999999999999999-1]",
            "[00000000000000000001]",
            "[1.2345678901234567.1]",
            "[\"99999999999999999999",
            "",
            "[1-]",
        ] {
            assert!(parse(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}

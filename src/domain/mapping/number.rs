//! Numbers of mappings: read exactly from texts as people write them, rounded as bookkeepers do, written without losing digits.

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Number, Value};

/// Reads a number or the text of one; `separator` stands before the decimals of texts.
///
/// # Errors
/// It is none.
pub(super) fn decimal_of(value: &Value, separator: char) -> Result<Decimal, String> {
    let no_number = || format!("{} is no number", super::transform::shown(value));
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => plain(text, separator).ok_or_else(no_number)?,
        _ => return Err(no_number()),
    };
    Decimal::from_str_exact(&text)
        .or_else(|_| Decimal::from_scientific(&text))
        .map_err(|_| no_number())
}

/// Rounds half away from zero: 2.345 to two decimals is 2.35, and -2.345 is -2.35.
pub(super) fn rounded(number: Decimal, decimals: u32) -> Decimal {
    number.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}

/// As a JSON number where that keeps every digit, else as a text.
pub(super) fn json_of(number: Decimal) -> Value {
    let number = number.normalize();
    let text = number.to_string();
    if let Ok(whole) = text.parse::<i64>() {
        return whole.into();
    }
    let wide = text.parse::<f64>().ok().and_then(Number::from_f64);
    match wide {
        Some(wide) if Decimal::from_str_exact(&wide.to_string()) == Ok(number) => Value::Number(wide),
        _ => Value::String(text),
    }
}

/// A number as a machine writes it: without the marks that people put between thousands, with a point before the decimals.
fn plain(text: &str, separator: char) -> Option<String> {
    let marks: &[char] = match separator {
        ',' => &['.', ' ', '\'', '\u{a0}', '\u{202f}'],
        _ => &[',', ' ', '\'', '\u{a0}', '\u{202f}'],
    };
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = match digits.split_once(separator) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let groups: Vec<&str> = whole.split(marks).collect();
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // `1,000` has groups of three; `1,5` is a number with the other separator, and must not become 15.
    let is_grouped = match groups.split_first() {
        Some((first, rest)) => (rest.is_empty() || first.len() <= 3) && rest.iter().all(|group| group.len() == 3),
        None => false,
    };
    if !is_grouped || !groups.iter().all(|group| all_digits(group)) || !fraction.is_none_or(all_digits) {
        return None;
    }
    let fraction = fraction.map(|fraction| format!(".{fraction}")).unwrap_or_default();
    Some(format!("{sign}{}{fraction}", groups.concat()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_read_as_people_write_them() {
        for (value, separator, expected) in [
            (json!("1234.50"), '.', Some("1234.50")),
            (json!(" 1,234.50 "), '.', Some("1234.50")),
            (json!("1.234,50"), ',', Some("1234.50")),
            (json!("1 234\u{a0}567,5"), ',', Some("1234567.5")),
            (json!("-12"), '.', Some("-12")),
            (json!("+0012"), '.', Some("12")),
            (json!("\u{2212}0,5"), ',', Some("-0.5")),
            (json!(12), '.', Some("12")),
            (json!(0.1), '.', Some("0.1")),
            (json!(1e20), '.', Some("100000000000000000000")),
            (json!("1,5"), '.', None),
            (json!("1.5"), ',', None),
            (json!("1,23,456"), '.', None),
            (json!("12.5.5"), '.', None),
            (json!(".5"), '.', None),
            (json!("5."), '.', None),
            (json!("abc"), '.', None),
            (json!(""), '.', None),
            (json!(true), '.', None),
            (json!(1e300), '.', None),
            (json!([1]), '.', None),
        ] {
            let found = decimal_of(&value, separator).ok().map(|number| number.to_string());
            assert_eq!(found.as_deref(), expected, "{value} {separator}");
        }
    }

    #[test]
    fn halves_are_rounded_away_from_zero_and_digits_are_kept() {
        for (text, decimals, expected) in [
            ("2.345", 2, json!(2.35)),
            ("-2.345", 2, json!(-2.35)),
            ("2.5", 0, json!(3)),
            ("2.50", 2, json!(2.5)),
            ("0.10", 1, json!(0.1)),
            ("12345678901234567.89", 2, json!("12345678901234567.89")),
            ("9223372036854775807", 2, json!(i64::MAX)),
        ] {
            let number = Decimal::from_str_exact(text).unwrap();
            assert_eq!(json_of(rounded(number, decimals)), expected, "{text}");
        }
    }
}

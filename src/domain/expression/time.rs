//! Times of expressions: whole microseconds since 1970 in UTC, years 1 to 9999; which texts are times, their parts, and reckoning.

use jiff::{
    SignedDuration, Span, Timestamp,
    civil::{Date, DateTime},
};

/// Microseconds since 1970-01-01T00:00:00 UTC.
pub type Micros = i64;

/// 0001-01-01T00:00:00 UTC.
pub const MIN: Micros = -62_135_596_800_000_000;
/// The last microsecond of the year 9999, UTC.
pub const MAX: Micros = 253_402_300_799_999_999;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
/// Microseconds of a second.
pub const SECOND: Micros = 1_000_000;
/// Microseconds of a day.
pub const DAY: Micros = 86_400 * SECOND;

/// A number of microseconds that is a time, if it is.
#[must_use]
pub fn checked(micros: Micros) -> Option<Micros> {
    (MIN..=MAX).contains(&micros).then_some(micros)
}

/// The time of a timestamp; what is finer than a microsecond is cut off.
#[must_use]
pub fn of(timestamp: Timestamp) -> Micros {
    let micros = timestamp.as_nanosecond().div_euclid(1_000);
    Micros::try_from(micros).unwrap_or(MAX).clamp(MIN, MAX)
}

/// Reads a text that is a time; the form is in the head of [`super`].
#[must_use]
pub fn read(text: &str) -> Option<Micros> {
    let mut rest = Digits(text.as_bytes());
    let year = rest.number(4)?;
    rest.byte(b'-')?;
    let month = rest.number(2)?;
    rest.byte(b'-')?;
    let day = rest.number(2)?;
    if rest.0.is_empty() {
        return make([year, month, day, 0, 0, 0]);
    }
    if rest.byte(b'T').is_none() {
        rest.byte(b' ')?;
    }
    let hour = rest.number(2)?;
    rest.byte(b':')?;
    let minute = rest.number(2)?;
    let mut second = 0;
    let mut fraction = 0;
    if rest.byte(b':').is_some() {
        second = rest.number(2)?;
        if rest.byte(b'.').is_some() {
            fraction = rest.fraction()?;
        }
    }
    let offset = rest.offset()?;
    let local = make([year, month, day, hour, minute, second])?;
    checked(local + fraction - offset)
}

/// What is left of a text that is read.
struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    fn byte(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.iter().try_fold(0, |sum, byte| {
            byte.is_ascii_digit()
                .then(|| sum * 10 + i64::from(byte.saturating_sub(b'0')))
        })
    }

    /// 1 to 9 digits after the point, as microseconds.
    fn fraction(&mut self) -> Option<Micros> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        let used = digits.min(6);
        let micros = self.number(used)? * 10_i64.pow(6_u32.saturating_sub(u32::try_from(used).ok()?));
        self.number(digits - used)?;
        Some(micros)
    }

    /// The zone, which ends the text, as microseconds.
    fn offset(&mut self) -> Option<Micros> {
        let sign = match self.0 {
            [] | [b'Z'] => return Some(0),
            [b'+', ..] => 1,
            [b'-', ..] => -1,
            _ => return None,
        };
        self.0 = self.0.get(1..)?;
        let hours = self.number(2)?;
        self.byte(b':')?;
        let minutes = self.number(2)?;
        (hours <= 14 && minutes <= 59 && self.0.is_empty()).then_some(sign * (hours * 60 + minutes) * 60 * SECOND)
    }
}

/// The time of year, month, day, hour, minute and second, if there is one.
#[must_use]
pub fn make([year, month, day, hour, minute, second]: [i64; 6]) -> Option<Micros> {
    let time = DateTime::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        0,
    );
    of_civil(time.ok()?)
}

fn of_civil(time: DateTime) -> Option<Micros> {
    checked(i64::try_from(time.duration_since(EPOCH).as_micros()).ok()?)
}

/// Its parts in UTC.
#[must_use]
pub fn civil(time: Micros) -> Option<DateTime> {
    EPOCH.checked_add(SignedDuration::from_micros(checked(time)?)).ok()
}

/// 00:00 UTC of its day.
#[must_use]
pub fn day(time: Micros) -> Micros {
    time - time.rem_euclid(DAY)
}

/// So many units later, to the nearest microsecond.
#[must_use]
pub fn add(time: Micros, count: f64, unit: Micros) -> Option<Micros> {
    #[expect(clippy::cast_precision_loss, reason = "units are small")]
    let micros = (count * unit as f64).round();
    // Twice the range of times: nothing that is cut off could lead to a time.
    if !(-6.4e17..=6.4e17).contains(&micros) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in the range")]
    checked(time.checked_add(micros as Micros)?)
}

/// So many months later; the day is at most the last of its month.
#[must_use]
pub fn add_months(time: Micros, months: i64) -> Option<Micros> {
    let later = Span::new().try_months(months).ok()?;
    let from = civil(time)?;
    // Dates only: those of jiff begin before and end with the years that are possible.
    let date: Date = from.date().checked_add(later).ok()?;
    of_civil(date.to_datetime(from.time()))
}

/// As RFC 3339 in UTC.
#[must_use]
pub fn show(time: Micros) -> String {
    civil(time).map_or_else(|| "no time".to_owned(), |civil| format!("{civil}Z"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_times_or_not() {
        for (text, expected) in [
            ("2026-01-31", Some("2026-01-31T00:00:00Z")),
            ("2026-01-31T12:30", Some("2026-01-31T12:30:00Z")),
            ("2026-01-31T12:30Z", Some("2026-01-31T12:30:00Z")),
            ("2026-01-31T12:00:00Z", Some("2026-01-31T12:00:00Z")),
            ("2026-01-31 14:00:00+02:00", Some("2026-01-31T12:00:00Z")),
            ("2026-01-31T12:00:00.25-01:30", Some("2026-01-31T13:30:00.25Z")),
            ("2026-01-31T12:00:00.123456789Z", Some("2026-01-31T12:00:00.123456Z")),
            ("0001-01-01", Some("0001-01-01T00:00:00Z")),
            ("9999-12-31T23:59:59.999999Z", Some("9999-12-31T23:59:59.999999Z")),
            ("2024-02-29", Some("2024-02-29T00:00:00Z")),
            ("2026-02-29", None),
            ("0000-01-01", None),
            ("0001-01-01T00:00+01:00", None),
            ("2026-01-31T24:00:00Z", None),
            ("2026-01-31T12:60:00Z", None),
            ("2026-01-31T12:00:60Z", None),
            ("2026-01-31T12:00:00.Z", None),
            ("2026-01-31T12:00:00.1234567890Z", None),
            ("2026-01-31T12:00:00+15:00", None),
            ("2026-01-31T12:00:00+0200", None),
            ("2026-01-31t12:00:00z", None),
            ("2026-01-31T12", None),
            ("2026-01-31 ", None),
            (" 2026-01-31", None),
            ("20260131", None),
            ("2026-1-31", None),
            ("31.01.2026", None),
            ("", None),
            ("２０２６-01-31", None),
            ("2026-01-3é", None),
        ] {
            assert_eq!(read(text).map(show).as_deref(), expected, "{text}");
        }
        assert_eq!(read("0001-01-01"), Some(MIN));
        assert_eq!(read("9999-12-31T23:59:59.999999"), Some(MAX));
        assert_eq!(checked(MAX + 1), None);
    }

    #[test]
    fn times_are_reckoned() {
        let at = |text| read(text).unwrap();
        assert_eq!(
            add_months(at("2026-01-31T10:00"), 1).map(show).unwrap(),
            "2026-02-28T10:00:00Z"
        );
        assert_eq!(add_months(at("2026-03-31"), -1), Some(at("2026-02-28")));
        assert_eq!(add_months(at("2024-02-29"), 12), Some(at("2025-02-28")));
        assert_eq!(add_months(MAX, 1), None);
        assert_eq!(add_months(MIN, -1), None);
        assert_eq!(add_months(MIN, i64::MAX), None);
        assert_eq!(add(at("2026-01-01"), 1.5, DAY), Some(at("2026-01-02T12:00")));
        assert_eq!(add(at("2026-01-01"), f64::MAX, DAY), None);
        assert_eq!(add(at("2026-01-01"), f64::NAN, DAY), None);
        assert_eq!(day(at("1969-12-31T23:59:59.5")), at("1969-12-31"));
        assert_eq!(of(Timestamp::MAX), at("9999-12-30T22:00:00.999999"));
        assert_eq!(of(Timestamp::MIN), MIN);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(time in MIN..=MAX) {
            prop_assert_eq!(read(&show(time)), Some(time));
        }

        #[test]
        fn nothing_panics(text in "[0-9T:.Z+\\- é]{0,40}", months in any::<i64>(), count in any::<f64>(), time in MIN..=MAX) {
            let _ = read(&text);
            let _ = add_months(time, months);
            let _ = add(time, count, DAY);
        }
    }
}

//! Dates of mappings: read in one form, written in another.

use jiff::{Timestamp, civil::DateTime, fmt::strtime::BrokenDownTime, tz::Offset};
use serde_json::Value;

use crate::domain::moment::Moment;

/// How a date is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DateForm {
    /// As JSON has it: RFC 3339, or a date. Where it is written to: as it came.
    Standard,
    /// `2026-01-31`.
    Day,
    /// `2026-01-31T12:00:00Z`.
    Time,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// A pattern of `strftime`.
    Pattern(String),
}

impl DateForm {
    /// Reads a form: `date`, `time`, `seconds`, `milliseconds`, a pattern like `DD.MM.YYYY` or one like `%d.%m.%Y`.
    ///
    /// # Errors
    /// It is none of these.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "date" => Self::Day,
            "time" => Self::Time,
            "seconds" => Self::Seconds,
            "milliseconds" => Self::Milliseconds,
            _ => Self::Pattern(pattern(text)?),
        })
    }

    /// Reads a value that is written so.
    pub(super) fn read(&self, value: &Value) -> Result<Moment, String> {
        let found = match (self, value) {
            (Self::Standard | Self::Day | Self::Time, Value::String(text)) => Moment::read(text.trim()),
            (Self::Seconds, value) => whole(value)
                .and_then(|count| Timestamp::from_second(count).ok())
                .map(Moment::Instant),
            (Self::Milliseconds, value) => whole(value)
                .and_then(|count| Timestamp::from_millisecond(count).ok())
                .map(Moment::Instant),
            (Self::Pattern(pattern), Value::String(text)) => with_pattern(pattern, text.trim()),
            _ => None,
        };
        found.ok_or_else(|| match self {
            Self::Standard | Self::Day | Self::Time => format!(
                "{} is no date like 2026-01-31 or 2026-01-31T12:00:00Z; if it is written in another way, say so with \"from\"",
                super::transform::shown(value)
            ),
            Self::Seconds => format!("{} is no number of seconds", super::transform::shown(value)),
            Self::Milliseconds => format!("{} is no number of milliseconds", super::transform::shown(value)),
            Self::Pattern(pattern) => format!("{} is no date of the form {pattern:?}", super::transform::shown(value)),
        })
    }

    /// Writes a moment so.
    pub(super) fn write(&self, moment: Moment) -> Result<Value, String> {
        let time = match moment {
            Moment::Instant(time) => time,
            Moment::Day(date) => match Moment::of_local(date.at(0, 0, 0, 0)) {
                Some(Moment::Instant(time)) => time,
                _ => return Err("the date is out of range".to_owned()),
            },
        };
        Ok(match (self, moment) {
            (Self::Standard, Moment::Day(date)) => date.to_string().into(),
            (Self::Standard | Self::Time, _) => time.to_string().into(),
            (Self::Day, moment) => moment.day().to_string().into(),
            (Self::Seconds, _) => time.as_second().into(),
            (Self::Milliseconds, _) => time.as_millisecond().into(),
            (Self::Pattern(pattern), _) => {
                let written = BrokenDownTime::from(&time.to_zoned(jiff::tz::TimeZone::UTC)).to_string(pattern);
                written.map_err(|error| error.to_string())?.into()
            }
        })
    }
}

/// Makes a `strftime` pattern of what was written, and tries it.
fn pattern(text: &str) -> Result<String, String> {
    // Longer ones first.
    const LETTERS: [(&str, &str); 9] = [
        ("YYYY", "%Y"),
        ("yyyy", "%Y"),
        ("YY", "%y"),
        ("yy", "%y"),
        ("MM", "%m"),
        ("DD", "%d"),
        ("dd", "%d"),
        ("HH", "%H"),
        ("ss", "%S"),
    ];
    let expected = || {
        "must be date, time, seconds, milliseconds, or a pattern like DD.MM.YYYY, YYYY-MM-DD HH:mm:ss or %d.%m.%Y"
            .to_owned()
    };
    let mut made = text.trim().to_owned();
    if !made.contains('%') {
        for (letters, directive) in LETTERS {
            made = made.replace(letters, directive);
        }
        made = made.replace("mm", "%M");
        if !made.contains('%') {
            return Err(expected());
        }
    }
    let tried = Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
    let written = BrokenDownTime::from(&tried).to_string(&made).map_err(|_| expected())?;
    match with_pattern(&made, &written) {
        Some(_) => Ok(made),
        None => Err("must have a day, a month and a year".to_owned()),
    }
}

fn with_pattern(pattern: &str, text: &str) -> Option<Moment> {
    let read = BrokenDownTime::parse(pattern, text).ok()?;
    if let Ok(time) = read.to_timestamp() {
        return Some(Moment::Instant(time));
    }
    let date = read.to_date().ok()?;
    match read.hour() {
        None => Some(Moment::Day(date)),
        Some(_) => {
            let local: DateTime = read.to_datetime().ok()?;
            Some(Moment::Instant(Offset::UTC.to_timestamp(local).ok()?))
        }
    }
}

/// A whole number, or the text of one.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dates_go_from_one_form_to_another() {
        for (from, value, to, expected) in [
            ("", json!("2026-01-31"), "", json!("2026-01-31")),
            (
                "",
                json!("2026-01-31T13:00:00+01:00"),
                "",
                json!("2026-01-31T12:00:00Z"),
            ),
            ("", json!("2026-01-31T23:30:00-01:00"), "date", json!("2026-02-01")),
            ("", json!("2026-01-31"), "time", json!("2026-01-31T00:00:00Z")),
            ("", json!(" 2026-01-31 "), "DD.MM.YYYY", json!("31.01.2026")),
            ("DD.MM.YYYY", json!("31.01.2026"), "", json!("2026-01-31")),
            ("%d/%m/%y", json!("31/01/26"), "date", json!("2026-01-31")),
            ("YYYYMMDD", json!("20260131"), "date", json!("2026-01-31")),
            (
                "dd.MM.yyyy HH:mm:ss",
                json!("31.01.2026 12:30:05"),
                "",
                json!("2026-01-31T12:30:05Z"),
            ),
            (
                "YYYY-MM-DD HH:mm",
                json!("2026-01-31 12:30"),
                "time",
                json!("2026-01-31T12:30:00Z"),
            ),
            (
                "%Y-%m-%dT%H:%M:%S%z",
                json!("2026-01-31T12:30:05+0100"),
                "",
                json!("2026-01-31T11:30:05Z"),
            ),
            ("seconds", json!(1_769_860_800), "date", json!("2026-01-31")),
            (
                "milliseconds",
                json!("1769860800000"),
                "",
                json!("2026-01-31T12:00:00Z"),
            ),
            (
                "",
                json!("2026-01-31T12:00:00Z"),
                "milliseconds",
                json!(1_769_860_800_000_i64),
            ),
            ("", json!("2026-01-31"), "seconds", json!(1_769_817_600)),
        ] {
            let form = |text: &str| match text {
                "" => DateForm::Standard,
                text => DateForm::parse(text).unwrap(),
            };
            let found = form(from).read(&value).and_then(|moment| form(to).write(moment));
            assert_eq!(found, Ok(expected), "{from} {value} {to}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for (from, value) in [
            ("DD.MM.YYYY", json!("31.13.2026")),
            ("DD.MM.YYYY", json!("2026-01-31")),
            ("DD.MM.YYYY", json!(31_012_026)),
            ("seconds", json!("soon")),
            ("milliseconds", json!(1.5)),
            ("date", json!("31.01.2026")),
            ("date", json!(true)),
        ] {
            let error = DateForm::parse(from).unwrap().read(&value).unwrap_err();
            assert!(error.contains(" is no "), "{from} {value}: {error}");
        }
        for text in ["", "today", "%Q", "MM.YYYY", "HH:mm", "%"] {
            assert!(DateForm::parse(text).is_err(), "{text:?}");
        }
    }
}
